"""Proofs of possession under FastMCP: with the provider's middleware where the version has it, else a refusal that says
so.
"""

import http.client
import inspect
import json
import logging
from urllib.parse import urlsplit

import pytest
from fastmcp import FastMCP
from pydantic import AnyHttpUrl
from support import AUDIENCE, INITIALIZE, ISSUER, SCOPES, knock, run, serving

from fastbearer import DPoP, KeyPair
from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier, get_access_token
from fastbearer.fastmcp._installed import HAS_MIDDLEWARE_HOOK

CLIENT = KeyPair.generate("ES256")
SECRET = "a secret of the fleet, 32 bytes and more"
MCP = [("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json")]

needs_hook = pytest.mark.skipif(not HAS_MIDDLEWARE_HOOK, reason="this FastMCP does not ask its provider for middleware")


def provider_for(keys, kind=JWTVerifier, **options):
    return kind(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, required_scopes=SCOPES, **options)


def application(provider):
    server = FastMCP("guarded", auth=provider)

    @server.tool()
    def whoami() -> dict:
        return {"client_id": get_access_token().client_id}

    try:
        return server.http_app(path="/mcp", transport="streamable-http", stateless_http=True, json_response=True)
    except TypeError:
        return server.http_app(path="/mcp", transport="streamable-http")


@pytest.fixture
def bound(mint):
    return mint(additional_claims={"cnf": {"jkt": CLIENT.thumbprint()}})


def post(origin, headers, document=INITIALIZE):
    """Status, headers (a field that came twice joined) and body."""
    parts = urlsplit(origin)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.putrequest("POST", "/mcp")
        body = json.dumps(document).encode()
        for name, value in [*MCP, *headers, ("Content-Length", str(len(body)))]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        fields = {}
        for name, value in response.getheaders():
            fields[name.lower()] = f"{fields[name.lower()]}, {value}" if name.lower() in fields else value
        return response.status, fields, response.read()
    finally:
        connection.close()


def ask(origin, token, nonce=None, proof=None, url=None, document=INITIALIZE):
    proof = proof or CLIENT.dpop_proof("POST", url or f"{origin}/mcp", token, nonce)
    return post(origin, [("Authorization", f"DPoP {token}"), ("DPoP", proof)], document)


@needs_hook
@pytest.mark.parametrize("kind", [JWTVerifier, BearerAuthProvider])
def test_a_proof_passes_once(keys, bound, kind):
    with serving(application(provider_for(keys, kind, dpop=DPoP()))) as origin:
        proof = CLIENT.dpop_proof("POST", f"{origin}/mcp", bound)
        status, headers, body = ask(origin, bound, proof=proof)
        assert status == 200 and b"protocolVersion" in body and "dpop-nonce" not in headers
        status, headers, _ = ask(origin, bound, proof=proof)
        assert status == 401
        assert 'DPoP algs="RS256' in headers["www-authenticate"]
        assert 'error="invalid_dpop_proof"' in headers["www-authenticate"].partition("DPoP ")[2]
        assert headers["www-authenticate"].startswith("Bearer")
        call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
        status, _, body = ask(origin, bound, document=call)
        assert status == 200 and b"alice" in body


@needs_hook
def test_a_bound_token_is_no_bearer_token(keys, mint, bound):
    with serving(application(provider_for(keys, dpop=DPoP()))) as origin:
        assert knock(origin, "http", bound).status == 401
        assert knock(origin, "http", mint()).status == 200
        assert ask(origin, mint())[0] == 401
        status, headers, _ = post(origin, [])
        assert status == 401 and "error" not in headers["www-authenticate"].partition("DPoP ")[2]


@needs_hook
@pytest.mark.parametrize(
    "change",
    [
        {"url": "http://other.example/mcp"}, {"proof": "garbage"}, {"proof": CLIENT.dpop_proof("GET", "http://x/mcp")},
    ],
)  # fmt: skip
def test_other_proofs_do_not(keys, bound, change):
    with serving(application(provider_for(keys, dpop=DPoP()))) as origin:
        assert ask(origin, bound, **change)[0] == 401


