"""Runs the suites in every language and compares what they say, case by case.

    python -m tests.vectors.compare [--c RUNNER] [--python PYTHON] [--node NODE] [PATH...]

Each runner is a command; the defaults are build/tests/fb_vectors, this Python and node. One that is not there is left
out and named; fewer than two are nothing to compare. PATH defaults to the suites. Verdicts and codes must be the same,
claims and scopes equal; numbers are compared as doubles when Node is one of the two, because it has no others.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .cases import canonical

ROOT = Path(__file__).resolve().parent.parent.parent


def as_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: as_doubles(member) for name, member in value.items()}
    if isinstance(value, list):
        return [as_doubles(member) for member in value]
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return None  # JSON.parse makes Infinity of it, which JSON.stringify writes as null
    return value


def run(command: list[str], paths: list[str]) -> tuple[dict[str, Any], str] | None:
    """Outcomes by id, and the count that the runner printed; None when there is no such runner."""
    try:
        done = subprocess.run([*command, *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    found = [json.loads(line) for line in done.stdout.split("\n") if line.strip()]
    if not found:
        print(f"{command[0]} ran nothing: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return None
    return {outcome["id"]: outcome for outcome in found}, done.stderr.strip().rpartition("\n")[2]


def equal(a: Any, b: Any, doubles: bool) -> bool:
    keys = ("verdict", "code", "claims", "scopes", "client_id", "steps")
    left, right = ([outcome.get(key) for key in keys] for outcome in (a, b))
    if doubles:
        left, right = as_doubles(left), as_doubles(right)
    return bool(canonical(left) == canonical(right))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.vectors.compare")
    parser.add_argument("--c", default=str(ROOT / "build/tests/fb_vectors"))
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--node", default="node")
    parser.add_argument("paths", nargs="*", default=[str(ROOT / "tests/vectors")])
    given = parser.parse_args(arguments)
    commands = {
        "C": [given.c],
        "Python": [given.python, "-m", "tests.vectors"],
        "Node": [given.node, str(ROOT / "tests/node/vectors.mjs")],
    }
    outcomes: dict[str, dict[str, Any]] = {}
    for name, command in commands.items():
        ran = run(command, given.paths)
        print(f"{name}: {ran[1] if ran else 'not there'}", file=sys.stderr)
        if ran:
            outcomes[name] = ran[0]
    if len(outcomes) < 2:
        print("nothing to compare", file=sys.stderr)
        return 2
    (first, reference), *others = outcomes.items()
    different = 0
    for name, found in others:
        for identity in reference.keys() | found.keys():
            a, b = reference.get(identity), found.get(identity)
            if a is None or b is None or not equal(a, b, "Node" in (first, name)):
                different += 1
                print(f"{identity}: {first} {json.dumps(a)[:200]}, {name} {json.dumps(b)[:200]}")
    print(f"{len(reference)} cases compared between {', '.join(outcomes)}: {different} differences", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
