"""mypy --strict on typical uses, in the environments that have it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_typical_uses():
    pytest.importorskip("mypy")
    file = Path(__file__).parent / "types" / f"{os.environ['FASTBEARER_HOST']}.py"
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", ".mypy_cache", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(sys.prefix))
    assert done.returncode == 0, done.stdout + done.stderr
