"""What an import costs: CPU time of the statement itself in a fresh interpreter that has what is compared with, in
turn. With compiled modules at hand, as an installed package has them: the first interpreter writes them.
"""

import os
import statistics
import subprocess

CASES = {  # name: (environment, what is imported already, what is measured)
    "fastbearer": ("peers", "pass", "import fastbearer"),
    "PyJWT": ("peers", "pass", "import jwt"),
    "joserfc": ("peers", "pass", "import joserfc.jwt"),
    "ryjwt": ("peers", "pass", "import ryjwt"),
    "fastbearer.fastmcp": (
        "FastMCP",
        "from fastmcp import FastMCP; from fastmcp.server.auth.providers.jwt import JWTVerifier",
        "from fastbearer.fastmcp import JWTVerifier",
    ),
}
PROGRAM = """
import time
{base}
before = time.process_time()
{code}
print((time.process_time() - before) * 1000, before * 1000)
"""


def measure(pythons, rounds):
    """{name: {"ms": of the import, "base": of all before it}}"""
    samples = {name: ([], []) for name in CASES}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    for number in range(rounds + 1):
        for name, (home, base, code) in CASES.items():
            program = PROGRAM.format(base=base, code=code)
            done = subprocess.run(
                [pythons[home], "-c", program], check=True, capture_output=True, text=True, env=environment
            )
            for values, value in zip(samples[name], done.stdout.split()):
                values += [float(value)] if number > 0 else []
    medians = {name: [statistics.median(values) for values in pair] for name, pair in samples.items()}
    return {name: {"ms": round(code, 2), "base": round(base, 2)} for name, (code, base) in medians.items()}
