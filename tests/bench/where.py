"""Where the time of one verification goes: python tests/bench/where.py [--algorithms RS256,HS256] [--seconds N]

Samples of perf on a loop of verifications that is warm, by the function that was running, put into kinds of work; one
table a language, in microseconds. A function that the compiler has inlined counts for its caller. Needs perf (Debian:
linux-perf) and what `make bench` has built.
"""

import argparse
import collections
import re
import subprocess
import sys
import time
from pathlib import Path

import environments

ROOT, CACHE = environments.ROOT, environments.CACHE
HERE = Path(__file__).resolve().parent
FILES = {  # of core/src
    "base64url.c": "base64", "token.c": "base64", "json_scan.c": "JSON", "json_string.c": "JSON",
    "json_number.c": "JSON", "json_object.c": "JSON", "header.c": "header and claims", "claims.c": "header and claims",
    "parties.c": "header and claims", "scopes.c": "header and claims", "policy.c": "header and claims",
    "token_cache.c": "cache", "cache_shard.c": "cache", "signature.c": "signature", "result.c": "result",
    "memory.c": "allocation",
}  # fmt: skip
ALLOCATORS = re.compile(
    r"^(_int_)?(malloc|free|calloc|realloc|cfree|_mid_memalign)|unlink_chunk|_Py\w*(Alloc|Free|Malloc)"
    r"|Py\w*_(Malloc|Free|Alloc)\b|pymalloc|_?PyObject_GC|tcache"
)
OBJECTS = re.compile(
    r"^_?(PyUnicode|PyDict|PyList|PyLong|PyTuple|unicode_|dict_|list_|long_|insertdict|ascii_|new_dict|find_empty"
    r"|insert_|resize_)|_PyUnicode|siphash|unicodekeys"
)
ORDER = (
    "signature", "base64", "JSON", "header and claims", "result", "cache", "allocation", "rest of the core", "binding",
    "object building", "interpreter", "N-API", "JSON.parse", "JavaScript", "collector", "engine", "C library",
    "kernel and clock",
)  # fmt: skip


def functions(folder, pattern):
    """Function names to the file that defines them, "arithmetic" for all of ours."""
    found = {}
    for path in sorted((ROOT / folder).glob(pattern)):
        for name in re.findall(r"^[a-z][\w \t*]*?\b(\w+)\s*\([^;]*?\)\s*\{", path.read_text(), re.MULTILINE):
            found.setdefault(name, "arithmetic" if "arithmetic" in path.parts else path.name)
    return found


CORE = functions("core/src", "**/*.c")
LOOP = functions("tests/bench", "*.c")
BINDINGS = {**functions("bindings/python", "*.c"), **functions("bindings/node", "*.c")}


def ours(symbol, place):
    """The kind of a function in one of our own objects. Arithmetic that macros define, and OpenSSL linked into the Node
    addon, are what no source of ours names."""
    plain = re.sub(r"\.(part|constprop|isra|cold)[.\d]*", "", symbol)
    plain = re.sub(r"\(.*", "", plain).removeprefix("fbnode::")
    if ALLOCATORS.search(symbol):
        return "allocation"
    if "@plt" in symbol or ("bench_" in place and plain in LOOP):
        return "rest of the core"
    if symbol.startswith(("fbnode", "fbpy", "Napi::")) or (plain in BINDINGS and "bench_" not in place):
        return "binding"
    file = CORE.get(plain, "arithmetic")
    return "signature" if file in ("arithmetic", "selection.c") else FILES.get(file, "rest of the core")


def kind_of(symbol, place):
    name = Path(place).name
    if name.startswith(("_native", "bench_")) or name == "fastbearer.node":
        return ours(symbol, name)
    if name.startswith("libcrypto"):
        return "signature"
    if name.startswith(("[vdso", "[kernel", "[unknown")) or place.startswith("["):
        return "kernel and clock"
    if ALLOCATORS.search(symbol):
        return "allocation"
    if name.startswith(("libc.", "libc-", "ld-", "libm", "libpthread", "libstdc")):
        return "C library"
    if name.startswith(("python", "libpython")):
        return "object building" if OBJECTS.search(symbol) else "interpreter"
    return node_kind(symbol, name)


