"""A server of the official MCP SDK, with scopes for single tools: python server.py"""

import os

import uvicorn
from mcp.server.mcpserver import MCPServer

from fastbearer import Verifier
from fastbearer.asgi import BearerAuthMiddleware, get_access_token

ISSUER = os.environ.get("ISSUER", "https://issuer.example")
PORT = int(os.environ.get("PORT", "8000"))
RESOURCE = os.environ.get("RESOURCE", f"http://127.0.0.1:{PORT}/mcp")

server = MCPServer("notes")


@server.tool()
def who_am_i() -> str:
    """Who the token speaks for."""
    return get_access_token().client_id


@server.tool()
def delete_notes() -> str:
    """Needs the scope admin."""
    return "deleted"


app = BearerAuthMiddleware(
    server.streamable_http_app(),
    verifier=Verifier(issuer=ISSUER, audience=RESOURCE),
    resource_metadata={"resource": RESOURCE, "authorization_servers": [ISSUER]},
    tool_scopes={"delete_*": ["admin"]},
)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT)
