"""Introspection responses that are JWTs (RFC 9701): asked for, verified, and nothing else is taken for one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fastbearer
from fastbearer import ConfigurationError, Issuer, KeyPair, KeysUnavailableError, StatusUnavailableError, Verifier
from fastbearer.introspection import Introspector
from introspection_endpoint import Endpoint, active
from tests.idp import Behaviour, IdentityProvider

ISSUER = "https://issuer.example"
KEY = KeyPair.generate("ES256")
TYPE = "application/token-introspection+jwt"
HEADER = {"alg": "ES256", "typ": "token-introspection+jwt", "kid": "k"}


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    made.content_type = TYPE
    yield made
    made.close()


def now() -> int:
    """When a test runs, which may be long after it was collected."""
    return int(time.time())


def claims(**changes: Any) -> dict[str, Any]:
    """Of a good response; None takes one away."""
    members = {"iss": ISSUER, "aud": "server", "iat": now(), "token_introspection": active(), **changes}
    return {name: value for name, value in members.items() if value is not None}


def signed(payload: dict[str, Any] | str, pair: KeyPair = KEY, **header: Any) -> bytes:
    members = {name: value for name, value in {**HEADER, **header}.items() if value is not None}
    return pair.sign(json.dumps(members), payload if isinstance(payload, str) else json.dumps(payload)).encode()


def make(endpoint: Endpoint, policy: dict[str, Any] | None = None, **options: Any) -> Verifier:
    introspector = Introspector(
        endpoint.url, **{"client_id": "server", "client_secret": "s", "signed_response": True, **options}
    )
    return Verifier(
        issuer=ISSUER, **{"jwks": KEY.jwks("k"), "algorithms": "ES256", "audience": "a", **(policy or {})},
        introspector=introspector,
    )  # fmt: skip


def verify(verifier: Verifier, token: str, is_async: bool = False) -> fastbearer.AccessToken:
    return asyncio.run(verifier.verify_async(token)) if is_async else verifier.verify(token)


# ---- what is taken


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("jwts", [False, True])
def test_what_it_holds_is_the_response(endpoint: Endpoint, is_async: bool, jwts: bool) -> None:
    """For opaque tokens and, with jwts=True, for JWTs, whose own signature is the provider's business then."""
    told = active(scope="read write")
    endpoint.raw = signed(claims(token_introspection=told, sub="mallory", scope="all", exp=now() + 5))
    token = KeyPair.generate("ES256").create_token(issuer=ISSUER, audience="a") if jwts else "opaque"
    with make(endpoint, jwts=jwts) as verifier:
        access = verify(verifier, token, is_async)
        assert (access.claims, access.subject, access.scopes) == (told, "alice", ["read", "write"])
        assert access.expires_at == told["exp"] and access.issuer == ISSUER
        assert verify(verifier, token, is_async).claims == told
        stats = verifier.stats()
    assert len(endpoint.asked) == 1 and stats["introspections"] == 1 and stats["verified"] == 2
    assert endpoint.headers[0]["accept"] == TYPE


@pytest.mark.parametrize(
    "told, code",
    [({"active": False}, "token_inactive"), ({"aud": "b"}, "audience_mismatch"), ({"exp": 1}, "token_expired"),
     ({"scope": "other"}, "insufficient_scope")],
)  # fmt: skip
def test_what_it_holds_is_held_against_the_policy(endpoint: Endpoint, told: dict[str, Any], code: str) -> None:
    endpoint.raw = signed(claims(token_introspection=active(**told)))
    with make(endpoint, {"required_scopes": "read"}) as verifier:
        for _ in range(2):  # and the refusal is remembered
            with pytest.raises(fastbearer.InvalidTokenError) as caught:
                verifier.verify("opaque")
            assert caught.value.code == code
    assert len(endpoint.asked) == 1


def test_a_bound_token(endpoint: Endpoint) -> None:
    client = KeyPair.generate("ES256")
    url = "https://api.example/mcp"
    endpoint.raw = signed(claims(token_introspection=active(cnf={"jkt": client.thumbprint()})))
    proof = client.dpop_proof("POST", url, "opaque")
    request = fastbearer.Request("POST", url, {"Authorization": "DPoP opaque", "DPoP": proof})
    with make(endpoint, {"dpop": fastbearer.DPoP()}) as verifier:
        assert verifier.verify_request(request).subject == "alice"
        with pytest.raises(fastbearer.InvalidProofError):
            verifier.verify_request(request)


