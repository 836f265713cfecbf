"""Keys for all tests of the Python package; generated once, RSA is slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from helpers import ALGORITHMS, AUDIENCE, ISSUER

from fastbearer import KeyPair, RSAKeyPair, Verifier


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
