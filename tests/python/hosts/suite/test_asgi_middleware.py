"""BearerAuthMiddleware in front of a Starlette application, over loopback and as plain ASGI."""

import asyncio
import json
import time

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from support import (
    AUDIENCE,
    ISSUER,
    SCOPES,
    Misconfigured,
    assert_no_token_in,
    cases,
    every_kind_of_token,
    run,
    serving,
)
from support import request as send

import fastbearer
from fastbearer.asgi import BearerAuthMiddleware, ResourceMetadata, get_access_token

METADATA = {"resource": AUDIENCE, "authorization_servers": [ISSUER]}


def verifier_for(keys, **options):
    return fastbearer.Verifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, **options)


async def who(request):
    token = get_access_token()
    return JSONResponse(
        {"client_id": token.client_id, "same": token is request.user.access_token, "name": request.user.display_name}
    )


@requires("tools:call")
async def needs_scope(request):
    return JSONResponse({"ok": True})


async def health(request):
    return JSONResponse({"token": get_access_token() is not None})


async def stream(request):
    async def chunks():
        for number in range(3):
            yield f"{number};{get_access_token().client_id}\n"
            await asyncio.sleep(0)

    return StreamingResponse(chunks(), media_type="text/plain")


async def echo(websocket):
    await websocket.accept()
    await websocket.send_text(get_access_token().client_id)
    await websocket.close()


STARTED = []


def application(keys, **options):
    import contextlib

    @contextlib.asynccontextmanager
    async def lifespan(app):
        STARTED.append(True)
        yield

    routes = [
        Route("/who", who, methods=["GET", "HEAD", "POST"]),
        Route("/scope", needs_scope),
        Route("/health", health),
        Route("/stream", stream),
        WebSocketRoute("/ws", echo),
    ]
    settings = {"required_scopes": SCOPES, "resource_metadata": METADATA, "exclude": ["/health"], "realm": 'the "mcp"'}
    return BearerAuthMiddleware(
        Starlette(routes=routes, lifespan=lifespan), verifier=verifier_for(keys), **{**settings, **options}
    )


@pytest.fixture(scope="module")
def origin(keys):
    with serving(application(keys)) as url:
        yield url


METADATA_URL = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
REALM = r'realm="the \"mcp\""'


@pytest.mark.parametrize("case", cases(missing_scope=403), ids=str)
def test_answers(origin, case):
    token = case.token()
    answer = send(f"{origin}/who", token)
    assert answer.status == case.status
    if case.status != 200:
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith(f"Bearer {REALM}") and f'resource_metadata="{METADATA_URL}"' in challenge
        assert ('error="' in challenge) == (token is not None)
        assert answer.headers["cache-control"] == "no-store"
        assert token is None or token not in challenge + answer.body.decode()
    if case.name == "none":
        assert answer.body == b""
    if case.status == 401 and token is not None:
        assert 'error="invalid_token"' in challenge and json.loads(answer.body)["error"] == "invalid_token"


def test_all_missing_scopes_in_one_challenge(keys, mint):
    app = application(keys, required_scopes=["tools:call", "read", "write"])
    with serving(app) as origin:
        answer = send(f"{origin}/who", mint())
    assert answer.status == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert 'scope="tools:call read write"' in answer.headers["www-authenticate"]


def test_a_refusal_for_a_scope_of_the_route_is_counted_and_reported(keys, mint):
    rejections = []
    verifier = verifier_for(keys, on_reject=rejections.append)
    with serving(BearerAuthMiddleware(who, verifier=verifier, required_scopes=["read"])) as origin:
        assert send(f"{origin}/", mint(kid="k\n1")).status == 403
    (rejection,) = rejections
    assert (rejection.code, rejection.kid, rejection.issuer) == ("insufficient_scope", "k?1", ISSUER)
    stats = verifier.stats()
    assert (stats["verified"], stats["rejected"], stats["reasons"]) == (1, 1, {"insufficient_scope": 1})


