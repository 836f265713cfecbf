"""is_revoked under FastMCP: asked on every request; a provider can only say yes or no, so both refusals are 401."""

import pytest
from fastmcp import FastMCP
from support import AUDIENCE, ISSUER, knock, serving

from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier

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
        assert knock(origin, "http", mint(subject="bob")).status == 401
        assert provider.stats()["reasons"].keys() == {"status_unavailable"}
        provider.is_revoked = None
        assert knock(origin, "http", token).status == 200
