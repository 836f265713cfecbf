"""The npm packages: the main one, which is JavaScript and asks for the others at their exact version, and one a target.

None has an install script. The main package keeps its sources, so that it can be built in place where no package fits.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .archive import tarred
from .compiler import run
from .lock import ROOT
from .parts import licence_texts
from .python_packages import describe, spdx_parts
from .targets import TARGETS, Target

SCOPE = "@fastbearer"


def _manifest() -> dict[str, Any]:
    return json.loads((ROOT / "package.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _text(value: object) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _packed(name: str, files: dict[str, bytes], out: Path, version: str) -> Path:
    made = out / f"{name.removeprefix('@').replace('/', '-')}-{version}.tgz"
    tarred(made, {f"package/{path}": data for path, data in files.items()})
    return made


def platform_package(target: Target, addon: Path, out: Path) -> Path:
    main = _manifest()
    name = f"{SCOPE}/{target.name}"
    manifest = {
        "name": name,
        "version": main["version"],
        "description": f"The native part of fastbearer for {target.name}",
        "license": main["license"],
        **({"repository": main["repository"]} if "repository" in main else {}),
        "engines": main["engines"],
        **target.npm,
        "main": "./fastbearer.node",
        "exports": {".": "./fastbearer.node", "./package.json": "./package.json"},
        "preferUnplugged": True,
    }
    files = {
        "package.json": _text(manifest),
        "fastbearer.node": addon.read_bytes(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
        "README.md": f"# {name}\n\nThe native part of fastbearer for {target.name}. Install `fastbearer`.\n".encode(),
        **{f"licences/{text}": content for text, content in licence_texts(target, "npm").items()},
    }
    made = _packed(name, files, out, main["version"])
    describe(made, spdx_parts(target, "npm"))
    return made


def main_package(out: Path) -> Path:
    """What git knows below package.json's `files`, and what npm adds by itself."""
    manifest = _manifest()
    manifest["optionalDependencies"] = {f"{SCOPE}/{name}": manifest["version"] for name in TARGETS}
    manifest["scripts"] = {"build": manifest["scripts"]["build"]}
    del manifest["devDependencies"]
    wanted = ["README.md", "LICENSE", *manifest["files"]]
    names = [name for name in run("git", "ls-files", "-z", "--", *wanted, cwd=ROOT).split("\0") if name]
    files = {name: (ROOT / name).read_bytes() for name in names if (ROOT / name).is_file()}
    made = _packed(manifest["name"], {"package.json": _text(manifest), **files}, out, manifest["version"])
    describe(made, [])
    return made