def test_a_scope_includes_others(keys, mint):
    """For the middleware's own scopes, and for what Starlette looks for in the list."""
    verifier = verifier_for(keys, scope_hierarchy={"admin": ["write"], "write": ["tools:call"]})
    app = BearerAuthMiddleware(
        Starlette(routes=[Route("/scoped", needs_scope)]), verifier=verifier, required_scopes=["write"]
    )
    with serving(app) as origin:
        assert send(f"{origin}/scoped", mint(scopes=["admin"])).status == 200
        assert send(f"{origin}/scoped", mint(scopes=["tools:call"])).status == 403


def test_several_issuers(keys, other_keys, mint):
    rejections = []
    verifier = fastbearer.Verifier(
        issuers=[
            fastbearer.Issuer(ISSUER, public_key=keys.public_key),
            fastbearer.Issuer("https://two.example", public_key=other_keys.public_key),
        ],
        audience=AUDIENCE,
        on_reject=rejections.append,
    )
    other = other_keys.create_token(issuer="https://two.example", audience=AUDIENCE)
    app = Starlette(routes=[Route("/who", who)])
    with serving(BearerAuthMiddleware(app, verifier=verifier, required_scopes=SCOPES)) as origin:
        assert send(f"{origin}/who", mint()).status == 200
        assert send(f"{origin}/who", other).status == 403
        assert send(f"{origin}/who", mint(issuer="https://two.example")).status == 401
        assert send(f"{origin}/who", mint(issuer="https://evil.example")).status == 401
    two = "https://two.example"
    assert [(rejection.code, rejection.issuer) for rejection in rejections] == [
        ("insufficient_scope", two), ("signature_invalid", two), ("issuer_mismatch", None),
    ]  # fmt: skip


def test_a_wrong_configuration_is_500(keys, mint):
    verifier = Misconfigured(public_key=keys.public_key)
    with serving(BearerAuthMiddleware(who, verifier=verifier)) as origin:
        answer = send(f"{origin}/", mint())
    assert answer.status == 500 and "www-authenticate" not in answer.headers
    assert json.loads(answer.body)["error"] == "server_error"


def test_the_verifiers_own_scopes_too(keys, mint):
    app = BearerAuthMiddleware(who, verifier=verifier_for(keys, required_scopes=["read", "write"]))
    with serving(app) as origin:
        assert 'scope="read write"' in send(f"{origin}/", mint()).headers["www-authenticate"]


def test_bare_challenge(keys):
    with serving(BearerAuthMiddleware(who, verifier=verifier_for(keys))) as origin:
        assert send(f"{origin}/").headers["www-authenticate"] == "Bearer"
        assert send(f"{origin}/", headers=[("Authorization", "Basic YTpi")]).headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer  {}",
        "Bearer {} ",
        "Bearer {}, Bearer {}",
        "bearer {}x y",
        "Bearer a\x7fb",
        "Bearer é",
    ],
    ids=repr,
)
def test_malformed_header(origin, mint, value):
    # http.client would strip white space at the end, as servers do; "Bearer {} " must not be malformed then
    answer = send(f"{origin}/who", headers=[("Authorization", value.replace("{}", mint()))])
    if value == "Bearer {} ":
        assert answer.status == 200
    else:
        assert answer.status == 400
        assert 'error="invalid_request"' in answer.headers["www-authenticate"]
        assert json.loads(answer.body)["error"] == "invalid_request"


def test_scheme_in_any_case(origin, mint):
    assert send(f"{origin}/who", headers=[("authorization", f"bEARER {mint()}")]).status == 200


def test_two_headers(origin, mint):
    both = [("Authorization", f"Bearer {mint()}"), ("Authorization", f"Bearer {mint()}")]
    assert send(f"{origin}/who", headers=both).status == 400


