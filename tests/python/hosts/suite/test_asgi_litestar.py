"""Litestar over loopback: the middleware among its own, and around the whole application."""

import json

import pytest
from litestar import Litestar, Request, WebSocket, get, websocket
from litestar.middleware import DefineMiddleware
from support import AUDIENCE, ISSUER, SCOPES, cases, request, serving
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import fastbearer
from fastbearer.asgi import BearerAuthMiddleware, get_access_token

RESOURCE = {"resource": AUDIENCE, "authorization_servers": [ISSUER]}


@get("/who")
async def who(request: Request) -> dict:
    token = get_access_token()
    return {"client_id": token.client_id, "same": request.user.access_token is token and request.auth is token}


@get("/plain", sync_to_thread=True)
def plain() -> dict:
    return {"client_id": get_access_token().client_id}


@get("/health")
async def health() -> str:
    return "well"


@websocket("/ws")
async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text(socket.user.identity)
    await socket.close()


def options(keys):
    verifier = fastbearer.Verifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    return {
        "verifier": verifier, "required_scopes": SCOPES, "exclude": ["/health"], "resource_metadata": RESOURCE,
    }  # fmt: skip


HANDLERS = [who, plain, health, talk]


@pytest.fixture(scope="module", params=["among its own", "around it"])
def origin(keys, request):
    if request.param == "around it":
        app = BearerAuthMiddleware(Litestar(HANDLERS), **options(keys))
    else:
        app = Litestar(HANDLERS, middleware=[DefineMiddleware(BearerAuthMiddleware, **options(keys))])
    with serving(app) as url:
        yield url


@pytest.mark.parametrize("case", cases(missing_scope=403), ids=str)
def test_answers(origin, case):
    answer = request(f"{origin}/who", case.token())
    assert answer.status == case.status
    if case.status != 200:
        assert 'resource_metadata="' in answer.headers["www-authenticate"]
        assert f'scope="{SCOPES[0]}"' in answer.headers["www-authenticate"]


def test_what_handlers_see(origin, mint):
    assert json.loads(request(f"{origin}/who", mint()).body) == {"client_id": "alice", "same": True}
    assert json.loads(request(f"{origin}/plain", mint()).body) == {"client_id": "alice"}
    assert request(f"{origin}/health").body == b"well"


def test_websockets(origin, mint):
    url = origin.replace("http", "ws") + "/ws"
    with connect(url, additional_headers={"Authorization": f"Bearer {mint()}"}) as socket:
        assert socket.recv() == "alice"
    with pytest.raises(InvalidStatus) as refused:
        connect(url)
    assert refused.value.response.status_code == 401


def test_only_around_it_everything_is_guarded(keys):
    """Litestar's own middleware stands before its handlers alone: what has no handler is a 404 to everybody."""
    path = "/.well-known/oauth-protected-resource/mcp"
    with serving(BearerAuthMiddleware(Litestar(HANDLERS), **options(keys))) as origin:
        assert json.loads(request(origin + path).body)["resource"] == AUDIENCE
        assert request(f"{origin}/nothing").status == 401
    app = Litestar(HANDLERS, middleware=[DefineMiddleware(BearerAuthMiddleware, **options(keys))])
    with serving(app) as origin:
        assert request(origin + path).status == request(f"{origin}/nothing").status == 404
