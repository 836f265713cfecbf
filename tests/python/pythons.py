"""Builds fastbearer with every CPython at hand and runs the Python tests under each: `make test-pythons`.

    python tests/python/pythons.py [INTERPRETER ...]

Without a name it looks for python3.10 and later, free-threaded ones (python3.14t) too, on PATH and in pyenv's folder,
and takes the first of each minor version that can build extensions. The wheel of the oldest must work under all the
others: it is for the limited API of 3.10, and that is the one that would be published.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "hosts"))
from setup_venv import CACHE, ROOT, build_wheel
from setup_venv import run as command

NAME = re.compile(r"python3\.(\d+)t?")
OLDEST = 10
REQUIREMENTS = ROOT / "tools/setup/requirements.txt"
#: For builds that some of the requirements have no wheels for; the tests that need what is missing are skipped then.
TOOLS = ("pytest >= 8", "certifi", "setuptools >= 77", "trio")
# The generator looks at the source tree, where nothing is built.
TESTS = ("tests/python", "--ignore", "tests/python/hosts", "-k", "not test_the_sources_are_what_the_table_says")
#: What differs between one build of the extension and the same build under another interpreter.
BINDING = ("tests/python/test_process.py", "tests/python/test_access_token.py", "tests/python/test_errors.py")

QUESTION = """
import ensurepip, json, os, sys, sysconfig
os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))
assert sys.implementation.name == "cpython"
print(json.dumps([sys.version, sys.version_info[1], bool(sysconfig.get_config_var("Py_GIL_DISABLED"))]))
"""


@dataclass(frozen=True)
class Python:
    path: str
    version: str
    minor: int
    free_threaded: bool

    def __str__(self) -> str:
        return self.version.split()[0] + ("t" if self.free_threaded else "")

    @property
    def place(self) -> Path:
        return CACHE / "pythons" / str(self)

    @property
    def venv(self) -> str:
        return str(self.place / "bin" / "python")


def ask(path: str) -> Python | None:
    """What an interpreter is; None when it does not run or cannot build extensions."""
    done = subprocess.run([path, "-c", QUESTION], capture_output=True, text=True)
    return Python(path, *json.loads(done.stdout)) if done.returncode == 0 else None


def candidates() -> Iterator[str]:
    """Every file that is called like an interpreter, in the order of PATH, then pyenv's newest first."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += sorted(pyenv.glob("versions/*/bin"), reverse=True)
    for folder in folders:
        for file in sorted(folder.glob("python3.*")):
            named = NAME.fullmatch(file.name)
            if named and int(named[1]) >= OLDEST and os.access(file, os.X_OK):
                yield str(file)


def find(named: list[str]) -> list[Python]:
    """The named interpreters, or one for each minor version and kind of build."""
    for path in named:
        if ask(path) is None:
            raise SystemExit(f"{path} does not run, is no CPython, or has no ensurepip or no Python.h")
    found: dict[tuple[int, bool], Python] = {}
    for path in named or candidates():
        python = ask(path)
        if python is not None:
            found.setdefault((python.minor, python.free_threaded), python)
    return [found[key] for key in sorted(found)]


def prepare(python: Python) -> Path:
    """An environment with this interpreter and what the tests need, and the wheel that it built itself."""
    stamp = python.place / "made.stamp"
    made_of = f"{python.version}\n{REQUIREMENTS.read_text()}"
    if not stamp.is_file() or stamp.read_text() != made_of:
        command(python.path, "-m", "venv", "--clear", python.place)
        install = [python.venv, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        if subprocess.run([*install, "--require-hashes", "--requirement", REQUIREMENTS]).returncode != 0:
            command(python.venv, "-m", "pip", "install", "--quiet", *TOOLS)
            for package in re.findall(r"^([\w-]+)==[^;\n]*$", REQUIREMENTS.read_text(), re.MULTILINE):
                subprocess.run([*install, package], capture_output=True)
        stamp.write_text(made_of)
    return build_wheel(python.venv, python.version, python.place.with_name(f"{python}-wheels"))


def passes(python: Python, wheel: Path, *arguments: str) -> bool:
    """Whether tests pass with this wheel; shows what pytest said when they do not."""
    command(python.venv, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
    if arguments[0] == "-m":
        run = [python.venv, *arguments]
    else:
        run = [python.venv, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(run, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(f"{python}, {wheel.name}: {done.stdout.strip().splitlines()[-1]}", flush=True)
    if done.returncode != 0:
        print(done.stdout[-20000:], flush=True)
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("interpreters", nargs="*", metavar="INTERPRETER")
    pythons = find(parser.parse_args().interpreters)
    print("found", ", ".join(f"{python} ({python.path})" for python in pythons), flush=True)
    rows = []
    oldest: Path | None = None
    for python in pythons:
        wheel = prepare(python)
        row = {"own build": passes(python, wheel, *TESTS)}
        row["vectors"] = passes(python, wheel, "-m", "tests.vectors", "tests/vectors")
        if "abi3" in wheel.name:
            if oldest is not None:
                row[f"{oldest.name}"] = passes(python, oldest, *BINDING)
            oldest = oldest or wheel
        rows.append((str(python), row))
    for name, row in rows:
        print(f"{name:10}", ", ".join(f"{what} {'ok' if ok else 'FAILED'}" for what, ok in row.items()))
    sys.exit(0 if all(ok for _, row in rows for ok in row.values()) else 1)


if __name__ == "__main__":
    main()
