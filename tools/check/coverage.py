"""Sums up gcov's JSON for the objects in a folder: coverage per file, then the lines that were not reached, each with
its reason.

coverage.py FOLDER REASONS. The file of reasons holds paragraphs: a line that begins with "# " says why, the lines below
it say for which lines, as "file function: text". A line that was not reached and has no reason fails, and so does an
entry whose line is not in the source any more.
"""

import gzip
import json
import pathlib
import subprocess
import sys

LINES, BRANCHES = 95.0, 85.0
CORE = pathlib.Path(__file__).resolve().parents[2] / "core/src"


def measure(folder):
    """{path: ({(function, line): count}, {branch: count})} of all sources and headers of the core."""
    files = {}
    for data in sorted(folder.rglob("*.gcda")):  # some tests hold a source of the core themselves
        done = subprocess.run(
            ["gcov", "--json-format", "--branch-probabilities", "--stdout", data], capture_output=True, check=True
        )
        text = gzip.decompress(done.stdout) if done.stdout[:2] == b"\x1f\x8b" else done.stdout
        for report in json.loads(text.splitlines()[0])["files"]:
            path = pathlib.Path(report["file"]).resolve()
            if not path.is_relative_to(CORE) or path.name in left_out():
                continue
            lines, branches = files.setdefault(path, ({}, {}))
            for line in report["lines"]:
                place = (line.get("function_name", ""), line["line_number"])
                lines[place] = lines.get(place, 0) + line["count"]
                for number, branch in enumerate(line["branches"]):
                    if not branch["throw"]:
                        branches[place, number] = branches.get((place, number), 0) + branch["count"]
    return sorted(files.items())


def left_out():
    """The arithmetic that this processor cannot run."""
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    return set() if "avx512ifma" in flags else {"rsa.c", "rsa_field.h"}


def read_reasons(path):
    reasons, reason = {}, None
    for line in path.read_text().splitlines():
        if line.startswith("# "):
            reason = line[2:]
        elif line:
            place, _, text = line.partition(": ")
            reasons[(*place.split(" "), text)] = reason
    return reasons


def stale(reasons):
    for name, function, text in reasons:
        source = "".join(path.read_text() for path in CORE.rglob(name))
        if f"{function}(" not in source or text not in map(str.strip, source.splitlines()):
            yield f"{name} {function}: {text}: stands in the file of reasons, but not in the source"


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def report(missed, reasons):
    """Prints the missed lines below their reasons; returns those that have none."""
    by_reason = {}
    for place in missed:
        name, function, _, text = place
        by_reason.setdefault(reasons.get((name, function, text)), []).append(place)
    unexplained = by_reason.pop(None, [])
    for reason, places in sorted(by_reason.items()):
        print(f"\n{reason}")
        for name, function, number, text in places:
            print(f"    {name}:{number}: {function}: {text}")
    return unexplained


def main(folder, reasons_file):
    total = [0, 0, 0, 0]
    missed = []
    for path, (lines, branches) in measure(pathlib.Path(folder)):
        hit, taken = sum(count > 0 for count in lines.values()), sum(count > 0 for count in branches.values())
        for place, value in enumerate((hit, len(lines), taken, len(branches))):
            total[place] += value
        print(
            f"{path.name:24} lines {percent(hit, len(lines)):6.1f} %   branches {percent(taken, len(branches)):6.1f} %"
        )
        text = path.read_text().splitlines()
        for (function, number), count in sorted(lines.items(), key=lambda item: item[0][1]):
            if not count:
                missed.append((path.name, function, number, text[number - 1].strip()))
    lines, branches = percent(total[0], total[1]), percent(total[2], total[3])
    counts = f"({total[0]} of {total[1]}, {total[2]} of {total[3]})"
    print(f"{'core':24} lines {lines:6.1f} %   branches {branches:6.1f} %   {counts}")
    for name in sorted(left_out()):
        print(f"{name}: not counted, this processor has no AVX-512 IFMA")
    reasons = read_reasons(pathlib.Path(reasons_file))
    unexplained = report(missed, reasons)
    problems = list(stale(reasons))
    if unexplained:
        problems.append("not reached, and no reason in " + reasons_file)
        problems += [f"    {name} {function}: {text}" for name, function, _, text in unexplained]
    if lines < LINES or branches < BRANCHES:
        problems.append(f"below {LINES} % of the lines or {BRANCHES} % of the branches")
    print("\n" + "\n".join(problems) if problems else "\nevery line that is not reached has its reason")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
