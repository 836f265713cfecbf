"""What is installed and built for whom."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def would_run(target: str) -> str:
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_demo_for_python_needs_no_node() -> None:
    commands = would_run("demo")
    assert "deps.sh python\n" in commands and "examples/python/demo.py" in commands
    assert "node" not in commands and "npm" not in commands


def test_the_demo_for_node_needs_no_python_packages() -> None:
    commands = would_run("demo-node")
    assert "deps.sh node\n" in commands and "pip" not in commands


@pytest.mark.skipif(shutil.which("cmake") is None, reason="no CMake")
def test_a_plain_cmake_builds_the_library_alone(tmp_path: Path) -> None:
    subprocess.run(["cmake", "-S", ROOT, "-B", tmp_path], check=True, capture_output=True)
    done = subprocess.run(
        ["cmake", "--build", tmp_path, "--target", "help"], check=True, capture_output=True, text=True
    )
    # Only lines of targets: make may say in which folder it works, and that folder bears this test's name.
    targets = [line for line in done.stdout.splitlines() if line.startswith("... ")]
    assert "... fastbearer_static" in targets
    assert not [target for target in targets if any(word in target for word in ("test_", "fuzz_", "bench_"))]
