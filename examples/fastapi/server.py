"""A FastAPI server: all routes need a token, some need a scope, one needs nothing: uvicorn server:app"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI

from fastbearer import AccessToken, Verifier
from fastbearer.asgi import BearerAuthMiddleware, bearer, get_access_token

logging.basicConfig(level="INFO")  # why a token was refused
verifier = Verifier(
    issuer=os.environ.get("ISSUER", "https://issuer.example"),
    audience=os.environ.get("AUDIENCE", "https://api.example"),
    scope_hierarchy={"reports:write": ["reports:read"]},
)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await verifier.refresh_async()  # a wrong configuration is found now, not with the first request
    yield
    verifier.close()


app = FastAPI(lifespan=lifespan)
app.add_middleware(BearerAuthMiddleware, verifier=verifier, exclude=["/health"])


@app.get("/health")
def health() -> dict[str, bool]:
    return {"keys": verifier.stats()["keys_held"]}


@app.get("/who")
def who() -> dict[str, str]:
    return {"client": get_access_token().client_id}


@app.get("/reports")
def reports(token: Annotated[AccessToken, Depends(bearer(verifier, "reports:read"))]) -> dict[str, str]:
    return {"for": token.client_id}
