"""Typical uses under Starlette and FastAPI, for type checkers; never run."""

from typing import Annotated

from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from fastbearer import AccessToken, DPoP, Verifier
from fastbearer.asgi import (
    BearerAuthMiddleware,
    ClientCertificateHeader,
    ResourceMetadata,
    bearer,
    get_access_token,
)

verifier = Verifier(public_key="...", issuer="https://issuer.example", audience="https://api.example")
metadata = ResourceMetadata("https://api.example", ["https://issuer.example"], scopes_supported=["read"])
plain = Starlette(middleware=[Middleware(BearerAuthMiddleware, verifier=verifier, exclude=["/health"])])
guarded = BearerAuthMiddleware(Starlette(), verifier=verifier, required_scopes=["read"], resource_metadata=metadata)

proving = BearerAuthMiddleware(
    Starlette(),
    verifier=Verifier(jwks={"keys": []}, dpop=DPoP()),
    base_url="https://api.example",
    client_certificate_header=ClientCertificateHeader("client-cert", "rfc9440"),
)

mcp = BearerAuthMiddleware(
    Starlette(),
    verifier=verifier,
    anonymous=("initialize", "tools/list"),
    tool_scopes={"delete_*": ["admin"], "*_all": "admin root"},
    resource_scopes={"file:///secret/*": ("files",)},
    prompt_scopes={},
    max_body_bytes=1 << 20,
    challenge_scopes=["api://app/all"],
    token_header="cf-access-jwt-assertion",
)

app = FastAPI()
app.mount(metadata.path, metadata)


by_nginx = bearer(verifier, client_certificate_header={"name": "x-client-cert", "format": "nginx"})


@app.get("/proving", dependencies=[Depends(bearer(verifier, base_url="https://api.example")), Depends(by_nginx)])
async def prove() -> None: ...


@app.get("/")
async def index(token: Annotated[AccessToken, Depends(bearer(verifier, "read", "write"))]) -> dict[str, str]:
    other = get_access_token()
    return {"client": token.client_id, "other": other.client_id if other else ""}
