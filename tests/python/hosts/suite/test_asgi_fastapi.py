"""The FastAPI dependency, over loopback."""

import json
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, WebSocket
from support import AUDIENCE, ISSUER, SCOPES, Misconfigured, cases, request, serving

import fastbearer
from fastbearer import AccessToken
from fastbearer.asgi import bearer, get_access_token


def application(keys):
    verifier = fastbearer.Verifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    app = FastAPI()

    @app.get("/who")
    async def who(token: Annotated[AccessToken, Depends(bearer(verifier, *SCOPES))]) -> dict:
        return {"client_id": token.client_id, "same": get_access_token() is token}

    @app.get("/plain")
    def plain(token: AccessToken = Depends(bearer(verifier, "read", "write"))) -> dict:
        return {"client_id": token.client_id}

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, token: Annotated[AccessToken, Depends(bearer(verifier))]) -> None:
        await websocket.accept()
        await websocket.send_text(token.client_id)
        await websocket.close()

    return app


def test_a_refusal_is_counted_and_reported(keys, mint):
    rejections = []
    verifier = fastbearer.Verifier(public_key=keys.public_key, on_reject=rejections.append)
    app = FastAPI()

    @app.get("/read", dependencies=[Depends(bearer(verifier, "read"))])
    async def read() -> None: ...

    with serving(app) as url:
        assert request(f"{url}/read", mint(kid="k1")).status == 403
    assert [(rejection.code, rejection.kid) for rejection in rejections] == [("insufficient_scope", "k1")]
    assert verifier.stats()["reasons"] == {"insufficient_scope": 1}


def test_a_scope_includes_others(keys, mint):
    options = {"audience": AUDIENCE, "scope_hierarchy": {"admin": ["read"]}}
    verifier = fastbearer.Verifier(public_key=keys.public_key, **options)
    app = FastAPI()

    @app.get("/read", dependencies=[Depends(bearer(verifier, "read"))])
    async def read() -> None: ...

    with serving(app) as url:
        assert request(f"{url}/read", mint(scopes=["admin"])).status == 200
        assert request(f"{url}/read", mint(scopes=["write"])).status == 403


def test_a_wrong_configuration_is_500(keys, mint):
    app = FastAPI()

    @app.get("/who", dependencies=[Depends(bearer(Misconfigured(public_key=keys.public_key)))])
    async def who() -> None: ...

    with serving(app) as url:
        assert request(f"{url}/who", mint()).status == 500


@pytest.fixture(scope="module")
def origin(keys):
    with serving(application(keys)) as url:
        yield url


@pytest.mark.parametrize("case", cases(missing_scope=403), ids=str)
def test_answers(origin, case):
    token = case.token()
    answer = request(f"{origin}/who", token)
    assert answer.status == case.status
    if case.status != 200:
        assert ('error="' in answer.headers["www-authenticate"]) == (token is not None)
        assert token is None or token not in str(answer)
    else:
        assert json.loads(answer.body) == {"client_id": "alice", "same": True}


def test_all_missing_scopes(origin, mint):
    answer = request(f"{origin}/plain", mint())
    assert answer.status == 403 and 'scope="read write"' in answer.headers["www-authenticate"]
    assert request(f"{origin}/plain", mint(scopes=["write", "read"])).status == 200


def test_malformed(origin, mint):
    assert request(f"{origin}/who", headers=[("Authorization", "Bearer a b")]).status == 400
    assert request(f"{origin}/who?access_token={mint()}").status == 400
    assert request(f"{origin}/who", headers=[("Authorization", f"Bearer {mint()}")] * 2).status == 400


def test_openapi(origin):
    document = json.loads(request(f"{origin}/openapi.json").body)
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["paths"]["/who"]["get"]["security"] == [{"bearer": []}]


def test_websocket(origin, mint):
    websockets = pytest.importorskip("websockets.sync.client")
    url = origin.replace("http", "ws") + "/ws"
    with websockets.connect(url, additional_headers={"Authorization": f"Bearer {mint()}"}) as connection:
        assert connection.recv() == "alice"
    with pytest.raises(Exception, match="403|1008"):
        websockets.connect(url).__enter__()
