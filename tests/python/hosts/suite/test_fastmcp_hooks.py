"""Attributes that FastMCP and its users change after construction, and methods that they override."""

import logging

import pytest
from support import AUDIENCE, ISSUER, SCOPES, Minter, run

import fastbearer
from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier

BOTH = pytest.mark.parametrize("kind", [BearerAuthProvider, JWTVerifier])


def load(provider, token):
    return run(provider.load_access_token(token))


# --- attributes that change -------------------------------------------------------------------------------------------


@BOTH
def test_attributes_can_be_written(kind, keys, other_keys, mint):
    provider = kind(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    assert load(provider, mint()) is not None
    provider.audience = "https://new.example.com"
    assert load(provider, mint()) is None
    assert load(provider, mint(audience="https://new.example.com")) is not None
    provider.audience = None
    provider.issuer = ["https://x.example", "https://y.example"]
    assert load(provider, mint()) is None
    assert load(provider, mint(issuer="https://y.example")) is not None
    provider.issuer.append(ISSUER)  # in place, without an assignment
    assert load(provider, mint()) is not None
    provider.public_key = other_keys.public_key
    assert load(provider, mint()) is None
    assert load(provider, Minter(other_keys)()) is not None
    provider.algorithm = "ES256"
    with pytest.raises(fastbearer.ConfigurationError, match="algorithms"):
        load(provider, Minter(other_keys)())
    provider.algorithm = "RS256"
    provider.audience = []  # nothing can match, and that is not "not checked"
    with pytest.raises(fastbearer.ConfigurationError, match="audience"):
        load(provider, Minter(other_keys)())


def test_required_scopes_can_be_written(keys, mint):
    provider = JWTVerifier(public_key=keys.public_key)
    assert load(provider, mint()) is not None
    provider.required_scopes = ["admin"]
    assert load(provider, mint()) is None
    provider.required_scopes = ["tools:call"]
    assert load(provider, mint()) is not None
    provider.required_scopes.append("admin")
    assert load(provider, mint()) is None
    assert load(provider, mint(scopes=["admin", "tools:call"])) is not None


# --- hooks ------------------------------------------------------------------------------------------------------------


def test_extract_scopes(keys, mint):
    class Permissions(JWTVerifier):
        def _extract_scopes(self, claims):
            return super()._extract_scopes(claims) + claims.get("permissions", [])

    provider = Permissions(public_key=keys.public_key, required_scopes=["tools:call", "write"])
    assert load(provider, mint()) is None
    access = load(provider, mint(additional_claims={"permissions": ["write"]}))
    assert access.scopes == ["tools:call", "write"]


def test_validate_issuer(keys, mint):
    class Family(JWTVerifier):
        def _validate_issuer(self, issuer):
            return super()._validate_issuer(issuer) or str(issuer).endswith(".example.com")

    provider = Family(public_key=keys.public_key, issuer="https://root.example")
    assert load(provider, mint(issuer="https://root.example")) is not None
    assert load(provider, mint(issuer="https://any.example.com")) is not None
    assert load(provider, mint(issuer="https://evil.example.org")) is None
    provider.issuer = None  # as in FastMCP: not configured, not asked
    assert load(provider, mint(issuer="https://evil.example.org")) is not None


def test_get_verification_key(keys, other_keys, mint):
    asked = []

    class Chooser(JWTVerifier):
        async def _get_verification_key(self, token):
            asked.append(token)
            return other_keys.public_key if len(asked) % 2 else await super()._get_verification_key(token)

    provider = Chooser(public_key=keys.public_key, issuer=ISSUER)
    assert load(provider, Minter(other_keys)()) is not None
    assert load(provider, mint()) is not None
    assert load(provider, Minter(other_keys)(issuer="x")) is None
    assert len(asked) == 3


def test_hooks_of_one_instance(keys, mint, monkeypatch):
    provider = JWTVerifier(public_key=keys.public_key)
    assert load(provider, mint()).scopes == SCOPES
    with monkeypatch.context() as patch:
        patch.setattr(provider, "_extract_scopes", lambda claims: ["patched"])
        assert load(provider, mint()).scopes == ["patched"]
    assert load(provider, mint()).scopes == SCOPES


def test_hooks_patched_on_the_class(keys, other_keys, mint, monkeypatch):
    async def other(self, token):
        return other_keys.public_key

    with monkeypatch.context() as patch:
        patch.setattr(JWTVerifier, "_get_verification_key", other)
        patch.setattr(JWTVerifier, "_extract_scopes", lambda self, claims: ["patched"])
        provider = JWTVerifier(public_key=keys.public_key)
        assert load(provider, Minter(other_keys)()).scopes == ["patched"] and load(provider, mint()) is None
    assert load(JWTVerifier(public_key=keys.public_key), mint()).scopes == SCOPES


def test_load_access_token_is_what_verify_token_calls(keys, mint):
    class Counting(JWTVerifier):
        calls = 0

        async def load_access_token(self, token):
            self.calls += 1
            return await super().load_access_token(token)

    provider = Counting(public_key=keys.public_key)
    assert run(provider.verify_token(mint())) is not None and provider.calls == 1


def test_hooks_that_fail_are_none(keys, mint):
    class Broken(JWTVerifier):
        def _extract_scopes(self, claims):
            raise ZeroDivisionError

    assert load(Broken(public_key=keys.public_key), mint()) is None


def test_own_logger(keys, mint, caplog):
    provider = JWTVerifier(public_key=keys.public_key, audience=AUDIENCE)
    provider.logger = logging.getLogger("mine")
    caplog.set_level("INFO", logger="mine")
    load(provider, mint(expires_in_seconds=-5))
    assert [record.name for record in caplog.records] == ["mine"] and "token_expired" in caplog.text
