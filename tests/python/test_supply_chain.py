"""What is published: the same bytes from the same sources, described to the last file; and what the tests install, by
hash."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

import fastbearer

ROOT = Path(__file__).resolve().parents[2]
EPOCH = "1750000000"

_spec = importlib.util.spec_from_file_location("sbom", ROOT / "tools/dist/sbom.py")
assert _spec is not None and _spec.loader is not None
sbom = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sbom)


def copy_of_the_sources(place: Path, age: float) -> Path:
    """Everything that could go into a package, with other times, other rights and in another order on the disk."""
    names = ["core", "bindings", "python", "node", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md",
             "CHANGELOG.md", "LICENSE", "SECURITY.md", "CMakeLists.txt", "package.json"]  # fmt: skip
    for name in names if age == 0 else reversed(names):
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("*.so", "*.node", "__pycache__", "*.egg-info", "prebuilds", "node_modules")
            shutil.copytree(source, place / name, ignore=ignored, copy_function=shutil.copyfile)
        elif source.exists():
            shutil.copyfile(source, place / name)
    for path in place.rglob("*"):
        os.utime(path, (1600000000 + age, 1600000000 + age))
        if path.is_file() and age:
            path.chmod(0o600)
    return place


def build_sdist(place: Path) -> Path:
    code = "import sys; from setuptools.build_meta import build_sdist; print(build_sdist(sys.argv[1]))"
    out = place / "out"
    out.mkdir()
    subprocess.run(
        [sys.executable, "-c", code, str(out)],
        cwd=place,
        check=True,
        capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
    )
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def sdists(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    pytest.importorskip("setuptools", minversion="77")
    made = []
    for number, umask in enumerate((0o022, 0o077)):
        before = os.umask(umask)
        try:
            made.append(build_sdist(copy_of_the_sources(tmp_path_factory.mktemp("copy"), number * 86400.0)))
        finally:
            os.umask(before)
    return made


def test_the_same_sources_make_the_same_sdist(sdists: list[Path]) -> None:
    assert sdists[0].read_bytes() == sdists[1].read_bytes()


def test_the_sdist_builds_without_the_repository(sdists: list[Path]) -> None:
    """All that core/sources.txt and the binding name is in it, and nothing that was compiled."""
    with tarfile.open(sdists[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    listed = [
        line for line in (ROOT / "core/sources.txt").read_text().splitlines() if line and not line.startswith("#")
    ]
    assert set(listed) <= names and "bindings/python/exports.map" in names and "core/include/fastbearer.h" in names
    assert not [name for name in names if name.endswith((".so", ".pyc", ".o"))]


@pytest.mark.skipif(not (ROOT / "package.json").exists() or shutil.which("npm") is None, reason="no npm")
def test_the_same_sources_make_the_same_npm_package(tmp_path: Path) -> None:
    made = []
    for number in (0, 1):
        place = tmp_path / str(number)
        place.mkdir()
        copy_of_the_sources(place, number * 86400.0)
        subprocess.run([ROOT / "tools/dist/npm_pack.sh", place, tmp_path], check=True, capture_output=True)
        made.append(next(tmp_path.glob("*.tgz")).read_bytes())
    assert made[0] == made[1]


def check_document(found: dict[str, Any], files: dict[str, bytes]) -> None:
    """SPDX 2.3: what must be there, and that every file of the artefact is described by its hashes."""
    assert found["spdxVersion"] == "SPDX-2.3" and found["dataLicense"] == "CC0-1.0" and found["documentNamespace"]
    assert {entry["fileName"]: entry["checksums"][1]["checksumValue"] for entry in found["files"]} == {
        f"./{name}": hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    everything = [found["SPDXID"], *(element["SPDXID"] for kind in ("packages", "files") for element in found[kind])]
    assert len(set(everything)) == len(everything)
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", name) for name in everything)
    for relation in found["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= set(everything)


def test_the_document_of_a_sdist(sdists: list[Path]) -> None:
    found = sbom.document(sdists[0])
    check_document(found, sbom.read(sdists[0]).files)
    (main,) = found["packages"]
    assert (main["name"], main["versionInfo"], main["licenseDeclared"]) == (
        "fastbearer",
        fastbearer.__version__,
        "Apache-2.0",
    )
    assert main["externalRefs"][0]["referenceLocator"] == f"pkg:pypi/fastbearer@{fastbearer.__version__}"
    assert sbom.document(sdists[0]) == found


def test_the_document_of_a_wheel(tmp_path: Path) -> None:
    """Which libraries it needs is read from the extension that is in it."""
    wheel = tmp_path / "fastbearer-0-cp310-abi3-linux_x86_64.whl"
    metadata = "Metadata-Version: 2.4\nName: fastbearer\nVersion: 0\n"
    metadata += "Requires-Dist: other>=1\nRequires-Dist: x; extra == 'test'\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("fastbearer-0.dist-info/METADATA", metadata)
        archive.write(fastbearer._native.__file__, "fastbearer/_native.abi3.so")
    found = sbom.document(wheel)
    check_document(found, sbom.read(wheel).files)
    assert [package["name"] for package in found["packages"]] == ["fastbearer", "other", "openssl", "curl", "jansson"]
    links = [relation for relation in found["relationships"] if relation["relationshipType"].endswith("_LINK")]
    assert len(links) == 3 and len({relation["spdxElementId"] for relation in links}) == 1


def test_what_the_tests_install_is_pinned_by_hash() -> None:
    text = (ROOT / "tools/setup/requirements.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) > 15
    for line in lines:
        assert re.match(r"[a-z0-9-]+==[^ ]+ ", line) and "--hash=sha256:" in line, line
    named = {re.split("[=; ]", line)[0] for line in lines}
    extra = re.search(r"^test = \[(.*)\]$", (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert extra is not None
    assert {re.split(r"[ >=]", name.strip(' "'))[0] for name in extra.group(1).split(",")} <= named
