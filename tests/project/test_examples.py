"""The tests run every program of examples/. (Those of README and site are run by tests/docs.)"""

from __future__ import annotations

import re
from pathlib import Path

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


def test_every_program_is_run() -> None:
    assert len(PROGRAMS) >= 9
    runners = "".join((ROOT / name).read_text() for name in RUNNERS)
    for path in PROGRAMS:
        name = path.stem if path.suffix == ".c" else path.name
        assert re.search(rf"[/'\"]{re.escape(name)}[ '\"]", runners), path
