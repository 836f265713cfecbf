"""The programs of examples/python, on this host's FastMCP."""

import asyncio
import re
import runpy
import subprocess
import sys
from pathlib import Path

import fastmcp
import pytest

EXAMPLES = Path(__file__).resolve().parents[4] / "examples/python"


@pytest.mark.skipif(fastmcp.__version__.startswith(("2.6.", "2.9.", "2.10.")), reason="redirects /mcp to /mcp/")
def test_the_demo_shows_what_it_promises():
    done = subprocess.run([sys.executable, EXAMPLES / "demo.py"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "no token         -> 401  Bearer" in done.stdout
    assert re.search(r"server log +: .*audience_mismatch", done.stdout)
    assert 'good token       -> whoami() = {"client_id": "alice"' in done.stdout
    assert done.stdout.endswith("done\n")


def test_the_server_of_the_readme_is_guarded():
    program = runpy.run_path(str(EXAMPLES / "fastmcp_server.py"))
    assert program["mcp"].auth is program["auth"]
    assert asyncio.run(program["auth"].verify_token("garbage")) is None
