"""Fetching a key set: on which thread it is done, and who waits for it.

The core decides whether to fetch; this module gets it done once for everybody. The library fetches with libcurl on a
thread of its own, and a short-lived daemon thread waits for it. A fetch function runs on such a thread or, if it is
async and called under asyncio, as a task of that loop. Threads and coroutines of any loop share a fetch, and one that
stops waiting does not stop it. A loop that ends takes its tasks with it: such a fetch is abandoned, which is not a
failure, and whoever waits for it starts another. After a fork the child starts afresh.

A signal handler or finalizer may run between any two steps here, on the same thread, and verify a token. So nothing
holds a lock, and no thread waits for a fetch that it must finish itself.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import allocate_lock, get_ident

from . import _native
from ._fetch_function import is_async, limited, loggable_url, read_response, request_headers
from .errors import FastBearerError, KeysUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Callable
    from typing import Any

    from ._fetch_function import Fetch

#: Seconds that a fetch may take beyond its time-out to say how it ended.
_GRACE = 1.0
#: Seconds after which a waiting thread looks whether the loop that fetches has been closed.
_LOOP_CHECK = 0.25


class Flight:
    """One fetch, by the core's ticket, and the callbacks of those who wait for it."""

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
        """Calls callback once: when the fetch has ended, or now if it has."""
        self._callbacks.append(callback)
        if self.done:
            self._call_back()

    def needs_this_thread(self) -> bool:
        """Whether the fetch cannot end while this thread waits."""
        own = get_ident()
        return own == self.starter or (self.runner is not None and own == self.runner.ident)

    def _wait_until(self, until: float) -> float:
        """until, or earlier: the fetch has a deadline of its own, and its loop may be closed meanwhile."""
        return min(until, self.deadline, float("inf") if self.loop is None else time.monotonic() + _LOOP_CHECK)

    def wait(self, until: float) -> None:
        """Blocks until the fetch has ended or the time has come. Returns at once on a thread that the fetch needs."""
        if self.needs_this_thread():
            return
        ended = allocate_lock()
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

        def wake_from_any_thread() -> None:
            try:
                loop.call_soon_threadsafe(wake)
            except RuntimeError:  # the loop has been closed: nobody waits there any more
                pass

        self.when_done(wake_from_any_thread)
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
    """Where one key set comes from; shared by all verifiers that differ in their policy only."""

    def __init__(
        self, native: _native.Verifier, url: str, fetch: Fetch | None, timeout: float, trust_env: bool = False
    ) -> None:
        # A handle of its own: closing a verifier must not take the key set from the others.
        self._native = _native.Verifier(issuers=({},), keys_of=native, cache_size=0)
        self._issuer = 1
        self._loggable_url = loggable_url(url)
        self._url = url
        self._fetch = fetch
        self._fetch_is_async = is_async(fetch)
        self._timeout = timeout
        self._ignores_proxies = fetch is None and not trust_env
        self._failures = 0
        self._loops_end = False  # a loop ended before its fetch did: refresh ahead on threads from now on
        self._reset_flights()

    def _reset_flights(self) -> None:
        """Also in the child of a fork, where the threads of the parent do not exist."""
        self._process = os.getpid()
        self._flights: dict[int, Flight] = {}  # those in progress, by ticket
        self._starting: set[int] = set()  # threads that are between the core's decision and the flight

    # ---- for callers

    def refresh_ahead(self, on_loop: bool = False) -> None:
        """Starts the fetch that the core says is due; nobody waits for it."""
        self.start(_native.REFRESH_AHEAD, loop=running_loop() if on_loop else None)

    def fetch(self, reason: int, request: int = 0, seconds: float | None = None) -> Flight | None:
        """Fetches, or waits for the fetch in progress: seconds at most, or as long as a fetch may take.

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
        """After a wait: whether to ask the core again, since there may be something else to wait for."""
        if time.monotonic() >= until or (flight.needs_this_thread() and loop is None):
            return False
        if flight.done:
            # A fetch that was cancelled on a loop which goes on would be cancelled again.
            return flight.abandoned and (loop is None or flight.loop is not loop)
        return flight.loop is not None and time.monotonic() < flight.deadline

    def start(self, reason: int, request: int = 0, loop: asyncio.AbstractEventLoop | None = None) -> Flight | None:
        """The fetch to wait for: the one in progress, or one that starts now. None: there is nothing to wait for."""
        if self._process != os.getpid():
            self._reset_flights()
        own = get_ident()
        interrupted = own in self._starting  # by the signal handler or finalizer that calls this now
        self._starting.add(own)
        try:
            begin = self._native.refresh_start if self._fetch is None else self._native.refresh_begin
            decision, ticket, url, etag, _, _ = begin(self._issuer, reason, request)
            if decision == _native.FETCH_WAIT:
                return self._in_progress(ticket, interrupted)
            if decision != _native.FETCH_NOW:
                return None
            self._drop_expired()
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

    def _in_progress(self, ticket: int, interrupted: bool) -> Flight | None:
        """The flight with this ticket; made here if the thread that was given the ticket has not come that far."""
        if interrupted and ticket not in self._flights:
            return None  # it is this thread, and it goes on only when this call has returned
        flight = self._flights.setdefault(ticket, Flight(ticket, self._timeout))
        if flight.loop is not None and flight.loop.is_closed():
            self._abandon(flight)
        elif self._native.refresh_wait(self._issuer, ticket, 0.0):
            self._flights.pop(ticket, None)  # the fetch has ended since, and nobody would finish this flight
            return None
        return flight

    def _drop_expired(self) -> None:
        """Flights that nobody has finished: of loops that were closed, of functions that never return."""
        for ticket, flight in list(self._flights.items()):
            if time.monotonic() >= flight.deadline:
                self._flights.pop(ticket, None)

    # ---- on a thread

    def _start_thread(self, flight: Flight, url: str | None, etag: str | None) -> None:
        import threading  # here, since it takes longer to import than this package; who has threads has it already

        flight.runner = threading.Thread(
            target=self._run, args=(flight, url, etag), name="fastbearer-keys", daemon=True
        )
        try:
            flight.runner.start()
        except RuntimeError:  # the process is ending, or has too many threads
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
        """The library's own thread fetches and says how it ended, unless the resolver keeps it from that."""
        if not self._native.refresh_wait(self._issuer, flight.ticket, self._timeout + _GRACE / 2):
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
            response = fetch(url, request_headers(etag))
            if hasattr(response, "__await__"):
                import asyncio

                response = asyncio.run(limited(response, self._timeout))
            failure = None
        except Exception as error:
            failure = self._describe(error)
        finally:
            self._complete(flight, response, failure)

    # ---- on an event loop

    def _start_task(self, flight: Flight, loop: asyncio.AbstractEventLoop, url: str | None, etag: str | None) -> None:
        flight.loop = loop
        task = flight.task = loop.create_task(self._run_on_loop(flight, url, etag))
        # It is called even if the loop ends before the task has taken its first step.
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
            response = await limited(fetch(url, request_headers(etag)), self._timeout)
        except Exception as error:  # CancelledError is not one: then the fetch is abandoned
            failure = self._describe(error)
        self._complete(flight, response, failure)

    def _abandon(self, flight: Flight) -> None:
        """Ends a fetch without an outcome, unless it has ended."""
        if not flight.done:
            self._loops_end = flight.abandoned = True
            self._native.refresh_abandon(self._issuer, flight.ticket)
            self._finish(flight, KeysUnavailableError("the fetch was abandoned"))

    # ---- how it ended

    def _complete(self, flight: Flight, response: Any, failure: str | None) -> None:
        if flight.done:
            return  # it was abandoned meanwhile
        status, body = 0, None
        fields: dict[str, str] = {}
        if failure is None:
            try:
                status, fields, body = read_response(response)
            except (TypeError, ValueError, AttributeError) as error:
                failure = f"fetch must return (status, headers, body): {error}"
        self._native.refresh_complete(self._issuer, flight.ticket, failure, status, body, fields)

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
        """Logs when fetching begins to fail, and when it works again."""
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
            "the keys that are held stay in use"
            if stats["keys_held"]
            else "no keys are held, tokens cannot be verified",
            after,
        )
        variables = _proxy_variables() if self._ignores_proxies else ()
        if variables:
            self._ignores_proxies = False  # one warning
            logger.warning(
                "key set: %s set in the environment, but proxies are not used without trust_env=True",
                " and ".join(variables) + (" is" if len(variables) == 1 else " are"),
            )


def _proxy_variables() -> list[str]:
    """Names of the variables that would send a fetch through a proxy. Not their values, which may hold passwords."""
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY")
    return [name for name in names if os.environ.get(name)]
