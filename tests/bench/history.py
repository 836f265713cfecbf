"""The history of runs: one line of JSON each, and what crept since the earlier ones on the same processor.

Compared are ratios within a run, to OpenSSL's bare primitive of the same run or to what the row is about otherwise,
since machines and their days differ. A median of the earlier runs stands for them, so that one odd run says little.
"""

import json
import statistics

import budgets

CREPT = 0.10  # this much more than the median of earlier runs is told
THREADS = "two threads"


def primitive(cells, algorithm):
    return cells.get(algorithm, {}).get("first", {}).get("median")


def of_rows(results):
    """What we cost in each row, in microseconds, and beside the primitive. How much two threads get done is a ratio by
    itself, of which less is worse; it is turned round, as all others are better when they are less. By wall time it
    means something on a quiet machine only."""
    rows = {(row["language"], row["name"]): row.get("cells", {}) for row in results["rows"]}
    bare = rows.get(("C", "OpenSSL primitive"), {})
    medians, ratios = {}, {}
    for (language, name), cells in rows.items():
        if "fastbearer" not in name:
            continue
        for algorithm, kinds in cells.items():
            for kind, found in kinds.items():
                key, base = f"{language} {name}, {algorithm}, {kind}", primitive(bare, algorithm)
                medians[key] = found["median"]
                if kind == THREADS and results["load"] >= budgets.QUIET:
                    continue
                if kind.startswith(THREADS):
                    ratios[key] = 1 / found["median"] if found["median"] else None
                elif base:
                    ratios[key] = found["median"] / base
    return medians, ratios


def of_the_rest(results):
    medians, ratios = {}, {}
    for name, row in results.get("imports", {}).items():
        if "fastbearer" in name:
            medians[f"import {name}, ms"] = row["ms"]
            ratios[f"import {name}, ms"] = row["ms"] / results["imports"]["fastbearer"]["base"]
    for processor, algorithms in results.get("instructions", {}).items():
        for algorithm, counts in algorithms.items():
            for what in ("step", "whole"):
                key = f"instructions on {processor}, {algorithm}, {what}"
                medians[key], ratios[key] = counts[what], counts[what] / counts["OpenSSL"]
    bare = {(row["language"], row["name"]): row.get("cells", {}) for row in results["rows"]}
    base = primitive(bare.get(("C", "OpenSSL primitive"), {}), "RS256")
    for shape, cost in results.get("hostile", {}).items():
        medians[f"refusing {shape}"] = cost
        ratios[f"refusing {shape}"] = cost / base if base else None
    return medians, ratios


def entry(results, commit):
    """The line of a run."""
    medians, ratios = ({**one, **other} for one, other in zip(of_rows(results), of_the_rest(results)))
    about = {name: results[name] for name in ("date", "processor", "openssl", "load", "rounds")}
    kept = {key: round(value, 5) for key, value in ratios.items() if value is not None}
    return {**about, "commit": commit, "medians": medians, "ratios": kept}


def read(path):
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def append(path, line):
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def crept(earlier, line, limit=CREPT):
    """[(row, ratio then, ratio now, runs then)], the worst first. What no earlier run on this processor has measured is
    compared with nothing."""
    found = []
    for key, now in line["ratios"].items():
        then = [run["ratios"][key] for run in earlier if run["processor"] == line["processor"] and key in run["ratios"]]
        if then and now > statistics.median(then) * (1 + limit):
            found.append((key, statistics.median(then), now, len(then)))
    return sorted(found, key=lambda row: row[1] / row[2])
