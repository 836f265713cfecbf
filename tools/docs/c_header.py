"""The C reference: core/include/fastbearer.h as a page of Sphinx's C domain, group by group.

The header's form is strict (clang-format and doxygen's commands), so a reader of some regular expressions is enough.
What it does not understand is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADER = ROOT / "core/include/fastbearer.h"

#: What stands between C++ and C: the constructors that C++ has in place of designated initialisers, and guards.
CPLUSPLUS = re.compile(r"^#ifdef __cplusplus\n(.*?)^(?:#else\n(.*?))?^#endif\n", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"/\*\*(.*?)\*/", re.DOTALL)
MEMBER = re.compile(r"(?P<type>[\w ]+?[ *]+)(?P<name>\w+)(?P<array>\[\w+\])?;")
#: A structure without a name inside another one.
NESTED = re.compile(r"struct \{\n(.*?)\} (\w+\[\w+\]); /\*\*<(.*?)\*/", re.DOTALL)
CALLBACK = re.compile(r"[\w ]+?[ *]+\(\*(?P<name>\w+)\)\([^;]*\);", re.DOTALL)


@dataclass
class Entry:
    """One declaration with its text; members are those of a structure or an enumeration."""

    directive: str
    signature: str
    name: str
    text: str
    members: list[Entry] = field(default_factory=list)


@dataclass
class Group:
    """What stands between @defgroup and its end."""

    label: str
    title: str
    text: str
    entries: list[Entry] = field(default_factory=list)


def plain(comment: str) -> str:
    """A comment's text without its stars."""
    lines = [re.sub(r"^\s*\*? ?", "", line) for line in comment.split("\n")]
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def groups(source: str) -> list[Group]:
    """The groups of the header, in its order."""
    found = []
    for opening in re.finditer(r"/\*\*\n \* @defgroup (\w+) (.*?)\n(.*?)\* @\{\n \*/\n", source, re.DOTALL):
        end = source.index("/** @} */", opening.end())
        body = source[opening.end() : end]
        # "@name ... @{" and its end lie inside a structure and do not end the group.
        while body.count("@{") > body.count("@} */"):
            end = source.index("/** @} */", end + 1)
            body = source[opening.end() : end]
        found.append(Group(opening[1], opening[2], plain(opening[3]), list(entries(body))))
    return found


def entries(body: str) -> Iterator[Entry]:
    """The declarations of a group, each with the comment before it."""
    body = CPLUSPLUS.sub(lambda found: found[2] or "", body)
    place = 0
    while comment := COMMENT.search(body, place):
        text, rest = plain(comment[1]), body[comment.end() :].lstrip()
        place = len(body) - len(rest)
        if rest.startswith("#define"):
            found = re.match(r"#define (\w+(?:\([^)]*\))?)((?:.*\\\n)*.*)\n", rest)
            assert found, rest[:80]
            name = found[1].partition("(")[0]
            yield Entry("macro", found[1].replace("(...)", "(...)"), name, text)
            place += found.end()
        elif found := re.match(r"typedef (struct|enum) (\w+) \{\n(.*?)^\} \w+;", rest, re.DOTALL | re.MULTILINE):
            members = structure(found[3]) if found[1] == "struct" else enumerators(found[3])
            yield Entry(found[1], found[2], found[2], text, list(members))
            place += found.end()
        elif found := re.match(r"typedef enum (\w+) \{ (.*?) \} \w+;", rest):
            names = found[2].split(", ")
            yield Entry("enum", found[1], found[1], text, [Entry("enumerator", name, name, "") for name in names])
            place += found.end()
        elif found := re.match(r"typedef struct (\w+) \1;", rest):
            yield Entry("struct", found[1], found[1], text)
            place += found.end()
        elif found := re.match(r"FB_API (?:FB_MUST_CHECK )?([^;]*);", rest):
            signature = " ".join(found[1].split())
            name = re.search(r"(\w+)\(", signature)
            assert name, signature
            yield Entry("function", signature, name[1], text)
            place += found.end()
        else:
            assert rest.startswith("#if") or not rest, f"not understood: {rest[:120]}"


def structure(body: str) -> Iterator[Entry]:
    """The members of a structure: the comment stands before or after the member."""
    body = re.sub(r"^ +/\*\* @\} \*/\n", "", body, flags=re.MULTILINE)
    body = re.sub(r"^ +/\*\* @name (?:(?!\*/).)*?@\{ \*/\n", "", body, flags=re.MULTILINE | re.DOTALL)
    body = NESTED.sub(nested, body)
    for chunk in re.finditer(r"(?:/\*\*([^<].*?)\*/\s*)?([^;/]+;)(?: */\*\*<(.*?)\*/)?", body, re.DOTALL):
        before, declaration, after = chunk.groups()
        text = plain(before or "")
        text = "\n\n".join(part for part in (text, plain(after or "")) if part)
        declaration = " ".join(declaration.split())
        if "@inner" in declaration:
            yield Entry("member", declaration.rstrip(";"), declaration, text)
            continue
        found = CALLBACK.fullmatch(declaration) or MEMBER.fullmatch(declaration)
        assert found, declaration
        yield Entry("member", declaration.rstrip(";"), found["name"], text)


