"""Work that is done once for everybody who waits for it: on which thread, and who is woken.

The core decides whether a fetch or a resolution is to begin, and gives it a ticket; a flight is one of them. A function
of the user's runs on a short-lived daemon thread or, if it is async and called under asyncio, as a task of that loop.
Threads and coroutines of any loop share a flight, and one that stops waiting does not stop it. A loop that ends takes
its tasks with it: such a flight is abandoned, which is not a failure, and whoever waits for it starts another. After a
fork the child starts afresh.

A signal handler or finalizer may run between any two steps here, on the same thread, and verify a token. So nothing
holds a lock, and no thread waits for a flight that it must finish itself.
"""

from __future__ import annotations

import atexit
import os
import sys
import time
from _thread import allocate_lock, get_ident

from . import _native
from .errors import FastBearerError, KeysUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Callable
    from typing import Any

#: Seconds that a flight may take beyond its time-out to say how it ended.
GRACE = 1.0
#: Seconds after which a waiting thread looks whether the loop that has the flight has been closed.
_LOOP_CHECK = 0.25
#: Seconds that the end of the interpreter waits for threads that are just starting.
_START_PATIENCE = 3.0


class _StartingThreads:
    """Threads that have been started and have not run yet. Before CPython 3.14 one that first runs when the interpreter
    has been freed crashes, so the end waits for them and lets none start."""

    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()
        self._closed = False
        atexit.register(self._close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._threads.clear)

    def start(self, thread: threading.Thread) -> bool:
        """False when the interpreter is ending, or the process has too many threads."""
        self._threads.add(thread)
        try:
            if not self._closed:
                thread.start()
                return True
        except RuntimeError:
            pass
        self._threads.discard(thread)
        return False

    def runs(self, thread: threading.Thread | None) -> None:
        """For a thread to call first."""
        if thread is not None:
            self._threads.discard(thread)

    def _close(self) -> None:
        self._closed = True
        deadline = time.monotonic() + _START_PATIENCE
        while self._threads and time.monotonic() < deadline:
            time.sleep(0.001)


_starting_threads = _StartingThreads()


def start_daemon(function: Callable[[], object], name: str) -> bool:
    """Runs function on a daemon thread of its own; False when there can be none: the interpreter is ending."""
    import threading

    def run() -> None:
        _starting_threads.runs(thread)
        function()

    thread = threading.Thread(target=run, name=name, daemon=True)
    return _starting_threads.start(thread)


#: What surrounds each fetch and each question to an endpoint: a context manager made from what it is, the issuer, and
#: the URL without its query. None: nothing. Set by fastbearer.telemetry.
around: Callable[[str, str | None, str | None], Any] | None = None


class Flight:
    """One fetch, by the core's ticket, and the callbacks of those who wait for it."""

    __slots__ = (
        "_callbacks", "abandoned", "deadline", "done", "error", "loop", "result", "runner", "starter", "task",
        "ticket",
    )  # fmt: skip

    def __init__(self, ticket: int, timeout: float) -> None:
        self.ticket = ticket
        self.done = False
        self.abandoned = False  # it ended without an outcome
        self.error: FastBearerError | None = None
        self.result: Any = None  # what it brought, where that is not the core's
        self.deadline = time.monotonic() + timeout + GRACE
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