@needs_hook
def test_two_headers_are_refused(keys, bound):
    with serving(application(provider_for(keys, dpop=DPoP()))) as origin:
        proof = ("DPoP", CLIENT.dpop_proof("POST", f"{origin}/mcp", bound))
        assert post(origin, [("Authorization", f"DPoP {bound}"), ("Authorization", "Bearer x"), proof])[0] == 401
        again = ("DPoP", CLIENT.dpop_proof("POST", f"{origin}/mcp", bound))
        assert post(origin, [("Authorization", f"DPoP {bound}"), proof, again])[0] == 401


@needs_hook
def test_required(keys, mint, bound):
    with serving(application(provider_for(keys, dpop=DPoP(required=True)))) as origin:
        answer = knock(origin, "http", mint())
        assert answer.status == 401 and answer.headers["www-authenticate"].startswith('DPoP algs="')
        assert ask(origin, bound)[0] == 200


@needs_hook
def test_nonces_go_with_every_answer(keys, mint, bound):
    with serving(application(provider_for(keys, dpop=DPoP(nonce_secret=SECRET)))) as origin:
        assert post(origin, [])[1]["dpop-nonce"]
        status, headers, _ = ask(origin, bound)
        assert status == 401 and 'error="use_dpop_nonce"' in headers["www-authenticate"]
        status, headers, _ = ask(origin, bound, nonce=headers["dpop-nonce"])
        assert status == 200 and headers["dpop-nonce"]
        assert knock(origin, "http", mint()).headers["dpop-nonce"]


@needs_hook
@pytest.mark.parametrize("base_url", ["https://mcp.example.com", "https://mcp.example.com/prefix/"])
def test_behind_a_proxy(keys, bound, base_url):
    with serving(application(provider_for(keys, dpop=DPoP(), base_url=base_url))) as origin:
        assert ask(origin, bound, url=f"{base_url.rstrip('/')}/mcp")[0] == 200
        assert ask(origin, bound)[0] == 401


@needs_hook
def test_the_prefix_of_a_mounted_application_is_not_put_twice(keys, bound):
    from starlette.applications import Starlette
    from starlette.routing import Mount

    inner = application(provider_for(keys, dpop=DPoP(), base_url="https://mcp.example.com/prefix"))
    outer = Starlette(routes=[Mount("/prefix", inner)], lifespan=inner.lifespan)
    with serving(outer) as origin:
        parts = urlsplit(origin)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
        proof = CLIENT.dpop_proof("POST", "https://mcp.example.com/prefix/mcp", bound)
        headers = {**dict(MCP), "Authorization": f"DPoP {bound}", "DPoP": proof}
        connection.request("POST", "/prefix/mcp", json.dumps(INITIALIZE), headers)
        assert connection.getresponse().status == 200
        connection.close()


@needs_hook
def test_another_token_is_not_taken_for_the_request_s(keys, mint, bound):
    """A subclass may have a token verified that did not come with the request: alone, then."""
    seen = []

    class Exchanging(JWTVerifier):
        async def verify_token(self, token):
            seen.append(await super().verify_token(bound if token != bound else mint()))
            return await super().verify_token(token)

    with serving(application(provider_for(keys, Exchanging, dpop=DPoP()))) as origin:
        assert ask(origin, bound)[0] == 200
        assert seen[0].client_id == "alice"
        assert knock(origin, "http", mint()).status == 200
        assert seen[1] is None


@needs_hook
def test_policy_that_is_compiled_again_remembers_proofs(jwks_server, caplog):
    provider = JWTVerifier(
        jwks_uri=jwks_server.jwks_uri, issuer=jwks_server.issuer, audience=AUDIENCE, dpop=DPoP(), allow_http=True
    )
    token = jwks_server.mint(audience=AUDIENCE, additional_claims={"cnf": {"jkt": CLIENT.thumbprint()}})
    with serving(application(provider)) as origin:
        proof = CLIENT.dpop_proof("POST", f"{origin}/mcp", token)
        assert ask(origin, token, proof=proof)[0] == 200
        provider._invalidate()
        assert ask(origin, token, proof=proof)[0] == 401


# ---- held by another provider


PUBLIC = "https://mcp.example.com"