# ---- what is refused


def hmac_with_public_key() -> bytes:
    assert KEY.public_key is not None
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (
        {**HEADER, "alg": "HS256"}, claims())]  # fmt: skip
    mac = hmac.new(KEY.public_key.encode(), b".".join(parts), hashlib.sha256).digest()
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")])


REFUSED: dict[str, tuple[Callable[[], bytes], str, str | None]] = {
    "JSON": (lambda: json.dumps(active()).encode(), "token_malformed", None),
    "no typ": (lambda: signed(claims(), typ=None), "token_type_not_allowed", None),
    "typ of an access token": (lambda: signed(claims(), typ="at+jwt"), "token_type_not_allowed", None),
    "another key": (lambda: signed(claims(), KeyPair.generate("ES256")), "signature_invalid", None),
    "another kid": (lambda: signed(claims(), kid="x"), "key_not_found", None),
    "alg none": (lambda: signed(claims(), alg="none"), "algorithm_not_allowed", None),
    "unsigned": (lambda: signed(claims(), alg="none").rpartition(b".")[0] + b".", "token_malformed", None),
    "HMAC": (hmac_with_public_key, "algorithm_not_allowed", None),
    "encrypted": (lambda: b"eyJhbGciOiJkaXIifQ.a2V5.aXY.dGV4dA.dGFn", "token_malformed", None),
    "nested": (lambda: signed(claims(), cty="JWT"), "header_unsupported", None),
    "no iss": (lambda: signed(claims(iss=None)), "iss_missing", "iss"),
    "another iss": (lambda: signed(claims(iss="https://evil.example")), "issuer_mismatch", "iss"),
    "no aud": (lambda: signed(claims(aud=None)), "aud_missing", "aud"),
    "another aud": (lambda: signed(claims(aud=["other", "a"])), "audience_mismatch", "aud"),
    "no iat": (lambda: signed(claims(iat=None)), "claim_missing", "iat"),
    "iat is text": (lambda: signed(claims(iat="now")), "iat_invalid", "iat"),
    "iat to come": (lambda: signed(claims(iat=now() + 3600)), "token_issued_in_future", "iat"),
    "expired": (lambda: signed(claims(exp=now() - 3600)), "token_expired", "exp"),
    "nothing told": (lambda: signed(claims(token_introspection=None)), "claim_missing", "token_introspection"),
    "a list told": (lambda: signed(claims(token_introspection=[active()])), "claim_mismatch", "token_introspection"),
    "told beside": (lambda: signed({**claims(token_introspection=None), **active(iss=ISSUER, aud="server")}),
                    "claim_missing", "token_introspection"),
    "told twice": (lambda: signed(json.dumps(claims())[:-1] + ',"token_introspection":{"active":true}}'),
                   "payload_invalid", None),
}  # fmt: skip


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_response(endpoint: Endpoint, name: str, is_async: bool) -> None:
    """It says nothing of the token: 503, not remembered, and the hook is told why."""
    make_raw, reason, claim = REFUSED[name]
    seen: list[fastbearer.Rejection] = []
    with make(endpoint, {"on_reject": seen.append}) as verifier:
        for _ in range(2):
            endpoint.raw = make_raw()
            with pytest.raises(StatusUnavailableError, match=f"response is refused, {reason}: ") as caught:
                verify(verifier, "opaque", is_async)
            assert (caught.value.claim, caught.value.http_status) == (claim, 503)
        endpoint.raw = signed(claims())
        assert verify(verifier, "opaque", is_async).subject == "alice"
        assert verifier.stats()["reasons"] == {"status_unavailable": 2}
    assert [(one.code, one.claim, one.issuer) for one in seen] == [("status_unavailable", claim, ISSUER)] * 2
    assert all(reason in one.message and "opaque" not in one.message for one in seen)
    assert len(endpoint.asked) == 3


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("content_type", [None, "application/json", "application/jwt", "token-introspection+jwt"])
def test_another_content_type(endpoint: Endpoint, content_type: str | None, is_async: bool) -> None:
    with make(endpoint) as verifier:
        for raw in (json.dumps(active()).encode(), signed(claims())):
            endpoint.raw, endpoint.content_type = raw, content_type
            with pytest.raises(StatusUnavailableError, match=TYPE.replace("+", r"\+")):
                verify(verifier, "opaque", is_async)
        endpoint.content_type = "Application/Token-Introspection+JWT; charset=utf-8"
        assert verify(verifier, "opaque", is_async).subject == "alice"


