"""Sums up gcov's JSON for the objects in a folder: coverage per file, then the lines that were not reached, in their text."""

import gzip
import json
import pathlib
import subprocess
import sys

LINES, BRANCHES = 95.0, 85.0


def measure(folder):
    """Yields (file, {line: count}, [branch counts]) for each source of the core."""
    for data in sorted(folder.glob("*.gcda")):
        out = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout", str(data)], capture_output=True, check=True)
        raw = out.stdout
        text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        for report in json.loads(text.splitlines()[0])["files"]:
            path = pathlib.Path(report["file"])
            if path.suffix == ".c" and "core/src" in str(path):
                lines, branches = {}, []
                for line in report["lines"]:
                    lines[line["line_number"]] = lines.get(line["line_number"], 0) + line["count"]
                    branches += [branch["count"] for branch in line["branches"] if not branch["throw"]]
                yield path, lines, branches


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def main():
    total = [0, 0, 0, 0]
    missed = []
    for path, lines, branches in measure(pathlib.Path(sys.argv[1])):
        hit, taken = sum(count > 0 for count in lines.values()), sum(count > 0 for count in branches)
        for place, value in enumerate((hit, len(lines), taken, len(branches))):
            total[place] += value
        print(f"{path.name:20} lines {percent(hit, len(lines)):6.1f} %   branches {percent(taken, len(branches)):6.1f} %")
        text = path.read_text().splitlines()
        missed += [f"{path.name}:{number}: {text[number - 1].strip()}" for number, count in sorted(lines.items()) if not count]
    lines, branches = percent(total[0], total[1]), percent(total[2], total[3])
    print(f"{'core':20} lines {lines:6.1f} %   branches {branches:6.1f} %")
    print("\nnot reached:")
    print("\n".join(missed))
    sys.exit(lines < LINES or branches < BRANCHES)


main()
