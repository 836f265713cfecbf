"""What packages carry of the documentation: fastbearer(1), from the command line's parser; fastbearer(3), from the
header; the reasons, for "fastbearer explain".

    python tools/docs/manual.py            writes the files that packages install
    python tools/docs/manual.py --check    says which of them differ from their sources

It is run with an environment in which fastbearer is built (.venv/bin/python).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import c_header
import command_line

from fastbearer import __version__, cli
from fastbearer.cli._arguments import make_parser

ROOT = c_header.ROOT
REASONS = ROOT / "python/fastbearer/cli/reasons.md"
COMMAND, LIBRARY = ROOT / "python/man/fastbearer.1", ROOT / "core/man/fastbearer.3"

#: Where a sentence ends; not inside a number or a name.
SENTENCE = re.compile(r"(?<=\.)\s+(?=[A-Z\"(])")


def roff(text: str) -> str:
    """Text that troff reads as it stands."""
    text = text.replace("\\#", "#").replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)


def paragraphs(text: str) -> list[str]:
    """Prose with the header's commands, its programs indented by four columns."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith("    "):
            lines += [".PP", ".in +4n", ".nf", roff("\n".join(line[4:] for line in block.split("\n"))), ".fi", ".in"]
        elif found := re.match(r"@par (.*)\n", block):
            lines += [".SS " + roff(found[1]), roff(reference(block[found.end() :]))]
        else:
            lines += [".PP", roff(reference(block))]
    return lines


def reference(text: str) -> str:
    """Without doxygen's commands."""
    return re.sub(r"@ref (\w+)", r"\1", text.replace("``", "")).strip()


def sentence(text: str) -> str:
    """The first sentence of a text, on one line."""
    prose = " ".join(reference(re.split(r"\n\s*\n|\n?@(?:param|return|par)\b", text)[0]).split())
    return SENTENCE.split(prose)[0]


def command() -> str:
    """fastbearer(1)."""
    parser = make_parser(cli.__doc__ or "")
    lines = [
        f'.TH FASTBEARER 1 "" "fastbearer {__version__}" "User Commands"',
        ".SH NAME", "fastbearer \\- make, inspect and verify bearer tokens",
        ".SH SYNOPSIS", ".B fastbearer", ".I COMMAND", "[options]",
        ".SH DESCRIPTION", *paragraphs(parser.description or "")[1:],
        ".SH COMMANDS",
    ]  # fmt: skip
    for name, arguments in command_line.commands(parser).items():
        lines += [f".SS {name}", roff(arguments.description or "")]
        for written, text in command_line.options(arguments):
            lines += [".TP", f".B {roff(written)}", roff(text) or "\\&"]
    lines.append(".SH EXIT STATUS")
    for code, text in command_line.EXIT_CODES:
        lines += [".TP", f".B {code}", roff(text)]
    lines += [".SH SEE ALSO", "help(fastbearer) in Python;", ".BR fastbearer (3)", "where the C library is installed."]
    return "\n".join(lines) + "\n"


def entry(declared: c_header.Entry) -> list[str]:
    """One declaration with its first sentence, and its members."""
    lines = [".TP", f".B {roff(declared.signature)}", roff(sentence(declared.text)) or "\\&"]
    if declared.members:
        lines.append(".RS")
        for member in declared.members:
            lines += entry(member)
        lines.append(".RE")
    return lines


def library() -> str:
    """fastbearer(3)."""
    source = c_header.HEADER.read_text()
    opening = c_header.COMMENT.search(source)
    assert opening is not None
    about = c_header.plain(opening[1]).split("\n", 3)[3].replace("This header", "The header")
    lines = [
        f'.TH FASTBEARER 3 "" "fastbearer {__version__}" "Library Functions"',
        ".SH NAME", "fastbearer \\- bearer\\-token authentication for servers that speak HTTP",
        ".SH SYNOPSIS", ".nf", ".B #include <fastbearer.h>", ".PP",
        "cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs fastbearer)", ".fi",
        ".SH DESCRIPTION", *paragraphs(about)[1:],
    ]  # fmt: skip
    for group in c_header.groups(source):
        lines += [".SH " + roff(group.title.upper()), *(paragraphs(group.text)[1:] if group.text.strip() else [])]
        for declared in group.entries:
            lines += entry(declared)
    lines += [".SH SEE ALSO", "The header itself: it has the whole text of every function, option and status.", ".br",
              ".BR fastbearer (1)", "where the Python package is installed."]  # fmt: skip
    return "\n".join(lines) + "\n"


def generated() -> dict[Path, str]:
    return {COMMAND: command(), LIBRARY: library(), REASONS: (ROOT / "docs/reasons.md").read_text()}


def main() -> None:
    differing = [path for path, text in generated().items() if not path.is_file() or path.read_text() != text]
    if sys.argv[1:] == ["--check"]:
        sys.exit("".join(f"{path} is not what its source says\n" for path in differing) or None)
    for path in differing:
        path.write_text(generated()[path])
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
