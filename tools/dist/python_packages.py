"""Wheels and the source distribution. Metadata are setuptools' own, of the pinned version; the archive is ours."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import sys
import tempfile
from pathlib import Path

from . import sbom
from .archive import epoch, zipped
from .compiler import run
from .fetch import unpacked
from .lock import ROOT, read
from .native import Python
from .parts import licence_texts, parts
from .targets import Target


def _backend(call: str, out: Path) -> None:
    code = f"import sys; from setuptools import build_meta; build_meta.{call}(sys.argv[1])"
    more = {
        "PYTHONPATH": str(unpacked(read()["setuptools"])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SOURCE_DATE_EPOCH": str(epoch()),
    }
    with tempfile.TemporaryDirectory() as folder:  # a copy of what git knows: nothing else can get in
        copy = Path(folder) / "sources"
        copy.mkdir()
        files = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
        run("cp", "--parents", "-t", copy, *[name for name in files if name and (ROOT / name).exists()], cwd=ROOT)
        run(sys.executable, "-c", code, out, cwd=copy, **more)


def modules() -> list[str]:
    """What git knows of the package, by its place in a wheel."""
    names = run("git", "ls-files", "-z", "--", "python/fastbearer", cwd=ROOT).split("\0")
    return sorted(name.removeprefix("python/") for name in names if name and (ROOT / name).is_file())


def metadata(folder: Path) -> Path:
    """The .dist-info of a wheel, made once."""
    if not folder.is_dir():
        folder.mkdir(parents=True)
        _backend("prepare_metadata_for_build_wheel", folder)
    return next(folder.glob("*.dist-info"))


def sdist(out: Path) -> Path:
    before = set(out.glob("*.tar.gz"))
    _backend("build_sdist", out)
    made = max(set(out.glob("fastbearer-*.tar.gz")) - before or before, key=lambda path: path.stat().st_mtime)
    describe(made, [])
    return made


def describe(path: Path, inside: list[sbom.Part]) -> None:
    """The SPDX document beside an artefact."""
    path.with_name(path.name + ".spdx.json").write_text(json.dumps(sbom.document(path, inside), indent=1) + "\n")


def spdx_parts(target: Target, kind: str) -> list[sbom.Part]:
    return [sbom.Part(part.name, part.version, part.licence, part.purl, part.sha256) for part in parts(target, kind)]


def _record(files: dict[str, bytes], name: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for entry, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        writer.writerow([entry, f"sha256={digest}", len(data)])
    writer.writerow([name, "", ""])
    return text.getvalue().encode()


def wheel(target: Target, python: Python, extension: Path, info: Path, out: Path) -> Path:
    name, version = info.name.removesuffix(".dist-info").split("-")
    files = {path: (ROOT / "python" / path).read_bytes() for path in modules()}
    files[f"fastbearer/{extension.name}"] = extension.read_bytes()
    if target.system != "win32":
        manual = (ROOT / "python/man/fastbearer.1").read_bytes()
        files[f"{name}-{version}.data/data/share/man/man1/fastbearer.1"] = manual
    for path in sorted(info.rglob("*")):
        if path.is_file() and path.name not in ("RECORD", "WHEEL"):
            files[str(path.relative_to(info.parent))] = path.read_bytes()
    for text, content in licence_texts(target, "wheel").items():
        files[f"{info.name}/licenses/{text}"] = content
    inside = spdx_parts(target, "wheel")
    files[f"{info.name}/sboms/fastbearer.spdx.json"] = (
        json.dumps(sbom.carried(name, version, inside), indent=1) + "\n"
    ).encode()
    tags = "".join(f"Tag: {python.tag}-{platform}\n" for platform in target.wheel.split("."))
    files[f"{info.name}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: fastbearer-dist\nRoot-Is-Purelib: false\n{tags}\n".encode()
    )
    files[f"{info.name}/RECORD"] = _record(files, f"{info.name}/RECORD")
    made = out / f"{name}-{version}-{python.tag}-{target.wheel}.whl"
    zipped(made, files)
    describe(made, inside)
    return made
