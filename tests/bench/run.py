"""The whole measurement: python tests/bench/run.py [--rounds N] [--only WORD,...] [--update] [--out FOLDER]

Every contender runs in a process of its own, round after round in turn, so that what disturbs the machine disturbs all
of them. CPU time, medians of the rounds, quartiles beside them. Writes results.json, numbers.md and the plots to
FOLDER.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import end_to_end
import environments
import imports
import report

ROOT = environments.ROOT
HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "bench"
ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")
PYTHON = [  # label, environment, contender
    *((name, "peers", name) for name in (
        "fastbearer", "ryjwt", "oxyjwt", "webtoken", "pyjwt-rs", "joserfc", "Authlib", "python-jose", "PyJWT",
        "jwcrypto",
    )),
    *((f"{host}, its own", host, "FastMCP") for host in ("FastMCP 2.6.1", "FastMCP")),
    *((f"{host}, fastbearer", host, "fastbearer in FastMCP") for host in ("FastMCP 2.6.1", "FastMCP")),
]  # fmt: skip
NODE = [
    "fastbearer", "jose", "jsonwebtoken", "fast-jwt", "fast-jwt, cache", "@node-rs/jsonwebtoken", "aws-jwt-verify",
    *report.NODE_PROOFS,
]  # fmt: skip
CASES = {  # of the C programs, in microseconds
    "OpenSSL primitive": ("OpenSSL primitive", "first"),
    "EVP_DigestVerify, copied": ("OpenSSL EVP_DigestVerify", "first"),
    "signature step": ("fastbearer, signature step", "first"),
    "fb_verify": ("fastbearer, cache off", "first"),
    "fb_verify, kept in the cache": ("fastbearer", "first"),
    "fb_verify, cache hit": ("fastbearer", "repeat"),
    "two threads": ("fastbearer", "two threads"),
    "two threads, CPU": ("fastbearer", "two threads, CPU"),
    "bare signature": ("OpenSSL signature", "first"),
    "fb_keypair_create_token": ("fastbearer, create_token", "first"),
    "libjwt": ("libjwt", "first"),
    **{case: (case.replace("DPoP", "fastbearer, DPoP"), "first") for case in report.PROOFS},
    **{
        f"{issuers}{case}": (f"fastbearer, {issuers}", kind)
        for issuers in report.SEVERAL
        for case, kind in (("", "first"), (", cache hit", "repeat"))
    },
}


class Samples:
    """What was measured: one value a round for each language, contender, algorithm and kind."""

    def __init__(self):
        self.rows, self.values = {}, {}

    def row(self, language, name, **about):
        self.rows.setdefault((language, name), {"language": language, "name": name}).update(about)

    def add(self, language, name, algorithm, kind, value):
        self.row(language, name)
        self.values.setdefault((language, name, algorithm, kind), []).append(value)

    def as_list(self):
        for (language, name, algorithm, kind), values in self.values.items():
            cells = self.rows[language, name].setdefault("cells", {})
            cells.setdefault(algorithm, {})[kind] = summary(values)
        return list(self.rows.values())


def summary(values):
    low, high = (min(values), max(values)) if len(values) < 4 else statistics.quantiles(values, n=4)[::2]
    return {
        "median": round(statistics.median(values), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "rounds": len(values),
    }


def measure_c(samples):
    for program in ("bench_verify", "bench_issuers", "bench_proof", "bench_libjwt"):
        if not (BUILD / program).exists():
            continue
        done = subprocess.run([BUILD / program, "--json", "3"], check=True, capture_output=True, text=True)
        for line in map(json.loads, done.stdout.splitlines()):
            name, kind = CASES[line["case"]]
            samples.add("C", name, line["algorithm"], kind, line["times"] if "times" in line else line["ns"] / 1000)
            if "version" in line:
                samples.row("C", name, version=line["version"], accepts=["future nbf", "future iat"])


def measure_hostile():
    """Microseconds until 64 KiB of garbage are refused, by shape."""
    done = subprocess.run([BUILD / "bench_hostile"], check=True, capture_output=True, text=True)
    found = [line.removeprefix("64 KiB of ").split(" refused in ") for line in done.stdout.splitlines()]
    return {shape.strip(): float(cost.split()[0]) for shape, cost in found}


def measure_one(samples, language, label, command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        samples.row(language, label, trouble=(done.stderr.strip().splitlines() or ["?"])[-1][:200])
        return
    got = json.loads(done.stdout.splitlines()[-1])
    samples.row(language, label, version=got["version"], accepts=got["accepts"], absent=got["absent"])
    for algorithm, cells in got["cells"].items():
        for kind, value in cells.items():
            samples.add(language, label, algorithm, kind, value)


def measure_round(samples, pythons, peers, path, seconds, wanted):
    if wanted("C"):
        measure_c(samples)
    for label, home, name in PYTHON:
        if wanted(f"Python {label}"):
            measure_one(samples, "Python", label, [pythons[home], HERE / "contender.py", name, path, seconds])
    for name in NODE:
        if wanted(f"Node {name}"):
            measure_one(
                samples, "Node", name, ["node", HERE / "contender.mjs", name, path, 4 * seconds, peers]
            )  # compilers settle late


def output(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True).stdout.strip()


def others_load():
    """How many processors' worth of work others have, before ours begins: what wall time would be measured against."""

    def busy_ticks():
        with open("/proc/stat") as file:
            fields = [int(field) for field in file.readline().split()[1:]]
        return sum(fields) - fields[3] - fields[4], sum(fields)

    busy, total = busy_ticks()
    time.sleep(2)
    busy_then, total_then = busy_ticks()
    return round((os.cpu_count() or 1) * (busy_then - busy) / (total_then - total), 2)


