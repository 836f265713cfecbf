"""How a rejected token is logged.

A rejection is an everyday event that anybody can cause, so the log is rate-limited: the first of each kind is logged at
once, the others are counted in one line every ten seconds. A wrong configuration is logged once. A line holds the
reason code, the key id that the token asked for, the *configured* issuer that was chosen for it, where the reason is
explained and, when a verified claim was refused, what was expected and what it held (all made printable by the core);
never the token, never an unverified claim.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar

from .errors import FastBearerError

LOGGER = logging.getLogger("fastbearer")

_QUIET_SECONDS = 10.0

#: Where rejections go in place of the log: who tries a verifier wants its reason, and no line for each token.
overheard: ContextVar[list[Exception] | None] = ContextVar("fastbearer_overheard", default=None)


class RateLimit:
    """Admits the first event of each kind at once, then one every ten seconds. There must be few kinds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._kinds: dict[object, tuple[float, int]] = {}

    def admit(self, kind: object) -> int | None:
        """How many of this kind were not admitted since the last one that was; None: this one is not either."""
        now = self._clock()
        with self._lock:
            until, suppressed = self._kinds.get(kind, (0.0, 0))
            if now < until:
                self._kinds[kind] = (until, suppressed + 1)
                return None
            self._kinds[kind] = (now + _QUIET_SECONDS, 0)
        return suppressed


class RejectionLog:
    """Writes rejections to a logger: the first of each code at once, then one line every ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = RateLimit(clock)
        self._lock = threading.RLock()
        self._warned: set[str] = set()

    def rejected(self, logger: logging.Logger, error: Exception) -> None:
        """Logs or counts one rejected token. error is what Verifier raised."""
        heard = overheard.get()
        if heard is not None:
            heard.append(error)
            return
        code = error.code if isinstance(error, FastBearerError) else "internal_error"
        suppressed = self._limit.admit(code)
        if suppressed is None:
            return
        parts = [f"bearer token rejected: {code}: {_loggable(error)}"]
        issuer = error.issuer if isinstance(error, FastBearerError) else None
        if issuer is not None:
            parts.append(f"configured issuer {issuer!r}")
        if suppressed:
            parts.append(f"{suppressed} more of this kind since the last line")
        parts.append(f"see docs/reasons.md#{code}")
        logger.info("%s", "; ".join(parts))

    def warn_once(self, logger: logging.Logger, message: str) -> None:
        """Logs a warning about the configuration, the first time only."""
        with self._lock:
            if message in self._warned:
                return
            self._warned.add(message)
        logger.warning("%s", message)


def _loggable(error: Exception) -> str:
    """What an error says. Only our own sentences are known to hold nothing of the token; a hook's exception may."""
    if not isinstance(error, FastBearerError):
        return type(error).__name__
    parts = [str(error)]
    if error.kid:
        parts.append(f"kid {error.kid!r}")
    if error.expected:
        parts.append(f"expected {error.expected}")
    if error.actual:
        parts.append(f"got {error.actual}")
    return "; ".join(parts)


def warn(problem: str) -> None:
    """Logs a warning about this process that comes from the core, which gives it once."""
    LOGGER.warning("%s", problem)
