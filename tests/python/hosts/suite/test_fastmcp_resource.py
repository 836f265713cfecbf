"""audience="resource": a token is good at the server that it was issued for, and at no other."""

import inspect

import pytest
from fastmcp import FastMCP
from support import ISSUER, SCOPES, Minter, knock, run, serving

import fastbearer
from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier
from fastbearer.fastmcp import _installed as host
from fastbearer.testing import JWKSServer

BASE = "https://mcp.example.com"
MINE = [f"{BASE}/mcp", f"{BASE}/mcp/", [f"{BASE}/mcp", "x"], "https://MCP.example.com/mcp"]
OTHERS = [
    BASE,
    f"{BASE}/",
    f"{BASE}/mcp/more",
    f"{BASE}/other",
    "https://other.example.com/mcp",
    "resource",
    ["x"],
    None,
]

finds_the_server = pytest.mark.skipif(
    not hasattr(host.AUTH_PROVIDER or object, "_get_resource_url"), reason="this FastMCP has no URL of a resource"
)


def verifier(keys, kind=JWTVerifier, **options):
    return kind(**{"public_key": keys.public_key, "issuer": ISSUER, "audience": "resource", **options})


def application(auth, path="/mcp"):
    return FastMCP("guarded", auth=auth).http_app(path=path, transport="streamable-http")


def statuses(app, keys, audiences):
    mint = Minter(keys)
    with serving(app) as origin:
        return [knock(origin, "http", mint(audience=audience)).status for audience in audiences]


def binds(app, keys):
    assert statuses(app, keys, [*MINE, *OTHERS]) == [200] * len(MINE) + [401] * len(OTHERS)


@finds_the_server
@pytest.mark.parametrize("kind", [JWTVerifier, BearerAuthProvider])
def test_the_servers_own_auth(keys, kind):
    binds(application(verifier(keys, kind, base_url=BASE)), keys)


@finds_the_server
def test_a_base_url_without_a_path(keys):
    app = application(verifier(keys, base_url=f"{BASE}/mcp/"), path="/")
    mint = Minter(keys)
    with serving(app) as origin:
        seen = [request_root(origin, mint(audience=audience)) for audience in (*MINE, *OTHERS)]
    assert seen == [200] * len(MINE) + [401] * len(OTHERS)


def request_root(origin, token):
    import json

    from support import INITIALIZE, request

    accept = [("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json")]
    return request(f"{origin}/", token, "POST", accept, json.dumps(INITIALIZE).encode()).status


@finds_the_server
def test_a_public_url_of_the_resource_alone(keys):
    if "resource_base_url" not in inspect.signature(host.AUTH_PROVIDER.__init__).parameters:
        pytest.skip("this FastMCP has one base URL")
    from fastmcp.server.auth import RemoteAuthProvider

    auth = RemoteAuthProvider(verifier(keys), [ISSUER], "https://auth.example.com", resource_base_url=BASE)
    binds(application(auth), keys)


@finds_the_server
def test_held_by_another_auth_object(keys):
    """Nobody tells it the path; RemoteAuthProvider has the URL."""
    from fastmcp.server.auth import RemoteAuthProvider
    from pydantic import AnyHttpUrl

    binds(application(RemoteAuthProvider(verifier(keys), [AnyHttpUrl(ISSUER)], BASE)), keys)


@finds_the_server
def test_held_by_a_preset_that_binds_only_its_own_verifier(keys):
    workos = pytest.importorskip("fastmcp.server.auth.providers.workos")
    if "token_verifier" not in inspect.signature(workos.AuthKitProvider.__init__).parameters:
        pytest.skip("this FastMCP's preset takes no verifier")
    auth = workos.AuthKitProvider(
        authkit_domain="https://kit.example.com", base_url=BASE, token_verifier=verifier(keys)
    )
    binds(application(auth), keys)


