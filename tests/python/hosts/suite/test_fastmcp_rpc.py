"""FastMCP behind BearerAuthMiddleware: for versions that have no authorization of single tools of their own."""

import json
import re

import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from support import AUDIENCE, ISSUER, request, run, serving, text_of

import fastbearer
from fastbearer.asgi import BearerAuthMiddleware, get_access_token


@pytest.fixture
def origin(keys):
    """One server for each client: that of mcp 1.9 ends with its first session."""
    server = FastMCP("guarded")

    @server.tool()
    def whoami() -> dict:
        return {"client_id": get_access_token().client_id}

    @server.tool()
    def delete_all() -> dict:
        return {"deleted": True}

    application = BearerAuthMiddleware(
        server.http_app(path="/mcp", transport="streamable-http"),
        verifier=fastbearer.Verifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE),
        anonymous=("initialize", "tools/list"),
        tool_scopes={"delete_*": ["admin"]},
    )
    with serving(application) as url:
        yield url


def client(origin, token=None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Client(StreamableHttpTransport(f"{origin}/mcp", headers=headers))


def test_a_client_without_a_token_lists_the_tools(origin):
    async def tools():
        async with client(origin) as connected:
            return {tool.name for tool in await connected.list_tools()}

    assert run(tools()) == {"whoami", "delete_all"}


@pytest.mark.parametrize(
    "tool, scope, answer", [("whoami", "read", {"client_id": "alice"}), ("delete_all", "admin", {"deleted": True})]
)
def test_a_client_calls_what_its_scopes_allow(origin, mint, tool, scope, answer):
    async def call():
        async with client(origin, mint(scopes=[scope])) as connected:
            return text_of(await connected.call_tool(tool, {}))

    assert run(call()) == answer


def test_refusals(origin, mint):
    headers = [("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json")]
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_all", "arguments": {}}}
    body = json.dumps(message).encode()
    answer = request(f"{origin}/mcp", mint(scopes=["read"]), "POST", headers, body)
    assert answer.status == 403 and re.findall('scope="(.*?)"', answer.headers["www-authenticate"]) == ["admin"]
    assert request(f"{origin}/mcp", None, "POST", headers, body).status == 401