@pytest.mark.parametrize("query", ["access_token={}", "a=1&access%5Ftoken={}", "b;access_token={}"])
def test_token_in_the_query(origin, mint, query):
    assert send(f"{origin}/who?{query.replace('{}', mint())}").status == 400
    assert send(f"{origin}/who?{query.replace('{}', 'x')}", mint()).status == 400


def test_other_queries_pass(origin, mint):
    assert send(f"{origin}/who?token=x&xaccess_token=1&access_token_hint", mint()).status == 200


def test_what_the_application_sees(origin, mint):
    assert json.loads(send(f"{origin}/who", mint()).body) == {"client_id": "alice", "same": True, "name": "alice"}
    assert send(f"{origin}/scope", mint()).status == 200
    assert get_access_token() is None


def test_excluded_paths_are_whole(origin):
    answer = send(f"{origin}/health")
    assert answer.status == 200 and json.loads(answer.body) == {"token": False}
    for path in ("/health/", "/health/x", "/healthy", "/HEALTH", "//health"):
        assert send(f"{origin}{path}").status == 401


def test_streams_are_untouched(origin, mint):
    assert send(f"{origin}/stream", mint()).body == b"0;alice\n1;alice\n2;alice\n"


def test_head(origin, mint):
    assert send(f"{origin}/who", mint(), method="HEAD").body == b""
    refused = send(f"{origin}/who", "x", method="HEAD")
    assert refused.status == 401 and refused.body == b"" and refused.headers["content-length"] != "0"


def test_lifespan_passes(origin):
    assert STARTED


def test_metadata_document(origin):
    path = "/.well-known/oauth-protected-resource/mcp"
    answer = send(f"{origin}{path}")
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    assert answer.headers["access-control-allow-origin"] == "*" and "max-age" in answer.headers["cache-control"]
    document = json.loads(answer.body)
    assert document["resource"] == AUDIENCE and document["authorization_servers"] == [ISSUER]
    assert document["bearer_methods_supported"] == ["header"]
    head = send(f"{origin}{path}", method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(answer.body)))
    preflight = send(f"{origin}{path}", method="OPTIONS")
    assert preflight.status == 204 and "GET" in preflight.headers["access-control-allow-methods"]
    assert send(f"{origin}{path}", method="POST").status == 405
    assert send(f"{origin}{path}/more").status == 401


def test_metadata_beside_another_server():
    document = ResourceMetadata("https://api.example.com", [ISSUER], scopes_supported=["a"], resource_name="API")
    assert document.url == "https://api.example.com/.well-known/oauth-protected-resource"
    assert document.document["scopes_supported"] == ["a"] and document.document["resource_name"] == "API"
    for resource, servers in (("api", [ISSUER]), ("https://x/#f", [ISSUER]), ("https://x", []), ("https://x", ISSUER)):
        with pytest.raises(ValueError):
            ResourceMetadata(resource, servers)


def test_unavailable_keys_are_503(keys, mint):
    async def nothing(url, headers):
        raise OSError("no route to the provider")

    verifier = fastbearer.Verifier(
        jwks_uri="https://issuer.example.com/jwks", issuer=ISSUER, audience=AUDIENCE, fetch=nothing
    )
    with serving(BearerAuthMiddleware(who, verifier=verifier)) as origin:
        answer = send(f"{origin}/", mint(kid="k1"))
    assert answer.status == 503 and int(answer.headers["retry-after"]) >= 1
    assert json.loads(answer.body)["error"] == "temporarily_unavailable" and "www-authenticate" not in answer.headers


