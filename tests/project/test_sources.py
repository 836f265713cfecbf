"""What no file of this repository may hold."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
    "\0"
)[:-1]

#: Functions without a bound, with a hidden state, or that read the process's locale.
BANNED = re.compile(
    r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gmtime|localtime|atoi|atol|gets|alloca|tolower|toupper|strcasecmp)\s*\("
)


def text(name: str) -> str:
    path = ROOT / name
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def code(*folders: str) -> list[str]:
    return [name for name in FILES if name.startswith(folders) and name.endswith((".c", ".cc", ".h"))]


def test_banned_functions() -> None:
    names = code("core/", "bindings/")
    assert len(names) > 40
    found = [f"{name}: {match[0]}" for name in names for match in BANNED.finditer(text(name))]
    assert found == []


def test_nothing_that_a_run_left_behind_is_tracked() -> None:
    assert [name for name in FILES if re.search(r"\.(log|so|node|o|pyc|tgz|whl|prof|orig|rej)$", name)] == []