def test_it_is_off_by_default(endpoint: Endpoint) -> None:
    """JSON is asked for then, whatever it is called, and a JWT is no response."""
    with make(endpoint, signed_response=False) as verifier:
        endpoint.answers["opaque"] = active()
        assert verifier.verify("opaque").subject == "alice"
        endpoint.raw = signed(claims())
        with pytest.raises(StatusUnavailableError, match="not a valid JSON object"):
            verifier.verify("another")
    assert endpoint.headers[0]["accept"] == "application/json"


def test_a_huge_response(endpoint: Endpoint) -> None:
    endpoint.raw = signed(claims(padding="x" * 60000))
    with make(endpoint) as verifier, pytest.raises(StatusUnavailableError, match="more than 65536 bytes"):
        verifier.verify("opaque")


@pytest.mark.parametrize("token_type", [None, "any", "at+jwt"])
def test_it_is_no_access_token(endpoint: Endpoint, token_type: str | None) -> None:
    """RFC 9701 section 8.1, whatever token_type says; the same claims under another typ are one."""
    members = claims(exp=now() + 60, sub="s", client_id="c", jti="j", aud=["server", "a"])
    with make(endpoint, {"token_type": token_type}) as verifier:
        with pytest.raises(fastbearer.InvalidTokenError) as caught:
            verifier.verify(signed(members).decode())
        assert caught.value.code == "token_type_not_allowed"
        assert verifier.verify(signed(members, typ="at+jwt").decode()).subject == "s"
    assert endpoint.asked == []


# ---- how it is had


@pytest.mark.parametrize("headers", [{"Content-Type": TYPE}, [(b"content-type", TYPE.encode())], {}, None])
@pytest.mark.parametrize("is_async", [False, True])
def test_by_a_function_of_the_users(endpoint: Endpoint, headers: Any, is_async: bool) -> None:
    sent: list[dict[str, str]] = []

    def post(url: str, fields: Any, body: bytes) -> tuple[int, Any, bytes]:
        sent.append(dict(fields))
        return 200, headers, signed(claims())

    async def post_async(url: str, fields: Any, body: bytes) -> tuple[int, Any, bytes]:
        return post(url, fields, body)

    with make(endpoint, post=post_async if is_async else post) as verifier:
        for from_coroutine in (False, True):
            if headers:
                assert verify(verifier, "opaque", from_coroutine).subject == "alice"
            else:
                with pytest.raises(StatusUnavailableError, match="token-introspection"):
                    verify(verifier, "opaque", from_coroutine)
    assert sent[0]["Accept"] == TYPE


@pytest.mark.parametrize("is_async", [False, True])
def test_keys_are_fetched_for_it(endpoint: Endpoint, is_async: bool) -> None:
    """As for a token: when they are needed, after a rotation too, and 503 where they cannot be had."""
    with IdentityProvider() as idp:
        idp.behave(Behaviour(body=json.dumps(KEY.jwks("k")).encode()))
        options = {"jwks": None, "jwks_uri": idp.jwks_uri, "refresh_interval": 0.0}
        with make(endpoint, options, jwts=True, cache_seconds=0.0) as verifier:
            endpoint.raw = signed(claims())
            assert verify(verifier, "opaque", is_async).subject == "alice"
            assert verify(verifier, "opaque", is_async).subject == "alice"
            assert verifier.stats()["fetches"] == 1 and len(endpoint.asked) == 2
            other = KeyPair.generate("ES256")
            idp.behave(Behaviour(body=json.dumps(other.jwks("new")).encode()))
            endpoint.raw = signed(claims(), other, kid="new")
            assert verify(verifier, "opaque", is_async).subject == "alice"
            assert verifier.stats()["introspections"] == len(endpoint.asked) == 3
        idp.behave(Behaviour(status=500))
        seen: list[fastbearer.Rejection] = []
        with make(endpoint, {**options, "on_reject": seen.append}, jwts=True) as verifier:
            with pytest.raises(KeysUnavailableError) as caught:
                verify(verifier, "opaque", is_async)
            assert caught.value.http_status == 503 and caught.value.code == "keys_unavailable"
    assert [one.code for one in seen] == ["keys_unavailable"]


