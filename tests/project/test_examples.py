"""The tests run every program of examples/. (Those of README and site are run by tests/docs.)"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = {"python": "*.py", "js": "*.mjs", "ts": "*.ts", "c": "*.c"}
PROGRAMS = [path for pattern in LANGUAGES.values() for path in sorted((ROOT / "examples").rglob(pattern))]

#: Who runs them.
RUNNERS = (
    "tests/core/run_examples.sh",
    "tests/python/test_example_programs.py",
    "tests/python/hosts/suite/test_fastmcp_examples.py",
    "tests/node/hosts/suite/examples.mjs",
    "tests/docs/test_example_servers.py",
)


def test_every_program_is_run() -> None:
    assert len(PROGRAMS) >= 9
    runners = "".join((ROOT / name).read_text() for name in RUNNERS)
    for path in PROGRAMS:
        if "node_modules" in path.parts:
            continue
        name = path.stem if path.suffix == ".c" else path.name
        if path.parent.name not in ("c", "node", "python"):  # a folder for each, with a README
            assert f"# {path.relative_to(ROOT)}\n" in runners, path
            folder = path.relative_to(ROOT / "examples").parts[0]
            assert (ROOT / "examples" / folder / "README.md").is_file()
        else:
            assert re.search(rf"[/'\"]{re.escape(name)}[ '\"]", runners), path
