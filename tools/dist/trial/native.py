"""On a machine that runs one of the systems: native.py DIST SYSTEM PYTHON...  (versions, or paths of interpreters)

Installs the wheels and the npm packages of DIST as a user does and runs the smoke tests. Needs nothing but the standard
library: it runs where nothing else is installed.
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


def interpreter(named: str) -> str:
    """The py launcher's and setup-python's names, or a path."""
    for name in (f"python{named}", named, "python3", "python"):
        found = shutil.which(name)
        if found and (name == named or _version(found) == named):
            return found
    if os.name == "nt":
        asked = subprocess.run(
            ["py", f"-{named}", "-c", "import sys; print(sys.executable)"], capture_output=True, text=True
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    raise SystemExit(f"there is no Python {named}")


def _version(path: str) -> str:
    free = "'t' if sysconfig.get_config_var('Py_GIL_DISABLED') else ''"
    question = f"import sys, sysconfig; print('%d.%d' % sys.version_info[:2] + ({free}))"
    return subprocess.run([path, "-c", question], capture_output=True, text=True).stdout.strip()


def given() -> str:
    """Which arithmetic is expected depends on the processor; that the tables serve ES256 and Ed25519 does not."""
    arithmetic: dict[str, str | None] = dict.fromkeys(ALGORITHMS)
    arithmetic |= {"ES256": "p256-tables", "EdDSA": "ed25519-tables"}
    return json.dumps({"arithmetic": arithmetic, "rounds": 5000})


def main() -> None:
    dist, system, *pythons = sys.argv[1:]
    folder = Path(dist).resolve()
    with tempfile.TemporaryDirectory() as place:
        for number, named in enumerate(pythons):
            environment = Path(place) / str(number)
            run(interpreter(named), "-m", "venv", environment)
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
