"""Proofs that were accepted: a store of the user's that remembers them, and the warning of a memory that is too small.

What a store is given is a hash, and a time. A store that fails accepts nothing: whether a proof is new is not known.
"""

from __future__ import annotations

from . import _native
from ._fetch_function import is_async, limited
from ._flight import running_loop
from ._late_log import logger
from .errors import ConfigurationError, StatusUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .dpop import ReplayStore

#: Seconds that a request waits for an async store, or for a sync one under an event loop.
TIMEOUT = 5.0
#: How many different failures are logged.
_LOGGED = 32


class Memory:
    """The store, as one verifier uses it."""

    def __init__(self, store: ReplayStore) -> None:
        self._add: Any = store.add
        self._is_async = is_async(store.add)
        self._logged: set[str] = set()

    def check_sync(self) -> None:
        """ConfigurationError where nobody could wait for the store."""
        if self._is_async:
            raise ConfigurationError("dpop.replay_store is async: use verify_request_async")

    def is_new(self, key: str, expires_at: float) -> bool:
        """Remembers a proof; StatusUnavailableError when the store fails."""
        try:
            found = self._add(key, expires_at)
            if hasattr(found, "__await__"):
                if hasattr(found, "close"):
                    found.close()
                raise TypeError("add is async: use verify_request_async")
        except Exception as error:
            raise self._failed(error) from None
        return bool(found)

    async def is_new_async(self, key: str, expires_at: float) -> bool:
        """Remembers a proof, never blocking the event loop; StatusUnavailableError when the store fails."""
        loop = running_loop()
        try:
            if self._is_async or loop is None:
                found = self._add(key, expires_at)
            else:
                found = await limited(loop.run_in_executor(None, self._add, key, expires_at), TIMEOUT)
            if hasattr(found, "__await__"):
                found = await (found if loop is None else limited(found, TIMEOUT))
        except Exception as error:
            raise self._failed(error) from None
        return bool(found)

    def _failed(self, error: Exception) -> StatusUnavailableError:
        text = f"{type(error).__name__}: {error}"[:200]
        if text not in self._logged and len(self._logged) < _LOGGED:
            self._logged.add(text)
            logger("fastbearer").warning(
                "replay_store failed, requests with a DPoP proof get 503: %s",
                text if text.isprintable() else type(error).__name__,
            )
        failed = StatusUnavailableError("the store that remembers DPoP proofs failed")
        failed.retry_after = 1.0
        return failed


class Evictions:
    """Warns once when the core's own memory of proofs has been too small."""

    _EVERY = 1024  # the counters cost more than a look at a number

    def __init__(self, native: _native.Verifier, capacity: int) -> None:
        self._native = native
        self._left = capacity
        self._warned = False

    def accepted(self) -> None:
        """After each request that was accepted: before there were as many as have room, none has been displaced."""
        self._left -= 1
        if self._left >= 0 or self._warned:
            return
        self._left = self._EVERY
        if self._native.stats()["replay_evictions"]:
            self._warned = True
            logger("fastbearer").warning(
                "more DPoP proofs within max_age than replay_capacity: the oldest are forgotten and could be used again"
            )
