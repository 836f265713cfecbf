"""make dist-test: python -m tools.dist.trial [DIST [files,c,python,node]], with requirements.txt and the wheel there.

Prints one line a check and ends with how many passed, failed and could not be run; the reasons stand there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..lock import ROOT
from . import c_programs, checks, node_places, places
from .places import Place
from .provider import Provider

ALGORITHMS = ("HS256", "RS256", "PS256", "RS512", "ES256", "EdDSA", "ES384")
outcomes = {"passed": 0, "failed": 0, "not run": 0}


def report(what: str, problem: str | None, seconds: float = 0.0) -> None:
    outcomes["failed" if problem else "passed"] += 1
    print(f"{'FAILED' if problem else 'ok'}  {what}" + (f" ({seconds:.0f} s)" if seconds >= 1 else ""), flush=True)
    if problem:
        print("    " + problem.strip()[-3000:].replace("\n", "\n    "), flush=True)


def not_run(why: str) -> None:
    outcomes["not run"] += 1
    print(f"NOT RUN  {why}", flush=True)


def timed(what: str, act: Callable[[], str | None]) -> None:
    started = time.monotonic()
    try:
        problem = act()
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        problem = f"{error}\n{getattr(error, 'stderr', '') or ''}"
    report(what, problem, time.monotonic() - started)


def expected_arithmetic(native: bool) -> dict[str, str | None]:
    """By what this processor has, read from the system and not from the library; an emulator has no vectors."""
    vectors = native and all(
        flag in Path("/proc/cpuinfo").read_text() for flag in ("avx512f", "avx512dq", "avx512vl", "avx512ifma")
    )
    rsa = "rsa-ifma" if vectors else "openssl"
    return {
        "HS256": "openssl",
        "RS256": rsa,
        "PS256": rsa,
        "RS512": rsa,
        "ES256": "p256-tables",
        "EdDSA": "ed25519-tables",
        "ES384": "openssl",
    }


def run_in(place: Place, program: list[str], provider: Provider, last: str) -> str | None:
    done = place.run(program, provider.ca_file)
    if done.returncode == 0 and last in done.stdout:
        return None
    return f"exit status {done.returncode}\n{done.stdout[-1500:]}\n{done.stderr[-2500:]}"


def python_place(place: Place, provider: Provider) -> None:
    sources = place.root / "opt/trial" if place.root else ROOT
    if place.root:
        subprocess.run(
            [
                "cp",
                "-r",
                "--parents",
                "tools/dist/trial",
                "tests/vectors",
                "tests/__init__.py",
                str(place.root / "opt"),
            ],
            cwd=ROOT,
        )
        sources = place.root / "opt"
    separator = ";" if place.windows else ":"
    paths = separator.join(part for part in (place.site, place.see(sources)) if part)
    place.environment |= {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    program = place.see(sources / "tools/dist/trial/smoke.py")
    for ca_file in (None, str(provider.ca_file)):
        if ca_file and place.root:
            continue  # it is inside by the default trust
        arguments = provider.given(
            expected_arithmetic(place.native), place.see(Path(ca_file)) if ca_file else None, rounds=place.rounds
        )
        trust = "ca_file" if ca_file else "the system's trust"
        timed(
            f"{place.name}: smoke test, TLS by {trust}",
            partial(run_in, place, [program, arguments], provider, "smoke ok"),
        )
    command = ["-m", "fastbearer", "keygen", "--help"]
    timed(f"{place.name}: the command", partial(run_in, place, command, provider, "usage: fastbearer keygen"))
    vectors = [place.see(sources / "tools/dist/trial/vectors.py"), place.see(sources / "tests/vectors")]
    timed(f"{place.name}: vectors", lambda: run_in(place, vectors, provider, " 0 different"))


def static_checks(dist: Path) -> None:
    for artefact in sorted(path for path in dist.iterdir() if path.suffix in (".whl", ".tgz", ".gz")):
        with tempfile.TemporaryDirectory() as folder:
            found = list(checks.problems(artefact, Path(folder)))
        report(f"{artefact.name}: exports, dependencies, hardening, paths", "\n".join(found) or None)
        document = json.loads(artefact.with_name(artefact.name + ".spdx.json").read_text())
        inside = {package["name"] for package in document["packages"]}
        kind = checks.kind_of(artefact)
        wanted = {"openssl", "jansson"} | (set() if kind and kind[0] == "npm" else {"curl"}) if kind else set()
        report(f"{artefact.name}: SPDX names what is inside", f"{wanted - inside} missing" if wanted - inside else None)
    for artefact, missing in checks.not_packed(dist):
        report(f"{artefact}: holds every file that git knows of it", "\n".join(missing) or None)
    for what, command in checks.publishing_tools(dist):
        if shutil.which(command[0]) is None:
            not_run(f"{what}: it is not on the PATH")
            continue
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
        report(what, done.stdout + done.stderr if done.returncode else None)
    not_run("macOS: nothing was run on it; what can be read off the files was checked above")


def main() -> None:
    dist = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()
    only = sys.argv[2].split(",") if len(sys.argv) > 2 else ["files", "c", "python", "node"]
    if "files" in only:
        static_checks(dist)
    if "c" in only:
        c_programs.run(dist, timed, not_run)
    with tempfile.TemporaryDirectory(dir=places.WORK) as folder:
        provider = Provider(Path(folder))
        if "python" in only:
            for place in places.places(dist):
                not_run(place) if isinstance(place, str) else python_place(place, provider)
        if "node" in only:
            node_places.run(dist, provider, timed, not_run, expected_arithmetic)
    print(f"{outcomes['passed']} passed, {outcomes['failed']} failed, {outcomes['not run']} not run")
    sys.exit(1 if outcomes["failed"] else 0)


if __name__ == "__main__":
    main()
