"""make dist-check: our sources compile for every target, and one of them is linked and run under an emulator.

For CI, where a whole make dist takes too long. All compile with the headers of the libraries of the one that is linked.
What cannot be had, for want of a network or of root, leaves out what needs it: that is said, also to
tools/check/skipped.sh, and fails nothing.

    python -m tools.dist.portable        in an environment with cryptography and fastbearer
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import python_packages
from .archive import epoch
from .fetch import Unavailable
from .lock import ROOT
from .native import PYTHONS, Build
from .targets import TARGETS

LINKED = TARGETS["linux-arm64"]
OUT = ROOT / "build-dist"


def left_out(what: str) -> None:
    print(f"LEFT OUT: {what}", flush=True)
    if "FB_SKIPPED" in os.environ:
        with open(os.environ["FB_SKIPPED"], "a", encoding="utf-8") as file:
            file.write(f"make dist-check: {what}\n")


def compile_everything() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    for target in TARGETS.values():
        started, build = time.monotonic(), Build(target, OUT / target.name, headers=LINKED)
        objects = {*build.core(), *build.core(curl=False), *build.addon_objects()}
        for python in PYTHONS:
            objects.update(build.extension_objects(python))
        print(f"{target.name}: {len(objects)} objects, {time.monotonic() - started:.0f} s", flush=True)


def run_one(dist: Path) -> None:
    """Builds the wheel for arm64 and runs its smoke test."""
    from .trial import places
    from .trial.__main__ import expected_arithmetic, run_in
    from .trial.provider import Provider

    build = Build(LINKED, OUT / LINKED.name)
    python_packages.wheel(
        LINKED, PYTHONS[0], build.extension(PYTHONS[0]), python_packages.metadata(OUT / "metadata"), dist
    )
    try:
        if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0:
            raise places.Missing("mount namespaces are forbidden here")
        place = places.arm64(dist)
    except places.Missing as reason:
        left_out(f"arm64 is linked, not run: {reason}")
        return
    with tempfile.TemporaryDirectory() as folder:
        provider = Provider(Path(folder))
        place.environment |= {"PYTHONPATH": place.site, "PYTHONDONTWRITEBYTECODE": "1"}
        given = provider.given(expected_arithmetic(native=False), None, rounds=50)
        problem = run_in(place, [str(ROOT / "tools/dist/trial/smoke.py"), given], provider, "smoke ok")
    if problem:
        sys.exit(f"{place.name}: {problem}")
    print(f"{place.name}: ok")


def made(*command: str) -> bool:
    return subprocess.run([str(ROOT / command[0]), *command[1:]]).returncode == 0


def main() -> None:
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch())
    if not made("tools/dist/deps.sh", "check"):
        left_out("other systems: packages that they need could not be installed")
        return
    made("tools/dist/trial/systems.sh", "arm64")  # run_one says what is missing
    try:
        compile_everything()
        with tempfile.TemporaryDirectory() as folder:
            run_one(Path(folder))
    except Unavailable as missing:
        left_out(f"other systems: {missing}")
    except subprocess.TimeoutExpired as late:
        sys.exit(str(late))


if __name__ == "__main__":
    main()
