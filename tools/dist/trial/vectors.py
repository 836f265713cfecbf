"""Run by the interpreter under test: vectors.py PATH... runs the vectors in this process, with the installed package.

The suite's own runner gives each file a child by fork, which neither Windows nor a foreign processor's emulator has.
"""

import sys

from tests.vectors import cases
from tests.vectors.__main__ import run


def main(paths):
    total = different = 0
    for path in cases.files(paths):
        for case in cases.load(path):
            total += 1
            outcome = run(case)
            if outcome["verdict"] == "error" or not cases.as_expected(case, outcome):
                different += 1
                print("DIFFERENT", outcome, file=sys.stderr)
    print(f"{total} cases, {different} different")
    return 1 if total == 0 or different else 0


sys.exit(main(sys.argv[1:]))
