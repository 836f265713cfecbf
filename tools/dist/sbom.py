"""Writes an SPDX 2.3 document beside each artefact: sbom.py WHEEL|SDIST|TGZ...  -> ARTEFACT.spdx.json

What is in it is read from the artefact itself: every file with its hashes, the packages that its metadata ask for, and
the libraries that its compiled objects link or hold. Whoever linked libraries statically names them (`parts`), with the
hash of their sources. The same artefact gives the same document: its date is SOURCE_DATE_EPOCH, or that of the newest
file inside.
"""

from __future__ import annotations

import datetime
import email.parser
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

# What a library is called there, its licence, and how its version stands in an object that holds it, if it always does.
LIBRARIES = {
    "libcrypto": ("openssl", "Apache-2.0", rb"OpenSSL (\d+\.\d+\.\d+[a-z]?) +\d+ [A-Z][a-z]{2} \d{4}"),
    "libcurl": ("curl", "curl", None),
    "libjansson": ("jansson", "MIT", None),
}


class Part(NamedTuple):
    """A library inside of an object, by what it was built from."""

    name: str
    version: str
    licence: str
    purl: str
    sha256: str = ""


class Artefact(NamedTuple):
    name: str
    version: str
    purl: str
    requires: list[tuple[str, str, str]]  # name, version range, purl
    files: dict[str, bytes]
    newest: float


def read_zip(path: Path) -> tuple[dict[str, bytes], float]:
    with zipfile.ZipFile(path) as archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        times = [datetime.datetime(*entry.date_time, tzinfo=datetime.timezone.utc).timestamp() for entry in entries]
        return {entry.filename: archive.read(entry) for entry in entries}, max(times)


def read_tar(path: Path) -> tuple[dict[str, bytes], float]:
    files, newest = {}, 0.0
    with tarfile.open(path) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            if content is not None:
                files[entry.name] = content.read()
                newest = max(newest, entry.mtime)
    return files, newest


def of_python(files: dict[str, bytes], newest: float) -> Artefact:
    metadata = min((name for name in files if re.search(r"(\.dist-info/METADATA|^[^/]+/PKG-INFO)$", name)), key=len)
    message = email.parser.BytesParser().parsebytes(files[metadata])
    requires = []
    for line in message.get_all("Requires-Dist") or []:
        name = re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0]
        if "extra ==" not in line:
            requires.append((name, line[len(name) :].strip(), f"pkg:pypi/{name.lower()}"))
    name, version = str(message["Name"]), str(message["Version"])
    return Artefact(name, version, f"pkg:pypi/{name}@{version}", requires, files, newest)


def of_npm(files: dict[str, bytes], newest: float) -> Artefact:
    package = json.loads(files["package/package.json"])
    requires = [(name, wanted, f"pkg:npm/{name}") for name, wanted in sorted(package.get("dependencies", {}).items())]
    name, version = package["name"], package["version"]
    return Artefact(name, version, f"pkg:npm/{name}@{version}", requires, files, newest)


def of_c(files: dict[str, bytes], newest: float) -> Artefact:
    text = next(content for name, content in files.items() if name.endswith("/fastbearer.pc")).decode()
    version = next(line.split()[1] for line in text.splitlines() if line.startswith("Version:"))
    return Artefact("fastbearer", version, f"pkg:generic/fastbearer@{version}", [], files, newest)


def read(path: Path) -> Artefact:
    if path.suffix == ".whl":
        return of_python(*read_zip(path))
    files, newest = read_tar(path)
    if "package/package.json" in files:
        return of_npm(files, newest)
    if any(name.endswith("/include/fastbearer.h") and "/core/" not in name for name in files):
        return of_c(files, newest)
    return of_python(files, newest)


def linked(content: bytes) -> list[tuple[str, str, str, str]]:
    """(relationship, name, version, licence) of each library that a compiled object needs or holds."""
    if not content.startswith(b"\x7fELF"):
        return []
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        dynamic = subprocess.run(["readelf", "-dW", file.name], capture_output=True, text=True, check=True).stdout
    found = []
    for library, (name, licence, version) in LIBRARIES.items():
        needed = re.search(rf"\(NEEDED\).*\[({library}[^\]]*)\]", dynamic)
        held = re.search(version, content) if version else None
        if needed:
            found.append(("DYNAMIC_LINK", name, needed.group(1), licence))
        elif held:
            found.append(("STATIC_LINK", name, held.group(1).decode(), licence))
    return found


def identifier(kind: str, name: str) -> str:
    return f"SPDXRef-{kind}-{re.sub(r'[^A-Za-z0-9.-]', '-', name)}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def package(kind: str, name: str, version: str, licence: str, purl: str, **more: Any) -> dict[str, Any]:
    return {
        "SPDXID": identifier(kind, f"{name} {version}"),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": licence,
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
        **more,
    }


