"""Makes the virtual environments of the host tests: one a host under .cache/hosts, with our wheel in each.

    python tests/python/hosts/setup_venv.py [--all] [NAME ...]

The wheel is built once for the state of the sources and then installed everywhere. What is already as it should be is
left alone, so a second run takes a moment.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from hosts import TOOLS, Host, chosen

ROOT = Path(__file__).resolve().parents[3]
CACHE = ROOT / ".cache"
SOURCES = ("core/include", "core/src", "core/sources.txt", "bindings/python", "python", "setup.py", "pyproject.toml")
BESIDE = ("README.md", "LICENSE", "MANIFEST.in")  # named by pyproject.toml; they change nothing in the code


def run(*command: object) -> None:
    """Runs a command quietly; shows what it said only when it fails."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, text=True, capture_output=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(str(p) for p in command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")


def fingerprint(builder: str) -> str:
    """A digest of everything that ends up in the wheel, and of the interpreter that builds it."""
    digest = hashlib.sha256(builder.encode())
    for source in SOURCES:
        path = ROOT / source
        for file in [path] if path.is_file() else sorted(path.rglob("*")):
            if file.is_file() and file.suffix not in {".pyc", ".so"} and "egg-info" not in str(file):
                digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def build_wheel(python: str = sys.executable, builder: str = sys.version, wheels: Path = CACHE / "wheels") -> Path:
    """The wheel for the present state of the sources, built when there is none yet."""
    place = wheels / fingerprint(builder)
    if not any(place.glob("*.whl")):
        started = time.monotonic()
        print("building the fastbearer wheel ...", flush=True)
        with tempfile.TemporaryDirectory() as copy:
            # setuptools leaves its build directory beside the sources; other builds use that one.
            for source in (*SOURCES, *BESIDE):
                copy_to(Path(copy), source)
            run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", place, copy)
        print(f"  {next(place.glob('*.whl')).name} in {time.monotonic() - started:.0f} s", flush=True)
        for old in place.parent.iterdir():
            if old != place:
                shutil.rmtree(old)
    return next(place.glob("*.whl"))


def copy_to(place: Path, source: str) -> None:
    """Copies one file or folder of the tree to the same place under another root."""
    (place / source).parent.mkdir(parents=True, exist_ok=True)
    if (ROOT / source).is_dir():
        shutil.copytree(
            ROOT / source, place / source, ignore=shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
        )
    else:
        shutil.copy2(ROOT / source, place / source)


def interpreter(host: Host) -> Path:
    """The Python of a host's environment."""
    return CACHE / "hosts" / host.name / "bin" / "python"


def prepare(host: Host, wheel: Path) -> None:
    """Brings one environment to the state that its description and the wheel ask for."""
    install_host(host)
    stamp = CACHE / "hosts" / host.name / "fastbearer.stamp"
    if not stamp.is_file() or stamp.read_text() != str(wheel):
        run(interpreter(host), "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", wheel)
        stamp.write_text(str(wheel))
        print(f"{host.name}: {wheel.name} installed", flush=True)


def install_host(host: Host) -> None:
    """Makes the environment, unless it is there with these very requirements."""
    place = CACHE / "hosts" / host.name
    wanted = "\n".join((sys.version, *TOOLS, *host.requirements))
    stamp = place / "requirements.stamp"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    started = time.monotonic()
    print(f"{host.name}: installing {', '.join(host.requirements)} ...", flush=True)
    run(sys.executable, "-m", "venv", "--clear", place)
    run(interpreter(host), "-m", "pip", "install", "--quiet", *TOOLS, *host.requirements)
    stamp.write_text(wanted)
    print(f"  ready in {time.monotonic() - started:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every host of the matrix")
    arguments = parser.parse_args()
    wheel = build_wheel()
    for host in chosen(arguments.names, arguments.all):
        prepare(host, wheel)


if __name__ == "__main__":
    main()
