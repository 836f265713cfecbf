"""Typical uses, for type checkers; never run."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

import fastbearer
from fastbearer import AccessToken, DPoP, Issuer, KeyPair, Rejection, Request, RSAKeyPair, Verifier
from fastbearer.errors import InsufficientScopeError, InvalidTokenError, KeysUnavailableError, MalformedRequestError


def fetch(url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
    return 200, {}, b""


async def fetch_async(url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
    return 200, {}, b""


def hook(rejection: Rejection) -> None:
    code: str = rejection.code
    claim: str | None = rejection.claim
    print(code, claim)


TENANTS = {"https://one.example": Issuer("https://one.example", headers={"x-key": "k"})}


async def resolve_async(iss: str) -> Issuer | None:
    return TENANTS.get(iss)


def several(token: str) -> bool:
    verifier = Verifier(
        issuers=[
            Issuer("https://login.example/{tid}/v2.0", jwks_uri="https://login.example/keys", audience="api"),
            Issuer(["https://a.example", "https://b.example"], secret=b"s" * 32, required_claims={"use": "access"}),
        ],
        resolve_issuer=TENANTS.get,
        scope_hierarchy={"admin": ["read", "write"]},
        required_claims={"client_id": ["a", "b"], "/level/0": [1, 2.5], "active": True},
        scope_claims=["/realm_access/roles"],
    )
    Verifier(resolve_issuer=resolve_async, max_issuers=10, clock_skew=5, merge_scope_claims=True)
    access = verifier.verify(token)
    issuer: str | None = access.issuer
    first: Issuer = verifier.issuers[0]
    until: float | None = verifier.keys()[0].fresh_until
    print(issuer, first.issuer, until, verifier.stats()["issuers"])
    return access.has_scope("read")


async def use(token: str) -> AccessToken:
    verifier = Verifier(
        jwks_uri="https://issuer.example/jwks",
        issuer=["https://issuer.example"],
        audience="me",
        fetch=fetch,
        on_reject=hook,
    )
    Verifier(jwks_uri="https://issuer.example/jwks", fetch=fetch_async, algorithms=["RS256", "ES256"], leeway=5)
    Verifier(jwks={"keys": []}), Verifier(secret=b"secret"), Verifier(public_key=open("key.pem").read())
    await verifier.refresh_async()
    try:
        with verifier:
            access = verifier.verify(token, now=5)
    except InsufficientScopeError as error:
        missing: list[str] = error.missing
        print(missing)
        raise
    except KeysUnavailableError as error:
        after: float = error.retry_after
        print(after)
        raise
    except InvalidTokenError as error:
        text: tuple[str, int, str, str | None] = (error.code, error.http_status, error.oauth_error, error.kid)
        print(text)
        raise
    scopes: list[str] = access.scopes
    claims: dict[str, Any] = access.claims
    expires: int | None = access.expires_at
    moment: datetime | None = access.expires_at_datetime
    print(scopes, claims, expires, moment, [key.kid for key in verifier.keys()], verifier.stats()["verified"])
    return await verifier.verify_async(token)


class Claims(TypedDict):
    tenant: str
    roles: list[str]


def claims_of(access: AccessToken) -> tuple[str, str]:
    claims = access.claims_as(Claims)
    tenant: str = claims["tenant"]
    anything: Any = access.claims_as(dict)["anything"]
    return tenant, f"{claims['roles'][0].upper()} {anything}"


class Store:
    def add(self, key: str, expires_at: float) -> bool:
        return True


class AsyncStore:
    async def add(self, key: str, expires_at: float) -> bool:
        return True


async def requests(message: http.client.HTTPMessage, pairs: list[tuple[bytes, bytes]]) -> AccessToken:
    verifier = Verifier(
        secret=b"s" * 32, sender_constrained="verify", dpop=DPoP(max_age=60, algorithms="ES256", nonce_secret="n" * 32)
    )
    print(Verifier(dpop=DPoP(required=True, replay_store=Store())), DPoP(replay_store=AsyncStore()))
    pair = KeyPair.generate("ES256")
    proof: str = pair.dpop_proof("POST", "https://api.example/mcp", "token", nonce=verifier.dpop_nonce())
    thumbprint: str = pair.thumbprint()
    headers = {"Authorization": "DPoP token", "DPoP": proof, "x": thumbprint}
    try:
        access = verifier.verify_request(Request("POST", "https://api.example/mcp", headers, b"certificate"), now=1)
    except MalformedRequestError as error:
        status: int = error.http_status
        print(status)
        raise
    confirmation: dict[str, Any] | None = access.confirmation
    dpop: DPoP | None = verifier.dpop
    print(confirmation, dpop)
    verifier.verify_request(Request("GET", None, message))
    return await verifier.verify_request_async(Request(b"GET", b"/mcp", pairs))


def mint() -> str:
    pair = RSAKeyPair.generate(bits=2048)
    secret: str = pair.private_key.get_secret_value()
    public: str | None = pair.public_key
    document: dict[str, Any] = KeyPair.generate("ES256").jwks(kid="k")
    print(secret, public, document, fastbearer.decode_unverified(pair.create_token()).header)
    return pair.create_token(subject="s", audience=["a"], scopes=["x"], expires_in_seconds=60, kid="k")
