"""Fetching a key set: who does it, on which thread, and who waits.

The core decides whether to fetch; this module gets it done once for everybody. A fetch runs on a short-lived daemon
thread, or, for an async fetch function called under asyncio, as a task of that loop; waiting threads and coroutines of
any loop share it, and one of them giving up does not stop it. A loop that ends takes its tasks with it: such a fetch is
abandoned, which is no failure, and whoever waits for it starts another. After a fork the child starts afresh.

A signal handler or finalizer may run between any two steps here, on the same thread, and verify a token. So nothing
holds a lock, and no thread waits for a fetch that it must finish itself.
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
    Response = tuple[int, Headers, Union[bytes, str]]
    Fetch = Callable[[str, Mapping[str, str]], Union[Response, Awaitable[Response]]]

_GRACE = 1.0
_LOOK_AGAIN = 0.25
_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, whose module takes longer to import than this package
_ACCEPT = "application/jwk-set+json, application/json"
#: The header fields of a response that the core reads.
_FIELDS = frozenset(("age", "cache-control", "content-encoding", "content-length", "etag", "transfer-encoding"))


class Flight:
    """One fetch, by the core's ticket, and those who wait for it."""

    __slots__ = ("_callbacks", "abandoned", "deadline", "done", "error", "loop", "runner", "starter", "task", "ticket")

    def __init__(self, ticket: int, timeout: float) -> None:
        self.ticket = ticket
        self.done = False
        self.abandoned = False  # it ended without an outcome
        self.error: FastBearerError | None = None
        self.deadline = time.monotonic() + timeout + _GRACE
        self.starter: int | None = None  # the thread that has still to start it, or whose loop runs it
        self.runner: threading.Thread | None = None
        self.loop: asyncio.AbstractEventLoop | None = None  # whose task it is
        self.task: asyncio.Task[None] | None = None
        self._callbacks: list[Callable[[], object]] = []

    def finish(self, error: FastBearerError | None) -> None:
        self.error = None if error is None else error.with_traceback(None)
        self.task = self.runner = None
        self.done = True
        self._call_back()

    def _call_back(self) -> None:
        while True:
            try:
                callback = self._callbacks.pop()
            except IndexError:
                return
            callback()

    def when_done(self, callback: Callable[[], object]) -> None:
        """Calls callback once, when the fetch has ended or at once."""
        self._callbacks.append(callback)
        if self.done:
            self._call_back()

    def needs_this_thread(self) -> bool:
        """Whether it cannot end while this thread waits."""
        own = threading.get_ident()
        return own == self.starter or (self.runner is not None and own == self.runner.ident)

    def _wait_until(self, until: float) -> float:
        """until, or earlier, since the loop may be closed meanwhile."""
        return min(until, self.deadline, float("inf") if self.loop is None else time.monotonic() + _LOOK_AGAIN)

    def wait(self, until: float) -> None:
        """Blocks until the fetch has ended, or for a while. Returns at once on a thread that it needs itself."""
        if self.needs_this_thread():
            return
        ended = threading.Lock()
        ended.acquire()
        self.when_done(ended.release)
        ended.acquire(timeout=max(0.0, self._wait_until(until) - time.monotonic()))

    async def wait_async(self, until: float, loop: asyncio.AbstractEventLoop | None) -> None:
        """Waits as ``wait`` does, without blocking the loop; cancelling the wait leaves the fetch alone."""
        until = self._wait_until(until)
        if loop is None:
            import trio

            while not self.done and time.monotonic() < until:
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
        timer = loop.call_later(max(0.0, until - time.monotonic()), wake)
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

    def __init__(
        self, native: _native.Verifier, url: str, fetch: Fetch | None, timeout: float, trust_env: bool = False
    ) -> None:
        # A handle of our own: closing a verifier must not take the key set from the others.
        self._native = _native.Verifier(keys_of=native, cache_size=0)
        self._loggable_url = _without_secrets(url)
        self._url = url
        self._fetch = fetch
        self._fetch_is_async = _is_async(fetch)
        self._timeout = timeout
        self._ignores_proxies = fetch is None and not trust_env
        self._failures = 0
        self._loops_end = False  # a loop ended before its fetch did: refresh ahead on threads from now on
        self.forget_flights()
        _sources.add(self)

    def forget_flights(self) -> None:
        """In the child of a fork: threads of the parent are not there."""
        self._flights: dict[int, Flight] = {}  # those that are under way, by ticket
        self._starting: set[int] = set()  # threads between the core's decision and the flight

    # ---- for callers

    def fetch(self, reason: int, request: int = 0, seconds: float | None = None) -> Flight | None:
        """Fetches, or waits for the fetch that is under way: seconds at most, or as long as a fetch may take.

        None when there is nothing to fetch now.
        """
        until = time.monotonic() + (self._timeout + _GRACE if seconds is None else seconds)
        while True:
            flight = self.start(reason, request)
            if flight is None:
                return None
            flight.wait(until)
            if not self._try_again(flight, until, None):
                return flight

    async def fetch_async(self, reason: int, request: int = 0, seconds: float | None = None) -> Flight | None:
        """Fetches as ``fetch`` does, without blocking the loop."""
        loop = running_loop()
        until = time.monotonic() + (self._timeout + _GRACE if seconds is None else seconds)
        while True:
            flight = self.start(reason, request, loop)
            if flight is None:
                return None
            await flight.wait_async(until, loop)
            if not self._try_again(flight, until, loop):
                return flight

    def _try_again(self, flight: Flight, until: float, loop: asyncio.AbstractEventLoop | None) -> bool:
        """After a wait: whether to ask the core again what to wait for."""
        if time.monotonic() >= until or flight.needs_this_thread() and loop is None:
            return False
        if flight.done:
            # A fetch that was cancelled on a loop which goes on would be cancelled again.
            return flight.abandoned and (loop is None or flight.loop is not loop)
        return flight.loop is not None and time.monotonic() < flight.deadline

    def start(self, reason: int, request: int = 0, loop: asyncio.AbstractEventLoop | None = None) -> Flight | None:
        """The fetch to wait for: one that is under way, or one that starts now. None: there is nothing to wait for."""
        own = threading.get_ident()
        interrupted = own in self._starting  # by the handler or finalizer that calls this now
        self._starting.add(own)
        try:
            begin = self._native.refresh_start if self._fetch is None else self._native.refresh_begin
            decision, ticket, url, etag = begin(reason, request)
            if decision == _native.FETCH_WAIT:
                return self._under_way(ticket, interrupted)
            if decision != _native.FETCH_NOW:
                return None
            flight = self._flights.setdefault(ticket, Flight(ticket, self._timeout))
            flight.starter = own
        finally:
            if not interrupted:
                self._starting.discard(own)
        if self._fetch_is_async and loop is not None and not (self._loops_end and reason == _native.REFRESH_AHEAD):
            self._start_task(flight, loop, url, etag)
        else:
            self._start_thread(flight, url, etag)
        return flight

    def _under_way(self, ticket: int, interrupted: bool) -> Flight | None:
        """The flight of a ticket. Who comes before the one that the ticket was given to makes it."""
        if interrupted and ticket not in self._flights:
            return None  # this thread was about to start it, and goes on only when we return
        flight = self._flights.setdefault(ticket, Flight(ticket, self._timeout))
        if flight.loop is not None and flight.loop.is_closed():
            self._abandon(flight)
        elif self._native.refresh_wait(ticket, 0.0):
            self._flights.pop(ticket, None)  # it has ended since, and nobody would finish this flight
            return None
        return flight

    # ---- on a thread

    def _start_thread(self, flight: Flight, url: str | None, etag: str | None) -> None:
        flight.runner = threading.Thread(
            target=self._run, args=(flight, url, etag), name="fastbearer-keys", daemon=True
        )
        try:
            flight.runner.start()
        except RuntimeError:  # no more threads: the process is ending, or out of them
            self._run(flight, url, etag)
        flight.starter = None

    def _run(self, flight: Flight, url: str | None, etag: str | None) -> None:
        error: FastBearerError | None = KeysUnavailableError("the fetch was given up")
        try:
            if self._fetch is None:
                self._await_library(flight)
            else:
                self._run_fetch(flight, self._fetch, url, etag)
            error = None
        except FastBearerError as failed:
            error = failed
        finally:
            self._settle(flight, error)

    def _await_library(self, flight: Flight) -> None:
        """The library's own thread is fetching, and says how it ended; a resolver may keep it from that."""
        if not self._native.refresh_wait(flight.ticket, self._timeout + _GRACE / 2):
            self._complete(flight, None, f"no complete response within {self._timeout:g} s")
        stats = self._native.stats()
        if stats["last_error"]:
            error = KeysUnavailableError(stats["last_error"])
            error.retry_after = stats["retry_after"]
            raise error

    def _run_fetch(self, flight: Flight, fetch: Fetch, url: Any, etag: str | None) -> None:
        failure: str | None = "the fetch was given up"
        response: Any = None
        try:
            response = fetch(url, _request_headers(etag))
            if hasattr(response, "__await__"):
                import asyncio

                response = asyncio.run(_limited(response, self._timeout))
            failure = None
        except Exception as error:
            failure = self._describe(error)
        finally:
            self._complete(flight, response, failure)

    # ---- on an event loop

    def _start_task(
        self, flight: Flight, loop: asyncio.AbstractEventLoop, url: str | None, etag: str | None
    ) -> None:
        flight.loop = loop
        task = flight.task = loop.create_task(self._run_on_loop(flight, url, etag))
        # Also when the loop ends before the task has taken its first step.
        task.add_done_callback(lambda _: self._abandon(flight))

    async def _run_on_loop(self, flight: Flight, url: str | None, etag: str | None) -> None:
        error: FastBearerError | None = None
        try:
            await self._await_fetch(flight, self._fetch, url, etag)
        except FastBearerError as failed:
            error = failed
        self._settle(flight, error)

    async def _await_fetch(self, flight: Flight, fetch: Any, url: str | None, etag: str | None) -> None:
        failure: str | None = None
        response: Any = None
        try:
            response = await _limited(fetch(url, _request_headers(etag)), self._timeout)
        except Exception as error:  # being cancelled is none: then the fetch is abandoned
            failure = self._describe(error)
        self._complete(flight, response, failure)

    def _abandon(self, flight: Flight) -> None:
        """Ends a fetch that had no outcome, if that is not over yet."""
        if not flight.done:
            self._loops_end = flight.abandoned = True
            self._native.refresh_abandon(flight.ticket)
            self._finish(flight, KeysUnavailableError("the fetch was abandoned"))

    # ---- how it ended

    def _complete(self, flight: Flight, response: Any, failure: str | None) -> None:
        if flight.done:
            return  # abandoned meanwhile
        status, body = 0, None
        fields: dict[str, str] = {}
        if failure is None:
            try:
                status, fields, body = _read_response(response)
            except (TypeError, ValueError, AttributeError) as error:
                failure = f"fetch must return (status, headers, body): {error}"
        self._native.refresh_complete(flight.ticket, failure, status, body, fields)

    def _describe(self, error: Exception) -> str:
        if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
            return f"no complete response within {self._timeout:g} s"
        text = str(error).replace(self._url, self._loggable_url)
        return f"{type(error).__name__}: {text}" if text else type(error).__name__

    def _settle(self, flight: Flight, error: FastBearerError | None) -> None:
        try:
            self._log_change(error)
        finally:
            self._finish(flight, error)

    def _finish(self, flight: Flight, error: FastBearerError | None) -> None:
        self._flights.pop(flight.ticket, None)
        flight.finish(error)

    # ---- the log

    def _log_change(self, error: FastBearerError | None) -> None:
        """Logs once when fetching begins to fail, and once when it works again."""
        stats = self._native.stats()
        failures, self._failures = self._failures, self._failures + 1 if stats["last_error"] else 0
        if bool(failures) == bool(self._failures):
            return
        import logging

        logger = logging.getLogger("fastbearer.keys")
        if not self._failures:
            logger.warning("key set %s: fetched again after %d failed attempts", self._loggable_url, failures)
            return
        after = getattr(error, "retry_after", 0.0)
        logger.warning(
            "key set: fetch failed: %s; %s; next attempt in %.0f s",
            stats["last_error"],  # begins with the URL, without its query
            "the keys that are held stay in use" if stats["keys_held"] else "no keys are held, tokens cannot be verified",
            after,
        )
        variables = _proxy_variables() if self._ignores_proxies else ()
        if variables:
            self._ignores_proxies = False  # one warning
            logger.warning(
                "key set: %s set in the environment, but proxies are not used without trust_env=True",
                " and ".join(variables) + (" is" if len(variables) == 1 else " are"),
            )


