"""What the core knows beyond the request at hand, through the binding: key sets kept between runs, introspected tokens,
revocations, and health. The rules are the core's and are tested there."""

from __future__ import annotations

import json
import math
import threading
import time
from typing import Any

import pytest

from fastbearer import KeyPair, _native, errors

PAIR = KeyPair.generate("ES256")
DOCUMENT = PAIR.jwks(kid="a")
ISSUER = "https://issuer.example"
OPAQUE = "2YotnFZFEjr1zCsicMWpAA"


def fetching(**options: Any) -> _native.Verifier:
    issuer = {"identifiers": (ISSUER,), "jwks_uri": "https://issuer.example/keys?secret=swordfish"}
    return _native.Verifier(issuers=({**issuer, "algorithms": ("ES256",)},), **options)


def asking(**options: Any) -> _native.Verifier:
    return _native.Verifier(issuers=({"identifiers": (ISSUER,), "introspection": "all"},), **options)


def static(**options: Any) -> _native.Verifier:
    issuer = {"identifiers": (ISSUER,), "jwks": json.dumps(DOCUMENT), "algorithms": ("ES256",)}
    return _native.Verifier(issuers=(issuer,), **options)


def fetch(verifier: _native.Verifier, status: int = 200) -> None:
    ticket = verifier.refresh_begin(1, _native.REFRESH_EXPLICIT, 0)[1]
    headers = {"etag": '"1"', "cache-control": "max-age=600"}
    verifier.refresh_complete(1, ticket, None, status, json.dumps(DOCUMENT).encode(), headers)


def token(**claims: Any) -> str:
    return PAIR.create_token(issuer=ISSUER, kid="a", additional_claims=claims)


def response(**members: Any) -> bytes:
    return json.dumps({"active": True, "exp": time.time() + 3600, **members}).encode()


# --- key sets kept between runs


def test_a_stored_set_serves_another_verifier() -> None:
    first, second = fetching(), fetching()
    assert first.keys_version(1) == 0
    assert first.export_keys(1) is None
    fetch(first)
    assert first.keys_version(1) == 1
    stored = first.export_keys(1)
    assert stored is not None
    source, document, etag, jwks_uri, fetched_at, fresh_until = stored
    assert source == first.issuers()[0]["source"] and len(source) == 43
    assert json.loads(document) == DOCUMENT and etag == '"1"' and jwks_uri is None
    assert abs(fetched_at - time.time()) < 30 and abs(fresh_until - fetched_at - 600) < 0.01
    with pytest.raises(errors._KeysNeeded):
        second.verify(token(), None)
    second.import_keys(1, stored)
    assert second.verify(token(), None).issuer == ISSUER
    assert second.keys_version(1) == 0 and second.issuers()[0]["imports"] == 1 and second.stats()["imports"] == 1


def test_a_stored_set_that_cannot_be_used_is_refused() -> None:
    verifier = fetching()
    fetch(verifier)
    stored = verifier.export_keys(1)
    assert stored is not None
    now = time.time()
    bad: list[tuple[Any, str]] = [
        (("x" * 43, *stored[1:]), "another source"),
        ((stored[0], b"{}", *stored[2:]), "keys"),
        ((*stored[:4], now + 60, now + 120), "future"),
        ((*stored[:4], now - 9000, now - 8000), "stale_if_error"),
        ((*stored[:4], math.nan, now), "times"),
    ]
    for keys, why in bad:
        other = fetching()
        with pytest.raises(errors.KeysUnavailableError, match=why):
            other.import_keys(1, keys)
        assert other.export_keys(1) is None
    for wrong in (stored[:5], (1, *stored[1:]), (*stored[:4], "now", "then"), None):
        with pytest.raises(TypeError):
            fetching().import_keys(1, wrong)  # type: ignore[arg-type]
    with pytest.raises(errors.ConfigurationError, match="number"):
        fetching().import_keys(7, stored)
    with pytest.raises(errors.ConfigurationError, match="not fetched"):
        static().export_keys(1)
    verifier.close()
    with pytest.raises(ValueError, match="closed"):
        verifier.export_keys(1)
    with pytest.raises(ValueError, match="closed"):
        verifier.import_keys(1, stored)


# --- introspection


def test_what_is_a_jwt() -> None:
    assert _native.token_is_jwt(token()) and _native.token_is_jwt(token().encode())
    assert not _native.token_is_jwt(OPAQUE) and not _native.token_is_jwt("v2.local.AAAA")


