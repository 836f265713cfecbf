"""The revocations that one process holds, and the thread that keeps them current.

The thread reads all of them, then follows the stream to which each new one is appended. Entries are numbered: where a
number is missing, or the connection was lost, it reads all of them again. All the while those that were held count.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from .. import _native
from .._flight import start_daemon
from ..errors import StatusUnavailableError

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .._native import AccessToken

LOGGER = logging.getLogger("fastbearer")

#: Milliseconds that Redis waits for a revocation before it says that there is none.
_BLOCK = 500
_AT_A_TIME = 1000
#: Seconds between two attempts to connect.
_RETRY = 0.25


class Revoked:
    """What is revoked, as far as this process knows, and since when it knows nothing new."""

    def __init__(self, client: Any, keys: list[str], timeout: float, max_silence: float, max_entries: int) -> None:
        self._client = client
        self._all, self._before, self._stream, self._count = keys
        self._max_silence = max_silence
        self._set = _native.Revocations(max_entries=max_entries)
        self._block = max(1, min(_BLOCK, int(timeout * 500)))
        #: Until when what is held is taken for all there is.
        self.known_until = float("-inf")
        self.look_up = self._set.is_revoked
        self._filled = threading.Event()
        self._too_many = False
        self._stopped = threading.Event()
        self._is_away = False
        start_daemon(self._run, "fastbearer-revocations")

    def stop(self) -> None:
        """Ends the thread, some time soon."""
        self._stopped.set()

    # ---- looking up

    def holds(self, access: AccessToken) -> bool | Awaitable[bool]:
        """Whether a token is revoked; StatusUnavailableError when that is not known."""
        if not self._filled.is_set():
            return self._wait(access)
        return self._now(access)

    def _wait(self, access: AccessToken) -> bool | Awaitable[bool]:
        """For the first time: until all of them are there, or it is clear that Redis is away."""
        asyncio = sys.modules.get("asyncio")
        try:
            if asyncio is not None:
                asyncio.get_running_loop()
                return self._wait_async(access)
        except RuntimeError:
            pass
        self._filled.wait(self._max_silence)
        return self._now(access)

    async def _wait_async(self, access: AccessToken) -> bool:
        import asyncio

        until = time.monotonic() + self._max_silence
        while not self._filled.is_set() and time.monotonic() < until:
            await asyncio.sleep(0.005)
        return self._now(access)

    def _now(self, access: AccessToken) -> bool:
        if time.monotonic() > self.known_until:
            raise self._unknown()
        return self.look_up(access, None)

    def problem(self) -> str:
        """Why it is not known what has been revoked."""
        why = "there are more than max_revocations" if self._too_many else "there is no word from Redis"
        return f"revocations are not known: {why}"

    def _unknown(self) -> StatusUnavailableError:
        return StatusUnavailableError(self.problem())

    # ---- following

    def add(self, member: str, moment: float, ends: float) -> None:
        """One more, from this process or from the stream."""
        kind, issuer, name = json.loads(member)
        try:
            if kind == "jti":
                self._set.add(issuer, name, ends, None)
            else:
                self._set.add_subject(issuer, name, moment, ends, None)
        except (StatusUnavailableError, MemoryError):
            if not self._too_many:
                self._too_many = True
                self.known_until = float("-inf")
                LOGGER.error("there are more revocations than max_revocations: requests get 503")

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                number, place = self._fill()
                self._say(None)
                while not self._stopped.is_set():
                    number, place = self._follow(number, place)
            except _Missed:
                pass
            except Exception as error:
                if not self._stopped.is_set():  # otherwise the connections have been closed
                    self._say(error)
                    self._stopped.wait(_RETRY)

    def _fill(self) -> tuple[int, str]:
        """Reads all of them; the number and the place in the stream from which to go on."""
        asked = time.monotonic()
        # The place is read before them, so that what comes meanwhile is read twice rather than never.
        last = self._client.xrevrange(self._stream, count=1)
        place = last[0][0].decode() if last else "0-0"
        number = int(last[0][1][b"number"] if last else self._client.get(self._count) or 0)
        self._too_many = False  # there may be room by now
        now = time.time()
        start: Any = 0
        while start is not None:
            # From the last end downwards: what runs out meanwhile leaves at the bottom, and moves no other's place.
            members = self._client.zrevrangebyscore(
                self._all, "+inf", now, withscores=True, start=start, num=_AT_A_TIME
            )
            moments = self._client.hmget(self._before, [member for member, _ in members]) if members else []
            for (member, ends), moment in zip(members, moments, strict=True):
                self.add(member.decode(), float(moment or 0), ends)
            start = start + len(members) if members and not self._too_many else None
        if self._too_many:
            self._filled.set()
            self._stopped.wait(1.0)
            raise _Missed
        self._know_all(asked)
        return number, place

    def _follow(self, number: int, place: str) -> tuple[int, str]:
        if self._too_many:
            raise _Missed
        asked = time.monotonic()
        found = self._client.xread({self._stream: place}, count=_AT_A_TIME, block=self._block)
        entries = found[0][1] if found else ()
        for at, entry in entries:
            number += 1
            if int(entry[b"number"]) != number:
                raise _Missed
            self.add(entry[b"member"].decode(), float(entry[b"moment"]), float(entry[b"ends"]))
            place = at.decode()
        if len(entries) < _AT_A_TIME:
            self._know_all(asked)
        return number, place

    def _know_all(self, asked: float) -> None:
        """All that was revoked when Redis was asked is held."""
        self.known_until = asked + self._max_silence
        self._filled.set()

    def _say(self, error: Exception | None) -> None:
        """Logs when Redis goes away, and when it is back."""
        if (error is not None) == self._is_away:
            return
        self._is_away = error is not None
        if error is None:
            LOGGER.warning("revocations: Redis is back, all revocations are known")
            return
        LOGGER.warning(
            "revocations: Redis is away (%s); what is known is used for %g s, then requests get 503",
            type(error).__name__,
            self._max_silence,
        )


class _Missed(Exception):
    """Some of the stream was gone before it was read."""