def test_a_provider_that_is_down_and_comes_back(jwks_server):
    verifier = fastbearer.Verifier(jwks_uri=jwks_server.jwks_uri, issuer=jwks_server.issuer, audience=AUDIENCE)
    token = jwks_server.mint(audience=AUDIENCE)
    with serving(BearerAuthMiddleware(Starlette(routes=[Route("/", who)]), verifier=verifier)) as origin:
        jwks_server.fail(500)
        assert send(f"{origin}/", token).status == 503
        jwks_server.recover()
        time.sleep(1.1)
        assert send(f"{origin}/", token).status == 200
        jwks_server.fail(500)
        assert send(f"{origin}/", token).status == 200
        assert send(f"{origin}/", jwks_server.mint(audience=AUDIENCE, kid="unknown")).status in (401, 503)


def websocket(app, headers=(), extensions=None):
    """Connects a websocket by hand; returns what the application sent."""
    sent = []
    scope = {
        "type": "websocket", "path": "/ws", "raw_path": b"/ws", "query_string": b"", "headers": list(headers),
        "extensions": extensions, "subprotocols": [], "root_path": "", "scheme": "ws", "asgi": {"version": "3.0"},
    }  # fmt: skip
    events = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]

    async def receive():
        return events.pop(0)

    async def send(message):
        sent.append(message)

    run(app(scope, receive, send))
    return sent


def test_websockets(keys, mint):
    app = application(keys)
    assert websocket(app) == [{"type": "websocket.close", "code": 1008, "reason": "bearer token required"}]
    denied = websocket(app, [(b"authorization", b"Bearer x")], {"websocket.http.response": {}})
    assert [m["type"] for m in denied] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert denied[0]["status"] == 401 and dict(denied[0]["headers"])[b"www-authenticate"].startswith(b"Bearer ")
    good = websocket(app, [(b"authorization", b"Bearer " + mint().encode())])
    assert [m["type"] for m in good] == ["websocket.accept", "websocket.send", "websocket.close"]
    assert good[1]["text"] == "alice"


def test_websocket_over_the_wire(origin, mint):
    websockets = pytest.importorskip("websockets.sync.client")
    url = origin.replace("http", "ws") + "/ws"
    with websockets.connect(url, additional_headers={"Authorization": f"Bearer {mint()}"}) as connection:
        assert connection.recv() == "alice"
    with pytest.raises(Exception, match="401|403"):
        websockets.connect(url).__enter__()


def test_unknown_scopes_fail_closed(keys):
    with pytest.raises(RuntimeError):
        run(application(keys)({"type": "smtp", "path": "/", "headers": []}, None, None))


@pytest.mark.parametrize(
    "options",
    [{"realm": "a\r\nb"}, {"realm": "é"}, {"resource_metadata_url": "https://x/\n"}, {"required_scopes": ["a\nb"]},
     {"required_scopes": "tools"}, {"exclude": "/health"}],
    ids=repr,
)  # fmt: skip
def test_text_that_would_break_a_header(keys, options):
    with pytest.raises(ValueError):
        application(keys, **options)


def test_reasons_go_to_on_reject_and_the_log_not_to_the_client(keys, mint, caplog):
    seen = []
    app = BearerAuthMiddleware(who, verifier=verifier_for(keys, on_reject=seen.append))
    caplog.set_level("INFO", logger="fastbearer")
    token = mint(expires_in_seconds=-60)
    with serving(app) as origin:
        answer = send(f"{origin}/", token)
    assert [rejection.code for rejection in seen] == ["token_expired"]
    assert "token_expired" in caplog.text and ISSUER in caplog.text
    assert token not in caplog.text and token.split(".")[1] not in caplog.text
    assert "token_expired" not in str(answer)


def test_no_token_in_any_log(keys, other_keys, mint, caplog):
    caplog.set_level("DEBUG", logger="fastbearer")
    tokens = every_kind_of_token(mint, other_keys)
    with serving(application(keys)) as origin:
        for token in tokens:
            send(f"{origin}/who", token)
            send(f"{origin}/who", headers=[("Authorization", f"Bearer {token} {token}")])
    assert_no_token_in(caplog.text, tokens)
    assert "token_expired" in caplog.text and "more than one" not in caplog.text
