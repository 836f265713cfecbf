"""SECURITY.md and docs/security say of each promise which test holds it, and of each known mistake which case repeats
it: both must exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "SECURITY.md", *sorted((ROOT / "docs/security").glob("*.md"))]
TEXT = "\n".join(path.read_text() for path in PAGES)
QUOTED = re.findall(r"`([^`\n]+)`", TEXT)


def test_every_file_exists() -> None:
    named = [name for name in QUOTED if name.startswith("tests/")]
    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_c_test_exists_and_is_run() -> None:
    named = [name.partition(":") for name in QUOTED if re.fullmatch(r"test_\w+\.c:\w+", name)]
    assert len(named) >= 6
    for file, _, test in named:
        source = (ROOT / "tests/core" / file).read_text()
        assert f"TEST({test})" in source and f"RUN({test});" in source, f"{file}: {test}"


def test_every_case_exists_and_every_case_is_named() -> None:
    named = {name for name in QUOTED if name.startswith("cve.")}
    cases = {
        case["id"] for path in (ROOT / "tests/vectors/cve").glob("*.json") for case in json.loads(path.read_text())
    }
    assert named - cases == set()
    # What is not named is the good neighbour of a bad case, or what a strict reader must not refuse.
    accepted = {"cve.parsing.FastMCP-4282", "cve.parsing.FastMCP-4515"}
    assert {name for name in cases - named if ".neighbour" not in name} == accepted


def test_every_command_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for name in QUOTED for target in re.findall(r"^make ([a-z-]+)", name)}
    assert len(named) >= 10 and named <= targets
