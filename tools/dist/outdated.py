"""Whether a bundled library has a newer release than the lock: python3 -m tools.dist.outdated

Asks the ordinary client of each lock entry for the versions it has, in OpenSSL's case of the same series (3.5 is the
one with long-term support). Exit status 1 when one is newer; a client that cannot be asked is named, and decides
nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from functools import cache

from .fetch import Unavailable, apt_sources, client
from .lock import CACHE, Source, read

Version = tuple[int, ...]


def number(text: str) -> Version:
    return tuple(map(int, re.findall(r"\d+", text)[:3]))


def offered(source: Source) -> list[str]:
    if source.provider == "apt":
        name = source.package.partition("=")[0]
        said = _said("apt-cache", "showsrc", "--only-source", name, **_fresh_lists())
        return re.findall(r"^Version: (?:\d+:)?([\d.]+)", said, re.MULTILINE)
    if source.provider == "cargo":
        name = source.package.partition("=")[0]
        return re.findall(r"^version: \S*?\+curl-([\d.]+)", _said("cargo", "info", name), re.MULTILINE)
    return []


@cache
def _fresh_lists() -> dict[str, str]:
    with contextlib.suppress(Unavailable, FileNotFoundError):
        environment = apt_sources(CACHE)
        client("apt-get", "update", "--quiet", folder=CACHE, **environment)
        return environment
    return {}


def _said(*command: str, **environment: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}).stdout
    except FileNotFoundError:
        return ""


def main() -> int:
    status = 0
    for source in read().values():
        if not source.bundled:
            continue
        series = number(source.version)[:2] if source.name == "openssl" else ()
        versions = [text for text in offered(source) if number(text)[: len(series)] == series]
        newest = max(versions, key=number, default=None)
        if newest is None:
            print(f"{source.name} {source.version}: its client could not be asked")
        elif number(newest) > number(source.version):
            print(f"{source.name} {source.version}: {newest} is there")
            status = 1
        else:
            print(f"{source.name} {source.version}: newest")
    return status


if __name__ == "__main__":
    sys.exit(main())
