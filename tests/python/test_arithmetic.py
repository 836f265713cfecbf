"""Which arithmetic verifies: the option, what keys() and stats() say, and what is logged when ours is not to be
used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fastbearer import ConfigurationError, KeyPair, Verifier

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 200  # more tokens than any table waits for


def verify_many(verifier: Verifier, token: str) -> None:
    for _ in range(ENOUGH):
        verifier.verify(token)


@pytest.mark.parametrize(("algorithm", "name"), [("ES256", "p256-tables"), ("EdDSA", "ed25519-tables")])
def test_a_key_that_is_used_gets_a_table(algorithm: str, name: str) -> None:
    pair = KeyPair.generate(algorithm)
    with Verifier(public_key=pair.public_key, algorithms=algorithm, cache_size=0) as verifier:
        assert verifier.keys()[0].arithmetic == "openssl"
        assert verifier.stats()["table_bytes"] == verifier.keys()[0].table_bytes == 0
        verify_many(verifier, pair.create_token())
        assert verifier.keys()[0].arithmetic == name
        assert verifier.stats()["table_bytes"] == verifier.keys()[0].table_bytes > 10_000
        assert verifier.stats()["arithmetic_disagreements"] == 0


def test_openssl_alone() -> None:
    pair = KeyPair.generate("ES256")
    with Verifier(public_key=pair.public_key, algorithms="ES256", cache_size=0, arithmetic="openssl") as verifier:
        verify_many(verifier, pair.create_token())
        assert verifier.keys()[0].arithmetic == "openssl"
        assert verifier.stats()["table_bytes"] == 0


def test_another_word_is_refused() -> None:
    pair = KeyPair.generate("ES256")
    with pytest.raises(ConfigurationError, match="arithmetic"):
        Verifier(public_key=pair.public_key, algorithms="ES256", arithmetic="fast")
    with pytest.raises(TypeError, match="arithmetic"):
        Verifier(public_key=pair.public_key, algorithms="ES256", arithmetic=True)  # type: ignore[arg-type]


LOGGED_ONCE = """
import logging
lines = []
class Lines(logging.Handler):
    def emit(self, record): lines.append((record.name, record.levelname, record.getMessage()))
logging.getLogger().addHandler(Lines())
import fastbearer
pair, other = fastbearer.KeyPair.generate("ES256"), fastbearer.KeyPair.generate("ES256")
verifier = fastbearer.Verifier(public_key=pair.public_key, algorithms="ES256", cache_size=0,
                               required_claims={"sub": "fastmcp-user"})
verifier.verify(pair.create_token())
verifier.verify(pair.create_token())  # the first that the table decides about is always done by OpenSSL as well
forged, accepted, refused = other.create_token(), 0, 0
while refused < 100 and accepted < 200_000:  # one in 4096, at random
    try:
        verifier.verify(forged)
        accepted += 1
    except fastbearer.InvalidSignatureError:
        refused += 1
    assert not (refused == 0 and lines)
assert refused == 100, accepted
[(name, level, text)] = lines
assert (name, level) == ("fastbearer", "WARNING") and "ES256 contradicted OpenSSL" in text, lines
stats = verifier.stats()
assert stats["arithmetic_disagreements"] == 1 and verifier.keys()[0].arithmetic == "openssl"
verifier.verify(pair.create_token())
"""


def test_arithmetic_that_lies_is_found_out_and_said_once(tmp_path: Path) -> None:
    """The whole extension, built with a path that accepts everything."""
    for name in ("core", "bindings", "python"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.so", "node", "__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "tests/arithmetic/liar.c", tmp_path / "core/src/arithmetic/p256/p256.c")
    build = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", "--parallel", "2"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = [sys.executable, "-c", LOGGED_ONCE]
    done = subprocess.run(run, cwd=tmp_path / "python", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
