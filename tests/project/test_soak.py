"""What the soak sends is good or hostile, as it says: here to a verifier directly. And what its report takes for
flat.
"""

from __future__ import annotations

import pytest

pytest.importorskip("cryptography")
pytest.importorskip("redis")

import fastbearer
from tests.idp import SigningKey
from tests.soak import report
from tests.soak.proofs import HOSTILE, proof
from tests.soak.tokens import AUDIENCE, GOOD, KINDS, Tokens
from tests.soak.worker import Worker

ISSUER = "https://issuer.example"
KEYS = {algorithm: SigningKey(algorithm) for algorithm in ("ES256", "RS256", "EdDSA")}
WITHDRAWN = SigningKey("ES256")


@pytest.fixture(scope="module")
def verifier() -> fastbearer.Verifier:
    return fastbearer.Verifier(
        issuer=ISSUER,
        jwks={"keys": [key.jwk() for key in KEYS.values()]},
        algorithms=tuple(KEYS),
        audience=AUDIENCE,
        required_scopes="read",
        dpop=fastbearer.DPoP(max_age=60.0),
    )


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(ISSUER, KEYS, "test")


def request(token: str, made: str | None, scheme: str = "DPoP") -> fastbearer.Request:
    headers = {"Authorization": f"{scheme} {token}", **({} if made is None else {"DPoP": made})}
    return fastbearer.Request("POST", AUDIENCE, headers)


def test_good_tokens_are_good(verifier: fastbearer.Verifier, tokens: Tokens) -> None:
    seen = set()
    for _ in range(1000):
        token, subject, kind = tokens.good()
        seen.add(kind)
        assert verifier.verify(token).subject == subject, kind
        if len(seen) > len(GOOD):
            break
    assert seen == {*GOOD, "used before"}


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_tokens_are_refused(verifier: fastbearer.Verifier, tokens: Tokens, kind: str) -> None:
    for key in KEYS.values():
        with pytest.raises(fastbearer.FastBearerError):
            verifier.verify(KINDS[kind](tokens, key, WITHDRAWN))


def test_a_proof_is_good_once(verifier: fastbearer.Verifier, tokens: Tokens) -> None:
    token, subject = tokens.bound()
    made = proof(tokens.client, AUDIENCE, token)
    assert verifier.verify_request(request(token, made)).subject == subject
    with pytest.raises(fastbearer.InvalidProofError):
        verifier.verify_request(request(token, made))


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("scheme", ["DPoP", "Bearer"])
def test_hostile_proofs_are_refused(verifier: fastbearer.Verifier, tokens: Tokens, kind: str, scheme: str) -> None:
    token, _ = tokens.bound()
    made = HOSTILE[kind](tokens.client, tokens.attacker, AUDIENCE, token)
    with pytest.raises(fastbearer.InvalidTokenError):
        verifier.verify_request(request(token, made, scheme))


def grown(memory: int, files: int, threads: int, seconds: float = 600.0) -> list[str]:
    """Of a process that is larger by so much in the last quarter."""
    worker = Worker(1)
    for step in range(100):
        late = step >= 70
        worker.samples.append(
            (step * seconds / 100, (100 << 20) + memory * late, 20 + files * late, 9 + threads * late)
        )
    return report.growth(worker)


def test_what_is_flat() -> None:
    assert grown(3 << 20, 4, 4) == []
    assert grown(64 << 20, 99, 99, seconds=60.0) == []  # it is still warming up
    found = grown(8 << 20, 30, 20)
    assert [text.split()[0] for text in found] == ["memory", "30", "20"]
