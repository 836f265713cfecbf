"""What is published beside what this checkout's compiler makes: make bench-builds [BENCH="--only Node"]

After make dist. Each build runs in a process of its own; both take turns of some milliseconds on the same processor, so
that whatever else the machine does slows both. A row is the median of CPU microseconds per verification, and the median
ratio of two turns beside each other. Exit status 1 when the published build is slower by more than 3 % in a row.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ISSUER, AUDIENCE = "https://issuer.example", "https://api.example/mcp"
FAMILIES = ("HS", "RS", "PS", "ES")
ALGORITHMS = [*(family + bits for family in FAMILIES for bits in ("256", "384", "512")), "EdDSA"]
#: name of a row: algorithm, arithmetic, entries of the cache
ROWS = {
    **{alg: (alg, "auto", 0) for alg in ALGORITHMS},
    **{f"{alg}, OpenSSL's arithmetic": (alg, "openssl", 0) for alg in ("RS256", "PS256", "ES256", "EdDSA")},
    "RS256, from the cache": ("RS256", "auto", 1024),
}
ALLOWED = 1.03
TURN = 0.004  # seconds of CPU time
WARM = 2000  # verifications, after which a key has its table


def work(tokens_path):
    """Reads "ROW COUNT" lines, COUNT 0 to prepare, and prints the CPU seconds of COUNT verifications."""
    import fastbearer

    keys, prepared = json.loads(Path(tokens_path).read_text()), {}
    for line in sys.stdin:
        row, _, count = line.strip().rpartition(" ")
        if row not in prepared:
            alg, arithmetic, cache = ROWS[row]
            source = {"secret": keys[alg]["key"]} if alg.startswith("HS") else {"public_key": keys[alg]["key"]}
            verifier = fastbearer.Verifier(
                **source, algorithms=[alg], issuer=ISSUER, audience=AUDIENCE, arithmetic=arithmetic, cache_size=cache
            )
            tokens = [token.encode().decode() for token in keys[alg]["tokens"]]
            for i in range(WARM):
                verifier.verify(tokens[i % len(tokens)])
            prepared[row] = (verifier.verify, tokens)
        verify, tokens = prepared[row]
        indexes = [i % len(tokens) for i in range(int(count))]
        start = time.thread_time()
        for i in indexes:
            verify(tokens[i])
        print(time.thread_time() - start, flush=True)


def mint(path):
    from fastbearer import KeyPair

    def tokens(alg, pair):
        now = int(time.time())
        for number in range(64):
            claims = {
                "iss": ISSUER,
                "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
                "aud": [AUDIENCE, "https://api.example"],
                "iat": now,
                "exp": now + 24 * 3600,
                "scope": "openid profile email tools:read tools:write",
                "email": "someone.with.a.name@customers.example",
                "jti": f"token-{number:04d}",
            }
            yield pair.sign(json.dumps({"alg": alg, "typ": "JWT"}), json.dumps(claims))

    found = {}
    for alg in ALGORITHMS:
        if alg.startswith("HS"):
            key = "0123456789abcdef" * 4
            pair = KeyPair(private_key=key, algorithm=alg)
        else:
            pair = KeyPair.generate(alg)
            key = pair.public_key
        found[alg] = {"key": key, "tokens": list(tokens(alg, pair))}
    path.write_text(json.dumps(found))


class Build:
    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def turn(self, row, count):
        self.process.stdin.write(f"{row} {count}\n".encode())
        self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            sys.exit(f"a build ended with {self.process.wait()}")
        return float(said) * 1e6 / count if count else 0.0

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compare(local, published, row, rounds):
    """(median of the local build, of the published one, median ratio)"""
    for build in (local, published):
        build.turn(row, 0)
    count = max(1, int(TURN * 1e6 / min(local.turn(row, 50), published.turn(row, 50))))
    pairs = []
    for number in range(rounds):
        order = (local, published) if number % 2 else (published, local)
        times = {build: build.turn(row, count) for build in order}
        pairs.append((times[local], times[published]))
    return (
        statistics.median(pair[0] for pair in pairs),
        statistics.median(pair[1] for pair in pairs),
        statistics.median(pair[1] / pair[0] for pair in pairs),
    )


def python_builds(dist, folder, tokens):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    wheel = next(dist.glob(f"*-cp310-abi3-manylinux*_{platform.machine()}.whl"))
    site = next((folder / "venv").glob("lib/python3*/site-packages"))
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, site], check=True)
    for python in (ROOT / ".venv/bin/python", folder / "venv/bin/python"):
        yield [python, HERE / "builds.py", "--work", tokens]


def node_builds(dist, folder, tokens):
    system = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}[platform.machine()]
    modules = folder / "node_modules"
    for name, pattern in (("fastbearer", "fastbearer-[0-9]*.tgz"), (f"@fastbearer/{system}", f"fastbearer-{system}-*")):
        tarball = next(path for path in dist.glob(pattern) if path.suffix == ".tgz")
        with tarfile.open(tarball) as file:
            file.extractall(modules / name, filter="data")
        inside = modules / name / "package"
        for path in inside.iterdir():
            path.rename(modules / name / path.name)
    for package in (ROOT, modules / "fastbearer"):
        yield ["node", HERE / "builds.mjs", package / "node/index.cjs", tokens, json.dumps(ROWS)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=201, help="turns of each build in a row")
    parser.add_argument("--only", default="", help='words of rows to measure: "Node", "ES384"')
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work)
    words = [word.strip() for word in options.only.split(",") if word.strip()]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    slower = []
    print("| row | local | published | ratio |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        tokens = Path(place) / "tokens.json"
        mint(tokens)
        for language, builds in (("Python", python_builds), ("Node", node_builds)):
            rows = [row for row in ROWS if not words or any(word in f"{language} {row}" for word in words)]
            if not rows:
                continue
            local, published = map(Build, builds(options.dist, Path(place), tokens))
            for row in rows:
                ours, theirs, ratio = compare(local, published, row, options.rounds)
                print(f"| {language} {row} | {ours:.2f} | {theirs:.2f} | {ratio:.3f} |", flush=True)
                if ratio > ALLOWED:
                    slower.append(f"{language} {row}")
            local.end()
            published.end()
    return f"slower: {'; '.join(slower)}" if slower else 0


if __name__ == "__main__":
    sys.exit(main())
