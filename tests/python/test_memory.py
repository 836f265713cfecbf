"""No memory: each allocation of each call fails in turn, the interpreter's, the binding's, the core's and OpenSSL's
alike."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastbearer

HERE = Path(__file__).resolve().parent


def fail_each(kind: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(HERE / "out_of_memory.py"), kind],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(fastbearer.__file__).parent.parent), **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="replaces glibc's malloc")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer has a malloc of its own")
def test_every_allocation(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler is not None
    library = tmp_path / "failing_malloc.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / "failing_malloc.c"], check=True)
    out = fail_each("preload", LD_PRELOAD=str(library), PYTHONMALLOC="malloc")
    assert out.count("times MemoryError") > 10


@pytest.mark.skipif(importlib.util.find_spec("_testcapi") is None, reason="this Python came without its test modules")
def test_every_allocation_of_the_interpreter() -> None:
    out = fail_each("testcapi")
    assert out.count("times MemoryError") > 10
