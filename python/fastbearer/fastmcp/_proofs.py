"""What a FastMCP server needs for proofs of possession, by the middleware that its provider brings.

FastMCP hands a provider the token alone. So an outer middleware notes the request, and adds to the responses what a
DPoP client must know; and the backend that FastMCP authenticates with is wrapped, so that it takes the scheme DPoP too,
and so that the provider finds the request that a token came with. FastMCP 4 lets no scheme but Bearer in, so the
application sees that one in a request that has been admitted.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from starlette.authentication import AuthenticationBackend
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection

from .._asgi_request import RequestReader
from .._challenge import Challenger
from .._log import RejectionLog
from ..errors import FastBearerError, InvalidProofError
from . import _installed as installed

if TYPE_CHECKING:
    from ..dpop import DPoP
    from ..request import Request
    from ..verifier import AccessToken, Verifier

_Scope = MutableMapping[str, Any]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

NO_REQUESTS = (
    f"FastMCP {installed.VERSION} hands this verifier no request: proofs of possession cannot be checked, and tokens "
    "that are bound to a key are refused"
)

_KEY = "fastbearer.exchange"
_PARAMETER = re.compile(r'\b(error|scope|resource_metadata)="([^"]*)"')


class Exchange:
    """One request, and what has been found out about its token."""

    def __init__(self, request: Request) -> None:
        self._request = request
        fields: Any = request.headers  # bytes, as ASGI has them
        values = [value for name, value in fields if name.lower() == b"authorization"]
        scheme, _, token = values[0].partition(b" ") if values else (b"", b"", b"")
        self._is_dpop = scheme.lower() == b"dpop"
        #: Whether there is anything to be wrong with: some FastMCP versions say invalid_token where there is no token.
        self.has_credential = bool(values)
        self._token = token.decode("latin-1")
        self._verified: AccessToken | None = None
        #: Why the token was refused.
        self.error: FastBearerError | None = None

    def presents(self, token: str) -> bool:
        """Whether this is the request's token, and not one that somebody else has brought."""
        return token == self._token

    async def verify(self, verifier: Verifier) -> AccessToken:
        """Once: a proof is used up by that, and FastMCP may ask twice."""
        if self.error is not None:
            raise self.error.with_traceback(None)
        if self._verified is None:
            try:
                self._verified = await verifier.verify_request_async(self._request)
            except FastBearerError as error:
                self.error = error
                raise
        return self._verified

    def as_bearer(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers as FastMCP reads them, which knows one scheme."""
        if not self._is_dpop:
            return headers
        return [
            (name, b"Bearer " + value.partition(b" ")[2] if name.lower() == b"authorization" else value)
            for name, value in headers
        ]


#: The request that is being authenticated now.
current: ContextVar[Exchange | None] = ContextVar("fastbearer_exchange", default=None)


class ProofBackend(AuthenticationBackend):
    """FastMCP's own backend, for requests that the middleware has noted."""

    def __init__(self, inner: AuthenticationBackend) -> None:
        self._inner = inner

    async def authenticate(self, conn: HTTPConnection) -> Any:
        """What the inner backend says."""
        exchange: Exchange | None = conn.scope.get(_KEY)
        if exchange is None:
            return await self._inner.authenticate(conn)
        headers = exchange.as_bearer(conn.scope["headers"])
        reset = current.set(exchange)
        try:
            found = await self._inner.authenticate(HTTPConnection({**conn.scope, "headers": headers}))
        finally:
            current.reset(reset)
        if found is not None:
            conn.scope["headers"] = headers
        return found


class ProofMiddleware:
    """Notes the request, and completes the response: a challenge of the scheme DPoP, and the nonce."""

    def __init__(self, app: Any, *, provider: Any) -> None:
        self._app = app
        self._provider = provider
        self._dpop = provider.dpop
        base_url = getattr(provider, "resource_base_url", None) or getattr(provider, "base_url", None)
        self._reader = RequestReader(None if base_url is None else str(base_url), None, prefix_may_be_there=True)

    async def __call__(self, scope: _Scope, receive: Any, send: _Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        exchange = Exchange(self._reader.read(scope))

        async def send_completed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": await self._complete(message, exchange)}
            await send(message)

        await self._app({**scope, _KEY: exchange}, receive, send_completed)

    async def _complete(self, message: MutableMapping[str, Any], exchange: Exchange) -> list[tuple[bytes, bytes]]:
        headers = [
            (name, self._challenges(value, exchange) if name.lower() == b"www-authenticate" else value)
            for name, value in message.get("headers", ())
        ]
        if self._dpop.nonce_secret is not None:
            nonce = await self._provider._dpop_nonce()
            headers += [] if nonce is None else [(b"dpop-nonce", nonce.encode())]
        return headers

    def _challenges(self, bearer: bytes, exchange: Exchange) -> bytes:
        """FastMCP's challenge, and one of the scheme DPoP that says the same, or what is wrong with the proof."""
        said = dict(_PARAMETER.findall(bearer.decode("latin-1")))
        proof = exchange.error if isinstance(exchange.error, InvalidProofError) else None
        error = said.get("error") if proof is None else proof.oauth_error
        error = error if exchange.has_credential else None
        challenger = Challenger(None, said.get("scope", "").split(), said.get("resource_metadata"), self._dpop)
        dpop = challenger.dpop_challenge(error).encode()
        return dpop if self._dpop.required else bearer + b", " + dpop


def with_proofs(middleware: list[Any], provider: Any) -> list[Any] | None:
    """The provider's middleware with what is above; None: it authenticates in a way that is not known."""
    wrapped, found = [Middleware(ProofMiddleware, provider=provider)], False
    for item in middleware:
        backend = getattr(item, "kwargs", {}).get("backend")
        if isinstance(backend, AuthenticationBackend):
            found = True
            wrapped.append(Middleware(item.cls, *item.args, **{**item.kwargs, "backend": ProofBackend(backend)}))
        else:
            wrapped.append(item)
    return wrapped if found else None


class ProofMixin:
    """What a provider does with requests."""

    dpop: DPoP | None
    logger: Any
    _log: RejectionLog
    _compiled: Any
    _compile: Any

    async def _verify(self, verifier: Verifier, token: str) -> Any:
        """The token of the request that is being authenticated with its proof; any other token alone."""
        exchange = current.get()
        if exchange is None or not exchange.presents(token):
            return await verifier.verify_async(token)
        return await exchange.verify(verifier)

    def get_middleware(self) -> list[Any]:
        """What FastMCP puts before the application: its own, with DPoP where that is configured."""
        upstream: Any = super()
        middleware: list[Any] = upstream.get_middleware()
        if self.dpop is None:
            return middleware
        wrapped = with_proofs(middleware, self)
        if wrapped is None:
            self._log.warn_once(self.logger, NO_REQUESTS)
        return middleware if wrapped is None else wrapped

    async def _dpop_nonce(self) -> str | None:
        """What clients are to put into their next proof."""
        compiled = self._compiled or await self._compile()
        nonce: str | None = None if compiled.verifier is None else compiled.verifier.dpop_nonce()
        return nonce