def nested(found: re.Match[str]) -> str:
    """A member whose structure has no name, as one member that says what is in it."""
    inside = "; ".join(f"{member.signature} ({member.text})" for member in structure(found[1]))
    return f"struct @inner {found[2]}; /**<{found[3].strip()}. Each has {inside}. */"


def enumerators(body: str) -> Iterator[Entry]:
    """The numbers of an enumeration."""
    for found in re.finditer(r"(FB_\w+) = (\d+),?\s*/\*\*<(.*?)\*/", body, re.DOTALL):
        yield Entry("enumerator", found[1], found[1], f"{found[2]}: {plain(found[3])}")


# ---- reStructuredText


def names(found: list[Group]) -> dict[str, str]:
    """Every name of the header, and the role that links to it."""
    roles = {"function": "func", "struct": "struct", "enum": "enum", "macro": "macro"}
    known = {}
    for group in found:
        for entry in group.entries:
            known[entry.name] = roles[entry.directive]
            if entry.directive == "enum":
                known.update({member.name: "enumerator" for member in entry.members})
    return known


def prose(text: str, known: dict[str, str]) -> str:
    """Doxygen's text as reStructuredText."""
    out, code = [], []

    def flush() -> None:
        if code:
            out.extend(["", ".. code-block:: c", "", *("   " + line[4:] for line in code), ""])
            code.clear()

    listed = False  # whether the line continues an item of a list
    for line in text.split("\n"):
        listed = re.match(r" (\d+\.|\*) ", line) is not None or (listed and line.startswith("    "))
        if listed:
            out.append(inline(line, known))
            continue
        if line.startswith("    ") and not (out and re.match(r":(param|return)", last_field(out))):
            code.append(line)
            continue
        if code and not line:
            code.append("")
            continue
        flush()
        if found := re.match(r"@param (\w+) +(.*)", line):
            out.append(f":param {found[1]}: {inline(found[2], known)}")
        elif found := re.match(r"@return (.*)", line):
            out.append(f":returns: {inline(found[1], known)}")
        elif found := re.match(r"@par (.*)", line):
            out.extend(["", f"**{found[1]}**", ""])
        elif out and re.match(r":(param|return)", last_field(out)) and line.strip():
            out.append("    " + inline(line.strip(), known))
        else:
            out.append(inline(line, known))
    flush()
    # A field list stands apart from the paragraph before it.
    first = next((i for i, line in enumerate(out) if line.startswith((":param", ":returns"))), None)
    if first:
        out.insert(first, "")
    return "\n".join(out)


def last_field(lines: list[str]) -> str:
    """The line that opened the field which is being written, if one is."""
    for line in reversed(lines):
        if line.startswith(":"):
            return line
        if not line.startswith("    "):
            return ""
    return ""


def inline(text: str, known: dict[str, str]) -> str:
    """Names become links; what reStructuredText would read as markup is escaped."""
    text = text.replace("\\#", "#")
    bullet, text = re.fullmatch(r"( \* |)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    text = bullet + re.sub(r"([\\*`|])", r"\\\1", text)
    text = re.sub(r"@ref (\w+)", lambda found: f":ref:`c-{found[1]}`", text)

    def name(found: re.Match[str]) -> str:
        word, member = found[1], found[2]
        if word in known:
            link = f":c:{known[word]}:`{word}`"
            after = text[found.end() : found.end() + 1]
            return f"{link}\\ {member or ''}" if member or after not in (*" '\")]}>-/:.,;!?", "") else link
        return f"``{word}{member or ''}``"

    text = re.sub(r"(?<![`:\w-])(fb_\w+|FB_[A-Z0-9_]+)(\.\w+)?(?:\(\))?(?![`\w])", name, text)
    return re.sub(r"(?<![`\w])(\w+)_(?![`\w])", r"\1\\_", text)


def indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line if line else "" for line in text.split("\n"))


def directive(entry: Entry, known: dict[str, str], level: int = 0) -> str:
    members = "\n\n".join(directive(member, known, 3) for member in entry.members)
    return indented(f".. c:{entry.directive}:: {entry.signature}\n\n{indented(prose(entry.text, known), 3)}", level) + (
        f"\n\n{members}" if members else ""
    )


def page() -> str:
    """The reference."""
    source = HEADER.read_text()
    found = groups(source)
    known = names(found)
    intro = plain(COMMENT.search(source)[1]).split("\n", 3)[3]  # type: ignore[index]
    parts = ["C", "=", "", prose(intro, known), ""]
    for group in found:
        parts += [f".. _c-{group.label}:", "", group.title, "-" * len(group.title), "", prose(group.text, known), ""]
        parts += [directive(entry, known) + "\n" for entry in group.entries]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page())