def about_machine(pythons):
    with open("/proc/cpuinfo") as file:
        lines = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    described = output("lscpu").splitlines()
    features = next((line for line in described if line.startswith("Flags")), "")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": lines[0] if lines else platform.machine(),
        "cpus": os.cpu_count(),
        "ifma": "avx512ifma" in features,
        "python": output(pythons["peers"], "-c", "import platform; print(platform.python_version())"),
        "node": output("node", "--version"),
        "openssl": output(pythons["peers"], "-c", "import fastbearer; print(fastbearer.versions()['openssl'])"),
        "fastmcp": output(pythons["FastMCP"], "-c", "import fastmcp; print(fastmcp.__version__)"),
        "sdk": json.loads(
            (environments.CACHE / "node/node_modules/@modelcontextprotocol/sdk/package.json").read_text()
        )["version"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.04, help="CPU time of one measurement")
    parser.add_argument(
        "--only", default="", help='words of what to measure: "Node", "fast-jwt", "imports", "end to end"'
    )
    parser.add_argument("--update", action="store_true", help="ask the registries for newer peers")
    parser.add_argument("--out", type=Path, default=environments.CACHE / "out")
    options = parser.parse_args()
    words = [word.strip() for word in options.only.split(",") if word.strip()]

    def wanted(what):
        return not words or any(word in what for word in words)

    pythons, peers = environments.prepare(options.update)
    path = environments.CACHE / "tokens.json"
    path.write_text(output(pythons["peers"], HERE / "mint.py"))
    busy = others_load()
    samples, started = Samples(), time.monotonic()
    for number in range(options.rounds):
        measure_round(samples, pythons, peers, path, options.seconds, wanted)
        print(
            f"round {number + 1} of {options.rounds}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True
        )
    results = {**about_machine(pythons), "load": busy, "rounds": options.rounds, "rows": samples.as_list()}
    if wanted("C"):
        results["hostile"] = measure_hostile()
    if wanted("imports"):
        results["imports"] = imports.measure(pythons, 2 * options.rounds + 1)
    if wanted("end to end"):
        rows = end_to_end.measure(pythons["FastMCP"], peers, path, 3 * options.rounds, 120)
        kinds = ("cpu_us", "above_us", "per_second")
        results["end_to_end"] = [{**row, **{kind: summary(row[kind]) for kind in kinds}} for row in rows]
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, options.out)
    subprocess.run([pythons["plot"], HERE / "plot.py", options.out], check=True)
    print((options.out / "numbers.md").read_text())


if __name__ == "__main__":
    main()
