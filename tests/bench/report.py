"""The tables: results.json to numbers.md. python tests/bench/report.py FOLDER

Rows are ordered by what they cost; the cheapest in each column is bold, whosever it is.
"""

import json
import sys
from pathlib import Path

import budgets

ALGORITHMS, QUIET = budgets.ALGORITHMS, budgets.QUIET
SIGNING = ("OpenSSL signature", "fastbearer, create_token")
SEVERAL = ("1 issuer", "10 issuers", "1000 issuers", "1000 added issuers")
PROOFS = ("OpenSSL, a new key", "DPoP, a key that is held", "DPoP, a new key")
NODE_PROOFS = ("fastbearer, DPoP", "oauth4webapi, DPoP")  # a table of their own
APART = (
    *SIGNING,
    *(f"fastbearer, {issuers}" for issuers in SEVERAL),
    *(case.replace("DPoP", "fastbearer, DPoP") for case in PROOFS),
    *NODE_PROOFS,
    "fastbearer, start",
)  # judged, but no peers of the others
PERCENTILES = ("p50", "p99", "p99.9")  # of the time that a call takes, four clients at once
HEADLINES = {"C": "C", "Python": "Python, to claims as a dict", "Node": "Node, to claims as an object"}


def cell(row, algorithm, kind="first", part="median"):
    return row.get("cells", {}).get(algorithm, {}).get(kind, {}).get(part)


def number(value):
    if value is None:
        return "-"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def rows_of(results, language):
    rows = [row for row in results["rows"] if row["language"] == language and row.get("cells")]
    return sorted(rows, key=lambda row: cell(row, "RS256") or 1e9)


def table(header, lines):
    return "\n".join(
        [
            "| " + " | ".join(header) + " |",
            "|---" * len(header) + "|",
            *("| " + " | ".join(line) + " |" for line in lines),
        ]
    )


def named(row):
    name = f"**{row['name']}**" if "fastbearer" in row["name"] else row["name"]
    return f"{name} {row['version']}" if row.get("version") and "fastbearer" not in row["name"] else name


def spread(row):
    """Half the distance of the quartiles, in percent of the median, the widest of the row."""
    found = [
        (kinds["first"]["high"] - kinds["first"]["low"]) / 2 / kinds["first"]["median"]
        for kinds in row["cells"].values() if "first" in kinds and kinds["first"]["median"]
    ]  # fmt: skip
    return f"{100 * max(found):.0f} %" if found else "-"


def language_table(results, language):
    rows = [row for row in rows_of(results, language) if row["name"] not in APART]
    quiet = results["load"] < QUIET
    kinds = [*((algorithm, "first") for algorithm in ALGORITHMS), ("RS256", "repeat")]
    peers = [row for row in rows if not row["name"].startswith("OpenSSL") and "signature step" not in row["name"]]
    best = {key: min((cell(row, *key) for row in peers if cell(row, *key) is not None), default=None) for key in kinds}
    lines = []
    for row in rows:
        values = [cell(row, *key) for key in kinds]
        shown = [
            f"**{number(v)}**" if v is not None and v == best[k] and row in peers else number(v)
            for k, v in zip(kinds, values)
        ]
        threads = cell(row, "RS256", "two threads")
        takes = ", ".join(row.get("accepts", []))
        lines.append(
            [
                named(row),
                *shown,
                *(["-" if threads is None else f"{threads:.2f} x"] if quiet else []),
                spread(row),
                takes,
            ]
        )
    header = ["us", *ALGORITHMS, "RS256 cached", *(["two threads"] if quiet else []), "+-", "takes all the same"]
    return f"### {HEADLINES[language]}\n\n" + table(header, lines)


def absences(results):
    found = []
    for row in results["rows"]:
        if row.get("trouble"):
            found.append(f"{row['language']} {row['name']} could not be measured: {row['trouble']}")
        if row.get("absent") and row["name"] not in NODE_PROOFS:
            found.append(f"{row['language']} {row['name']} has no {', '.join(sorted(row['absent']))}")
    return found