def node_kind(symbol, name):
    if name.startswith(("perf-", "anon")) or "memory" in name:
        return "JavaScript"
    if symbol.startswith(("napi_", "v8impl")):
        return "N-API"
    if "Json" in symbol:
        return "JSON.parse"
    if re.search(r"Scaveng|Heap|GC|Mark|Sweep|Evacuat", symbol):
        return "collector"
    return "JavaScript" if symbol.startswith(("Builtins_", "LazyCompile", "Function:")) else "engine"


def sample(command, seconds):
    """What one verification costs in us, and the share of each kind of work."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    data = CACHE / "perf.data"
    try:
        cost = float(process.stdout.readline())
        record = ["perf", "record", "-q", "-F", "5000", "-o", data, "-p", process.pid, "--", "sleep", seconds]
        subprocess.run([str(part) for part in record], check=True, stderr=subprocess.DEVNULL)
    finally:
        process.kill()
        process.wait()
    script = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym,dso"], capture_output=True, text=True).stdout
    counts, names = collections.Counter(), collections.defaultdict(collections.Counter)
    for line in script.splitlines():
        found = re.match(r"\s*[0-9a-f]+ (.*) \((.*)\)$", line)
        if found:
            kind = kind_of(*found.groups())
            counts[kind] += 1
            names[kind][found.group(1)] += 1
    return cost, counts, names


# The names of compiled JavaScript for perf. Without the last two V8 leaves a log of its own in the current folder.
PERF = ["--perf-basic-prof", "--no-logfile-per-isolate", f"--logfile={CACHE / 'v8.log'}"]


def commands(python, peers, path, algorithm, sight):
    how = "plain" if sight == "first" else "hit"
    return {
        "C": ("ns", [ROOT / "build/bench/bench_verify", "--loop", algorithm, how]),
        "Python": ("us", [python, HERE / "contender.py", "fastbearer", path, "0.3", algorithm, sight]),
        "Node": ("us", ["node", *PERF, HERE / "contender.mjs", "fastbearer", path, "0.3", peers, algorithm, sight]),
    }


def print_table(language, columns, verbose):
    kinds = [kind for kind in ORDER if any(shares.get(kind, 0) >= 0.002 for _, shares, _ in columns.values())]
    print(f"\n### {language}, us\n\n| | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    for kind in kinds:
        print(
            f"| {kind} | "
            + " | ".join(f"{cost * shares.get(kind, 0):.2f}" for cost, shares, _ in columns.values())
            + " |"
        )
    print("| **all** | " + " | ".join(f"**{cost:.2f}**" for cost, _, _ in columns.values()) + " |", flush=True)
    for title, (_cost, _shares, names) in columns.items() if verbose else ():
        for kind in kinds:
            print(f"    {title}, {kind}: " + ", ".join(f"{name} {count}" for name, count in names[kind].most_common(9)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--algorithms", default="RS256,HS256")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--languages", default="C,Python,Node")
    parser.add_argument("--verbose", action="store_true", help="the functions of each kind too")
    options = parser.parse_args()
    python, peers, path = CACHE / "peers/bin/python", CACHE / "node", CACHE / "tokens.json"
    print(f"perf, {time.strftime('%Y-%m-%d')}")
    for language in options.languages.split(","):
        columns = {}
        for algorithm in options.algorithms.split(","):
            for sight in ("first", "repeat") if algorithm == options.algorithms.split(",")[0] else ("first",):
                unit, command = commands(python, peers, path, algorithm, sight)[language]
                cost, counts, names = sample(command, options.seconds)
                total = sum(counts.values())
                shares = {kind: count / total for kind, count in counts.items()}
                columns[f"{algorithm}, {sight}"] = (cost / 1000 if unit == "ns" else cost, shares, names)
        print_table(language, columns, options.verbose)


if __name__ == "__main__":
    sys.exit(main())
