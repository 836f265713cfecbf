"""Programs in C that use the tarballs as another project does: by gcc alone, and by find_package(fastbearer)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..compiler import environment, tools
from ..lock import read
from ..targets import TARGETS, Target
from .places import WORK, Missing

Timed = Callable[[str, Callable[[], str | None]], None]

PROGRAM = """#include <fastbearer.h>
#include <stdio.h>
int main(void)
{
    return printf("%s %s\\n", fb_version(), fb_openssl_version()) < 0;
}
"""
PROJECT = """cmake_minimum_required(VERSION 3.21)
project(consumer C)
find_package(fastbearer REQUIRED CONFIG)
add_executable(shared program.c)
target_link_libraries(shared PRIVATE fastbearer::fastbearer)
add_executable(static program.c)
target_link_libraries(static PRIVATE fastbearer::fastbearer_static)
"""
KINDS = ("shared", "static")


def unpacked(dist: Path, target: Target, place: Path) -> Path:
    """Unpacked somewhere, with a program beside it."""
    tarball = next(dist.glob(f"fastbearer-c-*-{target.name}.tar.gz"), None)
    if tarball is None:
        raise Missing(f"there is no tarball for {target.name}")
    package = place / "package"
    package.mkdir()
    subprocess.run(["tar", "xzf", tarball, "--strip-components=1", "-C", package], check=True)
    (place / "program.c").write_text(PROGRAM)
    (place / "CMakeLists.txt").write_text(PROJECT)
    return package


def problem(command: list[str], more: dict[str, str]) -> str | None:
    """Of a program that should say two versions."""
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **more}, stdin=subprocess.PIPE)
    return (
        None
        if ran.stdout.strip().endswith(read()["openssl"].version)
        else f"{ran.returncode}: {ran.stdout}{ran.stderr}"
    )


def runner(target: Target, kind: str) -> list[str]:
    """What runs a program of another system here."""
    if target.system == "darwin":
        raise Missing("nothing here runs a program for macOS")
    if target.system == "win32":
        wine = shutil.which("wine64") or "/usr/lib/wine/wine64"
        if not os.path.exists(wine):
            raise Missing("wine64 is missing: tools/dist/trial/systems.sh")
        return [wine]
    loader = Path(f"/lib/ld-musl-{target.cpu}.so.1")
    root = WORK / "arm64"
    if target.cpu == "x86_64":
        if target.libc == "musl" and kind == "shared" and not loader.exists():
            raise Missing("musl's loader is missing: apt-get install musl")
        return []
    if shutil.which("qemu-aarch64-static") is None or not (root / "usr/bin").is_dir():
        raise Missing("Debian's arm64 packages or qemu-user-static are missing: tools/dist/trial/systems.sh")
    if target.libc == "musl" and kind == "shared" and not (root / str(loader).lstrip("/")).exists():
        raise Missing("musl's loader for arm64 is missing: tools/dist/trial/systems.sh")
    return ["qemu-aarch64-static", "-L", str(root)]


def by_gcc(package: Path, place: Path, timed: Timed) -> None:
    words = {"shared": ["-lfastbearer"], "static": [f"{package}/lib/libfastbearer.a", "-lm", "-lpthread", "-ldl"]}
    for kind in KINDS:

        def act(kind: str = kind) -> str | None:
            program = place / f"by-gcc-{kind}"
            given = [f"-I{package}/include", f"-L{package}/lib", *words[kind]]
            subprocess.run(
                ["gcc", place / "program.c", *given, "-o", program], check=True, capture_output=True, text=True
            )
            return problem([str(program)], {"LD_LIBRARY_PATH": f"{package}/lib"})

        timed(f"C, linux-x64: a program with the {kind} library", act)


def by_cmake(target: Target, package: Path, place: Path, timed: Timed, not_run: Callable[[str], None]) -> None:
    """Cross-compiled as everything else, by the targets of the CMake package alone."""
    built = place / "build"

    def build() -> str | None:
        settings = [
            f"-DCMAKE_TOOLCHAIN_FILE={tools(target) / 'toolchain.cmake'}",
            f"-Dfastbearer_DIR={package / 'lib/cmake/fastbearer'}",
        ]
        for words in (["-S", str(place), "-B", str(built), *settings], ["--build", str(built)]):
            done = subprocess.run(["cmake", *words], capture_output=True, text=True, env=environment())
            if done.returncode:
                return done.stdout + done.stderr
        return None

    timed(f"C, {target.name}: find_package(fastbearer) and both of its targets", build)
    ending = ".exe" if target.system == "win32" else ""
    for kind in KINDS:
        program = built / (kind + ending)
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(package / "bin/fastbearer.dll", built)
        try:
            command = [*runner(target, kind), str(program)]
        except Missing as reason:
            not_run(f"C, {target.name}, {kind}: {reason}")
            continue
        more = {"WINEPREFIX": str(WORK / "wine"), "WINEDEBUG": "-all"} if target.system == "win32" else {}
        timed(
            f"C, {target.name}: the program with fastbearer::fastbearer{'_static' if kind == 'static' else ''}",
            partial(problem, command, more),
        )


def run(dist: Path, timed: Timed, not_run: Callable[[str], None]) -> None:
    for target in TARGETS.values():
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            try:
                package = unpacked(dist, target, place)
            except Missing as reason:
                not_run(f"C: {reason}")
                continue
            if target.name == "linux-x64":
                by_gcc(package, place, timed)
            by_cmake(target, package, place, timed, not_run)