def proofs_table(results):
    rows = [row for row in rows_of(results, "Node") if row["name"] in NODE_PROOFS]
    lines = [
        [named(row).replace(", DPoP", ""), *(number(cell(row, "ES256", kind)) for kind in ("first", "repeat"))]
        for row in rows
    ]
    return (
        "### Node, one request with a DPoP proof (ES256)\n\nThe token of one client, each time with a new proof, to"
        " claims as an object. oauth4webapi has no cache of tokens, and remembers no proofs.\n\n"
        + table(["us", "token uncached", "token cached"], lines)
    )


LARGE = [
    ("RS256", "first", "RS256, 500 bytes"),
    *(("RS256", size, size) for size in ("2 KiB", "8 KiB", "16 KiB")),
    ("ES256", "first", "ES256, one key"),
    ("ES256", "100 keys, one in use", "100 keys, one in use"),
    ("ES256", "100 keys", "100 keys, 64 in use"),
]


def large_table(results):
    parts = ["### Large tokens, and sets of 100 keys"]
    parts.append(
        "Tokens of 2, 8 and 16 KiB have as many claims as fit, some 30, 190 and 410. A contender that takes one key has"
        " one verifier for each of a set, and reads the header to choose."
    )
    for language in HEADLINES:
        rows = [
            row for row in rows_of(results, language) if cell(row, "RS256", "16 KiB") or cell(row, "ES256", "100 keys")
        ]
        shown = [key for key in LARGE if any(cell(row, *key[:2]) for row in rows)]
        lines = [[named(row), *(number(cell(row, alg, kind)) for alg, kind, _ in shown)] for row in rows]
        if lines:
            parts.append(table([f"{language}, us", *(title for _, _, title in shown)], lines))
    return "\n\n".join(parts) if len(parts) > 2 else ""


def start_tables(results):
    parts = []
    row = next((row for row in rows_of(results, "C") if row["name"] == "fastbearer, start"), None)
    if row:
        algorithms = [algorithm for algorithm in ALGORITHMS if algorithm in row["cells"]]
        lines = [
            [kind, *(number(cell(row, algorithm, kind)) for algorithm in algorithms)]
            for kind in row["cells"][algorithms[0]]
        ]
        parts.append(
            "In C, each a single call whose time includes the reading of a clock, with keys and verifiers of its own."
            ' "First table of a process" has the self-test of the arithmetic in it.'
        )
        parts.append(table(["us", *algorithms], lines))
    if results.get("starts"):
        lines = [
            [name, f"{run['ready_ms']:.1f} ms", f"{run['first_us']:.0f} us", f"{run['second_us']:.0f} us"]
            for name, run in results["starts"].items()
        ]
        parts.append("In a new process, CPU time of the process, RS256:")
        parts.append(table(["", "until there is a verifier, imports included", "first token", "second token"], lines))
    return "\n\n".join(["### First tokens", *parts]) if parts else ""


def instructions_table(results):
    lines = [
        [
            processor,
            algorithm,
            f"{counts['OpenSSL']:,}",
            f"{counts['step']:,}",
            f"{counts['step'] / counts['OpenSSL']:.2f} x",
            f"{counts['whole'] - counts['step']:,}",
        ]
        for processor, algorithms in results["instructions"].items()
        for algorithm, counts in algorithms.items()
    ]
    header = ["processor", "", "OpenSSL's primitive", "our signature step", "beside it", "above it, whole verification"]
    left_out = [f"Not counted: {name}: {why}." for name, why in results.get("not counted", {}).items()]
    how = (
        "Counted, not timed, with the table of a key in place (tests/bench/instructions.py says how). x86-64 has AVX2,"
        " BMI2 and ADX here, and neither AVX-512 nor instructions for SHA; aarch64 is the published build, and has"
        " instructions for SHA."
    )
    return "\n\n".join(["### Instructions on other processors", how, table(header, lines), *left_out])