class _Nothing:
    """A context manager that does nothing; contextlib takes longer to import than this package."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_NOTHING = _Nothing()


class Flights:
    """The flights of one kind. A subclass says how they begin, what is done in them, and how they end."""

    def __init__(self, timeout: float, is_async: bool) -> None:
        self._timeout = timeout
        self._is_async = is_async
        self._loops_end = False  # a loop ended before its flight did: what nobody waits for goes on threads from now on
        self._reset_flights()

    def _reset_flights(self) -> None:
        """Also in the child of a fork, where the threads of the parent do not exist."""
        self._process = os.getpid()
        self._flights: dict[int, Flight] = {}  # those in progress, by ticket
        self._starting: set[int] = set()  # threads that are between the core's decision and the flight

    # ---- what a subclass does

    def _begin(self, *what: Any) -> tuple[int, int, Any]:
        """The core's decision (FETCH_NOW, FETCH_WAIT or another), the ticket, and what _perform is to do."""
        raise NotImplementedError

    def _has_ended(self, ticket: int) -> bool:
        """Whether the core says that the flight with this ticket is over."""
        raise NotImplementedError

    def _perform(self, flight: Flight, job: Any) -> None:
        """Does the job on this thread and tells the core how it ended; a FastBearerError when it failed."""
        raise NotImplementedError

    async def _perform_async(self, flight: Flight, job: Any) -> None:
        """Does the job on the running loop and tells the core how it ended, as _perform does."""
        raise NotImplementedError

    def _about(self) -> tuple[str, str | None, str | None] | None:
        """What a flight does, for whom, and where; None for what only reads a store."""
        return None

    def _give_up(self, ticket: int) -> None:
        """Tells the core that the flight ends without an outcome."""
        raise NotImplementedError

    def _ended(self, error: FastBearerError | None) -> None:
        """Called when a flight has had its outcome, before those who wait are woken."""

    # ---- for callers

    def run(self, *what: Any, seconds: float | None = None) -> Flight | None:
        """Begins a flight, or waits for the one in progress: seconds at most, or as long as one may take.

        None when there is nothing to do now.
        """
        return self.wait(self.start(*what), self.until(seconds), *what)

    async def run_async(self, *what: Any, seconds: float | None = None) -> Flight | None:
        """Begins a flight or waits as ``run`` does, without blocking the loop."""
        return await self.wait_async(self.start(*what, loop=running_loop()), self.until(seconds), *what)

    def until(self, seconds: float | None = None) -> float:
        """When a wait that begins now is over."""
        return time.monotonic() + (self._timeout + GRACE if seconds is None else seconds)

    def wait(self, flight: Flight | None, until: float, *what: Any) -> Flight | None:
        """Waits for a flight, and for the one that takes its place when it was abandoned."""
        while flight is not None:
            flight.wait(until)
            if not self._try_again(flight, until, None):
                break
            flight = self.start(*what)
        return flight

    async def wait_async(self, flight: Flight | None, until: float, *what: Any) -> Flight | None:
        """Waits as ``wait`` does, without blocking the loop."""
        loop = running_loop()
        while flight is not None:
            await flight.wait_async(until, loop)
            if not self._try_again(flight, until, loop):
                break
            flight = self.start(*what, loop=loop)
        return flight

    def _try_again(self, flight: Flight, until: float, loop: asyncio.AbstractEventLoop | None) -> bool:
        """After a wait: whether to ask the core again, since there may be something else to wait for."""
        if time.monotonic() >= until or (flight.needs_this_thread() and loop is None):
            return False
        if flight.done:
            # A flight that was cancelled on a loop which goes on would be cancelled again.
            return flight.abandoned and (loop is None or flight.loop is not loop)
        return flight.loop is not None and time.monotonic() < flight.deadline

    def start(self, *what: Any, loop: asyncio.AbstractEventLoop | None = None, awaited: bool = True) -> Flight | None:
        """The flight to wait for: the one in progress, or one that starts now. None: there is nothing to wait for."""
        if self._process != os.getpid():
            self._reset_flights()
        own = get_ident()
        interrupted = own in self._starting  # by the signal handler or finalizer that calls this now
        self._starting.add(own)
        try:
            decision, ticket, job = self._begin(*what)
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
        if self._is_async and loop is not None and (awaited or not self._loops_end):
            self._start_task(flight, loop, job)
        else:
            self._start_thread(flight, job)
        return flight

    def _in_progress(self, ticket: int, interrupted: bool) -> Flight | None:
        """The flight with this ticket; made here if the thread that was given the ticket has not come that far."""
        if interrupted and ticket not in self._flights:
            return None  # it is this thread, and it goes on only when this call has returned
        flight = self._flights.setdefault(ticket, Flight(ticket, self._timeout))
        if flight.loop is not None and flight.loop.is_closed():
            self._abandon(flight)
        elif self._has_ended(ticket):
            self._flights.pop(ticket, None)  # it has ended since, and nobody would finish this flight
            return None
        return flight

    def _drop_expired(self) -> None:
        """Flights that nobody has finished: of loops that were closed, of functions that never return."""
        for ticket, flight in list(self._flights.items()):
            if time.monotonic() >= flight.deadline:
                self._flights.pop(ticket, None)

    # ---- on a thread

    def _start_thread(self, flight: Flight, job: Any) -> None:
        import threading  # here, since it takes longer to import than this package; who has threads has it already

        call: tuple[Any, ...] = (self._run_on_thread, flight, job)
        if around is not None:
            import contextvars

            call = (contextvars.copy_context().run, *call)  # of the request that it is done for
        thread = threading.Thread(target=call[0], args=call[1:], name="fastbearer-keys", daemon=True)
        flight.runner = thread
        if not _starting_threads.start(thread):
            self._run(flight, job)
        flight.starter = None

    def _run_on_thread(self, flight: Flight, job: Any) -> None:
        _starting_threads.runs(flight.runner)
        self._run(flight, job)

    def _run(self, flight: Flight, job: Any) -> None:
        error: FastBearerError | None = KeysUnavailableError("the fetch was given up")
        try:
            with self._surroundings():
                self._perform(flight, job)
            error = None
        except FastBearerError as failed:
            error = failed
        except ValueError:  # the verifier has been closed
            pass
        finally:
            self._settle(flight, error)

    # ---- on an event loop

    def _start_task(self, flight: Flight, loop: asyncio.AbstractEventLoop, job: Any) -> None:
        flight.loop = loop
        task = flight.task = loop.create_task(self._run_on_loop(flight, job))
        # It is called even if the loop ends before the task has taken its first step.
        task.add_done_callback(lambda _: self._abandon(flight))

    async def _run_on_loop(self, flight: Flight, job: Any) -> None:
        error: FastBearerError | None = None
        try:
            with self._surroundings():
                await self._perform_async(flight, job)
        except FastBearerError as failed:
            error = failed
        except ValueError:  # the verifier has been closed
            error = KeysUnavailableError("the verifier was closed")
        self._settle(flight, error)

    def _surroundings(self) -> Any:
        about = None if around is None else self._about()
        return _NOTHING if around is None or about is None else around(*about)

    def _abandon(self, flight: Flight) -> None:
        """Ends a flight without an outcome, unless it has ended."""
        if not flight.done:
            self._loops_end = flight.abandoned = True
            try:
                self._give_up(flight.ticket)
            except ValueError:  # the verifier has been closed
                pass
            self._finish(flight, KeysUnavailableError("the fetch was abandoned"))

    # ---- how it ended

    def _settle(self, flight: Flight, error: FastBearerError | None) -> None:
        try:
            self._ended(error)
        except ValueError:  # the verifier has been closed
            pass
        finally:
            self._finish(flight, error)

    def _finish(self, flight: Flight, error: FastBearerError | None) -> None:
        self._flights.pop(flight.ticket, None)
        flight.finish(error)