def test_an_opaque_token_is_introspected() -> None:
    verifier = asking()
    with pytest.raises(errors._IntrospectionNeeded) as caught:
        verifier.verify(OPAQUE, None)
    assert caught.value.issuer_number == 1 and caught.value.code == "introspection_needed"
    said = response(sub="alice", scope="read write", client_id="c")
    access = verifier.verify_introspected(1, OPAQUE, None, said, 0.0)
    assert (access.token, access.subject, access.scopes, access.client_id) == (OPAQUE, "alice", ["read", "write"], "c")
    assert access.issuer == ISSUER and access.claims["active"] is True
    with pytest.raises(errors._IntrospectionNeeded):
        verifier.verify(OPAQUE, None)
    verifier.verify_introspected(1, OPAQUE.encode(), None, said, 30.0)
    assert verifier.verify(OPAQUE, None).subject == "alice"  # from the cache
    assert verifier.stats()["introspections"] == 2


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b'{"active":false}', "token_inactive"),
        (b"{}", "token_inactive"),
        (b'{"active":"true"}', "token_inactive"),
        (b"<html>", "status_unavailable"),
        ({"exp": 1}, "token_expired"),
        ({"iss": "https://other.example"}, "issuer_mismatch"),
        ({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}, "proof_missing"),
    ],
)
def test_what_it_says_is_held_against_the_policy(said: bytes | dict[str, Any], code: str) -> None:
    if isinstance(said, dict):
        said = response(**said)  # here: an hour may lie between the collection of a long run and this test
    verifier = asking()
    with pytest.raises(errors.FastBearerError) as caught:
        verifier.verify_introspected(1, OPAQUE, None, said, 0.0)
    assert caught.value.code == code and caught.value.issuer_number == 1
    assert isinstance(caught.value, errors.InvalidTokenError) == (code != "status_unavailable")
    request = ("GET", "https://api.example", (("Authorization", f"Bearer {OPAQUE}"),), None, None)
    with pytest.raises(errors.FastBearerError) as caught:
        verifier.verify_request_introspected(1, request, None, said, 0.0)
    assert caught.value.code == code


def test_a_request_is_introspected() -> None:
    verifier = asking()
    request = ("GET", "https://api.example", (("Authorization", f"Bearer {OPAQUE}"),), None, None)
    with pytest.raises(errors._IntrospectionNeeded):
        verifier.verify_request(request, None)
    access, proof = verifier.verify_request_introspected(1, request, None, response(), 30.0)
    assert access.token == OPAQUE and proof is None
    assert verifier.verify_request(request, None)[0].token == OPAQUE


def test_mistakes_with_introspection() -> None:
    with pytest.raises(errors.ConfigurationError, match="introspection"):
        _native.Verifier(issuers=({"identifiers": (ISSUER,), "introspection": "jwt"},))
    with pytest.raises(errors.ConfigurationError, match="not introspected"):
        static().verify_introspected(1, OPAQUE, None, response(), 0.0)
    with pytest.raises(errors.ConfigurationError, match="reuse_for"):
        asking().verify_introspected(1, OPAQUE, None, response(), -1.0)
    with pytest.raises(errors.DecodeError):
        asking().verify_introspected(1, "not a token", None, response(), 0.0)
    wrong_types: list[tuple[Any, ...]] = [
        (1, OPAQUE, None, 7, 0.0), (1, 7, None, b"{}", 0.0), ("1", OPAQUE, None, b"{}", 0.0),
        (1, OPAQUE, None, b"{}", 0.0, 7), (1, OPAQUE, None, b"{}", 0.0, None, "7"),
    ]  # fmt: skip
    for wrong in wrong_types:
        with pytest.raises(TypeError):
            asking().verify_introspected(*wrong)


# --- revocations


def test_a_revoked_token_is_refused_cached_or_not() -> None:
    revocations = _native.Revocations(100)
    verifier = static(revocations=revocations)
    one, two = token(jti="t1", sub="alice"), token(jti="t2", sub="bob")
    for _ in range(2):
        verifier.verify(one, None)
        verifier.verify(two, None)
    revocations.add(ISSUER, "t1", time.time() + 60, None)
    with pytest.raises(errors.RevokedTokenError) as caught:
        verifier.verify(one, None)
    assert (caught.value.code, caught.value.claim, caught.value.http_status) == ("token_revoked", "jti", 401)
    verifier.verify(two, None)
    revocations.add_subject(ISSUER, "bob", time.time(), None, None)
    with pytest.raises(errors.RevokedTokenError) as caught:
        verifier.verify(two, None)
    assert caught.value.claim == "sub"
    assert verifier.stats()["reasons"] == {"token_revoked": 2}
    described = revocations.describe()
    assert (described["tokens"], described["subjects"], described["hits"], described["refused"]) == (1, 1, 2, 0)
    revocations.clear()
    verifier.verify(one, None)
    del revocations  # the verifier keeps the set
    verifier.verify(two, None)


