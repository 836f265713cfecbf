"""DPoP: its options, proofs that our own keys make, nonces, and proofs that come twice."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import json
import logging
import pickle
import threading
import time
from typing import Any

import pytest

from fastbearer import (
    ConfigurationError,
    DPoP,
    FastBearerError,
    InvalidProofError,
    KeyPair,
    Rejection,
    Request,
    StatusUnavailableError,
    Verifier,
    decode_unverified,
)
from helpers import ALGORITHMS, AUDIENCE, ISSUER, source_of

URL = "https://api.example/mcp"
SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def pair(pairs: dict[str, KeyPair]) -> KeyPair:
    return pairs["ES256"]


def make(pair: KeyPair, dpop: DPoP | None = None, **options: Any) -> Verifier:
    return Verifier(**source_of(pair), issuer=ISSUER, audience=AUDIENCE, dpop=dpop or DPoP(), **options)


def bound(pair: KeyPair, client: KeyPair) -> str:
    cnf = {"jkt": client.thumbprint()}
    return pair.create_token(issuer=ISSUER, audience=AUDIENCE, additional_claims={"cnf": cnf})


def asked(token: str, proof: str, method: str = "POST", url: str = URL) -> Request:
    return Request(method, url, [("Authorization", f"DPoP {token}"), ("DPoP", proof)])


def code_of(verifier: Verifier, request: Request) -> str:
    try:
        verifier.verify_request(request)
    except FastBearerError as error:
        return error.code
    return "ok"


# ---- options


def test_frozen_and_quiet() -> None:
    dpop = DPoP(nonce_secret=SECRET, algorithms="ES256")
    assert dpop.algorithms == ("ES256",) and dpop.max_age == 300.0 and dpop.required is False
    assert SECRET not in repr(dpop)
    with pytest.raises(AttributeError):
        dpop.max_age = 1.0
    with pytest.raises(AttributeError):
        del dpop.max_age
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(dpop)
    assert copy.deepcopy(dpop) is dpop is copy.copy(dpop)
    assert dpop == DPoP(nonce_secret=SECRET, algorithms=["ES256"]) != DPoP()
    assert hash(dpop) == hash(DPoP(nonce_secret=SECRET, algorithms=["ES256"]))
    assert dpop != "DPoP"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"max_age": "300"}, "dpop.max_age"), ({"required": 1}, "dpop.required"),
        ({"algorithms": 1}, "dpop.algorithms"), ({"nonce_secret": 1}, "dpop.nonce_secret"),
        ({"replay_capacity": 1.5}, "dpop.replay_capacity"), ({"replay_store": object()}, "replay_store"),
        ({"max_ages": 1}, "max_ages"),
    ],
)  # fmt: skip
def test_wrong_types(options: dict[str, Any], name: str) -> None:
    with pytest.raises(TypeError, match=name):
        DPoP(**options)


@pytest.mark.parametrize("options", [{"max_age": 0}, {"algorithms": "HS256"}, {"nonce_secret": "short"}])
def test_wrong_values_are_the_core_s_to_find(pair: KeyPair, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        make(pair, DPoP(**options))


def test_the_verifier_says_what_it_was_given(pair: KeyPair) -> None:
    dpop = DPoP()
    assert make(pair, dpop).dpop is dpop
    assert Verifier(**source_of(pair)).dpop is None


# ---- proofs


def test_a_proof_says_what_rfc_9449_wants(pair: KeyPair) -> None:
    proof = decode_unverified(pair.dpop_proof("POST", URL + "?a=b#c", "token", "nonce", jti="id", now=1000.5))
    assert proof.header["typ"] == "dpop+jwt" and proof.header["alg"] == "ES256"
    assert set(proof.header["jwk"]) == {"kty", "crv", "x", "y"}
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"token").digest()).rstrip(b"=").decode()
    assert proof.claims == {
        "jti": "id", "htm": "POST", "htu": URL, "iat": 1000, "ath": digest, "nonce": "nonce",
    }  # fmt: skip
    jwk = proof.header["jwk"]
    canonical = json.dumps({name: jwk[name] for name in sorted(jwk)}, separators=(",", ":")).encode()
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).rstrip(b"=").decode()
    assert pair.thumbprint() == thumbprint
    assert pair.dpop_proof("POST", URL) != pair.dpop_proof("POST", URL)


def test_a_secret_makes_no_proofs() -> None:
    secret = KeyPair.generate("HS256")
    with pytest.raises(ConfigurationError):
        secret.dpop_proof("POST", URL)
    with pytest.raises(ConfigurationError):
        secret.thumbprint()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_advertised_is_what_is_accepted(pairs: dict[str, KeyPair], pair: KeyPair, algorithm: str) -> None:
    client = pairs[algorithm]
    advertised = algorithm in DPoP()._advertised_algorithms
    if algorithm.startswith("HS"):
        assert not advertised
        return
    verifier = make(pair)
    token = bound(pair, client)
    outcome = code_of(verifier, asked(token, client.dpop_proof("POST", URL, token)))
    assert outcome == ("ok" if advertised else "proof_invalid")
    assert advertised is (algorithm != "ES256K")


@pytest.mark.parametrize(
    ("arguments", "options", "code", "claim"),
    [
        (("GET", URL), {}, "proof_mismatch", "htm"),
        (("POST", "https://api.example/other"), {}, "proof_mismatch", "htu"),
        (("POST", "http://api.example/mcp"), {}, "proof_mismatch", "htu"),
        (("POST", URL), {"now": 1.0}, "proof_expired", "iat"),
        (("POST", URL), {"now": 1e10}, "proof_expired", "iat"),
    ],
)
def test_refused(pair: KeyPair, arguments: Any, options: Any, code: str, claim: str) -> None:
    verifier, token = make(pair), bound(pair, pair)
    with pytest.raises(InvalidProofError) as caught:
        verifier.verify_request(asked(token, pair.dpop_proof(*arguments, token, **options)))
    assert (caught.value.code, caught.value.claim, caught.value.http_status) == (code, claim, 401)


def test_of_another_token_or_key(pair: KeyPair) -> None:
    verifier, token, thief = make(pair), bound(pair, pair), KeyPair.generate("ES256")
    for proof, claim in ((pair.dpop_proof("POST", URL, "x"), "ath"), (thief.dpop_proof("POST", URL, token), "cnf")):
        with pytest.raises(InvalidProofError) as caught:
            verifier.verify_request(asked(token, proof))
        assert (caught.value.code, caught.value.claim) == ("proof_mismatch", claim)


def test_required(pair: KeyPair) -> None:
    verifier = make(pair, DPoP(required=True))
    plain = pair.create_token(issuer=ISSUER, audience=AUDIENCE)
    assert code_of(verifier, Request("POST", URL, {"Authorization": f"Bearer {plain}"})) == "proof_missing"
    with pytest.raises(InvalidProofError):
        verifier.verify(plain)
    token = bound(pair, pair)
    assert code_of(verifier, asked(token, pair.dpop_proof("POST", URL, token))) == "ok"


def test_without_the_option_the_scheme_is_no_credential(pair: KeyPair) -> None:
    verifier = Verifier(**source_of(pair), issuer=ISSUER, audience=AUDIENCE)
    token = bound(pair, pair)
    assert code_of(verifier, asked(token, pair.dpop_proof("POST", URL, token))) == "token_missing"


# ---- nonces


def test_nonce(pair: KeyPair) -> None:
    verifier, token = make(pair, DPoP(nonce_secret=SECRET)), bound(pair, pair)
    with pytest.raises(InvalidProofError) as caught:
        verifier.verify_request(asked(token, pair.dpop_proof("POST", URL, token)))
    assert (caught.value.code, caught.value.oauth_error) == ("proof_nonce_required", "use_dpop_nonce")
    nonce = verifier.dpop_nonce()
    assert nonce is not None and nonce.isascii()
    assert code_of(verifier, asked(token, pair.dpop_proof("POST", URL, token, nonce))) == "ok"
    same_fleet = make(pair, DPoP(nonce_secret=SECRET.encode()))
    assert code_of(same_fleet, asked(token, pair.dpop_proof("POST", URL, token, nonce))) == "ok"
    assert make(pair).dpop_nonce() is None


# ---- twice


def test_a_proof_is_good_once(pair: KeyPair) -> None:
    seen: list[Rejection] = []
    verifier, token = make(pair, on_reject=seen.append), bound(pair, pair)
    request = asked(token, pair.dpop_proof("POST", URL, token))
    access = verifier.verify_request(request)
    assert access.confirmation == {"jkt": pair.thumbprint()}
    assert [code_of(verifier, request) for _ in range(3)] == ["proof_replayed"] * 3
    assert [rejection.code for rejection in seen] == ["proof_replayed"] * 3
    stats = verifier.stats()
    assert stats["replay_entries"] == 1 and stats["replay_evictions"] == 0 and stats["proof_keys"] >= 1


class Store:
    """A store as a test needs it, which notes what it was given."""

    def __init__(self) -> None:
        self.held: dict[str, float] = {}
        self.lock = threading.Lock()

    def add(self, key: str, expires_at: float) -> bool:
        with self.lock:
            new = key not in self.held
            self.held[key] = expires_at
        return new


class AsyncStore(Store):
    async def add(self, key: str, expires_at: float) -> bool:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().add(key, expires_at)


@pytest.mark.parametrize("kind", ["own", "store"])
def test_of_equal_proofs_from_eight_threads_exactly_one_passes(pair: KeyPair, kind: str) -> None:
    verifier = make(pair, DPoP(replay_store=Store() if kind == "store" else None))
    token, rounds = bound(pair, pair), 40
    requests = [asked(token, pair.dpop_proof("POST", URL, token)) for _ in range(rounds)]
    outcomes: list[list[str]] = [[] for _ in range(rounds)]
    barrier = threading.Barrier(8)

    def work() -> None:
        for request, codes in zip(requests, outcomes, strict=True):
            barrier.wait(30)
            codes.append(code_of(verifier, request))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sorted(codes) for codes in outcomes] == [["ok"] + ["proof_replayed"] * 7] * rounds


def test_one_store_for_a_fleet(pair: KeyPair) -> None:
    store = Store()
    one, two = (make(pair, DPoP(replay_store=store)) for _ in range(2))
    token = bound(pair, pair)
    proof = pair.dpop_proof("POST", URL, token)
    assert code_of(one, asked(token, proof)) == "ok"
    assert code_of(two, asked(token, proof)) == "proof_replayed"
    assert two.stats()["reasons"] == {"proof_replayed": 1}
    ((key, expires_at),) = store.held.items()
    assert len(key) == 43 and key not in proof and abs(expires_at - time.time() - 300) < 60
    assert code_of(one, asked(token, pair.dpop_proof("GET", URL, token))) == "proof_mismatch"
    assert len(store.held) == 1


@pytest.mark.parametrize("store", [Store(), AsyncStore()])
def test_a_store_for_coroutines(pair: KeyPair, store: Store) -> None:
    verifier, token = make(pair, DPoP(replay_store=store)), bound(pair, pair)
    request = asked(token, pair.dpop_proof("POST", URL, token))

    async def scene() -> list[Any]:
        calls = (verifier.verify_request_async(request) for _ in range(8))
        return await asyncio.gather(*calls, return_exceptions=True)

    outcomes = asyncio.run(scene())
    refused = [error for error in outcomes if isinstance(error, InvalidProofError)]
    assert len(refused) == 7 and {error.code for error in refused} == {"proof_replayed"}


def test_a_store_under_trio(pair: KeyPair) -> None:
    trio = pytest.importorskip("trio")

    class TrioStore(Store):
        async def add(self, key: str, expires_at: float) -> bool:  # type: ignore[override]
            await trio.sleep(0)
            return super().add(key, expires_at)

    for store in (Store(), TrioStore()):
        verifier, token = make(pair, DPoP(replay_store=store)), bound(pair, pair)
        request = asked(token, pair.dpop_proof("POST", URL, token))
        assert trio.run(verifier.verify_request_async, request).token == token
        with pytest.raises(InvalidProofError):
            trio.run(verifier.verify_request_async, request)


def test_an_async_store_needs_a_coroutine(pair: KeyPair) -> None:
    verifier, token = make(pair, DPoP(replay_store=AsyncStore())), bound(pair, pair)
    with pytest.raises(ConfigurationError, match="verify_request_async"):
        verifier.verify_request(asked(token, pair.dpop_proof("POST", URL, token)))


class Broken(Store):
    def add(self, key: str, expires_at: float) -> bool:
        raise ConnectionError("the store is down")


class Late(Store):
    """Says that it is sync, and is not."""

    def add(self, key: str, expires_at: float) -> Any:
        async def later() -> bool:
            return True

        return later()


class Slow(Store):
    async def add(self, key: str, expires_at: float) -> bool:  # type: ignore[override]
        await asyncio.sleep(60)
        return True


def test_a_store_that_fails_accepts_nothing(pair: KeyPair, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Rejection] = []
    verifier = make(pair, DPoP(replay_store=Broken()), on_reject=seen.append)
    token = bound(pair, pair)
    for is_async in (False, True, False):
        request = asked(token, pair.dpop_proof("POST", URL, token))
        with pytest.raises(StatusUnavailableError, match="the store that remembers DPoP proofs failed") as caught:
            asyncio.run(verifier.verify_request_async(request)) if is_async else verifier.verify_request(request)
        assert caught.value.http_status == 503 and caught.value.retry_after == 1.0
    assert [rejection.code for rejection in seen] == ["status_unavailable"] * 3
    assert verifier.stats()["rejected"] == 3
    lines = [
        r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "replay_store" in r.getMessage()
    ]
    assert len(lines) == 1 and "ConnectionError: the store is down" in lines[0]


def test_a_store_that_is_async_after_all(pair: KeyPair) -> None:
    verifier, token = make(pair, DPoP(replay_store=Late())), bound(pair, pair)
    with pytest.raises(StatusUnavailableError):
        verifier.verify_request(asked(token, pair.dpop_proof("POST", URL, token)))
    request = asked(token, pair.dpop_proof("POST", URL, token))
    assert asyncio.run(verifier.verify_request_async(request)).token == token


def test_a_store_that_takes_too_long(pair: KeyPair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastbearer._replay.TIMEOUT", 0.05)
    verifier, token = make(pair, DPoP(replay_store=Slow())), bound(pair, pair)
    with pytest.raises(StatusUnavailableError):
        asyncio.run(verifier.verify_request_async(asked(token, pair.dpop_proof("POST", URL, token))))


def test_a_memory_that_is_too_small_is_warned_of_once(
    pair: KeyPair, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastbearer._replay.Evictions._EVERY", 1)
    verifier, token = make(pair, DPoP(replay_capacity=2)), bound(pair, pair)
    for _ in range(200):
        assert code_of(verifier, asked(token, pair.dpop_proof("POST", URL, token))) == "ok"
    assert verifier.stats()["replay_evictions"] > 0
    assert sum("replay_capacity" in record.getMessage() for record in caplog.records) == 1
