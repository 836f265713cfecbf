"""Fetching a key set: who does it, on which thread, and who waits.

The core decides whether to fetch; this module gets it done once for everybody. A fetch runs on a short-lived daemon
thread, or, for an async fetch function called under asyncio, as a task of that loop; waiting threads and coroutines of
any loop share it, and one of them giving up does not stop it. After a fork the child starts afresh.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref

from . import _native
from .errors import FastBearerError, KeysUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from typing import Any, Union

    Headers = Union[Mapping[str, str], Iterable[tuple[str, str]]]
    Answer = tuple[int, Headers, Union[bytes, str]]
    Fetch = Callable[[str, Mapping[str, str]], Union[Answer, Awaitable[Answer]]]

_GRACE = 1.0
_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, whose module takes longer to import than this package
_ACCEPT = "application/jwk-set+json, application/json"
_WANTED = ("cache-control", "age", "etag", "content-encoding")


class _Flight:
    """One fetch and those who wait for it."""

    __slots__ = ("_callbacks", "_lock", "deadline", "done", "error", "request", "task", "thread")

    def __init__(self, timeout: float, request: int) -> None:
        self.request = request  # the key id that it was started for
        self.done = threading.Event()
        self.error: FastBearerError | None = None
        self.deadline = time.monotonic() + timeout + _GRACE
        self.task: asyncio.Task[None] | None = None
        self.thread: int | None = None  # of the loop whose task does the fetching
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []

    def finish(self, error: FastBearerError | None) -> None:
        with self._lock:
            self.error = error
            self.done.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def when_done(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if not self.done.is_set():
                self._callbacks.append(callback)
                return
        callback()

    def wait(self) -> None:
        """Blocks until the fetch has ended or its time is over. Never for a task that this thread itself must run."""
        if self.thread != threading.get_ident():
            self.done.wait(max(0.0, self.deadline - time.monotonic()))

    async def wait_async(self) -> None:
        """The same for a coroutine; cancelling it leaves the fetch alone."""
        loop = running_loop()
        if loop is None:
            import trio

            while not self.done.is_set() and time.monotonic() < self.deadline:
                await trio.sleep(0.01)
            return
        future: asyncio.Future[None] = loop.create_future()

        def wake() -> None:
            if not future.done():
                future.set_result(None)

        def wake_from_anywhere() -> None:
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:  # that loop was closed meanwhile, nobody waits there any more
                pass

        self.when_done(wake_from_anywhere)
        timer = loop.call_later(max(0.0, self.deadline - time.monotonic()), wake)
        try:
            await future
        finally:
            timer.cancel()


def running_loop() -> asyncio.AbstractEventLoop | None:
    """The asyncio loop that this coroutine runs on; None under another library (trio)."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        return asyncio.get_running_loop()  # type: ignore[no-any-return]
    except RuntimeError:
        return None


