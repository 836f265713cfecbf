"""One of several servers that share keys, proofs and revocations: REDIS=redis://... uvicorn server:app"""

import os

from fastapi import FastAPI

from fastbearer import DPoP, Issuer, Verifier
from fastbearer.asgi import BearerAuthMiddleware, get_access_token
from fastbearer.stores import RedisStore

ISSUER = os.environ.get("ISSUER", "https://issuer.example")

fleet = RedisStore(os.environ.get("REDIS", "redis://127.0.0.1:6379"))
verifier = Verifier(
    issuers=[Issuer(ISSUER, key_store=fleet)],
    audience=os.environ.get("AUDIENCE", "https://api.example"),
    dpop=DPoP(replay_store=fleet),
    is_revoked=fleet.is_revoked,
)
app = FastAPI()
app.add_middleware(BearerAuthMiddleware, verifier=verifier, base_url=os.environ.get("BASE_URL"))


@app.get("/who")
def who() -> dict[str, str]:
    return {"client": get_access_token().client_id}


@app.post("/logout")
def logout() -> dict[str, bool]:
    """Revokes the token that asks for it, on all servers."""
    access = get_access_token()
    fleet.revoke(access.issuer, access.claims["jti"], expires_at=access.expires_at)
    return {"revoked": True}
