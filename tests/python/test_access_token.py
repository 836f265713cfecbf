"""AccessToken: independent, immutable, and silent about the token."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable
from typing import TypedDict

import pytest

from fastbearer import AccessToken, RSAKeyPair, Verifier

Mint = Callable[..., str]


def test_results_are_independent(rsa_key_pair: RSAKeyPair, mint: Mint) -> None:
    verifier = Verifier(public_key=rsa_key_pair.public_key)
    token = mint(scopes=["a"], additional_claims={"list": [1], "map": {"x": []}})
    first, second = verifier.verify(token), verifier.verify(token)
    assert first == second and first is not second
    first.scopes.append("admin")
    first.claims["list"].append(2)
    first.claims["map"]["x"].append(2)
    first.claims["more"] = 1
    assert first.scopes == ["a", "admin"]  # one object's values stay the same object
    assert second.scopes == ["a"] and second.claims["list"] == [1] and "more" not in second.claims
    third = verifier.verify(token)
    assert third == second != first


def test_claims_as_a_type_of_the_user_s(verifier: Verifier, mint: Mint) -> None:
    class Claims(TypedDict):
        tenant: str

    access = verifier.verify(mint(additional_claims={"tenant": "x"}))
    assert access.claims_as(Claims)["tenant"] == "x"
    assert access.claims_as(Claims) is access.claims
    with pytest.raises(TypeError, match="kind must be a class"):
        access.claims_as("Claims")  # type: ignore[arg-type]


def test_access_tokens_do_not_change(verifier: Verifier, mint: Mint) -> None:
    token = mint(scopes=["a"])
    access = verifier.verify(token)
    for name in ("token", "client_id", "scopes", "expires_at", "subject", "resource", "claims", "new"):
        with pytest.raises(AttributeError):
            setattr(access, name, None)
        with pytest.raises(AttributeError):
            delattr(access, name)
    assert token not in repr(access) and "client_id='fastmcp-user'" in repr(access)
    with pytest.raises(TypeError):
        hash(access)
    assert access != token
    copy = pickle.loads(pickle.dumps(access))
    assert copy == access and copy.token == token
    assert access.expires_at_datetime is not None
    assert access.expires_at_datetime.timestamp() == access.expires_at


def test_access_tokens_for_other_peoples_tests() -> None:
    access = AccessToken("t", "c", ["s"], 5, "sub", "https://r", {"a": 1})
    assert (access.token, access.client_id, access.scopes, access.expires_at) == ("t", "c", ["s"], 5)
    assert (access.subject, access.resource, access.claims) == ("sub", "https://r", {"a": 1})
    bare = AccessToken(token="t", client_id="c")
    assert (bare.scopes, bare.claims, bare.expires_at) == ([], {}, None)
    assert bare.claims is bare.claims and bare.scopes is not AccessToken("t", "c").scopes
    assert AccessToken("t", "c", expires_at=1 << 62).expires_at_datetime is None
    with pytest.raises(TypeError):
        AccessToken("t")  # type: ignore[call-arg]


def test_access_token_in_a_cycle_is_collected(verifier: Verifier, mint: Mint) -> None:
    class Marker:
        alive = 0

        def __init__(self) -> None:
            Marker.alive += 1

        def __del__(self) -> None:
            Marker.alive -= 1

    access = verifier.verify(mint())
    access.claims["self"] = access
    access.claims["marker"] = Marker()
    del access
    gc.collect()
    assert Marker.alive == 0