def file_entry(name: str, content: bytes) -> dict[str, Any]:
    return {
        "SPDXID": identifier("File", name),
        "fileName": f"./{name}",
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(content).hexdigest()},  # SPDX demands it
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(content).hexdigest()},
        ],
        "licenseConcluded": "NOASSERTION",
        "licenseInfoInFiles": ["NOASSERTION"],
        "copyrightText": "NOASSERTION",
    }


def verification_code(entries: list[dict[str, Any]]) -> str:
    """SPDX 2.3 section 7.9."""
    return hashlib.sha1(
        "".join(sorted(entry["checksums"][0]["checksumValue"] for entry in entries)).encode()
    ).hexdigest()


def part_entry(part: Part) -> dict[str, Any]:
    checksums = {"checksums": [{"algorithm": "SHA256", "checksumValue": part.sha256}]} if part.sha256 else {}
    return package("Library", part.name, part.version, part.licence, part.purl, **checksums)


def is_object(content: bytes) -> bool:
    """ELF, Mach-O of 64 bits, PE, or an archive of objects."""
    return content.startswith((b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ", b"!<arch>\n"))


def carried(name: str, version: str, parts: list[Part]) -> dict[str, Any]:
    """The document that lies inside of a package (PEP 770): its libraries, without the hash of what it lies in."""
    main = package("Package", name, version, "Apache-2.0", f"pkg:generic/{name}@{version}")
    entries = [part_entry(part) for part in parts]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", main["SPDXID"])]
    relations += [(main["SPDXID"], "STATIC_LINK", entry["SPDXID"]) for entry in entries]
    identity = hashlib.sha256(json.dumps([name, version, parts]).encode()).hexdigest()
    epoch = float(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    return framed(name, f"urn:sha256:{identity}:{name}", epoch, [main, *entries], [], relations)


def framed(
    name: str,
    namespace: str,
    time: float,
    packages: list[dict[str, Any]],
    files: list[dict[str, Any]],
    relations: list[tuple[str, str, str]],
) -> dict[str, Any]:
    created = datetime.datetime.fromtimestamp(int(time), datetime.timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": namespace,
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Organization: fastbearer"]},
        "packages": packages,
        "files": files,
        "relationships": [
            {"spdxElementId": a, "relationshipType": kind, "relatedSpdxElement": b} for a, kind, b in relations
        ],
    }


def document(path: Path, parts: list[Part] | None = None) -> dict[str, Any]:
    artefact, digest = read(path), hashlib.sha256(path.read_bytes()).hexdigest()
    files = [file_entry(name, content) for name, content in sorted(artefact.files.items())]
    main = package(
        "Package",
        artefact.name,
        artefact.version,
        "Apache-2.0",
        artefact.purl,
        filesAnalyzed=True,
        packageFileName=path.name,
        packageVerificationCode={"packageVerificationCodeValue": verification_code(files)},
        checksums=[{"algorithm": "SHA256", "checksumValue": digest}],
        licenseInfoFromFiles=["NOASSERTION"],
    )
    packages, relations = [main], [("SPDXRef-DOCUMENT", "DESCRIBES", main["SPDXID"])]
    relations += [(main["SPDXID"], "CONTAINS", entry["SPDXID"]) for entry in files]
    for name, wanted, purl in artefact.requires:
        packages.append(package("Dependency", name, wanted or "any", "NOASSERTION", purl))
        relations.append((main["SPDXID"], "DEPENDS_ON", packages[-1]["SPDXID"]))
    for entry in files:
        content = artefact.files[entry["fileName"][2:]]
        found = [
            (relation, package("Library", name, version, licence, f"pkg:generic/{name}"))
            for relation, name, version, licence in linked(content)
        ]
        if parts is not None:
            found = [("STATIC_LINK", part_entry(part)) for part in parts] if is_object(content) else []
        for relation, known in found:
            if all(other["SPDXID"] != known["SPDXID"] for other in packages):
                packages.append(known)
            relations.append((entry["SPDXID"], relation, known["SPDXID"]))
    time = float(os.environ.get("SOURCE_DATE_EPOCH") or artefact.newest)
    return framed(path.name, f"urn:sha256:{digest}:{path.name}", time, packages, files, relations)


def main(paths: list[str]) -> None:
    for path in map(Path, paths):
        out = path.with_name(path.name + ".spdx.json")
        out.write_text(json.dumps(document(path), indent=1) + "\n")
        print(out)


if __name__ == "__main__":
    main(sys.argv[1:])
