"""audience="resource" under ASGI and FastAPI, and challenges of a route behind the middleware."""

import re
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from support import AUDIENCE, ISSUER, Minter, request, serving

import fastbearer
from fastbearer import AccessToken
from fastbearer.asgi import BearerAuthMiddleware, bearer

BASE = "https://mcp.example.com"
METADATA = {"resource": AUDIENCE, "authorization_servers": [ISSUER]}


def verifier_for(keys, **options):
    return fastbearer.Verifier(**{"public_key": keys.public_key, "issuer": ISSUER, "audience": "resource", **options})


async def hello(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest.mark.parametrize(
    "options, good, bad",
    [
        ({"resource_metadata": METADATA}, [AUDIENCE, AUDIENCE + "/"], [BASE, "resource", None]),
        ({"resource_metadata": METADATA, "base_url": "https://x.example.com"}, [AUDIENCE], ["https://x.example.com"]),
        ({"base_url": BASE}, [BASE, BASE + "/", [BASE, "x"]], [AUDIENCE, "resource", None]),
    ],
    ids=repr,
)
def test_tokens_for_this_server_alone(keys, options, good, bad):
    mint, rejections = Minter(keys), []
    verifier = verifier_for(keys, on_reject=rejections.append)
    with serving(BearerAuthMiddleware(hello, verifier=verifier, **options)) as origin:
        seen = [request(f"{origin}/", mint(audience=audience)).status for audience in (*good, *bad)]
    assert seen == [200] * len(good) + [401] * len(bad)
    stats = verifier.stats()  # those of the verifier that was given
    assert (stats["verified"], stats["rejected"], len(rejections)) == (len(good), len(bad), len(bad))


def test_beside_other_audiences_and_in_a_dependency(keys):
    verifier, mint, app = verifier_for(keys, audience=["api://mine", "resource"]), Minter(keys), FastAPI()

    @app.get("/")
    async def root(token: Annotated[AccessToken, Depends(bearer(verifier, base_url=BASE))]) -> str:
        return token.client_id

    with serving(app) as origin:
        seen = [
            request(f"{origin}/", mint(audience=audience)).status for audience in (BASE, "api://mine", "resource", "x")
        ]
    assert seen == [200, 200, 401, 401]


def test_a_middleware_that_has_no_url_is_not_made(keys):
    with pytest.raises(fastbearer.ConfigurationError, match='audience="resource" needs'):
        BearerAuthMiddleware(hello, verifier=verifier_for(keys))


def test_one_verifier_is_of_one_resource(keys):
    verifier = verifier_for(keys)
    for _ in range(2):
        BearerAuthMiddleware(hello, verifier=verifier, base_url=BASE)
    with pytest.raises(fastbearer.ConfigurationError, match=f"is {BASE} already"):
        BearerAuthMiddleware(hello, verifier=verifier, base_url="https://other.example.com")
    with pytest.raises(fastbearer.ConfigurationError, match=f"is {BASE} already"):
        bearer(verifier, base_url="https://other.example.com")
    bearer(verifier)


def test_a_dependency_that_nobody_tells_answers_500(keys, caplog):
    verifier, app = verifier_for(keys), FastAPI()

    @app.get("/", dependencies=[Depends(bearer(verifier))])
    async def root() -> None: ...

    mint = Minter(keys)
    with serving(app) as origin:
        assert request(f"{origin}/", mint(audience=BASE)).status == 500
        assert request(f"{origin}/", "garbage").status == 401
        assert 'audience="resource" needs' in caplog.text
        BearerAuthMiddleware(app, verifier=verifier, base_url=BASE)
        assert request(f"{origin}/", mint(audience=BASE)).status == 200


def test_a_route_asks_for_what_the_middleware_requires_too(keys):
    """A client that came back with the route's scope alone would get no further than the middleware."""
    verifier = verifier_for(keys, audience=AUDIENCE, required_scopes=["use"])
    app = FastAPI()

    @app.get("/write", dependencies=[Depends(bearer(verifier, "write"))])
    async def write() -> None: ...

    guarded = BearerAuthMiddleware(
        app, verifier=verifier, required_scopes=["read"], challenge_scopes={"read": "api://app/read"}
    )
    mint = Minter(keys)
    with serving(guarded) as origin:
        for scopes, asked in ((["use"], "use api://app/read"), (["use", "read"], "use write api://app/read")):
            answer = request(f"{origin}/write", mint(scopes=scopes))
            assert answer.status == 403
            assert re.findall(r'\bscope="([^"]*)"', answer.headers["www-authenticate"]) == [asked]
        assert request(f"{origin}/write", mint(scopes=["use", "read", "write"])).status == 200
