"""The page of all options: one row each, with its name in Python, Node and C, its default, its bounds and its text.

Python's table is python/fastbearer/_options.py, Node's node/lib/option-table.cjs, and C has the header, whose texts say
the bounds. Nothing is written down here but what pairs them.
"""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from dataclasses import dataclass

import c_header

from fastbearer import DPoP
from fastbearer._options import BOTH, ISSUER, OPTIONS, VERIFIER
from fastbearer.asgi import BearerAuthMiddleware
from fastbearer.introspection import Introspector
from fastbearer.shadow import Shadow
from fastbearer.stores import FileKeyStore, RedisStore

ROOT = c_header.ROOT
FIRST_VERSION = "0.1.0"
#: Options that came later, by their Python name (or Node's, or C's, where the others have none).
SINCE: dict[str, str] = {}

BOUNDS = re.compile(
    r"(?<![\w.])(\d+ \.\. \d+(?: MiB)?|at least \d+ bytes|\d+ or more, finite|more than 0, at most \d+|less than \d+|"
    r"More than 0, at most \d+)"
)
WHOSE = {ISSUER: "issuer", VERIFIER: "verifier", BOTH: "both"}
#: Members of the C structures that are not options: sizes, counts, and hooks that belong to another.
NO_OPTIONS = {"size", "issuer_count", "required_claim_count", "scope_rule_count", "signature_context"}
#: In C only, and where another name hides the pair.
C_OF = {"issuer": "identifiers", "issuers": "issuers", "resolve_issuer": "resolves_issuers"}
NODE_OF = {"replay_by_host": "replayStore"}

#: Defaults that the core fills in, where the tables say None.
FILLED = {
    "algorithms": "RS256; HS256 with a secret",
    "dpop-algorithms": "all with a public key but ES256K",
    "token_type": "none, JWT and at+jwt",
    "fetch": "built in",
    "ca_file": "the system's",
    "replay_store": "in this process",
}

INTRODUCTION = """
Every option in every language. The tables are made from the option tables of the Python and Node packages and from the
C header.

*of* says whose option it is: an issuer's (`Issuer`, a member of `issuers`, `fb_issuer`), the verifier's (`Verifier`,
`fb_options`), or both: then an issuer's own value replaces the verifier's. With a single issuer all of them are given
to `Verifier` itself. Times are seconds and sizes are bytes. A wrong value is refused when the verifier is made, and the
error names the option.
"""
ADAPTERS = """\
What the middleware takes beside the verifier: `BearerAuthMiddleware` (Python), `bearerAuth` and its relatives (Node).\
"""


@dataclass
class Row:
    """One option in three languages; None: that language has it not."""

    python: str | None
    node: str | None
    c: str | None
    default: str
    whose: str
    text: str
    c_text: str = ""

    @property
    def name(self) -> str:
        return self.python or self.node or self.c or ""

    @property
    def bounds(self) -> str:
        found = BOUNDS.search(self.c_text)
        return found[1][0].lower() + found[1][1:] if found else ""


def camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def node_options() -> dict[str, dict[str, dict[str, str]]]:
    """Node's tables, by the names of its groups and options."""
    program = """
        const { KEY_OPTIONS, CLAIM_OPTIONS, POLICY_OPTIONS, FETCH_OPTIONS, DPOP_OPTIONS } =
            require('./node/lib/option-table.cjs');
        const groups = { KEY_OPTIONS, CLAIM_OPTIONS, POLICY_OPTIONS, FETCH_OPTIONS, DPOP_OPTIONS };
        console.log(JSON.stringify(groups, (key, value) => value === undefined ? null : value));"""
    done = subprocess.run(["node", "-e", program], cwd=ROOT, check=True, capture_output=True, text=True)
    return {group: {option["name"]: option for option in options} for group, options in json.loads(done.stdout).items()}


def c_members(structure: str) -> dict[str, str]:
    """The options among the members of a C structure, and their texts."""
    for group in c_header.groups(c_header.HEADER.read_text()):
        for entry in group.entries:
            if entry.name == structure:
                return {member.name: member.text for member in entry.members if member.name not in NO_OPTIONS}
    raise KeyError(structure)


def shown(value: object) -> str:
    """A default as text; an empty cell is worse than a word."""
    if value is None or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def verifier_rows() -> dict[str, list[Row]]:
    """The options of Verifier and Issuer, under the titles of Python's groups."""
    tables = node_options()
    node = {
        name: option for group, options in tables.items() if group != "DPOP_OPTIONS" for name, option in options.items()
    }
    c = c_members("fb_issuer") | c_members("fb_options")
    rows: dict[str, list[Row]] = {}
    for option in OPTIONS:
        c_name = C_OF.get(option.name, option.native)
        node_name = camel(option.name)
        rows.setdefault(option.group.title, []).append(
            Row(
                option.name,
                node_name if node.pop(node_name, None) else None,
                c_name if c_name in c else None,
                shown(option.default),
                WHOSE[option.of],
                option.doc.replace("``", "`"),
                c.pop(c_name, "") if c_name else "",
            )
        )
    rest = [Row(None, name, None, shown(option["default"]), "both", option["doc"]) for name, option in node.items()]
    if rest:
        rows["Node only"] = rest
    return rows


def c_only_rows() -> list[Row]:
    """What only a C program can say."""
    paired = {row.c for rows in verifier_rows().values() for row in rows}
    found = []
    for structure, whose in (("fb_issuer", "issuer"), ("fb_options", "verifier")):
        for name, text in c_members(structure).items():
            if name not in paired and not any(row.c == name for row in found):
                default = re.search(r"Default:? (.*?)\.(?:\s|$)", text)
                found.append(Row(None, None, name, default[1] if default else "none", whose, reference(text), text))
    return found


