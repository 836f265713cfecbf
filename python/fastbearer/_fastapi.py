"""The FastAPI dependency that fastbearer.asgi.bearer returns. Imported only when it is called.

Annotations are real objects here (no postponed evaluation): FastAPI reads them to know what to inject.
"""

from fastapi import HTTPException, Response
from fastapi.exceptions import WebSocketException
from fastapi.openapi.models import HTTPBase, HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from ._asgi_request import RequestReader
from ._challenge import Refusal
from ._guard import ASKED, Guard, current_token
from .verifier import AccessToken


class BearerDependency(SecurityBase):
    """Callable for Depends(...): the verified token of the request, or the refusal as an exception."""

    def __init__(self, guard: Guard, reader: RequestReader) -> None:
        dpop = guard.dpop
        required = dpop is not None and dpop.required
        self.model = HTTPBase(scheme="dpop") if required else HTTPBearer(bearerFormat="JWT")
        self.scheme_name = "dpop" if required else "bearer"
        self._guard = guard
        self._reader = reader

    async def __call__(self, connection: HTTPConnection, response: Response) -> AccessToken:
        """Verifies; FastAPI passes the request or the websocket."""
        scope = connection.scope
        outcome = await self._guard.admit(self._reader.read(scope), asked=scope.get(ASKED, ()))
        assert outcome is not None, "only bodies say that no token is needed, and none is read here"
        if not isinstance(outcome, Refusal):
            response.raw_headers.extend(self._guard.nonce_headers())
            current_token.set(outcome)
            return outcome
        if connection.scope["type"] == "websocket":
            raise WebSocketException(code=1008, reason="bearer token required")
        headers = {
            name.decode(): value.decode()
            for name, value in outcome.headers
            if name not in (b"content-length", b"content-type")
        }
        raise HTTPException(outcome.status, detail=outcome.detail, headers=headers)