def test_keys_are_shared_by_verifiers_that_differ_in_policy(endpoint: Endpoint) -> None:
    with IdentityProvider() as idp:
        idp.behave(Behaviour(body=json.dumps(KEY.jwks("k")).encode()))
        endpoint.raw = signed(claims(token_introspection=active(scope="read")))
        with make(endpoint, {"jwks": None, "jwks_uri": idp.jwks_uri}, jwts=True) as verifier:
            assert verifier.verify("opaque").scopes == ["read"]
            with verifier._with_policy(required_scopes=["read"]) as strict:
                assert strict.verify("opaque").scopes == ["read"]
                assert strict.stats()["fetches"] == 1
            stricter = verifier._with_policy(required_scopes=["write"])
            with stricter, pytest.raises(fastbearer.InsufficientScopeError):
                stricter.verify("opaque")


@pytest.mark.parametrize("is_async", [False, True])
def test_of_several_issuers_another_may_know_the_token(endpoint: Endpoint, is_async: bool) -> None:
    """Even when the first one's keys cannot be had."""
    other = Endpoint()
    other.answers["opaque"] = active()
    endpoint.raw = signed(claims())
    try:
        with IdentityProvider() as idp:
            idp.behave(Behaviour(status=500))
            options: dict[str, Any] = {"client_id": "server", "client_secret": "s", "jwts": True}
            issuers = [
                Issuer(ISSUER, algorithms="ES256", jwks_uri=idp.jwks_uri,
                       introspector=Introspector(endpoint.url, signed_response=True, **options)),
                Issuer("https://other.example", introspector=Introspector(other.url, **options)),
            ]  # fmt: skip
            with Verifier(issuers=issuers, audience="a") as verifier:
                assert verify(verifier, "opaque", is_async).issuer == "https://other.example"
                with pytest.raises(KeysUnavailableError):
                    verify(verifier, "of-nobody", is_async)
    finally:
        other.close()


def test_the_log_says_why(endpoint: Endpoint, caplog: pytest.LogCaptureFixture) -> None:
    from fastbearer.asgi import BearerAuthMiddleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("no request gets here")

    endpoint.raw = signed(claims(aud="other"))
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "root_path": "", "scheme": "https",
             "headers": [(b"authorization", b"Bearer opaque"), (b"host", b"api.example")]}  # fmt: skip
    with make(endpoint) as verifier, caplog.at_level(logging.INFO, logger="fastbearer"):
        asyncio.run(BearerAuthMiddleware(app, verifier=verifier)(scope, receive, send))
    assert sent[0]["status"] == 503
    assert "audience_mismatch" in caplog.text and "expected server; got other" in caplog.text
    assert "opaque" not in caplog.text


# ---- mistakes


@pytest.mark.parametrize(
    "policy",
    [{"issuer": None}, {"issuer": "https://issuer.example/{tid}"},
     {"jwks": None, "algorithms": None, "secret": "x" * 32}],
)  # fmt: skip
def test_what_cannot_be_verified_is_refused(policy: dict[str, Any]) -> None:
    introspector = Introspector("https://login.example/i", "server", "s", signed_response=True)
    options: dict[str, Any] = {"issuer": ISSUER, "jwks": KEY.jwks("k"), "algorithms": "ES256", "audience": "a"}
    Verifier(**options, introspector=introspector).close()
    with pytest.raises(ConfigurationError, match="signed_response"):
        Verifier(**{**options, **policy}, introspector=introspector)


def test_the_option_is_a_flag() -> None:
    assert Introspector("https://login.example/i", "server", signed_response=True).signed_response is True
    assert Introspector("https://login.example/i", "server").signed_response is False
    with pytest.raises(TypeError, match="signed_response"):
        Introspector("https://login.example/i", "server", signed_response="jwt")  # type: ignore[arg-type]


def test_both_kinds_of_keys_for_one_issuer() -> None:
    """Discovery for an issuer that is asked about all tokens, since its responses are signed."""
    introspector = Introspector("https://login.example/i", "server", jwts=True, signed_response=True)
    with Verifier(issuer=ISSUER, audience="a", introspector=introspector) as verifier:
        state = verifier.stats()["issuers"][0]
        assert state["jwks_uri"] is None and verifier.health().status == "not_ready"
