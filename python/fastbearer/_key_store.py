"""The key store of one issuer: read before a fetch, written after one.

What it holds is handed to the core, which evaluates it as a response. Where the store can say which of many processes
is to fetch, the others wait for what that one brings, as long as the token may wait. A store that fails is logged, and
the keys are fetched as without it. Its sync functions run on short-lived threads, never on an event loop's.
"""

from __future__ import annotations

import itertools
import time

from . import _native
from ._fetch_function import is_async, limited
from ._flight import Flight, Flights, running_loop, start_daemon
from ._late_log import logger

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from ._key_source import KeySource

#: What a read is for.
TOKEN, AHEAD, EXPLICIT = "token", "ahead", "explicit"
#: Seconds between two looks at what another process has fetched.
_LOOK = 0.05
#: Seconds after which a claim that led to no fetch is given back.
_UNUSED = 1.0
#: Seconds that an async function of the store may take.
_TIMEOUT = 5.0
#: How many different failures are logged.
_LOGGED = 32


class Stored(Flights):
    """The store, as one key source uses it. A flight is a read; its result is whether it brought something new."""

    def __init__(self, native: _native.Verifier, number: int, store: Any, source: KeySource) -> None:
        super().__init__(source._timeout, is_async(store.load))
        self._native = native
        self._number = number
        self._store = store
        self._key_source = source
        self._tickets = itertools.count(1)
        self._current = 0
        self._seen = 0.0  # fetched_at of the set that was handed over last
        self._saved = 0  # the version of the keys that was saved last
        self._claimed = False
        self._task: asyncio.Task[None] | None = None
        self._logged: set[str] = set()

    # ---- for the key source

    def fetched(self) -> None:
        """After a fetch, whatever came of it: saves what is new, and lets other processes fetch."""
        version = self._native.keys_version(self._number)
        if version == self._saved and not self._claimed:
            return
        loop = running_loop()
        if loop is None:
            self._save(version)
        elif self._is_async:
            self._task = loop.create_task(self._save_async(version))
        elif not start_daemon(lambda: self._save(version), "fastbearer-store"):
            self._save(version)

    def release_soon(self) -> None:
        """Lets other processes fetch where this one does not after all."""
        if self._claimed and not start_daemon(self._release_unused, "fastbearer-store"):
            self._release()

    def _release_unused(self) -> None:
        time.sleep(_UNUSED)
        if self._claimed and not self._key_source.is_busy():
            self._release()

    def _release(self) -> None:
        if self._claimed:
            self._claimed = False
            self._call(self._store.release, self._name())

    # ---- how a read begins and ends

    def _begin(self, *what: Any) -> tuple[int, int, Any]:
        current = self._current
        if current:
            return _native.FETCH_WAIT, current, None
        self._current = next(self._tickets)
        return _native.FETCH_NOW, self._current, what

    def _has_ended(self, ticket: int) -> bool:
        return self._current != ticket

    def _give_up(self, ticket: int) -> None:
        if self._current == ticket:
            self._current = 0

    def _finish(self, flight: Flight, error: Any) -> None:
        self._give_up(flight.ticket)
        super()._finish(flight, error)

    def _run(self, flight: Flight, job: Any) -> None:
        super()._run(flight, job)
        self._go_on(flight, *job)

    async def _run_on_loop(self, flight: Flight, job: Any) -> None:
        await super()._run_on_loop(flight, job)
        self._go_on(flight, *job)

    def _go_on(self, flight: Flight, purpose: str, loop: Any = None) -> None:
        """After a read: the fetch that nobody waits for, which the core begins if it is still due."""
        if purpose == AHEAD and not flight.result:

            def begin() -> None:
                self._key_source.start(_native.REFRESH_AHEAD, 0, loop=loop, awaited=False)

            try:
                if loop is None or loop is running_loop():
                    begin()
                else:
                    loop.call_soon_threadsafe(begin)
            except (RuntimeError, ValueError):  # the loop or the verifier has been closed
                pass
        self.release_soon()

    # ---- reading

    def _perform(self, flight: Flight, job: Any) -> None:
        source = self._name()
        if source is None:
            return
        flight.result = self._take(self._call(self._store.load, source))
        if flight.result and job[0] == TOKEN:
            return  # it may be all that the token needs
        until = flight.deadline
        while not self._claim(source) and time.monotonic() < until:
            time.sleep(_LOOK)
            if self._take(self._call(self._store.load, source)):
                flight.result = True
                return
        # Whoever had the claim before has saved what it fetched, perhaps since this process has looked.
        flight.result = self._claimed and self._take(self._call(self._store.load, source))
        if flight.result:
            self._release()

    async def _perform_async(self, flight: Flight, job: Any) -> None:
        import asyncio

        source = self._name()
        if source is None:
            return
        flight.result = self._take(await self._call_async(self._store.load, source))
        if flight.result and job[0] == TOKEN:
            return
        until = flight.deadline
        while not await self._claim_async(source) and time.monotonic() < until:
            await asyncio.sleep(_LOOK)
            if self._take(await self._call_async(self._store.load, source)):
                flight.result = True
                return
        flight.result = self._claimed and self._take(await self._call_async(self._store.load, source))
        if flight.result:
            await self._release_async()

    def _claim(self, source: str) -> bool:
        """Whether this process is to fetch; a store that cannot say so, or fails, leaves it to each."""
        claim = getattr(self._store, "claim", None)
        if claim is None:
            return True
        answer = self._call(claim, source, self._timeout)
        self._claimed = self._claimed or answer is True
        return answer is not False

    async def _claim_async(self, source: str) -> bool:
        claim = getattr(self._store, "claim", None)
        if claim is None:
            return True
        answer = await self._call_async(claim, source, self._timeout)
        self._claimed = self._claimed or answer is True
        return answer is not False

    def _take(self, stored: Any) -> bool:
        """Hands a set to the core; whether it is another one than before, and any good."""
        if stored is None or stored is _FAILED:
            return False
        try:
            fetched_at = float(stored.fetched_at)
            if fetched_at <= self._seen:
                return False
            keys = (self._name(), stored.document, stored.etag, stored.jwks_uri, fetched_at, float(stored.fresh_until))
            self._native.import_keys(self._number, keys)
        except Exception as error:
            self._log("its key set is not used", error)
            return False
        self._seen = fetched_at
        return True

    def _name(self) -> Any:
        """What names the key set in the store; None for an issuer that has made room for others."""
        state = self._native.issuer(self._number)
        return None if state is None else state["source"]

    # ---- writing

    def _save(self, version: int) -> None:
        keys = self._new_keys(version)
        if keys is not None and self._call(self._store.save, self._name(), keys) is not _FAILED:
            self._saved = version
        self._release()

    async def _save_async(self, version: int) -> None:
        keys = self._new_keys(version)
        if keys is not None and await self._call_async(self._store.save, self._name(), keys) is not _FAILED:
            self._saved = version
        await self._release_async()

    async def _release_async(self) -> None:
        if self._claimed:
            self._claimed = False
            await self._call_async(self._store.release, self._name())

    def _new_keys(self, version: int) -> Any:
        if version == self._saved:
            return None
        from .stores._keys import StoredKeys

        held = self._native.export_keys(self._number)
        if held is None:
            return None
        keys = StoredKeys(*held[1:])
        self._seen = max(self._seen, keys.fetched_at)
        return keys

    # ---- calling the store

    def _call(self, function: Any, *arguments: Any) -> Any:
        try:
            found = function(*arguments)
            if hasattr(found, "__await__"):
                import asyncio

                found = asyncio.run(limited(found, _TIMEOUT))
        except Exception as error:
            self._log(f"{getattr(function, '__name__', 'it')} failed", error)
            return _FAILED
        return found

    async def _call_async(self, function: Any, *arguments: Any) -> Any:
        try:
            found = function(*arguments)
            if hasattr(found, "__await__"):
                found = await limited(found, _TIMEOUT)
        except Exception as error:  # CancelledError is not one
            self._log(f"{getattr(function, '__name__', 'it')} failed", error)
            return _FAILED
        return found

    def _log(self, what: str, error: Exception) -> None:
        text = f"{what}: {type(error).__name__}: {error}"[:300]
        if text not in self._logged and len(self._logged) < _LOGGED:
            self._logged.add(text)
            logger("fastbearer.keys").warning("key store: %s", text if text.isprintable() else what)


#: What a call of the store gave that raised.
_FAILED = object()