class KeySource:
    """The key set behind one URL, shared by all verifiers that were derived from the first."""

    def __init__(self, native: _native.Verifier, url: str, fetch: Fetch | None, timeout: float) -> None:
        # A handle of our own: closing a verifier must not take the key set from the others.
        self._native = _native.Verifier(keys_of=native, cache_size=0)
        self._shown = _without_secrets(url)
        self._url = url
        self._fetch = fetch
        self._fetch_is_async = _is_async(fetch)
        self._timeout = timeout
        self._failures = 0
        self.forget_flights()
        _sources.add(self)

    def forget_flights(self) -> None:
        """In the child of a fork: threads and locks of the parent are not there."""
        self._lock = threading.Lock()
        self._flight: _Flight | None = None

    def start(self, reason: int, request: int, loop: asyncio.AbstractEventLoop | None = None) -> _Flight:
        """The fetch that is under way, or a new one."""
        with self._lock:
            flight = self._flight
            if flight is not None and not flight.done.is_set() and time.monotonic() < flight.deadline:
                return flight
            flight = self._flight = _Flight(self._timeout, request)
        if self._fetch_is_async and loop is not None:
            flight.thread = threading.get_ident()
            flight.task = loop.create_task(self._run_on_loop(flight, reason, request))
            return flight
        thread = threading.Thread(
            target=self._run, args=(flight, reason, request), name="fastbearer-keys", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:  # no more threads: the process is ending, or out of them
            self._run(flight, reason, request)
        return flight

    def _run(self, flight: _Flight, reason: int, request: int) -> None:
        error: FastBearerError | None = KeysUnavailableError("the fetch was given up")
        try:
            if self._fetch is None:
                self._native.refresh(reason, request)
            else:
                self._run_fetch(self._fetch, reason, request)
            error = None
        except FastBearerError as failed:
            error = failed
        finally:
            self._settle(flight, error)

    def _run_fetch(self, fetch: Fetch, reason: int, request: int) -> None:
        ticket, url, headers = self._begin(reason, request)
        if url is None:
            if ticket is not None:
                self._native.refresh_wait(ticket, self._timeout)
            return
        failure: str | None = "the fetch was given up"
        answer: Any = None
        try:
            answer = fetch(url, headers)
            if hasattr(answer, "__await__"):
                import asyncio

                answer = asyncio.run(_limited(answer, self._timeout))
            failure = None
        except Exception as error:
            failure = self._say(error)
        finally:
            self._complete(ticket, answer, failure)

    async def _run_on_loop(self, flight: _Flight, reason: int, request: int) -> None:
        error: FastBearerError | None = KeysUnavailableError("the fetch was given up")
        try:
            assert self._fetch is not None
            await self._await_fetch(self._fetch, reason, request)
            error = None
        except FastBearerError as failed:
            error = failed
        finally:
            self._settle(flight, error)

    async def _await_fetch(self, fetch: Any, reason: int, request: int) -> None:
        import asyncio

        ticket, url, headers = self._begin(reason, request)
        if url is None:
            deadline = time.monotonic() + self._timeout
            while ticket is not None and time.monotonic() < deadline and not self._native.refresh_wait(ticket, 0.0):
                await asyncio.sleep(0.02)
            return
        failure: str | None = "the fetch was cancelled"
        answer: Any = None
        try:
            answer = await _limited(fetch(url, headers), self._timeout)
            failure = None
        except Exception as error:
            failure = self._say(error)
        finally:
            self._complete(ticket, answer, failure)

    def _begin(self, reason: int, request: int) -> tuple[int | None, str | None, dict[str, str]]:
        """Ticket, URL and headers of the fetch to make; no URL: wait for the ticket; no ticket either: nothing to do."""
        decision, ticket, _, url, etag, _, _ = self._native.refresh_begin(reason, request)
        if decision == _native.FETCH_WAIT:
            return ticket, None, {}
        if decision != _native.FETCH_NOW:
            return None, None, {}
        headers = {"Accept": _ACCEPT}
        if etag:
            headers["If-None-Match"] = etag
        return ticket, url, headers

    def _complete(self, ticket: int | None, answer: Any, failure: str | None) -> None:
        status, values, body = 0, dict.fromkeys(_WANTED), None
        if failure is None:
            try:
                status, values, body = _read_answer(answer)
            except (TypeError, ValueError, AttributeError) as error:
                failure = f"fetch must return (status, headers, body): {error}"
        assert ticket is not None
        self._native.refresh_complete(ticket, status, failure, body, *(values[name] for name in _WANTED))

    def _say(self, error: Exception) -> str:
        if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
            return f"no complete answer within {self._timeout:g} s"
        text = str(error).replace(self._url, self._shown)
        return f"{type(error).__name__}: {text}" if text else type(error).__name__

    def _settle(self, flight: _Flight, error: FastBearerError | None) -> None:
        try:
            self._log_change(error)
        finally:
            with self._lock:
                if self._flight is flight:
                    self._flight = None
            flight.finish(error)

    def _log_change(self, error: FastBearerError | None) -> None:
        """Said once when fetching begins to fail, and once when it works again."""
        stats = self._native.stats()
        failures, self._failures = self._failures, self._failures + 1 if stats["last_error"] else 0
        if bool(failures) == bool(self._failures):
            return
        import logging

        logger = logging.getLogger("fastbearer.keys")
        if not self._failures:
            logger.warning("key set %s: fetched again after %d failed attempts", self._shown, failures)
            return
        after = getattr(error, "retry_after", 0.0)
        logger.warning(
            "key set: fetch failed: %s; %s; next attempt in %.0f s",
            stats["last_error"],  # begins with the URL, without its query
            "the keys that are held stay in use" if stats["keys_held"] else "no keys are held, tokens cannot be verified",
            after,
        )


def _is_async(function: Any) -> bool:
    """Whether function, what a partial or method stands for, or an object's __call__, is declared with async def."""
    for candidate in (function, getattr(function, "__call__", None)):
        while hasattr(candidate, "func") or hasattr(candidate, "__func__"):
            candidate = getattr(candidate, "func", None) or candidate.__func__
        code = getattr(candidate, "__code__", None)
        if code is not None and code.co_flags & _CO_COROUTINE:
            return True
    return False


async def _limited(awaitable: Awaitable[Any], timeout: float) -> Any:
    import asyncio

    return await asyncio.wait_for(awaitable, timeout)


def _read_answer(answer: Any) -> tuple[int, dict[str, Any], bytes]:
    status, headers, body = answer
    pairs = headers.items() if hasattr(headers, "items") else headers or ()
    values: dict[str, Any] = dict.fromkeys(_WANTED)
    for name, value in pairs:
        name = name.decode("latin-1") if isinstance(name, bytes) else name
        if name.lower() in values:
            values[name.lower()] = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    body = body.encode() if isinstance(body, str) else bytes(body or b"")
    return int(status), values, body


def _without_secrets(url: str) -> str:
    """The URL for a log: without user, password, query and fragment."""
    scheme, separator, rest = url.partition("://")
    rest = rest.split("?", 1)[0].split("#", 1)[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


_sources: weakref.WeakSet[KeySource] = weakref.WeakSet()


def _after_fork() -> None:
    for source in list(_sources):
        source.forget_flights()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
