"""Typical uses under the MCP SDK, for type checkers; never run."""

from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl

from fastbearer import Verifier
from fastbearer.mcp import AccessToken, JWTVerifier, ScopeChallenges

url = "https://mcp.example.com/mcp"
verifier: TokenVerifier = JWTVerifier(
    jwks_uri="https://issuer.example/jwks", issuer="https://issuer.example", audience=url
)
server = MCPServer(
    "server",
    token_verifier=verifier,
    auth=AuthSettings(
        issuer_url=AnyHttpUrl("https://issuer.example"),
        resource_server_url=AnyHttpUrl(url),
        required_scopes=["tools"],
        validate_token_resource=True,
    ),
)
settings = AuthSettings(issuer_url=AnyHttpUrl("https://issuer.example"), resource_server_url=AnyHttpUrl(url))
bound = JWTVerifier(public_key="...", audience="resource", auth=settings, challenge_scopes={"read": "api://app/read"})
app = MCPServer("server", token_verifier=bound, auth=settings).streamable_http_app()
app.add_middleware(ScopeChallenges, verifier=bound)

JWTVerifier(public_key="...", leeway="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
JWTVerifier(public_key="...", isuer="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def check(token: str) -> AccessToken | None:
    return await JWTVerifier(verifier=Verifier(public_key="...")).verify_token(token)
