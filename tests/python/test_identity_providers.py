"""Real identity providers: discovery, rotation, two issuers at once, and one of them going away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("authlib")
pytest.importorskip("flask")

from fastbearer import (
    InvalidAudienceError,
    InvalidKeyError,
    Issuer,
    KeyPair,
    KeysUnavailableError,
    RevokedTokenError,
    StatusUnavailableError,
    Verifier,
)
from fastbearer.introspection import Introspector
from tests.providers import Provider, authlib_provider, install_oidc_provider, oidc_provider

API = "https://api.example/mcp"  # what tokens of the Authlib one are for
OTHER_API = "https://other.example/mcp"


@pytest.fixture(scope="module")
def node() -> None:
    problem = install_oidc_provider()
    if problem is not None:
        pytest.skip(f"npm oidc-provider: {problem}")


@pytest.fixture(params=["authlib", "oidc-provider RS256", "oidc-provider ES256"])
def provider(request: pytest.FixtureRequest) -> Iterator[Provider]:
    kind, _, algorithm = request.param.partition(" ")
    if kind == "oidc-provider":
        request.getfixturevalue("node")
    with oidc_provider(algorithm) if kind == "oidc-provider" else authlib_provider() as started:
        yield started


def verifier_for(provider: Provider, **options: Any) -> Verifier:
    return Verifier(issuer=provider.issuer, algorithms=("RS256", "ES256"), audience=API, token_type="at+jwt", **options)


def test_an_issuer_and_an_audience_are_a_whole_configuration(provider: Provider) -> None:
    with verifier_for(provider, required_scopes="read") as verifier:
        access = verifier.verify(provider.token(API))
    assert access.issuer == provider.issuer
    assert access.scopes == ["read"]
    assert access.resource == API


def test_coroutines_discover_too(provider: Provider) -> None:
    async def main() -> Any:
        with verifier_for(provider) as verifier:
            token = provider.token(API)
            return await asyncio.gather(*(verifier.verify_async(token) for _ in range(10))), verifier.stats()

    accepted, stats = asyncio.run(main())
    assert {access.issuer for access in accepted} == {provider.issuer}
    assert stats["fetches"] == 1, "ten tokens, one flight"


def test_keys_are_rotated(provider: Provider) -> None:
    with verifier_for(provider) as verifier:
        before = provider.token(API)
        verifier.verify(before)
        provider.rotate()
        verifier.verify(provider.token(API))
        with pytest.raises(InvalidKeyError) as refused:
            verifier.verify(before)
    assert refused.value.code == "key_not_found"


def test_a_token_for_another_api_is_refused(node: None) -> None:
    with oidc_provider("RS256") as provider, verifier_for(provider) as verifier:
        with pytest.raises(InvalidAudienceError):
            verifier.verify(provider.token(OTHER_API))
        verifier.verify(provider.token(API))


def test_two_issuers_and_the_outage_of_one(node: None) -> None:
    with authlib_provider() as one, oidc_provider("RS256") as other:
        issuers = [Issuer(one.issuer, algorithms="ES256"), Issuer(other.issuer)]
        with Verifier(issuers=issuers, audience=API) as verifier:
            for provider in (one, other):
                assert verifier.verify(provider.token(API)).issuer == provider.issuer
            assert {key.issuer for key in verifier.keys()} == {one.issuer, other.issuer}
            tokens = other.token(API)
            one.rotate()
            unseen = one.token(API)
            one.close()
            with pytest.raises(KeysUnavailableError):
                verifier.verify(unseen)
            assert verifier.verify(other.token(API)).issuer == other.issuer
            assert verifier.verify(tokens).issuer == other.issuer
            states = {state["issuer"]: state for state in verifier.stats()["issuers"]}
    assert states[one.issuer]["last_error"] and not states[other.issuer]["last_error"]


def test_an_issuer_that_nobody_runs_costs_no_other_anything() -> None:
    with authlib_provider() as provider:
        issuers = [Issuer("https://nobody.invalid"), Issuer(provider.issuer, algorithms="ES256")]
        with Verifier(issuers=issuers, audience=API) as verifier:
            assert verifier.verify(provider.token(API)).issuer == provider.issuer
            assert verifier.stats()["fetches"] == 1


@pytest.mark.parametrize("how", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
def test_opaque_tokens_are_introspected(node: None, how: str) -> None:
    """Beside JWTs of the same issuer, by each way to authenticate, until they are revoked."""
    opaque = API + "/opaque"
    with oidc_provider("ES256") as provider:
        about = provider.about
        credentials: dict[str, Any] = {
            "client_secret_basic": {"client_id": "basic", "client_secret": about["client_secret"]},
            "client_secret_post": {"client_id": about["client_id"], "client_secret": about["client_secret"]},
            "private_key_jwt": {
                "client_id": "signer", "assertion_audience": provider.issuer,
                "private_key": KeyPair(private_key=about["signer"], algorithm="ES256"),
            },
        }[how]  # fmt: skip
        introspector = Introspector(about["introspection"], auth_method=how, **credentials, cache_seconds=0.0)
        issuer = Issuer(provider.issuer, algorithms="ES256", introspector=introspector)
        with Verifier(issuers=[issuer], audience=[API, opaque], required_scopes="read") as verifier:
            token = provider.token(opaque)
            assert "." not in token
            access = verifier.verify(token)
            assert (access.issuer, access.client_id, access.scopes) == (provider.issuer, "worker", ["read"])
            assert asyncio.run(verifier.verify_async(token)).resource == opaque
            assert verifier.verify(provider.token(API)).resource == API
            with pytest.raises(InvalidAudienceError):
                verifier.verify(provider.token(OTHER_API + "/opaque"))
            provider.revoke(token)
            with pytest.raises(RevokedTokenError) as caught:
                verifier.verify(token)
            assert caught.value.code == "token_inactive"


@pytest.mark.parametrize("client, jwts", [("basic", False), ("signer", False), ("signer", True)])
def test_introspection_responses_are_signed(node: None, client: str, jwts: bool) -> None:
    """RFC 9701, by the keys that discovery finds, over a rotation; for another client's id they are refused."""
    opaque = API + "/opaque"
    with oidc_provider("ES256") as provider:
        about = provider.about
        options: dict[str, Any] = {
            "basic": {"client_id": "basic", "client_secret": about["client_secret"]},
            "signer": {
                "client_id": "signer", "assertion_audience": provider.issuer,
                "private_key": KeyPair(private_key=about["signer"], algorithm="ES256"),
            },
        }[client]  # fmt: skip
        options.update(jwts=jwts, signed_response=True, cache_seconds=0.0, negative_cache_seconds=0.0)
        introspector = Introspector(about["introspection"], **options)
        # oidc-provider signs with RS256 unless the client is registered for another algorithm.
        algorithms = ("ES256",) if client == "signer" else ("ES256", "RS256")
        issuer = Issuer(provider.issuer, algorithms=algorithms, introspector=introspector, refresh_interval=0.0)
        with Verifier(issuers=[issuer], audience=[API, opaque], required_scopes="read") as verifier:
            token = provider.token(opaque)
            access = verifier.verify(token)
            assert (access.issuer, access.client_id, access.scopes) == (provider.issuer, "worker", ["read"])
            assert asyncio.run(verifier.verify_async(token)).resource == opaque
            if not jwts:  # oidc-provider does not introspect them
                assert verifier.verify(provider.token(API)).resource == API
            provider.revoke(token)
            with pytest.raises(RevokedTokenError) as caught:
                verifier.verify(token)
            assert caught.value.code == "token_inactive"
            provider.rotate()
            assert verifier.verify(provider.token(opaque)).client_id == "worker"
        secret = {"client_id": "basic", "client_secret": about["client_secret"]}

        class Impostor(Introspector):
            """Asks with the id of a client that it does not say it is."""

            def _request(self, token: str) -> tuple[dict[str, str], bytes]:
                return Introspector(about["introspection"], **secret, signed_response=True)._request(token)

        impostor = Impostor(about["introspection"], "another", "s", signed_response=True)
        issuer = Issuer(provider.issuer, algorithms=("ES256", "RS256"), introspector=impostor)
        with (
            Verifier(issuers=[issuer], audience=opaque) as verifier,
            pytest.raises(StatusUnavailableError, match="audience_mismatch"),
        ):
            verifier.verify(provider.token(opaque))


def test_jwts_are_introspected_too() -> None:
    with authlib_provider() as provider:
        introspector = Introspector(
            provider.about["introspection"], "robot", provider.about["client_secret"], jwts=True
        )
        with Verifier(issuer=provider.issuer, audience=API, introspector=introspector) as verifier:
            token = provider.token(API)
            assert verifier.verify(token).client_id == "robot"
            with pytest.raises(RevokedTokenError):
                verifier.verify(KeyPair.generate("ES256").create_token(issuer=provider.issuer, audience=API))
        wrong = Introspector(provider.about["introspection"], "robot", "wrong", jwts=True)
        verifier = Verifier(issuer=provider.issuer, audience=API, introspector=wrong)
        with pytest.raises(StatusUnavailableError, match="HTTP status 401"):
            verifier.verify(token)
