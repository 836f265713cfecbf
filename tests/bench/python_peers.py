"""The Python comparison: python tests/bench/python_peers.py [--rounds N] [--only NAME,...] [--out RESULTS.json]

Installs the peers' newest versions and this package into .cache/bench (FastMCP's versions each into an environment of its own), mints
tokens of 500 bytes of claims, and runs every contender in a process of its own, round after round, so that what disturbs the machine
disturbs all. Prints a Markdown table of medians; writes JSON for plot.py.
"""

import argparse
import json
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
PEERS = ["PyJWT[crypto]", "joserfc", "Authlib", "python-jose[cryptography]", "jwcrypto", "oxyjwt", "pyjwt-rs", "webtoken", "ryjwt"]
HOSTS = {"FastMCP 2.6.1": ["fastmcp==2.6.1", "mcp==1.9.4", "pydantic<2.12"], "FastMCP newest": ["fastmcp>=4"]}
ALGORITHMS = ["RS256", "ES256", "EdDSA", "HS256"]
CONTENDERS = [
    "fastbearer", "fastbearer, cache", "ryjwt", "oxyjwt", "webtoken", "pyjwt-rs", "joserfc", "Authlib",
    "python-jose", "PyJWT", "jwcrypto",
]  # fmt: skip
ABSENT = {("python-jose", "EdDSA"), ("FastMCP 2.6.1", "ES256"), ("FastMCP 2.6.1", "EdDSA"), ("FastMCP 2.6.1", "HS256")}
TOKENS = 64
CLAIMS = {
    "aud": ["https://api.example/mcp", "https://api.example"],
    "client_id": "b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10",
    "azp": "b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10",
    "scope": "openid profile email tools:read tools:write",
    "email": "someone.with.a.name@customers.example",
    "org_id": "org_5fJ2kLmN8pQrStUv",
    "sid": "0190163d-8694-739b-aea5-966c26f8ad91",
    "name": "Someone With A Name",
}


def newest_python():
    """ryjwt wants 3.12 or newer; the newest at hand serves all."""
    for minor in (14, 13, 12):
        found = shutil.which(f"python3.{minor}")
        if found and subprocess.run([found, "-c", "import ensurepip"], capture_output=True).returncode == 0:
            return found
    return sys.executable


def environment(name, packages):
    """A virtual environment with these packages and this checkout; remade when the package list changes."""
    home, stamp = CACHE / name, "\n".join(packages)
    mark = home / "packages.txt"
    python = home / "bin" / "python"
    if not mark.exists() or mark.read_text() != stamp:
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([newest_python(), "-m", "venv", home], check=True)
        for package in packages:
            done = subprocess.run([python, "-m", "pip", "install", "--quiet", package], capture_output=True, text=True)
            if done.returncode != 0:
                print(f"{package} cannot be installed here: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        mark.write_text(stamp)
    with tempfile.TemporaryDirectory() as copy:
        # A copy, so that the build leaves nothing beside the sources.
        subprocess.run(f"git ls-files -z | xargs -0 cp --parents -t {copy}", shell=True, cwd=ROOT, check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--force-reinstall", "--no-deps", copy], check=True)
    return python


def mint(python):
    """Keys and tokens for every algorithm, by this package."""
    code = f"""
import json, fastbearer
out = {{}}
for alg in {ALGORITHMS!r}:
    if alg.startswith("HS"):
        key = "0123456789abcdef0123456789abcdef-secret"
        pair = fastbearer.KeyPair(private_key=key, algorithm=alg)
    else:
        pair = fastbearer.KeyPair.generate(alg)
        key = pair.public_key
    tokens = [pair.create_token(subject="auth0|5f7c8ec7c33c6c004bbafe82", issuer="https://issuer.example",
              additional_claims={{**{CLAIMS!r}, "jti": f"token-{{n}}"}}) for n in range({TOKENS})]
    out[alg] = {{"key": key, "tokens": tokens}}
print(json.dumps(out))
"""
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout


def run(python, name, alg, sight, threads, path):
    done = subprocess.run(
        [python, ROOT / "tests/bench/contender.py", name, alg, sight, str(threads), path], capture_output=True, text=True
    )
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or ["?"])[-1]
    return json.loads(done.stdout), None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=pathlib.Path, default=CACHE / "python.json")
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    pythons = {"peers": environment("peers", PEERS)}
    pythons |= {name: environment(name.replace(" ", "-"), packages) for name, packages in HOSTS.items()}
    path = CACHE / "tokens.json"
    path.write_text(mint(pythons["peers"]))
    rows = [(name, "peers", name) for name in CONTENDERS] + [(host, host, "FastMCP") for host in HOSTS]
    rows.append(("fastbearer in FastMCP newest", "FastMCP newest", "fastbearer in FastMCP"))
    wanted = set(filter(None, options.only.split(",")))
    samples, said = {}, {}
    for _ in range(options.rounds):
        for label, home, name in rows:
            if wanted and label not in wanted:
                continue
            for alg in ALGORITHMS:
                for sight, threads in (("first", 1), ("repeat", 1), ("first", 2)):
                    if (label, alg) in ABSENT or (label == "fastbearer, cache" and sight == "first"):
                        continue
                    result, trouble = run(pythons[home], name, alg, sight, threads, path)
                    if trouble:
                        said[(label, alg)] = trouble
                        continue
                    said[label] = result
                    samples.setdefault((label, alg, sight, threads), []).append(result["us"])
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "processor": next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?"),
        "rows": [
            {
                "name": label, "version": said[label]["version"], "unchecked": said[label]["unchecked"], "algorithm": alg, "sight": sight,
                "threads": threads, "us": statistics.median(values), "low": min(values), "high": max(values),
            }
            for (label, alg, sight, threads), values in samples.items()
        ],
    }  # fmt: skip
    options.out.write_text(json.dumps(report, indent=1))
    for key, trouble in said.items():
        if isinstance(key, tuple):
            print(f"not measured: {key[0]} {key[1]}: {trouble}", file=sys.stderr)
    print_table(report)


def print_table(report):
    cells = {(row["name"], row["algorithm"], row["sight"], row["threads"]): row["us"] for row in report["rows"]}
    about = {row["name"]: row for row in report["rows"]}
    print(f"CPU us per verification, {report['processor']}, Python {report['python']}, {report['date']}\n")
    print("| | " + " | ".join(ALGORITHMS) + " | does not check |")
    print("|---" * (len(ALGORITHMS) + 2) + "|")
    for name, row in sorted(about.items(), key=lambda item: cells.get((item[0], "RS256", "repeat", 1), 1e9)):
        sight = "repeat" if name == "fastbearer, cache" else "first"
        values = [cells.get((name, alg, sight, 1)) for alg in ALGORITHMS]
        shown = ["-" if value is None else f"{value:.1f}" for value in values]
        print(f"| {name} ({row['version']}) | " + " | ".join(shown) + f" | {row['unchecked']} |")


main()
