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


GLIBC = platform.libc_ver()[0] == "glibc" and "libasan" not in os.environ.get("LD_PRELOAD", "")
#: The same without this package: functions are made and exceptions raised while allocations fail.
CONTROL = """
import ctypes
fail_at = ctypes.CDLL(None).fail_at
fail_at.argtypes, fail_at.restype = [ctypes.c_long], ctypes.c_long

def make_and_raise():
    def fail():
        raise ValueError("x")
    try:
        fail()
    except ValueError:
        pass

for n in list(range(40)) * 20:
    try:
        fail_at(n)
        make_and_raise()
    except (MemoryError, SystemError):
        pass
    try:
        fail_at(-1)
    except (MemoryError, ctypes.ArgumentError):
        fail_at(-1)
"""


@pytest.fixture(scope="module")
def preload(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which allocations can be made to fail, where there is glibc; empty elsewhere."""
    if not GLIBC:
        return {}
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler is not None
    library = tmp_path_factory.mktemp("preload") / "failing_malloc.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, HERE / "failing_malloc.c"], check=True)
    environment = {"LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc"}
    control = [sys.executable, "-c", CONTROL]
    if subprocess.run(control, capture_output=True, env={**os.environ, **environment}, timeout=60).returncode < 0:
        pytest.skip("this Python crashes without this package, too, when it finds no memory")
    return environment


def fail_each(kind: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, str(HERE / "out_of_memory.py"), kind],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(fastbearer.__file__).parent.parent), **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not GLIBC, reason="replaces glibc's malloc, of which AddressSanitizer has its own")
def test_every_allocation(preload: dict[str, str]) -> None:
    out = fail_each("preload", preload)
    assert out.count("times MemoryError") > 10


@pytest.mark.skipif(importlib.util.find_spec("_testcapi") is None, reason="this Python came without its test modules")
@pytest.mark.usefixtures("preload")
def test_every_allocation_of_the_interpreter() -> None:
    out = fail_each("testcapi", {})
    assert out.count("times MemoryError") > 10