def _request_headers(etag: str | None) -> dict[str, str]:
    headers = {"Accept": _ACCEPT}
    if etag:
        headers["If-None-Match"] = etag
    return headers


def _proxy_variables() -> list[str]:
    """Names of the variables that would send a fetch through a proxy; never their values, which may hold passwords."""
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY")
    return [name for name in names if os.environ.get(name)]


def _is_async(function: Any) -> bool:
    """Whether function, what a partial or method stands for, or an object's __call__, is declared with async def."""
    candidates: list[Any] = [function, getattr(function, "__call__", None)]
    for candidate in candidates:
        while hasattr(candidate, "func") or hasattr(candidate, "__func__"):
            candidate = candidate.func if hasattr(candidate, "func") else candidate.__func__
        code = getattr(candidate, "__code__", None)
        if code is not None and code.co_flags & _CO_COROUTINE:
            return True
    return False


async def _limited(awaitable: Awaitable[Any], timeout: float) -> Any:
    import asyncio

    return await asyncio.wait_for(awaitable, timeout)


def _read_response(response: Any) -> tuple[int, dict[str, str], bytes]:
    """Status, the fields that the core reads and the body. Values of a repeated field are one list (RFC 9110 5.3)."""
    status, headers, body = response
    pairs = headers.items() if hasattr(headers, "items") else headers or ()
    fields: dict[str, str] = {}
    for name, value in pairs:
        name = (name.decode("latin-1") if isinstance(name, bytes) else name).lower()
        if name in _FIELDS:
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            fields[name] = f"{fields[name]}, {text}" if name in fields else text
    body = body.encode() if isinstance(body, str) else bytes(body or b"")
    return int(status), fields, body


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
