"""zig as the cross compiler of every target: wrappers with the names that build systems look for, and the flags."""

from __future__ import annotations

import os
import shlex
import subprocess
from functools import cache
from pathlib import Path

from .fetch import unpacked
from .lock import CACHE, read
from .targets import Target

JOBS = os.environ.get("JOBS") or str(os.cpu_count())


class BuildError(SystemExit):
    pass


@cache
def zig() -> Path:
    return unpacked(read()["zig"]) / "ziglang/zig"


def environment(**more: str) -> dict[str, str]:
    """What a step sees: nothing of this machine's language, time or flags gets into the bytes."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    caches = {name: str(CACHE / "zig") for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR")}
    return {
        **kept,
        **caches,
        "LC_ALL": "C",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "0"),
        **more,
    }


def run(*command: str | Path, cwd: Path | None = None, log: Path | None = None, **more: str) -> str:
    """Output of a step that succeeded. One that failed ends the build with what it said last."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if log is not None:
        with log.open("a") as file:
            file.write(f"$ {shlex.join(words)}\n{done.stdout}")
    if done.returncode != 0:
        raise BuildError(f"{shlex.join(words)[:400]}\n{done.stdout[-4000:]}\n{words[0]} failed with {done.returncode}")
    return done.stdout


def flags(target: Target, mapped: dict[Path, str]) -> list[str]:
    """OpenSSF "Compiler Options Hardening Guide for C and C++"; `mapped` says what this machine's paths are called.

    zig's own defaults are turned off where they differ from other compilers': it would trap undefined behaviour.
    """
    found = [
        "-O2",
        "-g0",
        "-fvisibility=hidden",
        "-ffunction-sections",
        "-fdata-sections",
        "-fno-strict-overflow",
        "-fno-delete-null-pointer-checks",
        "-fno-sanitize=undefined",
        "-fstack-protector-strong",
    ]
    # Without -s zig writes the object's path, with a random name in it, into every object for Windows, even with -g0.
    found.append("-s" if target.system == "win32" else "-fPIC")
    if target.system == "linux":
        found += [
            "-fstack-clash-protection",
            "-fcf-protection=full" if target.cpu == "x86_64" else "-mbranch-protection=standard",
        ]
    return found + [f"-ffile-prefix-map={path}={name}" for path, name in mapped.items()]


#: Not for libraries whose own build sets it; glibc's headers check more with it.
FORTIFY = ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"]


def tools(target: Target) -> Path:
    """A folder with cc, ar, ranlib and rc for a target, and toolchain.cmake."""
    place = CACHE / "tools" / f"{target.name}-{zig().parent.parent.name}"
    if (place / "toolchain.cmake").is_file():
        return place
    place.mkdir(parents=True, exist_ok=True)
    commands = {"cc": f"cc -target {target.triple}", "ar": "ar", "ranlib": "ranlib", "rc": "rc", "dlltool": "dlltool"}
    for name, command in commands.items():
        (place / name).write_text(f'#!/bin/sh\nexec {zig()} {command} "$@"\n')
        (place / name).chmod(0o755)
    settings = {
        "CMAKE_SYSTEM_NAME": {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}[target.system],
        "CMAKE_SYSTEM_PROCESSOR": target.cpu,
        **{
            f"CMAKE_{what}": place / name
            for what, name in {"C_COMPILER": "cc", "AR": "ar", "RANLIB": "ranlib", "RC_COMPILER": "rc"}.items()
        },
        "CMAKE_FIND_ROOT_PATH_MODE_PROGRAM": "NEVER",
        **{f"CMAKE_FIND_ROOT_PATH_MODE_{what}": "ONLY" for what in ("LIBRARY", "INCLUDE", "PACKAGE")},
        **{f"CMAKE_OSX_{what}": '""' for what in ("SYSROOT", "DEPLOYMENT_TARGET", "ARCHITECTURES")},
        "CMAKE_C_COMPILER_WORKS": "ON",
    }
    (place / "toolchain.cmake").write_text("".join(f"set({name} {value})\n" for name, value in settings.items()))
    return place
