"""FastMCP in front of real identity providers: found by discovery, two at once, with keys that are rotated."""

import pytest
from fastmcp import FastMCP
from support import knock, serving

from fastbearer import Issuer
from fastbearer.fastmcp import JWTVerifier, get_access_token
from tests.providers import install_oidc_provider, oidc_provider

RESOURCE = "https://mcp.example.com/mcp"


@pytest.fixture(scope="module")
def providers():
    problem = install_oidc_provider()
    if problem is not None:
        pytest.skip(f"npm oidc-provider: {problem}")
    with oidc_provider("RS256") as one, oidc_provider("ES256") as other:
        yield one, other


def application(**options):
    server = FastMCP("guarded", auth=JWTVerifier(audience=RESOURCE, **options))

    @server.tool()
    def whoami() -> str:
        return get_access_token().client_id

    return server.http_app(path="/mcp", transport="streamable-http")


def test_discovery_and_rotation(providers):
    provider = providers[0]
    with serving(application(issuer=provider.issuer, discover=True)) as origin:
        assert knock(origin, "http", provider.token(RESOURCE)).status == 200
        assert knock(origin, "http", provider.token("https://other.example/mcp")).status == 401
        old = provider.token(RESOURCE)
        provider.rotate()
        assert knock(origin, "http", provider.token(RESOURCE)).status == 200
        assert knock(origin, "http", old).status == 401


def test_two_issuers(providers):
    one, other = providers
    issuers = [Issuer(one.issuer), Issuer(other.issuer, algorithms="ES256")]
    with serving(application(issuers=issuers)) as origin:
        for provider in providers:
            assert knock(origin, "http", provider.token(RESOURCE)).status == 200
            assert knock(origin, "http", provider.token("https://other.example/mcp")).status == 401
