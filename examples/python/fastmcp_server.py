"""A FastMCP server that takes tokens of one issuer, whose keys it fetches: python fastmcp_server.py"""

from fastmcp import FastMCP

from fastbearer.fastmcp import JWTVerifier, get_access_token  # was: fastmcp.server.auth.providers.jwt

auth = JWTVerifier(
    jwks_uri="https://issuer.example/.well-known/jwks.json",
    issuer="https://issuer.example",
    audience="https://api.example/mcp",
    required_scopes=["tools:read"],
)
mcp = FastMCP("guarded", auth=auth)


@mcp.tool()
def who_am_i() -> str:
    return get_access_token().client_id


if __name__ == "__main__":
    mcp.run(transport="http")
