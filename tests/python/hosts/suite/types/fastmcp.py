"""Typical uses under FastMCP, for type checkers; never run."""

from typing import Any

from fastmcp import FastMCP

from fastbearer import DPoP, Issuer
from fastbearer.fastmcp import (
    AccessToken,
    BearerAuthProvider,
    JWTVerifier,
    RSAKeyPair,
    accelerate,
    get_access_token,
)

keys = RSAKeyPair.generate()
token: str = keys.create_token(
    subject="alice", audience=["a", "b"], scopes=["read"], additional_claims={"x": 1}, kid="k"
)
document: dict[str, Any] = keys.jwks("k")
pem: str = keys.public_key
private: str = keys.private_key.get_secret_value()

one = JWTVerifier(public_key=keys.public_key, issuer="https://issuer.example", audience="https://mcp.example/mcp")
two = BearerAuthProvider(
    jwks_uri="https://issuer.example/jwks",
    issuer=["https://a.example", "https://b.example"],
    audience=("a", "b"),
    required_scopes=["read"],
    algorithms=["RS256", "ES256"],
    leeway=30,
    on_reject=print,
)
JWTVerifier(issuer="https://issuer.example", audience="https://mcp.example/mcp", discover=True)
JWTVerifier(issuers=[Issuer("https://a.example"), Issuer("https://b.example")], scope_hierarchy={"admin": ["read"]})
JWTVerifier(jwks_uri="https://issuer.example/jwks", dpop=DPoP(required=True), sender_constrained="verify")
server: FastMCP[Any] = FastMCP("server", auth=one)
FastMCP("server", auth=two)
JWTVerifier(public_key="...", audience="resource", base_url="https://mcp.example", challenge_scopes={"read": "r"})
report = accelerate(two)
places: list[str] = [f"{part.path} {part.type} {part.reason}" for part in (*report.replaced, *report.left)]


class Permissions(JWTVerifier):
    def _extract_scopes(self, claims: dict[str, Any]) -> list[str]:
        return [*super()._extract_scopes(claims), *claims.get("permissions", [])]


@server.tool
def whoami() -> str:
    access = get_access_token()
    return access.client_id if access is not None else "nobody"


async def check() -> AccessToken | None:
    one.audience = "https://other.example"
    return await one.verify_token(token)
