"""An MCP server of the official SDK behind BearerAuthMiddleware: its clients list tools without a token, and call what
their scopes allow."""

import contextlib
import json
import re

import anyio
import pytest
from support import AUDIENCE, INITIALIZE, ISSUER, mcp_streams, request, run, serving, text_of

import fastbearer
from fastbearer.asgi import BearerAuthMiddleware, get_access_token

try:
    from mcp.server.mcpserver import MCPServer as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server

HEADERS = [("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json")]


def application(keys, anonymous=()):
    server = Server("guarded")

    @server.tool()
    def whoami() -> dict:
        token = get_access_token()
        return {"client_id": None if token is None else token.client_id}

    @server.tool()
    def delete_all() -> dict:
        return {"deleted": True}

    @server.resource("notes://public/one")
    def public() -> str:
        return "public"

    @server.resource("notes://secret/one")
    def secret() -> str:
        return "secret"

    return BearerAuthMiddleware(
        server.streamable_http_app(),
        verifier=fastbearer.Verifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE),
        anonymous=("initialize", "tools/list", *anonymous),
        tool_scopes={"delete_*": ["admin", "tools:write"]},
        resource_scopes={"notes://secret/*": ["secrets"]},
        resource_metadata={"resource": AUDIENCE, "authorization_servers": [ISSUER]},
    )


@pytest.fixture(scope="module")
def origin(keys):
    with serving(application(keys)) as url:
        yield url


@contextlib.asynccontextmanager
async def connected(origin, token=None):
    from mcp import ClientSession

    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with contextlib.AsyncExitStack() as stack:
        streams = await mcp_streams(stack, f"{origin}/mcp", bearer)
        client = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        await client.initialize()
        yield client


def refused(origin, token, tool):
    """Whether a client's call ends in an error, of whatever kind this version makes of it."""

    async def attempt():
        with anyio.fail_after(10):
            async with connected(origin, token) as client:
                result = await client.call_tool(tool, {})
                assert not (getattr(result, "isError", False) or getattr(result, "is_error", False))

    try:
        run(attempt())
    except Exception:
        return True
    return False


def test_a_client_without_a_token_lists_the_tools(origin):
    async def tools():
        async with connected(origin) as client:
            return {tool.name for tool in (await client.list_tools()).tools}

    assert run(tools()) == {"whoami", "delete_all"}


def test_a_client_calls_what_its_scopes_allow(origin, mint):
    async def call(tool, *scopes):
        async with connected(origin, mint(scopes=list(scopes))) as client:
            return text_of(await client.call_tool(tool, {}))

    assert run(call("whoami", "read")) == {"client_id": "alice"}
    assert run(call("delete_all", "admin", "tools:write")) == {"deleted": True}


def test_a_client_is_refused_the_rest(origin, mint):
    assert refused(origin, None, "whoami")
    assert refused(origin, mint(scopes=["admin"]), "delete_all")
    assert not refused(origin, mint(scopes=["admin", "tools:write"]), "delete_all")


def post(origin, token, method, params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    return request(f"{origin}/mcp", token, "POST", HEADERS, body)


@pytest.mark.parametrize(
    "method, params, needed",
    [
        ("tools/call", {"name": "delete_all", "arguments": {}}, "admin tools:write"),
        ("tools/call", {}, "admin tools:write"),
        ("resources/read", {"uri": "notes://secret/one"}, "secrets"),
        ("resources/read", {"uri": "NOTES://secret/one"}, "secrets"),
        ("resources/read", {"uri": "notes://public/../secret/one"}, "secrets"),
        ("resources/read", {"uri": "notes://secret/%6fne"}, "secrets"),
    ],
)
def test_refusals_say_what_to_ask_for(origin, mint, method, params, needed):
    answer = post(origin, mint(), method, params)
    challenge = answer.headers["www-authenticate"]
    assert answer.status == 403 and 'error="insufficient_scope"' in challenge
    assert re.findall(r'\bscope="([^"]*)"', challenge) == [needed]
    assert "resource_metadata=" in challenge
    anonymous = post(origin, None, method, params)
    assert anonymous.status == 401 and "error=" not in anonymous.headers["www-authenticate"]


def test_what_is_no_json_is_the_server_s_to_refuse(origin, mint):
    answer = request(f"{origin}/mcp", mint(), "POST", HEADERS, b"{not json")
    assert answer.status == 400 and b"-32700" in answer.body
    assert request(f"{origin}/mcp", None, "POST", HEADERS, b"{not json").status == 401
    twice = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"delete_all"}}'
    assert request(f"{origin}/mcp", mint(), "POST", HEADERS, twice).status == 400
    assert request(f"{origin}/mcp", None, "POST", HEADERS, twice).status == 400


def test_a_bad_token_lists_nothing(origin, mint):
    answer = post(origin, mint(expires_in_seconds=-10), "tools/list", {})
    assert answer.status == 401 and 'error="invalid_token"' in answer.headers["www-authenticate"]


def in_session(origin, token, message, session=None):
    headers = [*HEADERS, *([] if session is None else [("Mcp-Session-Id", session)])]
    return request(f"{origin}/mcp", token, "POST", headers, json.dumps({"jsonrpc": "2.0", **message}).encode(), True)


def whoami(origin, token, session):
    message = {"id": 2, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
    answer = in_session(origin, token, message, session)
    assert answer.status == 200
    data = next(line for line in answer.body.decode().splitlines() if line.startswith("data: {"))
    return json.loads(json.loads(data[6:])["result"]["content"][0]["text"])["client_id"]


@pytest.mark.parametrize("first", [None, "carol"])
def test_each_request_of_a_session_has_its_own_token(keys, mint, first):
    """SDK 1.x serves all requests of a session in the context of the first."""
    with serving(application(keys, anonymous=["tools/call"])) as origin:
        token = None if first is None else mint(subject=first)
        session = in_session(origin, token, INITIALIZE).headers["mcp-session-id"]
        in_session(origin, token, {"method": "notifications/initialized"}, session)
        assert whoami(origin, mint(subject="bob"), session) == "bob"
        assert whoami(origin, None, session) is None
        assert whoami(origin, mint(subject="carol"), session) == "carol"
