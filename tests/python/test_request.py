"""Requests: what is taken for one, how its token is found, and what is said of one that is refused."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest

from fastbearer import (
    AccessToken,
    ConfigurationError,
    DPoP,
    FastBearerError,
    InvalidProofError,
    InvalidTokenError,
    Issuer,
    KeyPair,
    MalformedRequestError,
    Rejection,
    Request,
    Verifier,
)
from fastbearer.testing import JWKSServer
from helpers import AUDIENCE, ISSUER, source_of

URL = "https://api.example/mcp"


@pytest.fixture
def pair(pairs: dict[str, KeyPair]) -> KeyPair:
    return pairs["ES256"]


@pytest.fixture
def verifier(pair: KeyPair) -> Verifier:
    return Verifier(**source_of(pair), issuer=ISSUER, audience=AUDIENCE, dpop=DPoP())


def mint(pair: KeyPair, **claims: Any) -> str:
    return pair.create_token(issuer=ISSUER, audience=AUDIENCE, additional_claims=claims)


def bearer(token: str, *more: tuple[str, str], url: str | None = URL) -> Request:
    return Request("POST", url, [("Authorization", f"Bearer {token}"), *more])


def error_of(verifier: Verifier, request: Request) -> FastBearerError:
    """Sync and async give the same error."""
    with pytest.raises(FastBearerError) as caught:
        verifier.verify_request(request)
    with pytest.raises(type(caught.value)) as caught_async:
        asyncio.run(verifier.verify_request_async(request))
    assert caught_async.value.code == caught.value.code
    return caught.value


# ---- the class


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer {}"}, {b"authorization": b"Bearer {}"}, [("AUTHORIZATION", "Bearer {}")],
        [[b"Authorization", "Bearer {}"]], (pair for pair in [("host", "a"), ("authorization", b"bearer {}")]),
        [(f"x-{i}", "y") for i in range(100)] + [("authorization", "Bearer {}")],
    ],
)  # fmt: skip
def test_headers_in_every_form(verifier: Verifier, pair: KeyPair, headers: Any) -> None:
    token = mint(pair)

    def filled(value: Any) -> Any:
        return value.replace(b"{}", token.encode()) if isinstance(value, bytes) else value.replace("{}", token)

    if hasattr(headers, "items"):
        headers = {name: filled(value) for name, value in headers.items()}
    else:
        headers = [(name, filled(value)) for name, value in headers]
    access = verifier.verify_request(Request(b"POST", URL.encode(), headers))
    assert access.token == token and access.issuer == ISSUER


class Multi:
    """Like the headers of http.server and of Starlette: items() has a header twice that came twice."""

    def items(self) -> list[tuple[str, str]]:
        return [("Authorization", "Bearer a.b.c"), ("Authorization", "Bearer a.b.c")]


def test_a_header_twice_is_seen(verifier: Verifier) -> None:
    error = error_of(verifier, Request("GET", URL, Multi()))
    assert isinstance(error, MalformedRequestError)


@pytest.mark.parametrize(
    "arguments",
    [
        (None, URL, []), ("GET", 1, []), ("GET", URL, "Authorization"), ("GET", URL, None), ("GET", URL, [("a",)]),
        ("GET", URL, ["ab"]), ("GET", URL, [("a", 1)]), ("GET", URL, {"a": None}), ("GET", URL, [], 1),
    ],
)  # fmt: skip
def test_wrong_types(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        Request(*arguments)


def test_frozen_and_quiet() -> None:
    request = Request("POST", URL + "?access_token=secret-1", {"Authorization": "Bearer secret-2"}, bytearray(b"der"))
    assert "secret" not in repr(request) and "secret" not in str(request)
    assert request.client_certificate == b"der"
    for name in ("method", "other"):
        with pytest.raises(AttributeError):
            setattr(request, name, "GET")
    with pytest.raises(AttributeError):
        del request.method
    assert pickle.loads(pickle.dumps(request)) == request == copy.copy(request)
    assert hash(request) == hash(copy.deepcopy(request))
    assert request != Request("GET", URL, {})


# ---- the credential


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([], "token_missing"),
        ([("Authorization", "Basic YTpi")], "token_missing"),
        ([("Authorization", "")], "token_missing"),
        ([("Authorization", "Bearer")], "request_malformed"),
        ([("Authorization", "Bearer  a.b.c")], "request_malformed"),
        ([("Authorization", "Bearer a.b.c, Bearer a.b.c")], "request_malformed"),
        ([("Authorization", "Bearer a.b.c"), ("authorization", "Basic YTpi")], "request_malformed"),
        ([("Authorization", "Bearer \udcff")], "request_malformed"),
        ([("Authorization", "Bearer \u00e9")], "request_malformed"),
        ([(b"Authorization", b"Bearer \xe9")], "request_malformed"),
        ([("Authorization", "Bearer a.b.c")], "token_malformed"),
        ([("\udcff", "\udcff"), ("Authorization", "Bearer a.b.c")], "token_malformed"),
    ],
)
def test_form(verifier: Verifier, headers: Any, code: str) -> None:
    assert error_of(verifier, Request("GET", URL, headers)).code == code


def test_what_errors_say_over_http(verifier: Verifier, pair: KeyPair) -> None:
    missing = error_of(verifier, Request("GET", URL, []))
    assert type(missing) is InvalidTokenError and (missing.http_status, missing.oauth_error) == (401, "")
    malformed = error_of(verifier, Request("GET", URL + "?access_token=x", []))
    assert type(malformed) is MalformedRequestError
    assert (malformed.http_status, malformed.oauth_error) == (400, "invalid_request")
    bound = error_of(verifier, bearer(mint(pair, cnf={"jkt": pair.thumbprint()})))
    assert type(bound) is InvalidProofError
    assert (bound.code, bound.claim) == ("proof_missing", "cnf")
    assert (bound.http_status, bound.oauth_error) == (401, "invalid_dpop_proof")


@pytest.mark.parametrize("url", [None, "/mcp", "/mcp?a=b", ""])
def test_a_bearer_token_needs_no_url(verifier: Verifier, pair: KeyPair, url: str | None) -> None:
    assert verifier.verify_request(bearer(mint(pair), url=url)).client_id


def test_a_proof_without_a_url_is_the_server_s_fault(verifier: Verifier, pair: KeyPair) -> None:
    request = Request("POST", "/mcp", [("Authorization", "DPoP " + mint(pair)), ("DPoP", "x")])
    assert error_of(verifier, request).http_status == 500


@pytest.mark.parametrize("end", ["", "\udcff"])
def test_a_query_is_seen_whatever_else_the_url_holds(verifier: Verifier, pair: KeyPair, end: str) -> None:
    assert error_of(verifier, bearer(mint(pair), url=f"{URL}?access_token=x&{end}")).code == "request_malformed"


# ---- bound tokens


@pytest.mark.parametrize("cnf", [{"jkt": "A" * 43}, {"x5t#S256": "A" * 43}])
def test_a_bound_token_is_no_bearer_token(verifier: Verifier, pair: KeyPair, cnf: dict[str, str]) -> None:
    token = mint(pair, cnf=cnf)
    with pytest.raises(InvalidProofError) as caught:
        verifier.verify(token)
    assert caught.value.code == "proof_missing"
    lax = Verifier(**source_of(pair), issuer=ISSUER, audience=AUDIENCE, sender_constrained="ignore")
    access = lax.verify(token)
    assert access.confirmation == cnf == access.claims["cnf"]
    assert lax.verify_request(bearer(token)).confirmation == cnf


def test_confirmation_of_access_tokens(verifier: Verifier, pair: KeyPair) -> None:
    access = verifier.verify(mint(pair))
    assert access.confirmation is None
    made = AccessToken("t", "c", confirmation={"jkt": "x"})
    assert made.confirmation == {"jkt": "x"} and pickle.loads(pickle.dumps(made)) == made
    assert AccessToken("t", "c").confirmation is None


def test_options() -> None:
    pair = KeyPair.generate("ES256")
    for wrong in ("off", "", "Verify"):
        with pytest.raises(ConfigurationError, match="sender_constrained"):
            Verifier(**source_of(pair), sender_constrained=wrong)
    with pytest.raises(TypeError, match="dpop must be DPoP or None, not bool"):
        Verifier(**source_of(pair), dpop=True)


# ---- reports


def test_reports(pair: KeyPair) -> None:
    seen: list[Rejection] = []
    verifier = Verifier(**source_of(pair), issuer=ISSUER, audience=AUDIENCE, on_reject=seen.append)
    token = mint(pair, cnf={"jkt": "A" * 43})
    for request in (bearer(token), bearer("a b"), Request("GET", URL, []), bearer(mint(pair, aud="other"))):
        error_of(verifier, request)
    assert [r.code for r in seen[::2]] == ["proof_missing", "request_malformed", "audience_mismatch"]
    assert seen[0].claim == "cnf" and seen[0].issuer == ISSUER
    assert not any(part in repr(seen) for part in token.split("."))
    assert verifier.stats()["reasons"]["token_missing"] == 2
    assert verifier.stats()["rejected"] == 8


def test_no_error_holds_the_request(pair: KeyPair) -> None:
    verifier = Verifier(**source_of(pair), issuer=ISSUER, audience=AUDIENCE, dpop=DPoP())
    token = mint(pair, cnf={"jkt": pair.thumbprint()})
    proof = pair.dpop_proof("GET", URL, token)
    request = Request("POST", URL, [("Authorization", f"DPoP {token}"), ("DPoP", proof)])
    error = error_of(verifier, request)
    assert error.code == "proof_mismatch" and error.claim == "htm"
    for text in (str(error), repr(error), repr(vars(error))):
        assert not any(part in text for part in [*token.split("."), *proof.split(".")])


# ---- keys that come when they are needed


def test_keys_are_fetched(jwks_server: JWKSServer, rsa_key_pair: Any) -> None:
    for is_async in (False, True):
        with Verifier(jwks_uri=jwks_server.jwks_uri, issuer=ISSUER, audience=AUDIENCE) as verifier:
            request = bearer(rsa_key_pair.create_token(issuer=ISSUER, audience=AUDIENCE))
            if is_async:
                assert asyncio.run(verifier.verify_request_async(request)).issuer == ISSUER
            else:
                assert verifier.verify_request(request).issuer == ISSUER
            assert verifier.stats()["fetches"] == 1


def test_issuers_are_resolved(pair: KeyPair) -> None:
    def find(iss: str) -> Issuer | None:
        return Issuer(iss, **source_of(pair)) if iss == ISSUER else None

    for is_async in (False, True):
        with Verifier(resolve_issuer=find, audience=AUDIENCE, dpop=DPoP()) as verifier:
            token = mint(pair, cnf={"jkt": pair.thumbprint()})
            headers = {"Authorization": f"DPoP {token}", "DPoP": pair.dpop_proof("POST", URL, token)}
            request = Request("POST", URL, headers)
            access = (
                asyncio.run(verifier.verify_request_async(request)) if is_async else verifier.verify_request(request)
            )
            assert access.issuer == ISSUER
            assert error_of(verifier, request).code == "proof_replayed"


def test_closed(verifier: Verifier, pair: KeyPair) -> None:
    request = bearer(mint(pair))
    verifier.close()
    with pytest.raises(ValueError, match="closed"):
        verifier.verify_request(request)
    with pytest.raises(ValueError, match="closed"):
        verifier.dpop_nonce()
