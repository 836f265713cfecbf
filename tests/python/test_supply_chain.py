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
    package = {path for kind in ("*.py", "*.pyi", "py.typed") for path in (ROOT / "python/fastbearer").rglob(kind)}
    assert {str(path.relative_to(ROOT)) for path in package} <= names, "pyproject.toml lists no such package"
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


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """With the extension that runs here."""
    made = tmp_path / "fastbearer-0-cp310-abi3-linux_x86_64.whl"
    metadata = "Metadata-Version: 2.4\nName: fastbearer\nVersion: 0\n"
    metadata += "Requires-Dist: other>=1\nRequires-Dist: x; extra == 'test'\n"
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("fastbearer-0.dist-info/METADATA", metadata)
        archive.write(fastbearer._native.__file__, "fastbearer/_native.abi3.so")
    return made


def links(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what has it, how, which library) of each library."""
    names = {package["SPDXID"]: package["name"] for package in document["packages"]}
    return [
        (relation["spdxElementId"], relation["relationshipType"], names[relation["relatedSpdxElement"]])
        for relation in document["relationships"]
        if relation["relationshipType"].endswith("_LINK")
    ]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads ELF")
def test_the_document_of_a_wheel(wheel: Path) -> None:
    """Which libraries it needs or holds is read from the extension that is in it; curl and jansson leave no name in an
    object that holds them."""
    found = sbom.document(wheel)
    check_document(found, sbom.read(wheel).files)
    built_in = fastbearer.versions()["built_in"]
    libraries = ["openssl"] if built_in else ["openssl", "curl", "jansson"]
    assert [package["name"] for package in found["packages"]] == ["fastbearer", "other", *libraries]
    extension = sbom.identifier("File", "fastbearer/_native.abi3.so")
    assert links(found) == [(extension, "STATIC_LINK" if built_in else "DYNAMIC_LINK", name) for name in libraries]
    if built_in:
        assert found["packages"][-1]["versionInfo"] == fastbearer.versions()["openssl"]


def test_the_document_of_a_wheel_whose_libraries_are_named(wheel: Path) -> None:
    """Whoever linked them says what they are: that goes before what can be read from the extension."""
    parts = [
        sbom.Part("openssl", "9.9.9", "Apache-2.0", "pkg:generic/openssl@9.9.9", "ab" * 32),
        sbom.Part("jansson", "8.8.8", "MIT", "pkg:generic/jansson@8.8.8"),
    ]
    found = sbom.document(wheel, parts)
    check_document(found, sbom.read(wheel).files)
    extension = sbom.identifier("File", "fastbearer/_native.abi3.so")
    assert links(found) == [(extension, "STATIC_LINK", "openssl"), (extension, "STATIC_LINK", "jansson")]
    _, _, openssl, jansson = found["packages"]
    assert (openssl["versionInfo"], jansson["versionInfo"]) == ("9.9.9", "8.8.8")
    assert openssl["checksums"] == [{"algorithm": "SHA256", "checksumValue": "ab" * 32}] and "checksums" not in jansson


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


def test_cargo_finds_its_toolchain_under_another_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As CI has it. What runs is rustup's stand-in, which looks below HOME unless it is told."""
    pytest.importorskip("tomllib")
    pwd = pytest.importorskip("pwd")
    from tools.dist import fetch

    (tmp_path / "cargo").write_text('#!/bin/sh\necho "error: $RUSTUP_HOME" >&2\necho "13: <unknown>" >&2\nexit 1\n')
    (tmp_path / "cargo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RUSTUP_HOME", raising=False)
    another = tmp_path / "another"
    another.mkdir()
    source = fetch.Source("x", "1", "x.crate", "", "", (), True, "cargo", "x=1")
    with pytest.raises(fetch.Unavailable, match=f"error: {pwd.getpwuid(os.getuid()).pw_dir}/.rustup$"):
        fetch.by_cargo(source, tmp_path)
    monkeypatch.setenv("RUSTUP_HOME", "/elsewhere")
    with pytest.raises(fetch.Unavailable, match="error: /elsewhere$"):
        fetch.by_cargo(source, another)
