"""Archives that are the same, byte for byte, for the same content: order, times, owners and modes are set here."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

from .compiler import run
from .lock import ROOT

Content = Mapping[str, bytes]


def epoch() -> int:
    """The time in everything that is made: that of the commit."""
    if "SOURCE_DATE_EPOCH" not in os.environ:
        os.environ["SOURCE_DATE_EPOCH"] = run("git", "log", "-1", "--format=%ct", cwd=ROOT).strip()
    return int(os.environ["SOURCE_DATE_EPOCH"])


def mode(name: str) -> int:
    return 0o755 if name.endswith((".so", ".node", ".pyd", ".dylib", ".dll")) or ".so." in name else 0o644


def zipped(path: Path, content: Content) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, time.gmtime(epoch())[:6])
            entry.external_attr = (0o100000 | mode(name)) << 16
            entry.create_system, entry.compress_type = 3, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


def tarred(path: Path, content: Content, links: Mapping[str, str] | None = None) -> None:
    """A .tar.gz; `links` are symbolic links and what they point to."""
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, epoch()) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted([*content, *(links or {})]):
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode = epoch(), mode(name)
            if links and name in links:
                entry.type, entry.linkname = tarfile.SYMTYPE, links[name]
                archive.addfile(entry)
            else:
                entry.size = len(content[name])
                archive.addfile(entry, io.BytesIO(content[name]))
