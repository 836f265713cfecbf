"""make dist-check: our sources compile for every target, and one of them is linked and run under an emulator.

For CI, where a whole make dist takes too long. All compile with the headers of the libraries of the one that is linked.
Without a network and without the pinned files at hand it says so, and fails nothing.

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


def compile_everything() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    for target in TARGETS.values():
        started, build = time.monotonic(), Build(target, OUT / target.name, headers=LINKED)
        objects = {*build.core(), *build.core(curl=False), *build.addon_objects()}
        for python in PYTHONS:
            objects.update(build.extension_objects(python))
        print(f"{target.name}: {len(objects)} objects, {time.monotonic() - started:.0f} s", flush=True)


def run_one(dist: Path) -> str:
    """Builds the wheel for arm64 and runs its smoke test; a sentence when there is no emulator or system for it."""
    from .trial import places
    from .trial.__main__ import expected_arithmetic, run_in
    from .trial.provider import Provider

    build = Build(LINKED, OUT / LINKED.name)
    python_packages.wheel(
        LINKED, PYTHONS[0], build.extension(PYTHONS[0]), python_packages.metadata(OUT / "metadata"), dist
    )
    try:
        place = places.arm64(dist)
    except places.Missing as reason:
        return f"linked, not run: {reason}"
    with tempfile.TemporaryDirectory() as folder:
        provider = Provider(Path(folder))
        place.environment |= {"PYTHONPATH": place.site, "PYTHONDONTWRITEBYTECODE": "1"}
        given = provider.given(expected_arithmetic(native=False), None, rounds=50)
        problem = run_in(place, [str(ROOT / "tools/dist/trial/smoke.py"), given], provider, "smoke ok")
    if problem:
        sys.exit(f"{place.name}: {problem}")
    return f"{place.name}: ok"


def main() -> None:
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch())
    try:
        compile_everything()
        with tempfile.TemporaryDirectory() as folder:
            print(run_one(Path(folder)))
    except Unavailable as missing:
        print(f"other systems are left out: {missing}")
    except subprocess.TimeoutExpired as late:
        sys.exit(str(late))


if __name__ == "__main__":
    main()
