"""503 where FastMCP would answer 401. It asks its provider for a yes or a no, but where keys or a store cannot be
reached the token may be good, and a client that is told otherwise throws it away.

So what kept the provider from saying is noted, and an outer middleware, which FastMCP lets providers bring, answers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

from starlette.middleware import Middleware

from .._challenge import Challenger

_Message = MutableMapping[str, Any]

#: Why tokens of the request that is being served could not be evaluated; the longest time to wait counts.
_noted: ContextVar[list[Exception] | None] = ContextVar("fastbearer_unavailable", default=None)


def note(error: Exception) -> None:
    """Called with every refusal."""
    noted = _noted.get()
    if noted is not None and getattr(error, "http_status", None) == 503:
        noted.append(error)


class UnavailableMiddleware:
    """Answers in place of the application that says 401 to a token which nobody could evaluate."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._challenger = Challenger(None, (), None, None)

    async def __call__(self, scope: _Message, receive: Any, send: Callable[[_Message], Awaitable[None]]) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted: list[Exception] = []
        answered = False

        async def send_instead(message: _Message) -> None:
            nonlocal answered
            if answered:
                return
            if noted and message["type"] == "http.response.start" and message["status"] == 401:
                answered = True
                wait = max(getattr(error, "retry_after", 0.0) for error in noted)
                refusal = self._challenger.refuse(503, "temporarily_unavailable", retry_after=wait)
                await send({"type": "http.response.start", "status": refusal.status, "headers": refusal.headers})
                message = {"type": "http.response.body", "body": refusal.body if scope["method"] != "HEAD" else b""}
            await send(message)

        reset = _noted.set(noted)
        try:
            await self._app(scope, receive, send_instead)
        finally:
            _noted.reset(reset)


class UnavailableMixin:
    """A provider that brings the middleware."""

    def get_middleware(self) -> list[Any]:
        """What FastMCP puts before the application."""
        upstream: Any = super()
        return [Middleware(UnavailableMiddleware), *upstream.get_middleware()]
