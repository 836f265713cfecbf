"""Servers of the official MCP SDK over loopback: every kind of token, both transports, resource validation, real
clients."""

import inspect
import time

import pytest
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from support import (
    AUDIENCE,
    ISSUER,
    SCOPES,
    Misconfigured,
    assert_no_token_in,
    cases,
    every_kind_of_token,
    knock,
    mcp_streams,
    run,
    serving,
    text_of,
)

import fastbearer.mcp
from fastbearer._option_types import VerifierOptions
from fastbearer.mcp import JWTVerifier

try:
    from mcp.server.mcpserver import MCPServer as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server

try:
    from mcp.server.auth.provider import TokenVerifier
except ImportError:
    TokenVerifier = None  # 1.9 knows only authorization servers

VALIDATES = "validate_token_resource" in AuthSettings.model_fields


def server_for(verifier):
    settings = {"issuer_url": ISSUER, "required_scopes": SCOPES}
    if "resource_server_url" in AuthSettings.model_fields:
        settings["resource_server_url"] = AUDIENCE
    if VALIDATES:
        settings["validate_token_resource"] = True
    how = {"token_verifier": verifier} if TokenVerifier else {"auth_server_provider": verifier}
    server = Server("guarded", auth=AuthSettings(**settings), **how)

    @server.tool()
    def whoami() -> dict:
        from mcp.server.auth.middleware.auth_context import get_access_token

        token = get_access_token()
        return {"client_id": token.client_id, "scopes": token.scopes, "resource": getattr(token, "resource", None)}

    return server


@pytest.fixture(scope="module", params=["http", "sse"])
def transport(request):
    return request.param


@pytest.fixture(scope="module")
def origin(transport, keys):
    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    server = server_for(verifier)
    with serving(server.sse_app() if transport == "sse" else server.streamable_http_app()) as url:
        yield url


@pytest.mark.parametrize("case", cases(missing_scope=403), ids=str)
def test_answers(origin, transport, case):
    answer = knock(origin, transport, case.token())
    assert answer.status == case.status, answer


def test_a_real_client_gets_through(origin, transport, mint):
    token = mint(audience=["https://other.example.com/", AUDIENCE])

    async def call():
        async with connected(origin, transport, token) as client:
            return text_of(await client.call_tool("whoami", {}))

    seen = run(call())
    assert seen["client_id"] == "alice" and seen["scopes"] == SCOPES
    if "resource" in AccessToken.model_fields:
        assert seen["resource"] == AUDIENCE


def connected(origin, transport, token):
    import contextlib

    from mcp import ClientSession
    from mcp.client.sse import sse_client

    bearer = {"Authorization": f"Bearer {token}"}

    @contextlib.asynccontextmanager
    async def session():
        async with contextlib.AsyncExitStack() as stack:
            if transport == "sse":
                streams = await stack.enter_async_context(sse_client(f"{origin}/sse", headers=bearer))
            else:
                streams = await mcp_streams(stack, f"{origin}/mcp", bearer)
            client = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
            await client.initialize()
            yield client

    return session()


@pytest.mark.skipif(not VALIDATES, reason="this version does not compare the resource")
def test_a_token_for_another_audience_of_ours_is_refused(keys, mint):
    """Both audiences are configured, but the token names only the one that is not this server."""
    other = "https://mcp.example.com/other"
    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=[AUDIENCE, other])
    with serving(server_for(verifier).streamable_http_app()) as origin:
        assert knock(origin, "http", mint(audience=other)).status == 401
        assert knock(origin, "http", mint(audience=[other, AUDIENCE])).status == 200


def test_the_result_is_the_sdk_model(keys, mint):
    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, leeway=30)
    token = mint(expires_in_seconds=-10)
    access = run(verifier.verify_token(token))
    assert type(access) is AccessToken and access.token == token
    assert access.expires_at >= int(time.time())  # the leeway is in it: the SDK compares again
    if "subject" in AccessToken.model_fields:
        assert access.subject == "alice"
    if "claims" in AccessToken.model_fields:
        assert access.claims["iss"] == ISSUER


def test_keys_from_a_provider(jwks_server):
    """Fetched by libcurl, off the loop; kept when the provider fails; rotated with the first token of the new key."""
    verifier = JWTVerifier(jwks_uri=jwks_server.jwks_uri, issuer=jwks_server.issuer, audience=AUDIENCE)
    mint = {"audience": AUDIENCE, "scopes": SCOPES}
    with serving(server_for(verifier).streamable_http_app()) as origin:
        old = jwks_server.mint(**mint)
        assert [knock(origin, "http", old).status for _ in range(3)] == [200, 200, 200]
        assert jwks_server.hits == 1
        jwks_server.fail(500)
        assert knock(origin, "http", old).status == 200
        jwks_server.recover()
        jwks_server.rotate()
        time.sleep(1.1)
        assert knock(origin, "http", jwks_server.mint(**mint)).status == 200
        assert knock(origin, "http", old).status == 401


