"""What can be read off the files: exports, what they ask of the system, hardening, paths, signatures, metadata.

Nothing is run here, so macOS is checked as far as the others; no macOS is at hand to run it on.
"""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from ..c_packages import exports
from ..lock import CACHE, ROOT
from ..targets import TARGETS, Target

ENTRY_POINTS = {
    "wheel": {"PyInit__native"},
    "npm": {"napi_register_module_v1", "node_api_module_get_api_version_v1"},
    "c": set(exports()),
}
GLIBC = (2, 17)
ELF_NEEDS = r"(libc|libm|libpthread|libdl)\.so\.\d+|ld-linux-[\w-]+\.so\.\d|libc\.musl-\w+\.so\.1"
PE_NEEDS = (
    r"(?i)(kernel32|ws2_32|crypt32|bcrypt|advapi32|user32|iphlpapi|secur32|python3(\d\dt)?|api-ms-win-[\w-]+)\.dll"
)
MACHO_NEEDS = r"/usr/lib/libSystem\.B\.dylib|@rpath/libfastbearer\.\d+\.dylib"


def output(*command: str | Path) -> str:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True, errors="replace"
    ).stdout


def compiled_files(artefact: Path) -> Iterator[tuple[str, bytes]]:
    """What is loaded or linked, static libraries included, in a wheel or tarball."""
    if artefact.suffix == ".whl":
        with zipfile.ZipFile(artefact) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
    else:
        with tarfile.open(artefact) as file:
            members = [member for member in file if member.isfile()]
            content = {member.name: file.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    for name, data in content.items():
        if re.search(r"\.(so|pyd|node|dll|dylib|a)$|\.so\.[\d.]+$", name):
            yield name, data


def check_elf(path: Path, target: Target) -> Iterator[str]:
    program, dynamic, symbols = (output("readelf", flag, "-W", path) for flag in ("-l", "-d", "--dyn-syms"))
    needed = re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
    yield from (f"needs {name}" for name in needed if not re.fullmatch(ELF_NEEDS, name))
    if target.libc == "musl" and any(name == "libc.so" for name in needed):
        yield "names musl as no system does"
    versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([\d.]+)", symbols)}
    yield from (f"needs glibc {version}" for version in versions if version > GLIBC)
    wanted = {
        "RELRO": ("GNU_RELRO", program),
        "immediate binding": (r"BIND_NOW|FLAGS.*NOW", dynamic),
        "a stack that is not executable": (r"GNU_STACK.*RW ", program),
        "NODELETE": ("NODELETE", dynamic),
        "the stack protector": ("__stack_chk_fail", symbols),
    }
    if target.libc == "glibc":
        wanted["_FORTIFY_SOURCE"] = (r"__(mem|str|sn?printf|vsn?printf|read|fd)\w*_chk", symbols)
    yield from (f"{what} is missing" for what, (pattern, text) in wanted.items() if not re.search(pattern, text))
    yield from (f"has {word}" for word in ("TEXTREL", "RPATH", "RUNPATH") if word in dynamic)
    if re.search(r"LOAD.* RWE ", program):
        yield "a segment can be written and executed"
    code = output(
        "llvm-objdump", "-d", "--no-show-raw-insn", *(["--mattr=+v8.5a"] if target.cpu == "aarch64" else []), path
    )
    marks = len(re.findall(r"\bendbr64\b" if target.cpu == "x86_64" else r"\b(paciasp|bti)\b", code))
    if marks < 50:
        yield "control-flow protection is missing"


def check_pe(path: Path, target: Target) -> Iterator[str]:
    text = output("llvm-readobj", "--file-headers", "--coff-imports", path)
    yield from (
        f"needs {name}" for name in re.findall(r"Import \{\s+Name: (\S+)", text) if not re.fullmatch(PE_NEEDS, name)
    )
    flags = ("DYNAMIC_BASE", "NX_COMPAT", "HIGH_ENTROPY_VA")
    yield from (f"{flag} is missing" for flag in flags if f"IMAGE_DLL_CHARACTERISTICS_{flag}" not in text)


def check_macho(path: Path, target: Target) -> Iterator[str]:
    text = output("llvm-objdump", "--macho", "--private-headers", path)
    loads = re.findall(r"cmd LC_(?:LOAD|ID|LOAD_WEAK)_DYLIB\n.*\n\s+name (\S+)", text)
    yield from (f"needs {name}" for name in loads if not re.fullmatch(MACHO_NEEDS, name))
    if not re.search(r"cmd LC_BUILD_VERSION\n.*\n\s+platform (1|macos)\n(?:.*\n)?\s+minos 11\.0", text):
        yield "is not for macOS 11"
    yield from (f"has {word}" for word in ("LC_RPATH", "LC_UUID_MISSING") if word in text)
    yield from signature_problems(path.read_bytes())


def signature_problems(data: bytes) -> Iterator[str]:
    """An ad-hoc signature: the SHA-256 of every page, as macOS on arm64 demands before it maps one."""
    count, offset, place = struct.unpack_from("<I", data, 16)[0], 32, None
    for _ in range(count):
        command, size = struct.unpack_from("<II", data, offset)
        if command == 0x1D:  # LC_CODE_SIGNATURE
            place = struct.unpack_from("<I", data, offset + 8)[0]
        offset += size
    if place is None:
        yield "has no code signature"
        return
    blobs = struct.unpack_from(">III", data, place)[2]
    starts = [struct.unpack_from(">II", data, place + 12 + 8 * i) for i in range(blobs)]
    directory = place + next(start for kind, start in starts if kind == 0)  # CSSLOT_CODEDIRECTORY
    hashes, _, _, slots, limit = struct.unpack_from(">IIIII", data, directory + 16)
    page = 1 << data[directory + 39]
    for i in range(slots):
        block = data[i * page : min((i + 1) * page, limit)]
        at = directory + hashes + 32 * i
        if hashlib.sha256(block).digest() != data[at : at + 32]:
            yield f"page {i} does not have the hash that was signed"
            return


FORMATS: dict[str, Callable[[Path, Target], Iterator[str]]] = {
    "linux": check_elf,
    "win32": check_pe,
    "darwin": check_macho,
}


def exported(path: Path, system: str) -> set[str]:
    if system == "win32":
        return set(re.findall(r"Export \{[^}]*?Name: (\S+)", output("llvm-readobj", "--coff-exports", path)))
    dynamic = ["--dynamic"] if system == "linux" else []
    listed = output("llvm-nm", *dynamic, "--extern-only", "--defined-only", "--just-symbol-name", path).split()
    return {name.removeprefix("_") if system == "darwin" else name for name in listed}


def kind_of(artefact: Path) -> tuple[str, Target] | None:
    """wheel, npm or c, and the target; nothing for what has no compiled part."""
    for target in TARGETS.values():
        if artefact.suffix == ".whl" and f"-{target.wheel}." in artefact.name:
            return "wheel", target
        if artefact.name.startswith("fastbearer-c-") and artefact.name.endswith(f"-{target.name}.tar.gz"):
            return "c", target
        if artefact.suffix == ".tgz" and artefact.name.startswith(f"fastbearer-{target.name}-"):
            return "npm", target
    return None


def problems(artefact: Path, folder: Path) -> Iterator[str]:
    found = kind_of(artefact)
    if found is None:
        return
    kind, target = found
    compiled = list(compiled_files(artefact))
    for name, data in compiled:
        yield from (f"{name} names {place}" for place in (ROOT, CACHE, Path.home()) if str(place).encode() in data)
    loaded = [(name, data) for name, data in compiled if not name.endswith(".a")]
    if not loaded:
        yield "holds nothing that was compiled"
    for name, data in loaded:
        path = folder / Path(name).name
        path.write_bytes(data)
        names = exported(path, target.system)
        yield from (f"{name} exports {extra}" for extra in sorted(names - ENTRY_POINTS[kind]))
        yield from (f"{name} does not export {missing}" for missing in sorted(ENTRY_POINTS[kind] - names))
        yield from (f"{name}: {problem}" for problem in FORMATS[target.system](path, target))


def names(artefact: Path) -> set[str]:
    """Files, less the folder that holds all of them in a tarball."""
    if artefact.suffix == ".whl":
        with zipfile.ZipFile(artefact) as archive:
            return set(archive.namelist())
    with tarfile.open(artefact) as file:
        return {name.partition("/")[2] for name in file.getnames()}


def not_packed(dist: Path) -> Iterator[tuple[str, list[str]]]:
    """Of each wheel, the source distribution and the main npm package: what is missing."""
    sources = {
        folder: set(output("git", "-C", ROOT, "ls-files", "--", folder).split())
        for folder in ("python/fastbearer", "node", "core/include", "core/src", "bindings/python", "bindings/node")
    }
    python, core = sources["python/fastbearer"], sources["core/include"] | sources["core/src"] | {"core/sources.txt"}
    for wheel in sorted(dist.glob("*.whl")):
        yield wheel.name, sorted({name.removeprefix("python/") for name in python} - names(wheel))
    for sdist in dist.glob("fastbearer-[0-9]*.tar.gz"):
        wanted = python | core | sources["bindings/python"]
        yield sdist.name, sorted(wanted - names(sdist))
    for package in dist.glob("fastbearer-[0-9]*.tgz"):
        wanted = sources["node"] | core | sources["bindings/node"]
        yield package.name, sorted(wanted - names(package))


def publishing_tools(dist: Path) -> Iterator[tuple[str, list[str | Path]]]:
    """What others' tools have to say: a label and a command each."""
    tools = Path(sys.executable).parent
    wheels = sorted(dist.glob("*.whl"))
    yield "twine", [tools / "twine", "check", "--strict", *wheels, *dist.glob("fastbearer-[0-9]*.tar.gz")]
    for wheel in wheels:
        yield f"check-wheel-contents {wheel.name}", [tools / "check-wheel-contents", wheel]
        if "abi3" in wheel.name:
            yield f"abi3audit {wheel.name}", [tools / "abi3audit", "--strict", wheel]
        if "linux" in wheel.name:
            yield f"auditwheel {wheel.name}", [tools / "auditwheel", "show", wheel]
    workflows = sorted((ROOT / ".github/workflows").glob("*.yml"))
    yield "zizmor", [tools / "zizmor", "--offline", "--no-progress", *workflows]
    yield "actionlint", ["actionlint", *workflows]