def creep_table(results):
    runs = results["earlier runs"]
    if not runs:
        return ""
    lines = [[what, f"{then:.3f}", f"{now:.3f}", f"{now / then - 1:+.0%}"] for what, then, now, _ in results["crept"]]
    title = f"### Beside {runs} earlier run{'' if runs == 1 else 's'} on this processor"
    if not lines:
        return f"{title}\n\nNothing costs over 10 % more than the median of them, beside the same run's OpenSSL."
    said = "These cost over 10 % more than the median of them. Ratios to the same run's OpenSSL, or what the row says."
    return f"{title}\n\n{said}\n\n" + table(["", "then", "now", ""], lines)


def end_to_end_table(results):
    lines, quiet = [], results["load"] < QUIET
    tail = PERCENTILES if quiet and all("latency_ms" in row for row in results["end_to_end"]) else ()
    for row in results["end_to_end"]:
        cpu, rate = row["cpu_us"], row["per_second"]
        guard = {
            "none": "no guard",
            "host": "its own" if row["host"] == "FastMCP" else "jose",
            "fastbearer": "**fastbearer**",
        }
        wide = f"{(cpu['high'] - cpu['low']) / 2:.0f}"
        over = row["above_us"]
        above = "" if row["guard"] == "none" else f"{over['median']:+.0f} ({over['low']:+.0f} to {over['high']:+.0f})"
        lines.append(
            [
                row["host"],
                guard[row["guard"]],
                f"{cpu['median']:.0f} +- {wide}",
                above,
                *([f"{rate['median']:.0f}"] if quiet else []),
                *(f"{row['latency_ms'][part]:.1f}" for part in tail),
            ]
        )
    header = [
        "server",
        "guard",
        "CPU us a request",
        "above no guard (quartiles)",
        *(["requests a second"] if quiet else []),
        *(f"{part}, ms" for part in tail),
    ]
    return "### One tool call on a real server, the same token each time\n\n" + table(header, lines)


def imports_table(results):
    lines = [[name, f"{row['ms']:.1f} ms", f"{row['base']:.0f} ms"] for name, row in results["imports"].items()]
    return "### Import\n\n" + table(["", "CPU time of the import", "of what is there before it"], lines)


def budgets_table(results):
    lines = [[row.what, row.budget, row.measurement, row.verdict] for row in budgets.judge(results)]
    return "### Budgets\n\n" + table(["", "budget", "measured", ""], lines)


def headline(results):
    arithmetic = "with AVX-512 IFMA" if results["ifma"] else "without AVX-512 IFMA"
    return (
        "CPU time of one whole verification in microseconds, 500 bytes of claims, medians of"
        f" {results['rounds']} interleaved rounds. {results['processor']}, {results['cpus']} CPUs, {arithmetic};"
        f" Python {results['python']}, Node {results['node']}, OpenSSL {results['openssl']},"
        f" FastMCP {results['fastmcp']}, MCP TypeScript SDK {results['sdk']}; {results['date']},"
        f" others kept {results['load']} processors busy. `make bench` measures again.\n\n"
        "A column without another word is an uncached token; ours is looked for in the cache, verified and"
        " kept. "
        + ("" if results["load"] < QUIET else "Wall time, hence requests a second, is left out: the machine was busy. ")
        + '"Takes all the same": bad tokens that the contender accepts as it is set up here.'
    )


def write(results, folder):
    parts = ["# Numbers", headline(results)]
    parts += [language_table(results, language) for language in HEADLINES if rows_of(results, language)]
    parts += [proofs_table(results)] if any(row["name"] in NODE_PROOFS for row in rows_of(results, "Node")) else []
    parts += ["Not in the tables: " + "; ".join(absences(results)) + "."] if absences(results) else []
    parts += [large_table(results), start_tables(results)]
    parts += [end_to_end_table(results)] if "end_to_end" in results else []
    parts += [imports_table(results)] if "imports" in results else []
    parts += [instructions_table(results)] if results.get("instructions") else []
    parts += [budgets_table(results), creep_table(results) if "crept" in results else ""]
    (folder / "numbers.md").write_text("\n\n".join(part for part in parts if part) + "\n")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    write(json.loads((place / "results.json").read_text()), place)
