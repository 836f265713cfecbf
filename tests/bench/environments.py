"""Where the contenders live: virtual environments and a Node folder under .cache/bench, with the peers' newest versions
in them.

An environment is made once and kept; `update` asks the registries again. This package goes into each as it is in the
checkout.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
sys.path.insert(0, str(ROOT / "tests/python/hosts"))
import setup_venv  # noqa: E402

# msgspec: ryjwt reads JSON with it where it is installed.
PYTHON = {
    "peers": [
        "PyJWT[crypto]", "joserfc", "Authlib", "python-jose[cryptography]", "jwcrypto", "oxyjwt", "pyjwt-rs",
        "webtoken", "ryjwt", "msgspec",
    ],
    "FastMCP 2.6.1": ["fastmcp==2.6.1", "mcp==1.9.4", "pydantic<2.12"],
    "FastMCP": ["fastmcp>=4"],
    "plot": ["matplotlib"],
}  # fmt: skip
NODE = [
    "jose", "jsonwebtoken", "fast-jwt", "@node-rs/jsonwebtoken", "aws-jwt-verify", "oauth4webapi",
    "@modelcontextprotocol/sdk", "express", "zod",
]  # fmt: skip


def works(python):
    return python and subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0


def newest_python():
    """One of the peers wants 3.12 or newer; the newest at hand serves all. Looked for on PATH, then with pyenv."""
    for minor in (14, 13, 12):
        found = shutil.which(f"python3.{minor}")
        if works(found):
            return found
        root = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
        for place in sorted(Path(root, "versions").glob(f"3.{minor}.*"), reverse=True):
            if works(place / "bin" / "python"):
                return place / "bin" / "python"
    return sys.executable


def free_threaded():
    """A Python without the GIL, on PATH or the one that tools/dist/trial/systems.sh makes; None: there is none."""
    for minor in (14, 13):
        found = shutil.which(f"python3.{minor}t")
        if works(found):
            return found
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastbearer-dist"
    made = Path(os.environ.get("DIST_CACHE") or caches) / "trial/python-t/inst/bin/python3"
    return made if made.exists() and works(made) else None


def free_threaded_environment():
    """Its interpreter with this package, or None."""
    base, home = free_threaded(), CACHE / "free-threaded"
    if base is None:
        return None
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([base, "-m", "venv", home], check=True)
    version = subprocess.check_output([python, "-VV"], text=True)
    wheel = setup_venv.build_wheel(python, version, CACHE / "free-threaded-wheels")
    stamp = home / "fastbearer.txt"
    if not stamp.exists() or stamp.read_text() != str(wheel):
        subprocess.run([python, "-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", wheel], check=True)
        stamp.write_text(str(wheel))
    return python


def python_environment(name, wheel, update=False):
    """The interpreter of an environment; what cannot be installed is said and left out."""
    home = CACHE / name.replace(" ", "-")
    mark, python = home / "packages.txt", home / "bin" / "python"
    wanted = "\n".join(PYTHON[name])
    if update or not mark.exists() or mark.read_text() != wanted:
        if not python.exists():
            subprocess.run([newest_python(), "-m", "venv", home], check=True)
        together = [PYTHON[name]] if any("==" in package for package in PYTHON[name]) else [[p] for p in PYTHON[name]]
        for packages in together:
            done = subprocess.run(
                [python, "-m", "pip", "install", "-q", "-U", *packages], capture_output=True, text=True
            )
            if done.returncode != 0:
                print(
                    f"{packages[0]} cannot be installed here: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr
                )
        mark.write_text(wanted)
    stamp = home / "fastbearer.txt"
    if name != "plot" and (not stamp.exists() or stamp.read_text() != str(wheel)):
        subprocess.run([python, "-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", wheel], check=True)
        stamp.write_text(str(wheel))
    return python


def node_environment(update=False):
    """The folder of the Node peers."""
    home = CACHE / "node"
    mark, wanted = home / "packages.txt", "\n".join(NODE)
    if update or not mark.exists() or mark.read_text() != wanted:
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_text('{"private": true}\n')
        latest = [f"{package}@latest" for package in NODE]
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *latest], cwd=home, check=True)
        mark.write_text(wanted)
    return home


def prepare(update=False):
    """All environments: names to interpreters, and the Node folder. "free-threaded" only where there is one."""
    CACHE.mkdir(parents=True, exist_ok=True)
    wheel = setup_venv.build_wheel()
    pythons = {name: python_environment(name, wheel, update) for name in PYTHON}
    unlocked = free_threaded_environment()
    return pythons | ({"free-threaded": unlocked} if unlocked else {}), node_environment(update)