def remote(verifier, kind=None):
    auth = pytest.importorskip("fastmcp.server.auth")
    if not hasattr(auth, "RemoteAuthProvider"):
        pytest.skip("this FastMCP has no RemoteAuthProvider")
    kind = kind or auth.RemoteAuthProvider
    where = "base_url" if "base_url" in inspect.signature(kind).parameters else "resource_server_url"
    return kind(token_verifier=verifier, authorization_servers=[AnyHttpUrl(ISSUER)], **{where: PUBLIC})


def multi(verifier):
    auth = pytest.importorskip("fastmcp.server.auth")
    if not hasattr(auth, "MultiAuth"):
        pytest.skip("this FastMCP has no MultiAuth")
    return auth.MultiAuth(verifiers=[verifier], base_url=PUBLIC, required_scopes=SCOPES)


@needs_hook
@pytest.mark.parametrize("held_by", [remote, multi])
def test_held_by_another_provider_bound_tokens_are_refused_and_the_log_says_why(keys, mint, bound, caplog, held_by):
    """It asks its own middleware, which knows no proofs."""
    caplog.set_level(logging.WARNING, logger="fastbearer")
    with serving(application(held_by(provider_for(keys, dpop=DPoP(), base_url=PUBLIC)))) as origin:
        assert ask(origin, bound, url=f"{PUBLIC}/mcp")[0] == 401
        assert knock(origin, "http", bound).status == 401
        assert knock(origin, "http", mint()).status == 200
    assert sum("hands this verifier no request" in record.getMessage() for record in caplog.records) == 1


@needs_hook
def test_a_remote_auth_provider_that_brings_our_middleware(keys, mint, bound):
    """As docs/guides/fastmcp.md has it."""
    auth = pytest.importorskip("fastmcp.server.auth")

    class RemoteAuthWithProofs(auth.RemoteAuthProvider):
        def get_middleware(self):
            return self.token_verifier.get_middleware()

    verifier = provider_for(keys, dpop=DPoP(), base_url=PUBLIC)
    with serving(application(remote(verifier, RemoteAuthWithProofs))) as origin:
        proof = CLIENT.dpop_proof("POST", f"{PUBLIC}/mcp", bound)
        assert ask(origin, bound, proof=proof)[0] == 200
        status, headers, _ = ask(origin, bound, proof=proof)
        challenge = headers["www-authenticate"]
        assert status == 401 and 'error="invalid_dpop_proof"' in challenge.partition("DPoP ")[2]
        assert f'resource_metadata="{PUBLIC}/.well-known/oauth-protected-resource' in challenge
        assert ask(origin, bound)[0] == 401
        assert knock(origin, "http", bound).status == 401
        assert knock(origin, "http", mint()).status == 200


def test_without_a_request_bound_tokens_are_refused_and_the_log_says_why(keys, bound, caplog):
    caplog.set_level(logging.WARNING, logger="fastbearer")
    provider = provider_for(keys)
    for _ in range(3):
        assert run(provider.verify_token(bound)) is None
    assert sum("hands this verifier no request" in record.getMessage() for record in caplog.records) == 1
    lax = provider_for(keys, sender_constrained="ignore")
    assert run(lax.verify_token(bound)).client_id == "alice"


@pytest.mark.skipif(HAS_MIDDLEWARE_HOOK, reason="this FastMCP asks its provider for middleware")
def test_a_version_without_the_hook_says_so_at_once(keys, mint, bound, caplog):
    caplog.set_level(logging.WARNING, logger="fastbearer")
    provider = provider_for(keys, dpop=DPoP())
    assert sum("hands this verifier no request" in record.getMessage() for record in caplog.records) == 1
    assert run(provider.verify_token(bound)) is None
    assert run(provider.verify_token(mint())) is not None


def test_hooks_that_bring_keys_cannot_remember_proofs(keys, mint, caplog):
    class Bringing(JWTVerifier):
        async def _get_verification_key(self, token):
            return keys.public_key

    caplog.set_level(logging.WARNING, logger="fastbearer")
    provider = provider_for(keys, Bringing, dpop=DPoP())
    with pytest.raises(ValueError, match="dpop"):
        run(provider.verify_token(mint()))
