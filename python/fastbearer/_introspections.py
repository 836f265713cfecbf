"""Asking an issuer about tokens: once for all requests that carry the same one, and remembering what was refused.

The core says which tokens are asked about and what a response is worth, and caches what it accepts. An endpoint that
fails is not asked for a while: then tokens are refused with 503 at once, rather than after a time-out each.
"""

from __future__ import annotations

import copy
import itertools
import time
from hashlib import sha256

from . import _native
from ._fetch_function import is_async, limited, loggable_url, read_fields
from ._flight import Flight, Flights
from ._late_log import logger
from .errors import InvalidProofError, InvalidTokenError, StatusUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._questions import RequestQuestion, Said, TokenQuestion
    from .introspection import Introspector

#: Failures in a row after which the endpoint is left alone for a while, and for how long at most.
_PATIENCE = 3
_LONGEST_PAUSE = 30.0


class Endpoint(Flights):
    """The introspection endpoint of one issuer, as one verifier uses it. A flight is about a token."""

    def __init__(self, native: _native.Verifier, number: int, introspector: Introspector) -> None:
        self._tickets = itertools.count(1)
        super().__init__(introspector.timeout, is_async(introspector.post))
        self._native = native
        self._number = number
        self._introspector = introspector
        self._refused: dict[bytes, tuple[float, InvalidTokenError]] = {}
        self._failures = 0
        self._pause_until = 0.0

    def _reset_flights(self) -> None:
        super()._reset_flights()
        self._pending: dict[bytes, int] = {}  # tickets by the hash of their token
        self._keys: dict[int, bytes] = {}

    # ---- for callers

    def ask(self, question: TokenQuestion | RequestQuestion) -> Introspected:
        """The question, with what the endpoint says of its token."""
        token, key = self._prepare(question)
        flight = self.run(key, token)
        if flight is None:  # it ended between two steps of ours
            flight = self.run(key, token)
        return self._introspected(question, key, flight)

    async def ask_async(self, question: TokenQuestion | RequestQuestion) -> Introspected:
        """The question, with what the endpoint says of its token, without blocking the event loop."""
        token, key = self._prepare(question)
        flight = await self.run_async(key, token)
        if flight is None:
            flight = await self.run_async(key, token)
        return self._introspected(question, key, flight)

    def problem(self) -> str | None:
        """What is wrong with the endpoint; None when it answered last."""
        if not self._failures:
            return None
        return f"the introspection endpoint {loggable_url(self._introspector.endpoint)} fails"

    def _prepare(self, question: TokenQuestion | RequestQuestion) -> tuple[str, bytes]:
        token = _text(question.token)
        key = sha256(token.encode()).digest()
        until, error = self._refused.get(key, (0.0, None))
        if error is not None and time.monotonic() < until:
            self._native.count_refusal(error.code, self._number)
            raise copy.copy(error).with_traceback(None)
        return token, key

    def _introspected(
        self, question: TokenQuestion | RequestQuestion, key: bytes, flight: Flight | None
    ) -> Introspected:
        if flight is None or not flight.done or flight.result is None:
            error = None if flight is None else flight.error
            known = isinstance(error, StatusUnavailableError)
            raise self._count(error if known else _unavailable("no answer in time", 1.0))
        return Introspected(self, question, key, flight.result)

    def evaluate(
        self, question: TokenQuestion | RequestQuestion, key: bytes, said: Said, key_request: int | None
    ) -> _native.AccessToken:
        """The verdict by what the endpoint said; a refusal of the token is remembered."""
        try:
            return question.ask_introspected(self._number, said, self._introspector.cache_seconds, key_request)
        except InvalidProofError:  # it is about the request, not about the token
            raise
        except InvalidTokenError as error:
            self._remember(key, error)
            raise

    def _count(self, error: Any) -> StatusUnavailableError:
        counted: StatusUnavailableError = copy.copy(error).with_traceback(None)
        counted.issuer_number = self._number
        self._native.count_refusal(counted.code, self._number)
        return counted

    def _remember(self, key: bytes, error: InvalidTokenError) -> None:
        """A refusal, for the next time; the oldest one makes room."""
        seconds, size = self._introspector.negative_cache_seconds, self._introspector.negative_cache_size
        if not seconds or not size:
            return
        self._refused.pop(key, None)
        while len(self._refused) >= size:
            try:
                self._refused.pop(next(iter(self._refused)), None)
            except (StopIteration, RuntimeError):  # another thread has emptied or changed it
                break
        self._refused[key] = (time.monotonic() + seconds, copy.copy(error).with_traceback(None))

    # ---- how a flight begins and ends

    def _begin(self, *what: Any) -> tuple[int, int, Any]:
        key, token = what
        ticket = self._pending.get(key)
        if ticket is not None:
            return _native.FETCH_WAIT, ticket, None
        pause = self._pause_until - time.monotonic()
        if pause > 0:
            raise self._count(_unavailable("it has failed, and is left alone for a while", pause))
        if len(self._pending) >= self._introspector.max_pending:
            raise self._count(_unavailable("too many tokens wait for it", 1.0))
        new = next(self._tickets)
        ticket = self._pending.setdefault(key, new)
        if ticket != new:
            return _native.FETCH_WAIT, ticket, None
        self._keys[new] = key
        return _native.FETCH_NOW, new, token

    def _has_ended(self, ticket: int) -> bool:
        return ticket not in self._pending.values()

    def _about(self) -> tuple[str, str | None, str | None]:
        state = self._native.issuer(self._number)
        issuer = None if state is None else state["issuer"]
        return "introspect", issuer, loggable_url(self._introspector.endpoint)

    def _give_up(self, ticket: int) -> None:
        key = self._keys.pop(ticket, None)
        if key is not None and self._pending.get(key) == ticket:
            self._pending.pop(key, None)

    def _finish(self, flight: Flight, error: Any) -> None:
        self._give_up(flight.ticket)
        super()._finish(flight, error)

    def _drop_expired(self) -> None:
        for ticket, flight in list(self._flights.items()):
            if time.monotonic() >= flight.deadline:
                self._flights.pop(ticket, None)
                self._give_up(ticket)

    # ---- the request

    def _perform(self, flight: Flight, job: Any) -> None:
        try:
            post = self._introspector.post
            headers, body = self._introspector._request(job)
            if post is None:
                found: Any = self._introspector._client.post(body, headers)
            else:
                found = post(self._introspector.endpoint, headers, body)
                if hasattr(found, "__await__"):
                    import asyncio

                    found = asyncio.run(limited(found, self._timeout))
            status, said = self._read(found)
        except Exception as error:
            raise self._failed(_describe(error)) from None
        flight.result = self._accept(status, said)

    async def _perform_async(self, flight: Flight, job: Any) -> None:
        try:
            headers, body = self._introspector._request(job)
            post: Any = self._introspector.post
            status, said = self._read(await limited(post(self._introspector.endpoint, headers, body), self._timeout))
        except Exception as error:  # CancelledError is not one
            raise self._failed(_describe(error)) from None
        flight.result = self._accept(status, said)

    def _read(self, response: Any) -> tuple[int, Said]:
        status, headers, body = response
        fields = read_fields(headers, ("content-type",)) if self._introspector.signed_response else {}
        return int(status), (_bytes(body), fields.get("content-type"))

    def _accept(self, status: int, said: Said) -> Said:
        """A response that is one. What it says of the token is the core's to evaluate."""
        if status != 200:
            # 400 may be about this one token, which somebody has made to that end.
            raise self._failed(f"HTTP status {status}", counts=status != 400)
        if self._failures:
            self._log("introspection: %s answers again after %d failures", self._failures)
        self._failures = 0
        return said

    def _failed(self, what: str, counts: bool = True) -> StatusUnavailableError:
        if not counts:
            return _unavailable(what, 1.0)
        self._failures += 1
        pause = 0.0
        if self._failures >= _PATIENCE:
            pause = min(_LONGEST_PAUSE, 2.0 ** min(self._failures - _PATIENCE, 5))
            self._pause_until = time.monotonic() + pause
        if self._failures == 1:
            self._log("introspection: %s failed: %s; tokens are refused with 503 where the host can say so", what)
        return _unavailable(what, max(1.0, pause))

    def _log(self, text: str, detail: object) -> None:
        logger("fastbearer.keys").warning(text, loggable_url(self._introspector.endpoint), detail)


class Introspected:
    """A question, with what an issuer says of its token. Where that is signed, keys may be needed for it."""

    __slots__ = ("_endpoint", "_key", "_question", "_said")

    def __init__(self, endpoint: Endpoint, question: TokenQuestion | RequestQuestion, key: bytes, said: Said) -> None:
        self._endpoint = endpoint
        self._question = question
        self._key = key
        self._said = said

    def ask(self) -> _native.AccessToken:
        """The verdict, or _KeysNeeded."""
        return self._endpoint.evaluate(self._question, self._key, self._said, None)

    def ask_after_fetch(self, key_request: int) -> _native.AccessToken:
        """The verdict, when keys were needed and have come or not."""
        return self._endpoint.evaluate(self._question, self._key, self._said, key_request)


def _unavailable(why: str, retry_after: float) -> StatusUnavailableError:
    error = StatusUnavailableError(f"the introspection endpoint could not be asked: {why}")
    error.retry_after = retry_after
    return error


def _describe(error: Exception) -> str:
    from .introspection import describe

    return "timed out" if isinstance(error, TimeoutError) else describe(error)


def _text(token: Any) -> str:
    return token if isinstance(token, str) else bytes(token).decode("ascii")


def _bytes(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
