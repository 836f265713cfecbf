"""FastMCP servers over loopback: what each kind of token is answered, on both transports, with real clients."""

import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.transports import SSETransport, StreamableHttpTransport
from support import AUDIENCE, ISSUER, SCOPES, cases, knock, run, serving, text_of

from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier, get_access_token

MISSING_SCOPE = {BearerAuthProvider: 403, JWTVerifier: 401}


def application(provider, transport):
    server = FastMCP("guarded", auth=provider)

    @server.tool()
    def whoami() -> dict:
        token = get_access_token()
        return {
            "client_id": token.client_id,
            "scopes": token.scopes,
            "expires_at": token.expires_at,
            "resource": getattr(token, "resource", None),
            "issuer": (getattr(token, "claims", None) or {}).get("iss"),
        }

    if transport == "sse":
        return server.http_app(path="/sse", transport="sse")
    return server.http_app(path="/mcp", transport="streamable-http")


@pytest.fixture(scope="module", params=[BearerAuthProvider, JWTVerifier], ids=lambda kind: kind.__name__)
def kind(request):
    return request.param


@pytest.fixture(scope="module", params=["http", "sse"])
def transport(request):
    return request.param


@pytest.fixture(scope="module")
def origin(kind, transport, keys):
    provider = kind(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, required_scopes=SCOPES)
    with serving(application(provider, transport)) as url:
        yield url


@pytest.mark.parametrize("case", cases(missing_scope=0), ids=str)
def test_answers(origin, kind, transport, case):
    answer = knock(origin, transport, case.token())
    assert answer.status == (case.status or MISSING_SCOPE[kind]), answer
    token = case.token()
    assert token is None or token not in str(answer.headers) + answer.body.decode("utf-8", "replace")


def test_a_wrong_configuration_is_500(kind, mint):
    with serving(application(kind(public_key="no key"), "http")) as origin:
        assert knock(origin, "http", mint()).status == 500


def channel(origin, transport, token):
    headers = {"Authorization": f"Bearer {token}"}  # auth= of the client of 2.6 forgets the scheme
    if transport == "sse":
        return SSETransport(f"{origin}/sse", headers=headers)
    return StreamableHttpTransport(f"{origin}/mcp", headers=headers)


def test_a_real_client_gets_through(origin, transport, mint):
    token = mint()

    async def call():
        async with Client(channel(origin, transport, token)) as client:
            return text_of(await client.call_tool("whoami", {}))

    seen = run(call())
    assert seen["client_id"] == "alice"
    assert seen["scopes"] == SCOPES
    assert isinstance(seen["expires_at"], int)


def test_a_real_client_is_refused(origin, transport):
    async def call():
        async with Client(channel(origin, transport, "not-a-token")) as client:
            return await client.call_tool("whoami", {})

    with pytest.raises(BaseException) as caught:
        run(call())
    assert not isinstance(caught.value, (KeyboardInterrupt, SystemExit))
