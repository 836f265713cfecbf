"""Gets a pinned file: from the folder DIST_SOURCES, from the cache, or by the client that its lock entry names.

Whatever the way, the bytes are compared with the lock's SHA-256 before anybody reads them. With DIST_OFFLINE=1 no
client is run. Which servers the clients ask is theirs to know: no address stands here.

    python3 -m tools.dist.fetch [NAME...]    fills the cache and prints the paths
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from .lock import CACHE, Source, read

#: Suites of Debian whose sources are asked for, whatever release this machine runs.
SUITES = ("bookworm", "trixie", "forky", "sid")


class Unavailable(Exception):
    """Not in a folder, and no client has it."""


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def client(*command: str, folder: Path, **environment: str) -> None:
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True)
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        reason = next((line for line in lines if line.startswith(("error", "E:", "[ERROR]"))), lines[-1])
        raise Unavailable(f"{command[0]}: {reason}")


def by_pip(source: Source, folder: Path) -> None:
    client(
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "-d",
        ".",
        *source.package.split(),
        folder=folder,
    )


def by_npm(source: Source, folder: Path) -> None:
    client("npm", "pack", "--silent", "--ignore-scripts", source.package, folder=folder)


def by_cargo(source: Source, folder: Path) -> None:
    name, version = source.package.split("=", 1)
    manifest = (
        f'[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{name} = "={version}"\n'
    )
    (folder / "src").mkdir()
    (folder / "src/lib.rs").touch()
    (folder / "Cargo.toml").write_text(manifest)
    client("cargo", "fetch", "--quiet", folder=folder, CARGO_HOME=str(folder / "home"), RUSTUP_HOME=toolchains())


def toolchains() -> str:
    """Where rustup's cargo looks for the real one; CI may give a step another HOME than the user's own."""
    own = Path(pwd.getpwuid(os.getuid()).pw_dir)
    return os.environ.get("RUSTUP_HOME") or str(own / ".rustup")


def by_maven(source: Source, folder: Path) -> None:
    client(
        "mvn",
        "--quiet",
        "dependency:get",
        f"-Dartifact={source.package}",
        "-Dtransitive=false",
        f"-Dmaven.repo.local={folder / 'repository'}",
        folder=folder,
    )


def apt_sources(folder: Path) -> dict[str, str]:
    """What an apt of the source packages needs in its environment: the servers of this machine's, lists of its own."""
    sites = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(SUITE) $(ORIGIN)", "Created-By: Packages"],
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    debian = sorted({line.split()[0] for line in sites if line.split()[2:] == ["Debian"] and "security" not in line})
    if not debian:
        raise Unavailable("apt-get: this machine's package sources are not Debian's")
    lists, key = folder / "apt", "/usr/share/keyrings/debian-archive-keyring.gpg"
    (lists / "state/lists/partial").mkdir(parents=True, exist_ok=True)
    (lists / "cache/archives/partial").mkdir(parents=True, exist_ok=True)
    (lists / "sources.list").write_text(
        "".join(f"deb-src [signed-by={key}] {debian[0]} {suite} main\n" for suite in SUITES)
    )
    (lists / "apt.conf").write_text(
        f'Dir::Etc::SourceList "{lists}/sources.list"; Dir::Etc::SourceParts "-";\n'
        f'Dir::State::Lists "{lists}/state/lists";\n'
        f'Dir::Cache "{lists}/cache"; APT::Sandbox::User "root";\n'
    )
    return {"APT_CONFIG": str(lists / "apt.conf")}


def by_apt(source: Source, folder: Path) -> None:
    environment = apt_sources(CACHE)
    command = ("apt-get", "source", "--download-only", "--quiet", source.package)
    try:
        client(*command, folder=folder, **environment)
    except Unavailable:  # lists that are missing or old
        client("apt-get", "update", "--quiet", folder=folder, **environment)
        client(*command, folder=folder, **environment)


PROVIDERS: dict[str, Callable[[Source, Path], None]] = {
    "apt": by_apt,
    "cargo": by_cargo,
    "maven": by_maven,
    "npm": by_npm,
    "pip": by_pip,
}


def fetch(source: Source) -> Path:
    """The path of the verified file."""
    kept = CACHE / "sources" / source.file
    given = os.environ.get("DIST_SOURCES")
    for place in [Path(given) / source.file] if given else []:
        if place.is_file():
            if digest(place) != source.sha256:
                raise SystemExit(f"{place} is not the file that the lock names: its SHA-256 is {digest(place)}")
            return place
    if kept.is_file() and digest(kept) == source.sha256:
        return kept
    if os.environ.get("DIST_OFFLINE"):
        raise Unavailable(f"{source.file}: not in DIST_SOURCES or the cache, and DIST_OFFLINE is set")
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        try:
            PROVIDERS[source.provider](source, Path(folder))
        except (Unavailable, FileNotFoundError) as problem:
            raise Unavailable(
                f"{source.file}: {problem}; get it elsewhere and name its folder by DIST_SOURCES"
            ) from None
        for path in Path(folder).rglob("*"):  # clients give the file names of their own
            if path.is_file() and digest(path) == source.sha256:
                shutil.move(path, kept)
                return kept
    raise SystemExit(f"{source.file}: {source.provider} gave no file with the lock's SHA-256 for {source.package}")


def unpacked(source: Source) -> Path:
    """The folder with the file's content, without a single folder that holds all of it."""
    place = CACHE / "unpacked" / f"{source.name}-{source.version}-{source.sha256[:12]}"
    if place.is_dir():
        return place
    archive = fetch(source)
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                for entry in file.infolist():
                    out = Path(file.extract(entry, folder))
                    if out.is_file():
                        out.chmod(0o755 if entry.external_attr >> 16 & 0o100 else 0o644)
        else:
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
        inside = list(Path(folder).iterdir())
        top = inside[0] if len(inside) == 1 and inside[0].is_dir() else Path(folder)
        shutil.copytree(top, place, symlinks=True) if top == Path(folder) else top.rename(place)
    return place


def main(names: list[str]) -> None:
    sources = read()
    for name in names or sources:
        print(fetch(sources[name]))


if __name__ == "__main__":
    main(sys.argv[1:])
