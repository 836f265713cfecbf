"""Keys for all tests of the Python package; generated once, RSA is slow."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fastbearer import KeyPair, RSAKeyPair, Verifier
from helpers import ALGORITHMS, AUDIENCE, ISSUER

pytest_plugins = ["fastbearer.testing"]


@pytest.fixture(scope="session")
def pairs(rsa_key_pair: RSAKeyPair) -> dict[str, KeyPair]:
    """A key pair of every algorithm; those of RSA share one key."""
    made: dict[str, KeyPair] = {}
    for name in ALGORITHMS:
        if name[:2] in ("RS", "PS"):
            made[name] = KeyPair(private_key=rsa_key_pair.private_key, algorithm=name)
        else:
            made[name] = KeyPair.generate(name)
    return made


@pytest.fixture
def verifier(rsa_key_pair: RSAKeyPair) -> Iterator[Verifier]:
    """Checks signature, issuer and audience; no token cache."""
    with Verifier(public_key=rsa_key_pair.public_key, issuer=ISSUER, audience=AUDIENCE, cache_size=0) as made:
        yield made


@pytest.fixture
def mint(rsa_key_pair: RSAKeyPair) -> Callable[..., str]:
    """A token that `verifier` accepts, changed by what is given."""

    def make(**options: Any) -> str:
        options = {"issuer": ISSUER, "audience": AUDIENCE, **options}
        return rsa_key_pair.create_token(**options)

    return make


@pytest.fixture(scope="session")
def clock(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What to preload into a process whose monotonic clock is to be moved, by shift_clock(seconds)."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs a C compiler and LD_PRELOAD")
    library = tmp_path_factory.mktemp("clock") / "shifted_clock.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, Path(__file__).parent / "shifted_clock.c"], check=True
    )
    # A sanitizer's runtime, where there is one, must come first.
    return " ".join(filter(None, (os.environ.get("LD_PRELOAD"), str(library))))
