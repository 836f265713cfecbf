"""The application that test_asgi_workers.py runs in worker processes: who verified, and in which process."""

import os

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import fastbearer
from fastbearer.asgi import BearerAuthMiddleware, get_access_token

VERIFIER = fastbearer.Verifier(jwks_uri=os.environ["JWKS_URI"], refresh_interval=1.0, fetch_timeout=5.0)
if os.environ.get("WARM"):
    # With a preloading server this is the parent of all workers: they inherit keys, a connection and locks.
    VERIFIER.refresh()


async def who(request):
    return JSONResponse({"pid": os.getpid(), "subject": get_access_token().subject})


app = BearerAuthMiddleware(Starlette(routes=[Route("/who", who)]), verifier=VERIFIER)
