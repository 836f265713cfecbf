"""A guard on a thread that may wait: for frameworks without an event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .request import Request
    from .verifier import AccessToken, Verifier

_Value = TypeVar("_Value")


def completed(coroutine: Coroutine[Any, Any, _Value]) -> _Value:
    """The result of a coroutine in which nothing waits for an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: _Value = done.value
        return value
    raise RuntimeError("a coroutine of WSGI has suspended")


def blocking(verifier: Verifier) -> Callable[[Request], Coroutine[Any, Any, AccessToken]]:
    """Verifies on this thread, in the form that a guard wants."""

    async def verify(request: Request) -> AccessToken:
        return verifier.verify_request(request)

    return verify
