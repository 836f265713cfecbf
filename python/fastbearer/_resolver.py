"""Asking the user's function who an unknown issuer is, once for all tokens that wait for the answer.

The core decides whether to ask, remembers who is unknown, and bounds how much is under way. The identifier comes from a
token that nobody has verified: it goes to the function and nowhere else.
"""

from __future__ import annotations

import time

from . import _native
from ._fetch_function import is_async, limited
from ._flight import Flight, Flights
from ._late_log import logger
from .errors import KeysUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from ._issuers import Issuers
    from .issuer import ResolveIssuer

#: Seconds that tokens wait for the function; an async one is cancelled then.
TIMEOUT = 10.0
#: How many different failures are logged.
_LOGGED = 32


class Resolver(Flights):
    """The resolutions of one verifier. A flight begins with a token."""

    def __init__(self, native: _native.Verifier, function: ResolveIssuer, issuers: Issuers) -> None:
        super().__init__(TIMEOUT, is_async(function))
        self._native = native
        self._function: Any = function
        self._issuers = issuers
        self._logged: set[str] = set()

    def _begin(self, *what: Any) -> tuple[int, int, Any]:
        return self._native.resolve_begin(*what)

    def _has_ended(self, ticket: int) -> bool:
        return self._native.resolve_wait(ticket, 0.0)

    def _give_up(self, ticket: int) -> None:
        self._native.resolve_end(ticket, _native.RESOLVE_FAILED, None)

    def start(self, *what: Any, loop: asyncio.AbstractEventLoop | None = None, awaited: bool = True) -> Flight | None:
        """As for every flight. A function that does not return keeps its thread, but no token: the next asks again."""
        self._drop_expired()
        return super().start(*what, loop=loop, awaited=awaited)

    def _drop_expired(self) -> None:
        for ticket, flight in list(self._flights.items()):
            if time.monotonic() >= flight.deadline:
                self._flights.pop(ticket, None)
                self._end_failed(ticket)

    def _perform(self, flight: Flight, job: Any) -> None:
        try:
            found = self._function(job)
            if hasattr(found, "__await__"):
                import asyncio

                found = asyncio.run(limited(found, TIMEOUT))
        except BaseException as error:
            self._failed(flight, job, error)
            return
        self._end(flight, job, found)

    async def _perform_async(self, flight: Flight, job: Any) -> None:
        try:
            found = await limited(self._function(job), TIMEOUT)
        except Exception as error:  # CancelledError is not one: then the flight is abandoned
            self._failed(flight, job, error)
            return
        self._end(flight, job, found)

    def _end(self, flight: Flight, identifier: str, found: Any) -> None:
        if flight.done:
            return  # it was abandoned meanwhile
        if found is None:
            self._native.resolve_end(flight.ticket, _native.NO_SUCH_ISSUER, None)
            return
        try:
            options = self._issuers.resolved(identifier, found)
            self._native.resolve_end(flight.ticket, _native.RESOLVED, options)
        except (TypeError, ValueError) as error:  # ConfigurationError is one; the core has ended the flight then
            self._failed(flight, identifier, error)

    def _failed(self, flight: Flight, identifier: str, error: BaseException) -> None:
        self._log(identifier, error)
        if not flight.done:
            self._end_failed(flight.ticket)
        if not isinstance(error, Exception):
            raise KeysUnavailableError("the resolution was given up") from None

    def _end_failed(self, ticket: int) -> None:
        try:
            self._give_up(ticket)
        except ValueError:  # it has ended, or the verifier has been closed
            pass

    def _log(self, identifier: str, error: BaseException) -> None:
        text = describe(identifier, error)
        if text in self._logged or len(self._logged) >= _LOGGED:
            return
        self._logged.add(text)
        logger("fastbearer").warning("resolve_issuer failed, tokens of that issuer get 503: %s", text)


def describe(identifier: str, error: BaseException) -> str:
    """What an exception says, unless that holds a piece of the identifier, which somebody unknown has written."""
    import re  # here, since it takes longer to import than this package

    name, text = type(error).__name__, str(error).replace(identifier, "(the issuer)")
    pieces = (piece for piece in re.split(r"[^\w.-]+", identifier) if len(piece) > 3 and piece not in ("http", "https"))
    if not text or any(piece in text for piece in pieces):
        return name
    return f"{name}: {text[:200]}" if text.isprintable() else name
