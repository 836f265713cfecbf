"""On a machine that runs one of the systems: native.py DIST SYSTEM PYTHON...  (names or paths of interpreters)

Installs the wheels and the npm packages of DIST as a user does and runs the smoke tests; with the address of a key set
in TRUSTED_KEY_SET that is fetched too, by what the system trusts. Needs nothing but the standard library: it runs where
nothing else is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ALGORITHMS = ("HS256", "RS256", "PS256", "ES256", "EdDSA")


def run(*command: str | Path, cwd: Path | None = None) -> None:
    print("$", *command, flush=True)
    subprocess.run([str(word) for word in command], cwd=cwd, check=True)


def given() -> str:
    """Which arithmetic is expected depends on the processor; that the tables serve ES256 and Ed25519 does not."""
    arithmetic: dict[str, str | None] = dict.fromkeys(ALGORITHMS)
    arithmetic |= {"ES256": "p256-tables", "EdDSA": "ed25519-tables"}
    return json.dumps({"arithmetic": arithmetic, "rounds": 5000, "trusted": os.environ.get("TRUSTED_KEY_SET")})


def main() -> None:
    dist, system, *pythons = sys.argv[1:]
    folder = Path(dist).resolve()
    with tempfile.TemporaryDirectory() as place:
        for number, named in enumerate(pythons):
            environment = Path(place) / str(number)
            run(named, "-m", "venv", environment)
            python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
            run(python, "-m", "pip", "install", "--no-index", "--find-links", folder, "fastbearer")
            run(python, HERE / "smoke.py", given())
        application = Path(place) / "application"
        application.mkdir()
        (application / "package.json").write_text('{"name": "application", "private": true}')
        shutil.copy(HERE / "smoke.mjs", application)
        tarballs = [*folder.glob(f"fastbearer-{system}-*.tgz"), *folder.glob("fastbearer-[0-9]*.tgz")]
        npm = shutil.which("npm") or "npm"
        run(
            npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional", *tarballs, cwd=application
        )
        run("node", "smoke.mjs", given(), cwd=application)


main()
