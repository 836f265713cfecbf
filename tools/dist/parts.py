"""What an artefact carries besides our own sources: name, version, licence and text of each part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .compiler import zig
from .fetch import unpacked
from .lock import read
from .targets import Target


@dataclass(frozen=True)
class Part:
    name: str
    version: str
    licence: str
    purl: str
    sha256: str  # of the source file, empty for what comes with the compiler
    text: Path


def _of_lock(name: str) -> Part:
    source = read()[name]
    purl = f"pkg:npm/{name}@{source.version}" if source.provider == "npm" else f"pkg:generic/{name}@{source.version}"
    return Part(name, source.version, source.licence, purl, source.sha256, unpacked(source) / source.licence_files[0])


def _of_zig(name: str, licence: str, text: str) -> Part:
    version = f"zig-{read()['zig'].version}"
    return Part(name, version, licence, f"pkg:generic/{name}@{version}", "", zig().parent / text)


def parts(target: Target, kind: str) -> list[Part]:
    """`kind` is wheel, npm or c. What comes with the compiler is linked too."""
    found = [_of_lock(name) for name in ("openssl", "jansson", *(["curl"] if kind != "npm" else []))]
    found.append(_of_zig("compiler-rt", "MIT", "LICENSE"))
    if target.system == "win32":
        found.append(_of_zig("mingw-w64", "ZPL-2.1", "lib/libc/mingw/COPYING"))
    return found


def licence_texts(target: Target, kind: str) -> dict[str, bytes]:
    """File name -> text."""
    return {f"{part.name}-{part.version}.txt": part.text.read_bytes() for part in parts(target, kind)}
