"""The whole measurement: python tests/bench/run.py [--rounds N] [--only WORD,...] [--update] [--out FOLDER]

Every contender runs in a process of its own, round after round in turn, so that what disturbs the machine disturbs all
of them. CPU time, medians of the rounds, quartiles beside them. Writes results.json, numbers.md and the plots to
FOLDER, adds a line to the history, and says which budgets are missed and what crept since the earlier runs.
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

import budgets
import end_to_end
import environments
import history
import imports
import instructions
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
STARTS = {"Python": ("fastbearer", "ryjwt", "PyJWT", "joserfc"), "Node": ("fastbearer", "fast-jwt", "jose")}
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
    "start": ("fastbearer, start", None),  # the line has the kind
    "fastbearer": ("fastbearer", None),
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
    for program in ("bench_verify", "bench_issuers", "bench_large", "bench_start", "bench_proof", "bench_libjwt"):
        if not (BUILD / program).exists():
            continue
        done = subprocess.run([BUILD / program, "--json", "3"], check=True, capture_output=True, text=True)
        for line in map(json.loads, done.stdout.splitlines()):
            name, kind = CASES[line["case"]]
            value = line["times"] if "times" in line else line["ns"] / 1000
            samples.add("C", name, line["algorithm"], kind or line["kind"], value)
            if "version" in line:
                samples.row("C", name, version=line["version"], accepts=["future nbf", "future iat"])
    done = subprocess.run([BUILD / "bench_without_ifma", "--step"], check=True, capture_output=True, text=True)
    for line in map(json.loads, done.stdout.splitlines()):
        samples.add("C", CASES[line["case"]][0], line["algorithm"], "without IFMA", line["ns"] / 1000)


def measure_hostile():
    """Microseconds until tokens of 64 KiB and of 16 KiB are refused, by shape."""
    done = subprocess.run([BUILD / "bench_hostile"], check=True, capture_output=True, text=True)
    found = [line.split(" refused in ") for line in done.stdout.splitlines()]
    return {shape.strip(): float(cost.split()[0]) for shape, cost in found}


def measure_memory(millions):
    return json.loads(subprocess.check_output([BUILD / "bench_memory", str(millions)]))


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
    if "free-threaded" in pythons and wanted("Python fastbearer, free-threaded"):
        command = [pythons["free-threaded"], HERE / "contender.py", "fastbearer", path, seconds]
        measure_one(samples, "Python", "fastbearer, free-threaded", command)
    for label, home, name in PYTHON:
        if wanted(f"Python {label}"):
            measure_one(samples, "Python", label, [pythons[home], HERE / "contender.py", name, path, seconds])
    for name in NODE:
        if wanted(f"Node {name}"):
            measure_one(
                samples, "Node", name, ["node", HERE / "contender.mjs", name, path, 4 * seconds, peers]
            )  # compilers settle late


def measure_starts(pythons, peers, path, rounds):
    """{language and contender: {ready_ms, first_us, second_us}} of a new process, with RS256."""
    commands = {
        **{f"Python {name}": [pythons["peers"], HERE / "contender.py", name, path, "0"] for name in STARTS["Python"]},
        **{f"Node {name}": ["node", HERE / "contender.mjs", name, path, "0", peers] for name in STARTS["Node"]},
    }
    samples = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            said = output(*command, "RS256", "start")
            if said:
                samples[name].append(json.loads(said))
    return {
        name: {part: round(statistics.median(run[part] for run in runs), 3) for part in runs[0]}
        for name, runs in samples.items() if runs
    }  # fmt: skip


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


def options_given():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.04, help="CPU time of one measurement")
    parser.add_argument(
        "--only",
        default="",
        help="words of what to measure: C, Node, fast-jwt, start, imports, memory, instructions, end to end",
    )
    parser.add_argument("--prepare", action="store_true", help="make the contenders' environments, and measure nothing")
    parser.add_argument("--update", action="store_true", help="ask the registries for newer peers")
    parser.add_argument("--out", type=Path, default=environments.CACHE / "out")
    parser.add_argument("--calls", type=int, default=400, help="of a server in one of three bursts a round")
    parser.add_argument("--millions", type=int, default=10, help="verifications that memory is watched over")
    parser.add_argument("--history", type=Path, default=HERE / "results" / "history.jsonl")
    parser.add_argument("--no-history", action="store_true", help="add no line to it: for a short or busy run")
    return parser.parse_args()


def measure_beside_rounds(results, options, wanted, pythons, peers, path):
    """What is not measured in the rounds of all contenders."""
    if wanted("C"):
        results["hostile"] = measure_hostile()
    if wanted("memory"):
        results["memory"] = measure_memory(options.millions)
    if wanted("start"):
        results["starts"] = measure_starts(pythons, peers, path, 2 * options.rounds + 1)
    if wanted("imports"):
        results["imports"] = imports.measure(pythons, 2 * options.rounds + 1)
    if wanted("instructions"):
        results["instructions"], results["not counted"] = instructions.measure(BUILD.parent)
    if wanted("end to end"):
        rows = end_to_end.measure(pythons["FastMCP"], peers, path, 3 * options.rounds, options.calls)
        kinds = ("cpu_us", "above_us", "per_second")
        results["end_to_end"] = [{**row, **{kind: summary(row[kind]) for kind in kinds}} for row in rows]


def commit():
    """Of the sources, with "+" when they have been changed since."""
    return output("git", "-C", ROOT, "rev-parse", "--short", "HEAD") + (
        "+" if output("git", "-C", ROOT, "status", "--porcelain", "--untracked-files=no") else ""
    )


def main():
    options = options_given()
    words = [word.strip() for word in options.only.split(",") if word.strip()]

    def wanted(what):
        return not words or any(word in what for word in words)

    pythons, peers = environments.prepare(options.update)
    if options.prepare:
        return
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
    measure_beside_rounds(results, options, wanted, pythons, peers, path)
    line, earlier = history.entry(results, commit()), history.read(options.history)
    results["crept"] = history.crept(earlier, line)
    results["earlier runs"] = sum(run["processor"] == line["processor"] for run in earlier)
    if not options.no_history:
        history.append(options.history, line)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, options.out)
    subprocess.run([pythons["plot"], HERE / "plot.py", options.out], check=True)
    print((options.out / "numbers.md").read_text())
    for row in budgets.judge(results):
        if row.kept is False:
            print(f"MISSED: {row.what}: {row.budget}, measured {row.measurement}")
    for what, then, now, _runs in results["crept"]:
        print(f"CREPT: {what}: {now / then - 1:+.0%}")


if __name__ == "__main__":
    main()