@finds_the_server
def test_one_of_several(keys, other_keys):
    auth = pytest.importorskip("fastmcp.server.auth")
    if not hasattr(auth, "MultiAuth"):
        pytest.skip("this FastMCP has no MultiAuth")
    other = verifier(other_keys, issuer="https://second.example.com", base_url="https://ignored.example.com")
    both = auth.MultiAuth(verifiers=[verifier(keys), other], base_url=BASE)
    binds(application(both), keys)
    mint = Minter(other_keys)
    tokens = [
        mint(issuer="https://second.example.com", audience=audience)
        for audience in (f"{BASE}/mcp", "https://ignored.example.com/mcp")
    ]
    with serving(application(both)) as origin:
        assert [knock(origin, "http", token).status for token in tokens] == [200, 401]


@finds_the_server
def test_two_servers_share_a_verifier(keys):
    from fastmcp.server.auth import RemoteAuthProvider
    from pydantic import AnyHttpUrl

    shared = verifier(keys)
    first, second = (
        application(RemoteAuthProvider(shared, [AnyHttpUrl(ISSUER)], url))
        for url in (BASE, "https://second.example.com")
    )
    mint = Minter(keys)
    mine, theirs = mint(audience=f"{BASE}/mcp"), mint(audience="https://second.example.com/mcp")
    with serving(first) as one, serving(second) as two:
        for _ in range(3):
            assert [knock(origin, "http", token).status for origin in (one, two) for token in (mine, theirs)] == [
                200, 401, 401, 200,
            ]  # fmt: skip


@finds_the_server
def test_beside_other_audiences_and_with_keys_from_a_hook(keys):
    class Hooked(JWTVerifier):
        async def _get_verification_key(self, token):
            return keys.public_key

    app = application(verifier(keys, Hooked, audience=["api://mine", "resource"], base_url=BASE))
    assert statuses(app, keys, [f"{BASE}/mcp", "api://mine", "resource", "api://other"]) == [200, 200, 401, 401]


@finds_the_server
def test_a_server_without_a_url_is_not_made(keys):
    with pytest.raises(fastbearer.ConfigurationError, match="base_url"):
        application(verifier(keys))


@finds_the_server
def test_a_server_that_turns_out_to_have_no_url_answers_500(keys, caplog):
    auth = pytest.importorskip("fastmcp.server.auth")

    class Holder(auth.TokenVerifier):
        async def verify_token(self, token):
            return await held.verify_token(token)

    held = verifier(keys)
    assert statuses(application(Holder()), keys, [f"{BASE}/mcp", None]) == [500, 500]
    said = [record for record in caplog.records if "every token is refused" in record.getMessage()]
    assert len(said) == 1 and "base_url" in said[0].getMessage()


@finds_the_server
def test_outside_of_a_request_keys_can_be_fetched_but_no_token_verified():
    pair = fastbearer.KeyPair.generate("RS256")
    with JWKSServer(pair) as server:
        held = JWTVerifier(jwks_uri=server.jwks_uri, issuer=server.issuer, audience="resource")
        run(held.refresh())
        assert server.hits == 1 and len(held.keys()) == 1
        for audience in (f"{BASE}/mcp", "https://unknown.invalid/"):
            with pytest.raises(fastbearer.ConfigurationError, match="base_url"):
                run(held.verify_token(server.mint(audience=audience)))
        if hasattr(held, "set_mcp_path"):
            from pydantic import AnyHttpUrl

            held.base_url = AnyHttpUrl(BASE)
            held.set_mcp_path("/mcp")
            assert run(held.verify_token(server.mint(audience=f"{BASE}/mcp"))) is not None
            assert run(held.verify_token(server.mint(audience="https://unknown.invalid/"))) is None
            assert server.hits == 1


def test_where_fastmcp_has_no_url(keys):
    if host.IS_OAUTH_PROVIDER:
        with pytest.raises(fastbearer.ConfigurationError, match="audience"):
            verifier(keys)
    elif not hasattr(host.AUTH_PROVIDER, "_get_resource_url"):
        bound = verifier(keys, base_url=f"{BASE}/mcp")
        assert run(bound.verify_token(Minter(keys)(audience=f"{BASE}/mcp"))) is not None
        assert run(bound.verify_token(Minter(keys)(audience=BASE))) is None


def test_an_audience_of_that_name_is_nothing_else_elsewhere(keys):
    """The word is FastMCP's adapter's; a Verifier takes it literally."""
    token = Minter(keys)(audience="resource", scopes=SCOPES)
    assert fastbearer.Verifier(public_key=keys.public_key, audience="resource").verify(token)
