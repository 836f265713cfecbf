"""The numbers of README.md and docs/design/speed.md: what `make bench` measured, from tests/bench/results.

python tools/docs/measured.py     writes those of the results into the two pages; the sentences around them stay, and
                                  whether they still hold is for the reader to say
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
README, SPEED = ROOT / "README.md", ROOT / "docs/design/speed.md"
ALGORITHMS = ("RS256", "ES256", "EdDSA", "HS256")
#: The rows of the table on the page, and what they are called in the results.
ROWS = {
    "OpenSSL's bare primitive": ("C", "OpenSSL primitive"),
    "C": ("C", "fastbearer"),
    "Python": ("Python", "fastbearer"),
    "ryjwt (Rust, the fastest of the others)": ("Python", "ryjwt"),
    "FastMCP with fastbearer": ("Python", "FastMCP, fastbearer"),
    "FastMCP, its own verifier": ("Python", "FastMCP, its own"),
    "Node": ("Node", "fastbearer"),
    "fast-jwt, with its cache in the last column": ("Node", "fast-jwt"),
    "jose": ("Node", "jose"),
}
Results = dict[str, Any]


def results() -> Results:
    found: Results = json.loads((ROOT / "tests/bench/results/results.json").read_text(encoding="utf-8"))
    return found


def measured(run: Results, language: str, name: str, algorithm: str = "RS256", kind: str = "first") -> float:
    row = next(row for row in run["rows"] if (row["language"], row["name"]) == (language, name))
    return float(row["cells"][algorithm][kind]["median"])


def rounded(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def row_of_table(run: Results, label: str) -> list[str]:
    """A peer's number that ours of the same language does not reach is bold."""
    language, name = ROWS[label]
    cells = [(name, algorithm, "first") for algorithm in ALGORITHMS]
    if language != "C" or name == "fastbearer":
        cells.append(("fast-jwt, cache" if name == "fast-jwt" else name, "RS256", "repeat"))
    shown = []
    for named, algorithm, kind in cells:
        value = measured(run, language, named, algorithm, kind)
        wins = language != "C" and value < measured(run, language, "fastbearer", algorithm, kind)
        shown.append(f"**{rounded(value)}**" if wins else rounded(value))
    return [label, *shown, *[""] * (5 - len(shown))]


def table(run: Results) -> str:
    return "\n".join(f"| {' | '.join(row_of_table(run, label))} |".replace("|  |", "| |") for label in ROWS)


def beside_openssl(run: Results) -> str:
    """What ES256 and Ed25519 take of OpenSSL's time."""
    found = [
        f"{measured(run, 'C', 'fastbearer, signature step', alg) / measured(run, 'C', 'OpenSSL primitive', alg):.2f}"
        for alg in ("ES256", "EdDSA")
    ]
    return " and ".join(dict.fromkeys(found))


def above(run: Results, host: str) -> str:
    rows = {(row["host"], row["guard"]): row["above_us"]["median"] for row in run["end_to_end"]}
    return f"{rows[host, 'host']:.0f}"


def times(run: Results, language: str) -> str:
    return f"{measured(run, language, 'fastbearer', kind='two threads'):.2f}"


#: What stands before a number, the number, and what stands after it.
Sentence = tuple[str, str, str, Callable[[Results], str]]
NUMBER = r"[\d.]+"
SENTENCES: dict[Path, list[Sentence]] = {
    README: [
        (
            "an uncached RS256 token ",
            NUMBER,
            " µs in Python",
            lambda run: f"{measured(run, 'Python', 'fastbearer'):.1f}",
        ),
        (" µs in Python and ", NUMBER, " µs in Node", lambda run: f"{measured(run, 'Node', 'fastbearer'):.1f}"),
        *(
            (before, NUMBER, after, lambda run, of=language: f"{measured(run, of, 'fastbearer', kind='repeat'):.1f}")
            for language, before, after in (
                ("Python", "a cached one ", " and"),
                ("Node", "a cached one [^ ]* and ", ";"),
            )
        ),
    ],
    SPEED: [
        ("ES256 and Ed25519 take ", f"{NUMBER}(?: and {NUMBER})?", " of OpenSSL's time", beside_openssl),
        ("FastMCP's own verifier adds ", NUMBER, " microseconds to", lambda run: above(run, "FastMCP")),
        ("jose adds ", NUMBER, ",", lambda run: above(run, "MCP TypeScript SDK")),
        ("Two threads verify ", NUMBER, " times", lambda run: times(run, "C")),
        ("as one in C, ", NUMBER, " times", lambda run: times(run, "Node")),
        ("GIL it is\\s+", NUMBER, " times", lambda run: times(run, "Python")),
        (
            "in one run on an ",
            "[^.\n]+ (?:with|without) AVX-512 IFMA and OpenSSL [^ ]+",
            "\\. `make bench`",
            lambda run: (
                f"{run['processor']} {'with' if run['ifma'] else 'without'} AVX-512 IFMA and OpenSSL {run['openssl']}"
            ),
        ),
    ],
}


def written(page: Path, text: str, run: Results) -> str:
    """The page with these numbers. Each sentence has to be there, once."""
    if page == SPEED:
        label = re.escape(next(iter(ROWS)))
        text, found = re.subn(
            rf"(?:^\| {label} .*\n)(?:^\|.*\n?)*", lambda _: table(run) + "\n", text, flags=re.MULTILINE
        )
        assert found == 1, "the table"
    for before, number, after, value in SENTENCES[page]:
        text, found = re.subn(f"({before}){number}({after})", rf"\g<1>{value(run)}\g<2>", text)
        assert found == 1, f"{page.name}: {before!r} is there {found} times"
    return text


def main() -> None:
    run = results()
    for page in SENTENCES:
        page.write_text(written(page, page.read_text(encoding="utf-8"), run), encoding="utf-8")


if __name__ == "__main__":
    main()
