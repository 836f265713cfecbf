"""A FastMCP server whose tokens come from Keycloak, or from any issuer that ISSUER names: python server.py"""

import os

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from pydantic import AnyHttpUrl

from fastbearer.fastmcp import JWTVerifier, get_access_token

ISSUER = os.environ.get("ISSUER", "http://127.0.0.1:8080/realms/demo")
PORT = int(os.environ.get("PORT", "8000"))
RESOURCE = os.environ.get("RESOURCE", f"http://127.0.0.1:{PORT}/mcp")

verifier = JWTVerifier(issuer=ISSUER, discover=True, audience=RESOURCE, required_scopes=["mcp:tools"])
auth = RemoteAuthProvider(
    token_verifier=verifier,
    authorization_servers=[AnyHttpUrl(ISSUER)],
    base_url=RESOURCE.removesuffix("/mcp"),
)
mcp = FastMCP("notes", auth=auth)


@mcp.tool()
def who_am_i() -> str:
    """Who the token speaks for."""
    return get_access_token().client_id


if __name__ == "__main__":
    mcp.run(transport="http", host="127.0.0.1", port=PORT)
