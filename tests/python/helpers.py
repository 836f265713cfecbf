"""What the tests of the Python package share beside fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import fastbearer
from fastbearer import KeyPair

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed25519",
    "Ed448", "HS256", "HS384", "HS512",
)  # fmt: skip
ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example/mcp"


def source_of(pair: KeyPair) -> dict[str, Any]:
    """The verifier option that holds the other half of a key pair."""
    if pair.public_key is None:
        return {"secret": pair.secret, "algorithms": pair.algorithm}
    return {"public_key": pair.public_key, "algorithms": pair.algorithm}


def run_python(
    code: str, *arguments: str, timeout: float = 60.0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs code in a fresh interpreter that imports the same package."""
    package = str(Path(fastbearer.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": package, **environment},
    )
