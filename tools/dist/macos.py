"""Linking for macOS by LLVM's linker: that of zig fails now and then on archives of this size.

The system's library is described by zig's own libSystem.tbd.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from .compiler import BuildError, run, zig
from .lock import CACHE
from .targets import Target


def _sdk() -> Path:
    """A folder with the description, less the targets that LLVM does not know yet."""
    place = CACHE / "tools" / f"macos-{zig().parent.parent.name}"
    if not (place / "libSystem.tbd").is_file():
        place.mkdir(parents=True, exist_ok=True)
        text = (zig().parent / "lib/libc/darwin/libSystem.tbd").read_text(encoding="utf-8")
        (place / "libSystem.tbd").write_text(re.sub(r",? *arm64e\.x1-[a-z]+", "", text))
    return place


def link(target: Target, result: Path, exports: list[str], inputs: list[Path], dylib: str = "") -> None:
    linker = shutil.which("ld64.lld-19") or shutil.which("ld64.lld")
    if linker is None:
        raise BuildError("ld64.lld is missing: apt-get install lld-19")
    kind = ["-dylib", "-install_name", f"@rpath/{dylib}"] if dylib else ["-bundle", "-undefined", "dynamic_lookup"]
    wanted = [word for name in exports for word in ("-exported_symbol", f"_{name}")]
    arch = "arm64" if target.cpu == "aarch64" else "x86_64"
    run(
        linker,
        "-arch",
        arch,
        "-platform_version",
        "macos",
        "11.0.0",
        "11.0.0",
        *kind,
        *wanted,
        "-dead_strip",
        "-x",
        "-adhoc_codesign",
        f"-L{_sdk()}",
        "-lSystem",
        "-o",
        result,
        *inputs,
    )