def test_a_scope_includes_others(keys, mint):
    """The SDK looks for its scope in the list of the token's."""
    options = {"issuer": ISSUER, "audience": AUDIENCE, "scope_hierarchy": {"admin": ["write"], "write": SCOPES}}
    verifier = JWTVerifier(public_key=keys.public_key, **options)
    with serving(server_for(verifier).streamable_http_app()) as origin:
        assert knock(origin, "http", mint(scopes=["admin"])).status == 200
        assert knock(origin, "http", mint(scopes=["other"])).status == 403
    assert run(verifier.verify_token(mint(scopes=["admin"]))).scopes == ["admin", "write", *SCOPES]


def test_several_issuers_found_by_discovery(caplog):
    from tests.idp import IdentityProvider

    caplog.set_level("INFO", logger="fastbearer")
    with IdentityProvider() as one, IdentityProvider(algorithms=["ES256"]) as two:
        issuers = [fastbearer.Issuer(one.issuer), fastbearer.Issuer(two.issuer, algorithms="ES256")]
        verifier = JWTVerifier(issuers=issuers, audience=AUDIENCE)
        with serving(server_for(verifier).streamable_http_app()) as origin:
            for idp, other in ((one, two), (two, one)):
                assert knock(origin, "http", idp.mint(aud=AUDIENCE, scope=SCOPES[0])).status == 200
                assert knock(origin, "http", idp.mint(aud=AUDIENCE, iss=other.issuer, scope=SCOPES[0])).status == 401
        run(verifier.refresh())
        assert [state["issuer"] for state in verifier.stats()["issuers"]] == [one.issuer, two.issuer]
        assert f"configured issuer '{two.issuer}'" in caplog.text  # the first of its kind is said at once


@pytest.mark.parametrize("token", ["", "a.b.c", " x", "é", "x" * 70000, None, 7, b"bytes"], ids=repr)
def test_never_raises(keys, token):
    verifier = JWTVerifier(public_key=keys.public_key)
    assert run(verifier.verify_token(token)) is None


def test_a_wrong_configuration_is_500(keys, mint):
    server = server_for(JWTVerifier(verifier=Misconfigured(public_key=keys.public_key)))
    with serving(server.streamable_http_app()) as origin:
        assert knock(origin, "http", mint()).status == 500


def test_looking_in(jwks_server):
    verifier = JWTVerifier(jwks_uri=jwks_server.jwks_uri, issuer=jwks_server.issuer)
    assert verifier.keys() == [] and verifier.stats()["fetches"] == 0
    run(verifier.refresh())
    assert [key.kid for key in verifier.keys()] == ["key-1"] and verifier.stats()["fetches"] == 1
    assert run(verifier.verify_token(jwks_server.mint())) and verifier.stats()["verified"] == 1


def test_no_token_in_any_log(keys, other_keys, mint, caplog):
    caplog.set_level("DEBUG")
    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    tokens = every_kind_of_token(mint, other_keys)
    with serving(server_for(verifier).streamable_http_app()) as origin:
        for token in tokens:
            knock(origin, "http", token)
    assert_no_token_in(caplog.text, tokens)
    assert "token_expired" in caplog.text and ISSUER in caplog.text


def test_options_are_those_of_a_verifier():
    """help() and editors show them by name, and none is forgotten."""
    parameters = inspect.signature(fastbearer.Verifier).parameters.values()
    options = {p.name for p in parameters if p.kind == p.KEYWORD_ONLY and not p.name.startswith("_")}
    assert set(inspect.signature(JWTVerifier).parameters) == {"verifier", "auth", "challenge_scopes", *options}
    assert set(VerifierOptions.__annotations__) == options
    with pytest.raises(TypeError, match="did you mean 'issuer'"):
        JWTVerifier(public_key="x", isuer=ISSUER)


def test_a_verifier_or_its_options():
    with pytest.raises(TypeError):
        JWTVerifier(verifier=object(), issuer=ISSUER)
    assert inspect.iscoroutinefunction(JWTVerifier.verify_token)


def test_bound_tokens_are_refused_and_the_log_says_why(keys, mint, caplog):
    caplog.set_level("WARNING", logger="fastbearer")
    token = mint(additional_claims={"cnf": {"jkt": "A" * 43}})
    verifier = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    for _ in range(2):
        assert run(verifier.verify_token(token)) is None
    assert caplog.text.count("hands its verifier no request") == 1
    JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, dpop=fastbearer.DPoP())
    assert caplog.text.count("hands its verifier no request") == 2
    lax = JWTVerifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, sender_constrained="ignore")
    assert run(lax.verify_token(token)).client_id == "alice"
