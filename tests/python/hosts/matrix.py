"""Runs the host tests, each in its host's environment, and prints a table host x check.

python tests/python/hosts/matrix.py [--all] [NAME ...]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from hosts import Host, chosen
from setup_venv import ROOT, build_wheel, interpreter, prepare

SUITE = Path(__file__).parent / "suite"
SYMBOLS = {"ok": "ok", "failed": "FAILED", "skipped": "-"}


@dataclass(frozen=True)
class Result:
    host: Host
    passed: bool
    checks: dict[str, str]
    output: str


def run(host: Host) -> Result:
    """The suite in one host's environment, which must be ready."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        environment = {
            **os.environ,
            "FASTBEARER_HOST": host.kind,
            "FASTBEARER_HOST_REPORT": str(report),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        environment["PYTHONPATH"] = str(ROOT)  # tests.idp
        command = [
            interpreter(host),
            "-m",
            "pytest",
            "-q",
            "--rootdir",
            SUITE,
            "-p",
            "no:cacheprovider",
            "--tb=short",
            SUITE,
        ]
        done = subprocess.run(
            [str(part) for part in command], cwd=SUITE, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        checks = json.loads(report.read_text()) if report.is_file() else {}
    return Result(host, done.returncode == 0, checks, done.stdout)


def run_all(hosts: list[Host]) -> Iterator[Result]:
    """All of them, as many at a time as there are processors: most of their time is spent waiting."""
    wheel = build_wheel()

    def work(host: Host) -> Result:
        prepare(host, wheel)
        return run(host)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(work, hosts)


def table(results: list[Result]) -> str:
    """host x check, checks in the order in which they first occur."""
    names = list(dict.fromkeys(name for result in results for name in result.checks))
    width = max(len(result.host.name) for result in results)
    lines = [" ".join([" " * width, *names])]
    for result in results:
        cells = [SYMBOLS.get(result.checks.get(name, ""), "").center(len(name)) for name in names]
        lines.append(" ".join([result.host.name.ljust(width), *cells]).rstrip())
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every host of the matrix")
    arguments = parser.parse_args()
    results = []
    for result in run_all(chosen(arguments.names, arguments.all)):
        results.append(result)
        print(f"{result.host.name}: {result.output.strip().splitlines()[-1]}", flush=True)
        if not result.passed:
            print(result.output)
    print("\n" + table(results))
    sys.exit(0 if all(result.passed for result in results) else 1)


if __name__ == "__main__":
    main()
