"""What an import costs: CPU time of whole interpreters, started in turn, less that of one that does nothing."""

import resource
import statistics
import subprocess

CASES = {  # name: (environment, what it is compared with, what it runs)
    "fastbearer": ("peers", "pass", "import fastbearer"),
    "PyJWT": ("peers", "pass", "import jwt"),
    "joserfc": ("peers", "pass", "import joserfc.jwt"),
    "ryjwt": ("peers", "pass", "import ryjwt"),
    "fastbearer.fastmcp": (
        "FastMCP",
        "from fastmcp import FastMCP; from fastmcp.server.auth.providers.jwt import JWTVerifier",
        "from fastmcp import FastMCP; from fastbearer.fastmcp import JWTVerifier",
    ),
}


def cpu_ms(python, code):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", code], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def measure(pythons, rounds):
    """{name: {"ms": above what it is compared with, "base": that}}"""
    samples = {name: ([], []) for name in CASES}
    for _ in range(rounds):
        for name, (home, base, code) in CASES.items():
            samples[name][0].append(cpu_ms(pythons[home], base))
            samples[name][1].append(cpu_ms(pythons[home], code))
    medians = {name: [statistics.median(values) for values in pair] for name, pair in samples.items()}
    return {name: {"ms": round(code - base, 2), "base": round(base, 2)} for name, (base, code) in medians.items()}
