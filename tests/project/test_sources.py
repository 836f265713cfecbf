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
    r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gmtime|localtime|atoi|atol|gets|alloca"
    r"|tolower|toupper|strcasecmp|strncasecmp)\s*\("
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


def test_lines_that_no_formatter_breaks_end_at_120_columns() -> None:
    """Tables in prose may be wider."""
    patterns = (".md", ".sh", ".cmake", "CMakeLists.txt", "Makefile")
    long = []
    for name in FILES:
        if name.endswith(patterns) and not name.startswith("tests/bench/results/"):
            lines = text(name).splitlines()
            if any(len(line) > 120 and not line.startswith("|") for line in lines):
                long.append(name)
    assert long == []


def test_what_contributing_names_is_there() -> None:
    quoted = [part for part in re.findall(r"`([^`\n]+)`", text("CONTRIBUTING.md")) if not re.search("[<*]", part)]
    paths = [
        name
        for part in quoted
        for name in re.findall(r"^(?:core|bindings|python|node|examples|tests|tools)/[^ <*]*", part)
    ]
    assert len(paths) > 30
    made = (".venv/", "build/", "TARGET")
    assert [name for name in paths if not (ROOT / name).exists() and not any(part in name for part in made)] == []
    targets = set(re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.MULTILINE))
    named = re.findall(r"^make ([a-z-]+)", text("CONTRIBUTING.md"), re.MULTILINE)
    named += [target for part in quoted for target in re.findall(r"^make ([a-z-]+)", part)]
    assert len(named) > 8 and set(named) <= targets
