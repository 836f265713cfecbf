"""The interpreters at hand, each with what was built for it installed as a user would; what is not at hand says why.

A place is prepared once and runs the smoke test and the vectors. Foreign processors are qemu-user's, Windows is wine's;
a chroot of an old Debian has no compiler and an old libc. All of them see the test's authority where their system keeps
the certificates that it trusts: in a mount namespace, nothing of this machine is changed.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..compiler import run as build_step
from ..compiler import tools
from ..fetch import Unavailable, unpacked
from ..lock import CACHE, read
from ..targets import TARGETS

WORK = CACHE / "trial"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PROGRAMS = Path(__file__).parent


class Missing(Exception):
    """Why a place cannot be had here."""


@dataclass
class Place:
    name: str
    command: list[str]  # the interpreter
    native: bool  # runs on this processor itself
    root: Path | None = None  # of a chroot; paths of the command are then inside of it
    site: str = ""  # where the package lies, as the interpreter sees it
    environment: dict[str, str] = field(default_factory=dict)
    windows: bool = False
    trust: str = BUNDLE  # what the system's trust is read from

    @property
    def rounds(self) -> int:
        """How often a token is verified: a table is built after some hundreds; an emulator takes its time."""
        return 5000 if self.native else 400

    def see(self, path: Path) -> str:
        """A path of this machine by the name that it has inside."""
        if self.windows:
            return "Z:" + str(path).replace("/", "\\")
        return "/" + str(path.relative_to(self.root)) if self.root else str(path)

    def run(self, arguments: list[str], ca_file: Path, seconds: int = 900) -> subprocess.CompletedProcess[str]:
        """In a mount namespace where the authority of the test is the one that the system trusts."""
        words = [*self.command, *arguments]
        steps = [f"mount --bind {ca_file} {BUNDLE}"]
        if self.root is not None:
            inside = self.root / self.trust.lstrip("/")
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ca_file, inside)
            (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
            steps += [f"mount --bind /dev {self.root}/dev", f"mount -t proc proc {self.root}/proc"]
            words = [
                "chroot",
                str(self.root),
                "/usr/bin/env",
                "-i",
                *(f"{k}={v}" for k, v in self.environment.items()),
                *words,
            ]
        script = " && ".join(steps) + ' && exec "$@"'
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(WORK),
            "LC_ALL": "C.UTF-8",
            **({} if self.root else self.environment),
        }
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", script, "sh", *words],
            env=environment,
            text=True,
            stdin=subprocess.PIPE if self.windows else subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            errors="replace",
        )


def wheel(dist: Path, tag: str, platform: str) -> Path:
    found = list(dist.glob(f"*-{tag}-{platform}*.whl"))
    if len(found) != 1:
        raise Missing(f"there is no wheel {tag} for {platform}")
    return found[0]


def installed(dist: Path, tag: str, target: str, python: str, folder: Path) -> Path:
    """By pip, which is told of the other system; it takes no wheel that is not for it."""
    platforms = TARGETS[target].wheel.split(".")
    chosen = wheel(dist, tag, platforms[0])
    shutil.rmtree(folder, ignore_errors=True)
    abi = tag.split("-")[1]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--target",
            folder,
            "--python-version",
            python,
            "--implementation",
            "cp",
            "--abi",
            abi,
            *(word for platform in platforms for word in ("--platform", platform)),
            chosen,
        ],
        check=True,
    )
    return folder


def own_pythons() -> Iterator[tuple[str, str]]:
    """(path, tag) of each CPython on this machine: one a version and kind of build."""
    seen = set()
    kept = [
        str(WORK / "python-t/inst/bin/python3"),
        *sorted(glob.glob(str(Path.home() / ".pyenv/versions/3.*/bin/python3"))),
        "/usr/bin/python3",
    ]
    for path in kept:
        free = "int(bool(sysconfig.get_config_var('Py_GIL_DISABLED')))"
        question = f"import sys, sysconfig; print(*sys.version_info[:2], {free})"
        asked = subprocess.run([path, "-c", question], capture_output=True, text=True) if os.path.exists(path) else None
        if asked is None or asked.returncode != 0:
            continue
        _, minor, threaded = map(int, asked.stdout.split())
        if minor >= 10 and (minor, threaded) not in seen:
            seen.add((minor, threaded))
            yield path, f"cp3{minor}-cp3{minor}t" if threaded else "cp310-abi3"


def own(dist: Path, path: str, tag: str) -> Place:
    """A virtual environment; pip chooses the wheel itself."""
    version = subprocess.run(
        [path, "-c", "import sys; print(sys.version.split()[0])"], capture_output=True, text=True
    ).stdout.strip()
    name = f"CPython {version}{'t' if tag.endswith('t') else ''}"
    folder = WORK / "venvs" / f"{version}-{tag}"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([path, "-m", "venv", folder], check=True, capture_output=True)
    python = str(folder / "bin/python")
    subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--find-links",
            dist,
            "--disable-pip-version-check",
            "fastbearer",
        ],
        check=True,
    )
    return Place(name, [python], native=True)


def old_debian(dist: Path) -> Place:
    """No compiler, glibc 2.31; a CPython that runs there."""
    root = WORK / "old-debian"
    if not (root / "usr/bin").is_dir():
        raise Missing("debootstrap of Debian 11 has not been made: tools/dist/trial/systems.sh")
    if not (root / "opt/python/bin").is_dir():
        raise Missing("a CPython for Debian 11 has not been built: tools/dist/trial/systems.sh")
    site = installed(dist, "cp310-abi3", "linux-x64", "3.13", root / "opt/site")
    return Place(
        "CPython 3.13 on Debian 11, no compiler",
        ["/opt/python/bin/python3.13"],
        native=True,
        root=root,
        site="/" + str(site.relative_to(root)),
        environment={"PATH": "/usr/bin:/bin"},
    )


def arm64(dist: Path) -> Place:
    root = WORK / "arm64"
    python = root / "usr/bin/python3.11"
    if not python.exists() or shutil.which("qemu-aarch64-static") is None:
        raise Missing("Debian's arm64 packages or qemu-user-static are missing: tools/dist/trial/systems.sh")
    site = installed(dist, "cp310-abi3", "linux-arm64", "3.11", WORK / "site-arm64")
    return Place(
        "CPython 3.11 of Debian for arm64, under qemu",
        ["qemu-aarch64-static", "-L", str(root), str(python)],
        native=False,
        site=str(site),
    )


def newest(dist: Path) -> Place:
    """From the package whose headers the free-threaded wheel of the same version is built with."""
    python = next(unpacked(read()["python3.14"]).glob("**/bin/python3.14"))
    python.chmod(0o755)  # which a jar does not keep
    root = python.parent.parent
    site = installed(dist, "cp310-abi3", "linux-x64", "3.14", WORK / "site-newest")
    return Place(
        "CPython 3.14",
        [str(python)],
        native=True,
        site=str(site),
        environment={"LD_LIBRARY_PATH": str(root), "PYTHONHOME": str(root)},
    )


def musl(dist: Path) -> Place:
    python = WORK / "python-musl/python"
    if not python.exists():
        raise Missing("a CPython of musl has not been built: tools/dist/trial/systems.sh")
    site = installed(dist, "cp310-abi3", "linuxmusl-x64", "3.13", WORK / "site-musl")
    return Place("CPython 3.13 of musl", [str(python)], native=True, site=str(site))


def forwarder(python: Path) -> None:
    """python3.dll, which that package lacks: each name of the stable interface is python314.dll's."""
    made = python / "python3.dll"
    if made.exists():
        return
    target = TARGETS["win32-x64"]
    listing = (unpacked(read()["python3.13"]) / "PC/python3dll.c").read_text(encoding="utf-8")
    names = re.findall(r"^EXPORT_(FUNC|DATA)\((\w+)\)", listing, re.MULTILINE)
    have = set(re.findall(r"Name: (\S+)", build_step("llvm-readobj", "--coff-exports", python / "python314.dll")))
    lines = [f"    {name}=python314.{name}{' DATA' if kind == 'DATA' else ''}" for kind, name in names if name in have]
    definition, empty = python / "python3.def", python / "empty.c"
    definition.write_text("LIBRARY python3.dll\nEXPORTS\n" + "\n".join(lines) + "\n")
    empty.write_text(
        "int __stdcall DllMainCRTStartup(void *a, unsigned b, void *c) { (void)a; (void)b; (void)c; return 1; }\n"
    )
    build_step(tools(target) / "cc", "-shared", "-nostdlib", "-o", made, empty, definition, "-Wl,-e,DllMainCRTStartup")


def windows(dist: Path) -> Place:
    wine = shutil.which("wine64") or "/usr/lib/wine/wine64"
    if not os.path.exists(wine):
        raise Missing("wine64 is missing: tools/dist/trial/systems.sh")
    source = read("trial/programs.lock")["python-windows"]
    python = next(unpacked(source).glob("**/windows-x86_64"))
    forwarder(python)
    site = installed(dist, "cp310-abi3", "win32-x64", "3.14", WORK / "site-windows")
    return Place(
        "CPython 3.14 for Windows, on wine",
        [wine, str(python / "python.exe")],
        native=True,
        site="Z:" + str(site).replace("/", "\\"),
        environment={"WINEPREFIX": str(WORK / "wine"), "WINEDEBUG": "-all"},
        windows=True,
    )


def places(dist: Path) -> Iterator[Place | str]:
    """Each place, or a sentence that says which one is not there."""
    for path, tag in own_pythons():
        try:
            yield own(dist, path, tag)
        except subprocess.CalledProcessError as reason:
            yield f"{path}: {reason}"
    for make in (newest, old_debian, musl, arm64, windows):
        try:
            yield make(dist)
        except (Missing, Unavailable) as reason:
            yield f"{make.__name__}: {reason}"
