"""python3 -m tools.dist: see the package."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from . import c_packages, npm_packages, python_packages
from .archive import epoch
from .fetch import Unavailable
from .lock import ROOT
from .native import PYTHONS, Build
from .targets import named

KINDS = ("wheel", "sdist", "npm", "c")


def build(targets: str | None, kinds: list[str], out: Path) -> None:
    work = ROOT / "build-dist"
    shutil.rmtree(work, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch())
    if "sdist" in kinds:
        print(python_packages.sdist(out))
    if "npm" in kinds:
        print(npm_packages.main_package(out))
    for target in named(targets):
        started, made = time.monotonic(), Build(target, work / target.name)
        if "wheel" in kinds:
            info = python_packages.metadata(work / "metadata")
            for python in PYTHONS:
                print(python_packages.wheel(target, python, made.extension(python), info, out), flush=True)
        if "npm" in kinds:
            print(npm_packages.platform_package(target, made.addon(), out), flush=True)
        if "c" in kinds:
            print(c_packages.tarball(made, out), flush=True)
        print(f"{target.name}: {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python3 -m tools.dist", description="Builds what is published from pinned sources."
    )
    parser.add_argument("--targets", help="names with commas; all of them by default")
    parser.add_argument("--only", default=",".join(KINDS), help="wheel, sdist, npm, c")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    try:
        build(options.targets, options.only.split(","), options.out.resolve())
    except Unavailable as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
