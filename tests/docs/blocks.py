"""The code blocks of README.md and of the site, and what is said of them.

A comment before a block says more: `<!-- file: NAME -->` saves it for the shell blocks of its page, `<!-- library:
FOLDER -->` installs the C library for them, as its page says, and lends them this folder of the checkout. A block of
`text` after others is what they print, with `...` for anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"python", "js", "ts", "c", "sh", "text"}

FENCE = re.compile(r"^(?:<!-- (\w+): (.*?) -->\n)?```([\w{}-]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Block:
    """One block; output is what must be printed, where the page shows that."""

    page: Path
    line: int
    language: str
    text: str
    directive: str | None = None
    value: str | None = None
    output: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, each with the output that follows it."""
    source = page.read_text()
    found: list[Block] = []
    for fence in FENCE.finditer(source):
        directive, value, language, text = fence.groups()
        if language.startswith("{"):
            continue
        line = source.count("\n", 0, fence.start(3)) + 1
        if language == "text":
            assert found, f"{page}:{line}: output of nothing"
            found[-1].output.append(text)
        else:
            found.append(Block(page, line, language, text, directive, value))
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def matches(expected: str, printed: str) -> bool:
    """Whether what was printed holds the text; `...` stands for anything, and a page may break a long line."""
    words = (r"\s+".join(re.escape(word) for word in re.split(r"\s+", part)) for part in expected.strip().split("..."))
    pattern = ".*".join(words)
    return re.search(pattern, printed, re.DOTALL) is not None
