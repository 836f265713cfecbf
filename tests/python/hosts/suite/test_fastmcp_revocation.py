"""is_revoked under FastMCP: asked on every request. Not knowing is 503 where FastMCP asks its provider for middleware;
else, as for every provider that can only say yes or no, 401.
"""

import pytest
from fastmcp import FastMCP
from support import AUDIENCE, ISSUER, knock, serving

from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier
from fastbearer.fastmcp._installed import HAS_MIDDLEWARE_HOOK

needs_hook = pytest.mark.skipif(not HAS_MIDDLEWARE_HOOK, reason="this FastMCP does not ask its provider for middleware")
OPTIONS = {"issuer": ISSUER, "audience": AUDIENCE}


@pytest.mark.parametrize("kind", [BearerAuthProvider, JWTVerifier])
def test_revocation(kind, keys, mint):
    revoked = set()

    async def is_revoked(access):
        return access.subject in revoked

    provider = kind(public_key=keys.public_key, **OPTIONS, is_revoked=is_revoked)
    token = mint()
    assert not provider.health().ready
    app = FastMCP("guarded", auth=provider).http_app(path="/mcp", transport="streamable-http")
    with serving(app) as origin:
        assert knock(origin, "http", token).status == 200
        revoked.add("alice")
        assert knock(origin, "http", token).status == 401
        assert knock(origin, "http", mint(subject="bob")).status == 200
        assert provider.stats()["reasons"].keys() == {"token_revoked"}
        assert provider.health().status == "ready"
        provider.is_revoked = lambda access: 1 / 0
        unknown = knock(origin, "http", mint(subject="bob"))
        assert unknown.status == (503 if HAS_MIDDLEWARE_HOOK else 401)
        assert provider.stats()["reasons"].keys() == {"status_unavailable"}
        provider.is_revoked = None
        assert knock(origin, "http", token).status == 200


@needs_hook
def test_another_verifier_may_know(keys, mint):
    """What one of several could not judge is served where another one accepts it, and refused where it says no."""

    class Two(JWTVerifier):
        async def verify_token(self, token):
            return await super().verify_token(token) or await other.verify_token(token)

    def unknown(access):
        raise ConnectionError

    other = JWTVerifier(public_key=keys.public_key, **OPTIONS, required_scopes=["tools:call"])
    provider = Two(public_key=keys.public_key, **OPTIONS, is_revoked=unknown)
    app = FastMCP("guarded", auth=provider).http_app(path="/mcp", transport="streamable-http")
    with serving(app) as origin:
        assert knock(origin, "http", mint()).status == 200
        assert knock(origin, "http", mint(scopes=["other"])).status == 503


@needs_hook
def test_held_by_another_provider_it_is_401(keys, mint):
    """RemoteAuthProvider brings middleware of its own."""
    remote = pytest.importorskip("fastmcp.server.auth", reason="this FastMCP has no RemoteAuthProvider")
    if not hasattr(remote, "RemoteAuthProvider"):
        pytest.skip("this FastMCP has no RemoteAuthProvider")
    provider = remote.RemoteAuthProvider(
        token_verifier=JWTVerifier(public_key=keys.public_key, **OPTIONS, is_revoked=lambda access: 1 / 0),
        authorization_servers=["https://issuer.example.com"],
        base_url="https://mcp.example.com",
    )
    app = FastMCP("guarded", auth=provider).http_app(path="/mcp", transport="streamable-http")
    with serving(app) as origin:
        assert knock(origin, "http", mint()).status == 401
