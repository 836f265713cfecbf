"""Introspection: which tokens are asked about, how, how often, and what becomes of the answer."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import socket
import time
import urllib.parse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import fastbearer
from fastbearer import (
    ConfigurationError,
    InvalidAudienceError,
    Issuer,
    KeyPair,
    RevokedTokenError,
    StatusUnavailableError,
    Verifier,
)
from fastbearer.introspection import Introspector
from introspection_endpoint import Endpoint, active

KEY = KeyPair.generate("ES256")
CLIENT: dict[str, Any] = {"client_id": "server", "client_secret": "secret"}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.close()


def make(endpoint: Endpoint, policy: dict[str, Any] | None = None, **options: Any) -> Verifier:
    """Opaque tokens are asked about, JWTs verified with a key."""
    introspector = Introspector(endpoint.url, **{**CLIENT, **options})
    return Verifier(
        issuer="https://issuer.example", public_key=KEY.public_key, algorithms="ES256", introspector=introspector,
        **{"audience": "a", **(policy or {})},
    )  # fmt: skip


def verify(verifier: Verifier, token: str, is_async: bool = False) -> fastbearer.AccessToken:
    return asyncio.run(verifier.verify_async(token)) if is_async else verifier.verify(token)


# ---- which tokens


@pytest.mark.parametrize("is_async", [False, True])
def test_opaque_tokens_and_jwts_side_by_side(endpoint: Endpoint, is_async: bool) -> None:
    endpoint.answers["opaque"] = active(scope="read write")
    jwt = KEY.create_token(issuer="https://issuer.example", audience="a")
    with make(endpoint, {"required_scopes": None}) as verifier:
        access = verify(verifier, "opaque", is_async)
        assert (access.subject, access.client_id, access.scopes) == ("alice", "c", ["read", "write"])
        assert access.issuer == "https://issuer.example" and access.token == "opaque"
        assert verify(verifier, jwt, is_async).token == jwt
        with pytest.raises(RevokedTokenError) as caught:
            verify(verifier, "unknown", is_async)
        assert (caught.value.code, caught.value.http_status) == ("token_inactive", 401)
    assert [asked["token"] for asked in endpoint.asked] == ["opaque", "unknown"]


def test_all_tokens(endpoint: Endpoint) -> None:
    """With jwts=True there are no keys, and a JWT's signature is the provider's business."""
    jwt = KeyPair.generate("ES256").create_token(issuer="https://issuer.example", audience="a")
    endpoint.answers[jwt] = active(iss="https://issuer.example")
    introspector = Introspector(endpoint.url, **CLIENT, jwts=True)
    with Verifier(issuer="https://issuer.example", audience="a", introspector=introspector) as verifier:
        assert verifier.verify(jwt).subject == "alice"
        with pytest.raises(RevokedTokenError):
            verifier.verify(KEY.create_token(issuer="https://issuer.example", audience="a"))
        with pytest.raises(fastbearer.InvalidTokenError):
            verifier.verify("not a token")
    assert len(endpoint.asked) == 2
    with pytest.raises(ConfigurationError):
        Verifier(issuer="https://issuer.example", audience="a", introspector=introspector, public_key=KEY.public_key)


@pytest.mark.parametrize("token", ["a b", "", "a\nb", "é", "a=b=c", "x" * 20000])
def test_what_no_token_can_be_is_not_asked_about(endpoint: Endpoint, token: str) -> None:
    with make(endpoint) as verifier, pytest.raises(fastbearer.InvalidTokenError):
        verifier.verify(token)
    assert endpoint.asked == []


@pytest.mark.parametrize("is_async", [False, True])
def test_several_issuers_are_asked_one_after_the_other(endpoint: Endpoint, is_async: bool) -> None:
    """About opaque tokens. A JWT says whose it is, and goes nowhere else."""
    other = Endpoint()
    try:
        other.answers["of-the-other"] = active()
        issuers = [
            Issuer(f"https://{name}.example", introspector=Introspector(where.url, **CLIENT, jwts=True))
            for name, where in (("one", endpoint), ("other", other))
        ]
        with Verifier(issuers=issuers, audience="a") as verifier:
            access = verify(verifier, "of-the-other", is_async)
            assert access.issuer == "https://other.example"
            with pytest.raises(RevokedTokenError):
                verify(verifier, KEY.create_token(issuer="https://other.example", audience="a"), is_async)
            assert (len(endpoint.asked), len(other.asked)) == (1, 2)
            endpoint.status = 500
            with pytest.raises(StatusUnavailableError):  # the one that is down may know it
                verify(verifier, "of-nobody", is_async)
            other.answers["of-the-other-too"] = active()
            assert verify(verifier, "of-the-other-too", is_async)
    finally:
        other.close()


def test_one_that_is_resolved(endpoint: Endpoint) -> None:
    jwt = KEY.create_token(issuer="https://tenant.example", audience="a")
    endpoint.answers[jwt] = active()

    def resolve(iss: str) -> Issuer:
        return Issuer(iss, introspector=Introspector(endpoint.url, **CLIENT, jwts=True))

    with Verifier(resolve_issuer=resolve, audience="a") as verifier:
        assert verifier.verify(jwt).issuer == "https://tenant.example"
        assert asyncio.run(verifier.verify_async(jwt)).issuer == "https://tenant.example"


# ---- what the answer is worth


@pytest.mark.parametrize(
    "answer, code",
    [({"active": "true"}, "token_inactive"), ({}, "token_inactive"), ({"aud": "b"}, "audience_mismatch"),
     ({"exp": 1}, "token_expired"), ({"exp": "soon"}, "exp_invalid"), ({"nbf": 99999999999}, None),
     ({"iss": "https://evil.example"}, "issuer_mismatch"), ({"scope": 5}, "scope_invalid"),
     ({"scope": "other"}, "insufficient_scope"), ({"cnf": {"jkt": "0" * 43}, "scope": "read"}, "proof_missing")],
)  # fmt: skip
def test_the_same_policy(endpoint: Endpoint, answer: dict[str, Any], code: str | None) -> None:
    # Times from here on: an hour may lie between the collection of a long run and this test.
    endpoint.answers["t"] = active(**answer) if answer else answer
    with make(endpoint, {"required_scopes": "read"}) as verifier, pytest.raises(fastbearer.InvalidTokenError) as caught:
        verifier.verify("t")
    assert caught.value.code == (code or "token_not_yet_valid")


@pytest.mark.parametrize(
    "status, raw",
    [(200, b""), (200, b"[]"), (200, b"no json"), (200, b'{"active":true,"active":false}'), (200, b'{"active":true}x'),
     (500, b""), (401, b"{}"), (302, b""), (204, b""), (200, b" " * 70000), (400, b"{}")],
)  # fmt: skip
@pytest.mark.parametrize("is_async", [False, True])
def test_what_is_no_answer(endpoint: Endpoint, status: int, raw: bytes, is_async: bool) -> None:
    endpoint.status, endpoint.raw = status, raw
    seen: list[fastbearer.Rejection] = []
    with make(endpoint, {"on_reject": seen.append}) as verifier:
        with pytest.raises(StatusUnavailableError) as caught:
            verify(verifier, "t", is_async)
        assert (caught.value.code, caught.value.http_status) == ("status_unavailable", 503)
        stats = verifier.stats()
        assert stats["reasons"] == stats["issuers"][0]["reasons"] == {"status_unavailable": 1}
    assert [rejection.code for rejection in seen] == ["status_unavailable"] and len(endpoint.asked) == 1


def test_bound_tokens(endpoint: Endpoint) -> None:
    """With a proof of the key that the answer names."""
    client = KeyPair.generate("ES256")
    endpoint.answers["bound"] = active(cnf={"jkt": client.thumbprint()})
    url = "https://api.example/mcp"

    def request(pair: KeyPair) -> fastbearer.Request:
        return fastbearer.Request(
            "POST", url, {"Authorization": "DPoP bound", "DPoP": pair.dpop_proof("POST", url, "bound")}
        )

    with make(endpoint, {"dpop": fastbearer.DPoP()}) as verifier:
        assert verifier.verify_request(request(client)).subject == "alice"
        assert asyncio.run(verifier.verify_request_async(request(client))).subject == "alice"
        for _ in range(2):
            with pytest.raises(fastbearer.InvalidProofError):
                verifier.verify_request(request(KeyPair.generate("ES256")))
        assert verifier.verify_request(request(client))  # that refusal was about the request


def test_is_revoked_is_asked_too(endpoint: Endpoint) -> None:
    endpoint.answers["t"] = active()
    with make(endpoint, {"is_revoked": lambda access: access.subject == "alice"}) as verifier:
        for is_async in (False, True):
            with pytest.raises(RevokedTokenError) as caught:
                verify(verifier, "t", is_async)
            assert caught.value.code == "token_revoked"


# ---- how often


@pytest.mark.parametrize("is_async", [False, True])
def test_what_was_accepted_is_remembered(endpoint: Endpoint, is_async: bool) -> None:
    endpoint.answers["t"] = active()
    with make(endpoint) as verifier:
        for _ in range(3):
            verify(verifier, "t", is_async)
        assert len(endpoint.asked) == 1 and verifier.stats()["cache_hits"] == 2
    with make(endpoint, cache_seconds=0.0) as verifier:
        for _ in range(3):
            verify(verifier, "t", is_async)
    assert len(endpoint.asked) == 4


def test_no_longer_than_until_it_expires(endpoint: Endpoint) -> None:
    endpoint.answers["t"] = active(exp=int(time.time()) + 100)
    with make(endpoint, cache_seconds=3600.0) as verifier:
        verifier.verify("t")
        with pytest.raises(fastbearer.ExpiredSignatureError):
            verifier.verify("t", now=time.time() + 101)


@pytest.mark.parametrize("is_async", [False, True])
def test_what_was_refused_is_remembered(endpoint: Endpoint, is_async: bool) -> None:
    endpoint.answers["other"] = active(aud="b")
    with make(endpoint) as verifier:
        for _ in range(3):
            with pytest.raises(RevokedTokenError):
                verify(verifier, "t", is_async)
            with pytest.raises(InvalidAudienceError) as caught:
                verify(verifier, "other", is_async)
            assert caught.value.expected and caught.value.actual
        stats = verifier.stats()
        assert len(endpoint.asked) == 2 and stats["rejected"] == stats["issuers"][0]["rejected"] == 6
    with make(endpoint, negative_cache_seconds=0.0) as verifier:
        for _ in range(2):
            with pytest.raises(RevokedTokenError):
                verify(verifier, "t", is_async)
    assert len(endpoint.asked) == 4


def test_that_is_bounded_in_time_and_number(endpoint: Endpoint) -> None:
    with make(endpoint, negative_cache_seconds=0.2, negative_cache_size=10) as verifier:
        for number in range(50):
            with pytest.raises(RevokedTokenError):
                verifier.verify(f"t{number}")
        ((_, asker),) = verifier._issuers._endpoints.items()
        assert len(asker._refused) == 10
        endpoint.answers["t49"] = active()
        with pytest.raises(RevokedTokenError):
            verifier.verify("t49")
        time.sleep(0.3)
        assert verifier.verify("t49")


def test_one_question_for_all_who_wait(endpoint: Endpoint) -> None:
    """Coroutines and threads alike, and one that stops waiting takes nothing from the others."""
    endpoint.answers["t"] = active()
    endpoint.going.clear()

    async def main(verifier: Verifier) -> None:
        tasks = [asyncio.create_task(verifier.verify_async("t")) for _ in range(20)]
        await asyncio.sleep(0.1)
        tasks[0].cancel()
        endpoint.going.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert {access.subject for access in found[1:] if isinstance(access, fastbearer.AccessToken)} == {"alice"}

    with make(endpoint, cache_seconds=0.0) as verifier:
        asyncio.run(main(verifier))
        assert len(endpoint.asked) == 1
        endpoint.going.clear()
        with ThreadPoolExecutor(8) as pool:
            waiting = [pool.submit(verifier.verify, "t") for _ in range(8)]
            time.sleep(0.2)
            endpoint.going.set()
            assert {future.result(10).subject for future in waiting} == {"alice"}
    assert len(endpoint.asked) == 2


def test_not_too_many_at_a_time(endpoint: Endpoint) -> None:
    endpoint.going.clear()

    async def main(verifier: Verifier) -> list[Any]:
        tasks = [asyncio.create_task(verifier.verify_async(f"t{number}")) for number in range(20)]
        await asyncio.sleep(0.2)
        endpoint.going.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    with make(endpoint, max_pending=4) as verifier:
        found = asyncio.run(main(verifier))
    assert endpoint.most <= 4 and len(endpoint.asked) == 4
    assert sum(isinstance(error, StatusUnavailableError) for error in found) == 16


# ---- when it fails


@pytest.mark.parametrize("is_async", [False, True])
def test_one_that_hangs_is_left_alone(endpoint: Endpoint, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    endpoint.answers["good"] = active()
    endpoint.going.clear()
    with make(endpoint, timeout=0.2) as verifier:
        for number in range(3):
            with pytest.raises(StatusUnavailableError):
                verify(verifier, f"t{number}", is_async)
        start = time.monotonic()
        with pytest.raises(StatusUnavailableError) as caught:
            verify(verifier, "t9", is_async)
        assert time.monotonic() - start < 0.19 and 0 < caught.value.retry_after <= 1.0 and len(endpoint.asked) == 3
        endpoint.going.set()
        time.sleep(1.1)
        assert verify(verifier, "good", is_async)
    lines = [record.getMessage() for record in caplog.records if record.name == "fastbearer.keys"]
    assert len(lines) == 2 and "failed: timed out" in lines[0] and "answers again after 3 failures" in lines[1]


def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    introspector = Introspector("http://127.0.0.1:9/introspect?key=very-secret", **CLIENT)
    with Verifier(issuer="https://i.example", introspector=introspector, public_key=KEY.public_key, audience="a",
                  algorithms="ES256") as verifier, pytest.raises(StatusUnavailableError):  # fmt: skip
        verifier.verify("the-token")
    assert "refused" in caplog.text and "very-secret" not in caplog.text and "the-token" not in caplog.text


def test_one_bad_token_stops_no_others(endpoint: Endpoint) -> None:
    """400 may be about the token, which somebody has made for that."""
    endpoint.status = 400
    with make(endpoint) as verifier:
        for number in range(6):
            with pytest.raises(StatusUnavailableError):
                verifier.verify(f"t{number}")
        endpoint.status = 200
        endpoint.answers["good"] = active()
        assert verifier.verify("good")


def test_a_connection_that_was_closed_meanwhile(endpoint: Endpoint) -> None:
    """Connections are kept; one that the other side has given up is replaced."""
    endpoint.answers["t"] = active()
    with make(endpoint, cache_seconds=0.0) as verifier:
        verifier.verify("t")
        ((_, asker),) = verifier._issuers._endpoints.items()
        (idle,) = asker._introspector._client._idle
        assert idle.sock is not None
        idle.sock.shutdown(socket.SHUT_RDWR)
        verifier.verify("t")
    assert len(endpoint.asked) == 2


# ---- how


def test_basic_authentication(endpoint: Endpoint) -> None:
    endpoint.answers["t"] = active()
    with make(endpoint, client_id="a:b c", client_secret="p%&ä", headers={"X-Tenant": "7"}) as verifier:
        verifier.verify("t")
    credentials = base64.b64decode(endpoint.headers[0]["authorization"].removeprefix("Basic ")).decode()
    assert [urllib.parse.unquote_plus(part) for part in credentials.split(":")] == ["a:b c", "p%&ä"]
    assert endpoint.asked == [{"token": "t", "token_type_hint": "access_token"}]
    assert endpoint.headers[0]["x-tenant"] == "7" and endpoint.headers[0]["accept"] == "application/json"


def test_post_authentication(endpoint: Endpoint) -> None:
    endpoint.answers["t"] = active()
    with make(endpoint, auth_method="client_secret_post") as verifier:
        verifier.verify("t")
    assert endpoint.asked[0] == {"token": "t", "token_type_hint": "access_token", **CLIENT}
    assert "authorization" not in endpoint.headers[0]


def test_private_key_authentication(endpoint: Endpoint) -> None:
    endpoint.answers["t"] = active()
    pair = KeyPair.generate("ES256")
    with make(endpoint, client_secret=None, private_key=pair, kid="k", cache_seconds=0.0) as verifier:
        verifier.verify("t")
        verifier.verify("t")
    form = endpoint.asked[0]
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    with Verifier(public_key=pair.public_key, algorithms="ES256", issuer="server", audience=endpoint.url) as judge:
        first, second = (judge.verify(asked["client_assertion"]) for asked in endpoint.asked)
    assert first.subject == "server" and first.claims["jti"] != second.claims["jti"]
    assert first.expires_at is not None and first.expires_at <= time.time() + 61
    assert fastbearer.decode_unverified(first.token).header["kid"] == "k"


@pytest.mark.parametrize("is_async", [False, True])
def test_another_client(is_async: bool) -> None:
    seen: list[Any] = []

    async def post_async(url: str, headers: Any, body: bytes) -> tuple[int, Any, bytes]:
        await asyncio.sleep(0)
        return post(url, headers, body)

    def post(url: str, headers: Any, body: bytes) -> tuple[int, Any, bytes]:
        seen.append((url, headers["Content-Type"], body))
        return 200, {}, json.dumps(active()).encode()

    introspector = Introspector("https://login.example/introspect", **CLIENT, post=post_async if is_async else post)
    options: dict[str, Any] = {"issuer": "https://i.example", "public_key": KEY.public_key, "algorithms": "ES256"}
    for called in (False, True):
        with Verifier(**options, audience="a", introspector=introspector) as verifier:
            assert verify(verifier, "t", called).subject == "alice"
    assert seen[0][0] == "https://login.example/introspect" and b"token=t" in seen[0][2]


def test_a_client_that_fails_says_nothing_of_the_token(caplog: pytest.LogCaptureFixture) -> None:
    def post(url: str, headers: Any, body: bytes) -> Any:
        raise RuntimeError(body.decode())

    introspector = Introspector("https://login.example/introspect", **CLIENT, post=post)
    with (
        caplog.at_level(logging.DEBUG),
        Verifier(issuer="https://i.example", public_key=KEY.public_key, algorithms="ES256", audience="a",
                 introspector=introspector) as verifier,
        pytest.raises(StatusUnavailableError) as caught,
    ):  # fmt: skip
        verifier.verify("the-token")
    assert "the-token" not in caplog.text + str(caught.value) and "RuntimeError" in caplog.text


def test_over_tls() -> None:
    """With the authorities of ca_file, and no others."""
    pytest.importorskip("cryptography")
    from tests.idp import Behaviour, IdentityProvider

    with IdentityProvider(tls=True) as idp:
        idp.behave(Behaviour(body=json.dumps(active()).encode()))
        options: dict[str, Any] = {"issuer": "https://i.example", "public_key": KEY.public_key, "algorithms": "ES256"}
        for ca_file, good in ((idp.ca_file, True), (None, False)):
            introspector = Introspector(idp.jwks_uri, **CLIENT, ca_file=ca_file)
            with Verifier(**options, audience="a", introspector=introspector) as verifier:
                if good:
                    assert verifier.verify("t").subject == "alice"
                else:
                    with pytest.raises(StatusUnavailableError, match="certificate"):
                        verifier.verify("t")


def test_after_a_fork(endpoint: Endpoint) -> None:
    import os

    endpoint.answers["t"] = active()
    with make(endpoint, cache_seconds=0.0) as verifier:
        verifier.verify("t")
        child = os.fork()
        if not child:
            os._exit(0 if verifier.verify("t").subject == "alice" else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert verifier.verify("t")
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize(
    "options, message",
    [({"endpoint": "login"}, "endpoint"), ({"endpoint": "http://login.example/i"}, "endpoint must be https"),
     ({"endpoint": "https://u:p@login.example/i"}, "endpoint must hold no user"), ({"endpoint": 5}, "endpoint"),
     ({"endpoint": "https://login.example/i#f"}, "endpoint must hold no"), ({"client_id": ""}, "client_id"),
     ({"auth_method": "none"}, "auth_method"), ({"auth_method": "private_key_jwt"}, "auth_method"),
     ({"private_key": KEY}, "exclude each other"), ({"private_key": "pem", "client_secret": None}, "private_key"),
     ({"cache_seconds": -1.0}, "cache_seconds"), ({"cache_seconds": float("nan")}, "cache_seconds"),
     ({"negative_cache_seconds": 1e9}, "negative_cache_seconds"), ({"timeout": 0.0}, "timeout"),
     ({"max_bytes": 0}, "max_bytes"), ({"max_pending": 0}, "max_pending"), ({"post": 5}, "post"),
     ({"headers": {"A\n": "b"}}, "headers"), ({"headers": {"A": "b\r\nC: d"}}, "headers"), ({"headers": 5}, "headers"),
     ({"ca_file": "/nowhere"}, "ca_file"), ({"negative_cache_size": -1}, "negative_cache_size")],
)  # fmt: skip
def test_wrong_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Introspector(**{"endpoint": "https://login.example/i", **CLIENT, **options})


def test_the_secret_stays_where_it_is() -> None:
    import copy
    import pickle

    introspector = Introspector("https://login.example/i", "server", "very-secret")
    assert "very-secret" not in repr(introspector) and copy.deepcopy(introspector) is introspector
    with pytest.raises(TypeError):
        pickle.dumps(introspector)
    with pytest.raises(AttributeError):
        introspector.timeout = 5.0
    with pytest.raises(TypeError, match="introspector must be"):
        Issuer("https://i.example", introspector="x")  # type: ignore[arg-type]
    assert Issuer("https://i.example", introspector=introspector).introspector is introspector
