"""Many tenants, each with an issuer of its own, which come and go while the server runs: uvicorn server:app"""

import json
import os
from pathlib import Path

from fastapi import FastAPI

from fastbearer import Issuer, Verifier
from fastbearer.asgi import BearerAuthMiddleware, get_access_token

#: {"https://issuer.example": {"name": "acme", "audience": "https://api.example"}}
TENANTS = Path(os.environ.get("TENANTS", "tenants.json"))


def resolve(iss: str) -> Issuer | None:
    """iss comes from a token that nobody has verified: look it up, fetch nothing from it, log nothing of it."""
    tenant = json.loads(TENANTS.read_text()).get(iss)
    return None if tenant is None else Issuer(iss, audience=tenant["audience"])


verifier = Verifier(resolve_issuer=resolve, max_issuers=1000)
app = FastAPI()
app.add_middleware(BearerAuthMiddleware, verifier=verifier)


@app.get("/who")
def who() -> dict[str, str]:
    access = get_access_token()
    return {"tenant": json.loads(TENANTS.read_text())[access.issuer]["name"], "client": access.client_id}