def reference(text: str) -> str:
    """On one line, without the header's commands."""
    return re.sub(r"@ref (\w+)", r"\1", " ".join(text.split()))


def dpop_rows() -> list[Row]:
    """The options of DPoP."""
    c, node = c_members("fb_dpop"), node_options()["DPOP_OPTIONS"]
    rows = []
    for name, parameter in inspect.signature(DPoP).parameters.items():
        default = None if parameter.default is parameter.empty else parameter.default
        other = "replay_by_host" if name == "replay_store" else name
        option = node[camel(name)]
        rows.append(Row(name, camel(name), other, shown(default), "verifier", option["doc"], c[other]))
    return rows


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def code(name: str | None) -> str:
    return f"`{name}`" if name else "-"


def table(rows: list[Row], prefix: str = "") -> list[str]:
    lines = ["| Option | | default | bounds | of | since |", "|---|---|---|---|---|---|"]
    for row in rows:
        named = (("Python", row.python), ("Node", row.node), ("C", row.c))
        names = "<br>".join(f"{language}&nbsp;{code(name)}" for language, name in named if name)
        columns = (
            f'<a id="{prefix}{row.name}"></a>{names}', cell(row.text),
            FILLED.get(prefix + row.name) or FILLED.get(row.name, code(row.default)), row.bounds or "-", row.whose,
            SINCE.get(row.name, FIRST_VERSION),
        )  # fmt: skip
        lines.append("| " + " | ".join(columns) + " |")
    return [":::{container} options", "", *lines, "", ":::"]


def described(cls: type) -> dict[str, str]:
    """The texts of a constructor's parameters, from the docstring: below "Args:", or in two columns."""
    text = inspect.getdoc(cls) or ""
    below = re.findall(r"^ {4}([\w, ]+): (.*(?:\n {8}.*)*)", text.partition("Args:\n")[2], re.MULTILINE)
    found = below or re.findall(r"^(\w+) {2,}(.*(?:\n {16,}.*)*)", text, re.MULTILINE)
    return {name: about for names, about in found for name in names.split(", ")}


def part_rows(cls: type, declarations: str) -> list[str]:
    """What a part takes: of the Python class, with the same names in Node's declarations, and what only those have."""
    source = (ROOT / declarations).read_text() if (ROOT / declarations).is_file() else ""
    node = dict(re.findall(r"^ +(?:readonly )?(\w+)\??: ([^;]+);", source, re.MULTILINE))
    texts = {name: about for about, name in re.findall(r"/\*\*((?:(?!\*/).)*?)\*/\s+(\w+)\??:", source, re.DOTALL)}
    parameters = {name: value for name, value in inspect.signature(cls).parameters.items() if name != "app"}
    lines = ["| Option | | default | since |", "|---|---|---|---|"]
    about = described(cls)
    assert set(parameters) <= set(about), (cls, set(parameters) - set(about))
    for name, parameter in parameters.items():
        names = f"Python&nbsp;{code(name)}" + (f"<br>Node&nbsp;{code(camel(name))}" if camel(name) in node else "")
        default = "required" if parameter.default is parameter.empty else code(shown(parameter.default))
        lines.append(
            f"| {names} | {cell(about[name]).replace('``', '`')} | {default} | {SINCE.get(name, FIRST_VERSION)} |"
        )
    if cls is BearerAuthMiddleware:
        named = {camel(name) for name in parameters}
        lines += [
            f"| Node&nbsp;{code(name)} | {cell(c_header.plain(texts[name]))} | {code('none')} | {FIRST_VERSION} |"
            for name in node if name not in named and name in texts
        ]  # fmt: skip
    return [":::{container} options", "", *lines, "", ":::"]


#: What stands beside a verifier, under its title: the class, Node's declarations, a sentence.
PARTS = (
    ("Adapters", BearerAuthMiddleware, "node/lib/guard.d.cts", ADAPTERS),
    ("Introspector", Introspector, "node/introspection.d.cts", "Which endpoint is asked, and how."),
    ("FileKeyStore", FileKeyStore, "node/stores.d.cts", "Key sets in a folder."),
    (
        "RedisStore",
        RedisStore,
        "node/redis.d.cts",
        "Key sets, proofs and revocations in Redis or Valkey. Node takes a client of `redis` or `ioredis`, and no URL.",
    ),
    ("Shadow", Shadow, "node/shadow.d.cts", "A verifier that is tried beside the one in service."),
)


def page() -> str:
    """The page."""
    parts = ["---", "hide-toc: true", "---", "", "# Options", "", INTRODUCTION, ""]
    for title, rows in verifier_rows().items():
        parts += [f"## {title.partition(',')[0]}", "", *table(rows), ""]
    parts += ["## DPoP", "", "The members of `dpop`.", "", *table(dpop_rows(), "dpop-"), ""]
    parts += ["## C only", "", *table(c_only_rows()), ""]
    for title, cls, declarations, sentence in PARTS:
        parts += [f"## {title}", "", sentence, "", *part_rows(cls, declarations), ""]
    return "\n".join(parts)


def names() -> dict[str, set[str]]:
    """Every option that must stand on the page, by language."""
    python = {option.name for option in OPTIONS} | set(inspect.signature(DPoP).parameters)
    for _, cls, _, _ in PARTS:
        python |= set(inspect.signature(cls).parameters) - {"app"}
    node = {name for options in node_options().values() for name in options}
    c = {name for structure in ("fb_issuer", "fb_options", "fb_dpop") for name in c_members(structure)}
    return {"python": python, "node": node, "c": c}


if __name__ == "__main__":
    print(page())
