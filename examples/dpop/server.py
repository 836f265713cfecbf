"""A server that accepts only tokens which are bound to a DPoP key: uvicorn server:app"""

import os

from fastapi import FastAPI

from fastbearer import DPoP, Verifier
from fastbearer.asgi import BearerAuthMiddleware, get_access_token

verifier = Verifier(
    issuer=os.environ.get("ISSUER", "https://issuer.example"),
    audience=os.environ.get("AUDIENCE", "https://api.example"),
    # All servers of a fleet share the secret.
    dpop=DPoP(
        required=True, nonce_secret=os.environ.get("NONCE_SECRET", "for trying, at least 32 bytes long").encode()
    ),
)
app = FastAPI()
app.add_middleware(BearerAuthMiddleware, verifier=verifier, base_url=os.environ.get("BASE_URL"))


@app.get("/who")
def who() -> dict[str, object]:
    access = get_access_token()
    return {"client": access.client_id, "bound to": access.confirmation}