def test_a_set_without_a_verifier() -> None:
    revocations = _native.Revocations(max_entries=2)
    access = static().verify(token(jti="t1", iat=0), None)
    assert not revocations.is_revoked(access, None)
    revocations.add(ISSUER, "t1", None, None)
    assert revocations.is_revoked(access, None) and revocations.is_revoked(access, 1e12)
    revocations.add(None, "t2", 100.0, 50.0)
    with pytest.raises(errors.StatusUnavailableError, match="full"):
        revocations.add(ISSUER, "t3", None, 60.0)
    revocations.add(ISSUER, "t3", None, 100.0)  # what has run out makes room
    revocations.refill_begin()
    revocations.add(ISSUER, "t3", None, None)
    revocations.refill_end()
    assert not revocations.is_revoked(access, None) and revocations.describe()["tokens"] == 1


def test_mistakes_with_revocations() -> None:
    for size in (0, -1, 1 << 40):
        with pytest.raises(errors.ConfigurationError, match="max_entries"):
            _native.Revocations(size)
    revocations = _native.Revocations(10)
    for call in (
        lambda: _native.Revocations(),  # type: ignore[call-arg]
        lambda: revocations.add(ISSUER, 7, None, None),  # type: ignore[arg-type]
        lambda: revocations.add(ISSUER, "t", "x", None),  # type: ignore[arg-type]
        lambda: revocations.is_revoked("token", None),  # type: ignore[arg-type]
        lambda: static(revocations=object()),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(errors.ConfigurationError, match="jti"):
        revocations.add(ISSUER, None, None, None)  # type: ignore[arg-type]
    with pytest.raises(errors.ConfigurationError, match="before"):
        revocations.add_subject(ISSUER, "a", math.inf, None, None)
    static(revocations=None).verify(token(), None)


def test_threads_revoke_and_verify() -> None:
    revocations = _native.Revocations(10_000)
    verifier = static(revocations=revocations)
    text = token(jti="never")
    stop = threading.Event()
    failures: list[BaseException] = []

    def look() -> None:
        try:
            while not stop.is_set():
                verifier.verify(text, None)
        except BaseException as error:  # the main thread must hear of it
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(5000):
        revocations.add(ISSUER, f"t{number}", None, None)
        if number % 1000 == 0:
            revocations.refill_begin()
            revocations.refill_end()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == [] and revocations.describe()["tokens"] == 4999 - 4000


# --- health


def test_health_says_what_and_why() -> None:
    verifier = fetching()
    health, issuers = verifier.health()
    assert (health, issuers[0]["health"]) == ("not_ready", "not_ready")
    assert "no keys have been fetched yet" in issuers[0]["problem"]
    assert issuers[0]["key_age"] == math.inf and issuers[0]["fresh_for"] == -math.inf
    fetch(verifier)
    health, issuers = verifier.health()
    assert (health, issuers[0]["problem"]) == ("ready", "")
    assert 0 <= issuers[0]["key_age"] < 30 and 570 < issuers[0]["fresh_for"] <= 600
    assert issuers[0]["fetch_seconds"] >= 0 and verifier.stats()["key_age"] < 30
    assert asking().health()[0] == "ready" and asking().issuers()[0]["introspection"] == "all"
    assert static().health()[1][0]["source"] is None


def test_reasons_stand_with_their_issuer() -> None:
    verifier = static()
    with pytest.raises(errors.ExpiredSignatureError):
        verifier.verify(token(exp=1), None)
    with pytest.raises(errors.DecodeError):
        verifier.verify("x", None)
    verifier.count_refusal("insufficient_scope", 1)
    verifier.count_refusal("insufficient_scope")
    assert verifier.issuers()[0]["reasons"] == {"token_malformed": 1, "token_expired": 1, "insufficient_scope": 1}
    assert verifier.stats()["reasons"]["insufficient_scope"] == 2
