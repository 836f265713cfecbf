"""What the framework adapters share: how a rejected token is logged.

A rejection is an everyday event that anybody can cause, so the log is rate-limited: the first one of each kind, then a
count every ten seconds. A wrong configuration is said once. A line holds the reason code, the key id that the token
asked for, the *configured* issuer and, when a verified claim was refused, what it should have held and what it did (all
made printable by the core); never the token, never a claim that nobody has verified.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .errors import FastBearerError

LOGGER = logging.getLogger("fastbearer")

_QUIET_SECONDS = 10.0


class RejectionLog:
    """Writes rejections to a logger, the first of each code at once and then one line every ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, tuple[float, int]] = {}
        self._said: set[str] = set()

    def rejected(self, logger: logging.Logger, error: Exception, issuer: object = None) -> None:
        """Notes one rejected token. error is what Verifier raised."""
        code = error.code if isinstance(error, FastBearerError) else "internal_error"
        now = self._clock()
        with self._lock:
            until, held_back = self._codes.get(code, (0.0, 0))
            if now < until:
                self._codes[code] = (until, held_back + 1)
                return
            self._codes[code] = (now + _QUIET_SECONDS, 0)
        # Only our own sentences are known to hold nothing of the token; a hook's exception may quote it.
        reason = str(error) if isinstance(error, FastBearerError) else type(error).__name__
        parts = [f"bearer token rejected: {code}: {reason}"]
        kid = getattr(error, "kid", None)
        if kid:
            parts.append(f"kid {kid!r}")
        expected, actual = getattr(error, "expected", None), getattr(error, "actual", None)
        if expected:
            parts.append(f"expected {expected}")
        if actual:
            parts.append(f"got {actual}")
        if issuer:
            parts.append(f"configured issuer {issuer!r}")
        if held_back:
            parts.append(f"{held_back} more of this kind since the last line")
        logger.info("%s", "; ".join(parts))

    def once(self, logger: logging.Logger, message: str) -> None:
        """Says something about the configuration, at WARNING, the first time only."""
        with self._lock:
            if message in self._said:
                return
            self._said.add(message)
        logger.warning("%s", message)


def warn(problem: str) -> None:
    """Says something about this process that the core found out. The core says it once."""
    LOGGER.warning("%s", problem)


def parse_scopes(value: Any) -> list[str] | None:
    """Required scopes as people write them: a list, a JSON array, or text with commas or spaces between the scopes."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            import json

            try:
                parsed = json.loads(text)
            except ValueError:
                parsed = None
            if isinstance(parsed, list):
                return [str(scope).strip() for scope in parsed if str(scope).strip()]
        return text.replace(",", " ").split()
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"required_scopes must be a list of strings or one string, not {type(value).__name__}")
    return [str(scope) for scope in value]
