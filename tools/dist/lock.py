"""What stands in a lock file, and where this machine keeps what it makes of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import tomllib

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: Beside the checkouts, not in one: a fresh clone on the same machine builds no library twice.
CACHE = Path(
    os.environ.get("DIST_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastbearer-dist"
)


@dataclass(frozen=True)
class Source:
    name: str
    version: str
    file: str
    sha256: str
    licence: str
    licence_files: tuple[str, ...]
    bundled: bool  # part of what is published, not only of how it is made
    provider: str  # apt, cargo, pip, npm or maven
    package: str  # as that client names it, for pip with options if it is for another system


def read(name: str = "sources.lock") -> dict[str, Source]:
    with (HERE / name).open("rb") as file:
        entries = tomllib.load(file)["source"]
    found = {}
    for entry in entries:
        ((provider, package),) = entry.pop("from").items()
        licence_files = tuple(entry.pop("licence_files", ()))
        found[entry["name"]] = Source(**entry, licence_files=licence_files, provider=provider, package=package)
    return found
