"""Docstrings are written to be read by help(); this makes reStructuredText of them."""

from __future__ import annotations

import re
from typing import Any

#: "name: text" and "name    text": a list of parameters, options or modules.
ITEM = re.compile(r"(\w+(?:, \w+)*(?=:)|(?:python -m )?[\w.]+(?:, \w+)*(?= {2}))(?:: +| {2,})(\S.*)")
#: What would be read as markup.
MARKUP = re.compile(r"(?<![`:\w\\])(\*{1,2})(?=\w)|(?<=\w)_(?=[\s,.;:)]|$)")


def as_rst(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """The handler of autodoc-process-docstring: changes lines in place."""
    out: list[str] = []
    literal = False  # whether the last block was code, which a blank line does not end
    for block in paragraphs(lines):
        if out and out[-1]:
            out.append("")
        indent = min(len(line) - len(line.lstrip()) for line in block)
        stripped = [line[indent:] for line in block]
        if items := as_items(stripped):
            out += items
        elif indent >= 4 and literal:
            out += ["   " + line for line in stripped]
            continue
        elif indent >= 4:
            out += ["::", "", *("   " + line for line in stripped)]
            literal = True
            continue
        else:
            out += [MARKUP.sub(lambda found: "\\" + found[0], line) for line in stripped]
        literal = False
    lines[:] = out


def paragraphs(lines: list[str]) -> list[list[str]]:
    """Blocks between blank lines; an indented block stands apart from the line above it."""
    found: list[list[str]] = [[]]
    for line in lines:
        turns = found[-1] and line.startswith("    ") != found[-1][0].startswith("    ")
        if not line.strip() or turns:
            found.append([])
        if line.strip():
            found[-1].append(line)
    return [block for block in found if block]


def as_items(block: list[str]) -> list[str]:
    """A block as a list of definitions, if each of its unindented lines begins one and there is more than prose."""
    heads = [line for line in block if not line.startswith(" ")]
    if not heads or not all(ITEM.fullmatch(line) for line in heads):
        return []
    if len(heads) == 1 and "  " not in heads[0]:
        return []
    out = []
    for line in block:
        found = ITEM.fullmatch(line)
        if found and not line.startswith(" "):
            out.append(f"* **{found[1].replace(', ', '**, **')}**: {MARKUP.sub(lambda m: chr(92) + m[0], found[2])}")
        else:
            out.append("  " + MARKUP.sub(lambda m: chr(92) + m[0], line.strip()))
    return out
