"""The programs of the README are those of examples/, and the tests run all of these."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"python": "*.py", "js": "*.mjs", "c": "*.c"}
PROGRAMS = [path for pattern in LANGUAGES.values() for path in sorted((ROOT / "examples").rglob(pattern))]

#: Who runs them.
RUNNERS = (
    "tests/core/run_examples.sh",
    "tests/python/test_example_programs.py",
    "tests/python/hosts/suite/test_fastmcp_examples.py",
    "tests/node/hosts/suite/examples.mjs",
)

BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def flat(text: str) -> str:
    """Without indentation: what is a function's body in a program stands by itself in the README."""
    return "\n".join(line.strip() for line in text.splitlines())


@pytest.mark.parametrize(("language", "block"), [block for block in BLOCKS if block[0] in LANGUAGES])
def test_a_block_of_the_readme_is_part_of_a_program(language: str, block: str) -> None:
    programs = [path.read_text() for path in PROGRAMS if path.match(LANGUAGES[language])]
    if language == "c":
        # The body of a function there, and what is included stands above it.
        paragraphs = [flat(paragraph) for paragraph in block.strip().split("\n\n")]
        assert any(all(paragraph in flat(program) for paragraph in paragraphs) for program in programs), block
    else:
        assert any(textwrap.dedent(block).strip() in program for program in programs), block


def test_the_readme_has_a_program_in_each_language() -> None:
    assert set(LANGUAGES) <= {language for language, _ in BLOCKS}


def test_every_program_is_run() -> None:
    assert len(PROGRAMS) >= 9
    runners = "".join((ROOT / name).read_text() for name in RUNNERS)
    for path in PROGRAMS:
        name = path.stem if path.suffix == ".c" else path.name
        assert re.search(rf"[/'\"]{re.escape(name)}[ '\"]", runners), path
