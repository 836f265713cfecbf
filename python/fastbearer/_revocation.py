"""Asking the user's function whether a verified token has been revoked.

It is asked last but for what remembers proofs, on every request, whether the token was cached or not. A function that
fails accepts nothing: whether the token is still good is not known then. What it is given holds the token, so nothing
that it says of a failure is logged but the name of the exception.
"""

from __future__ import annotations

from ._fetch_function import is_async, limited
from ._flight import running_loop
from ._late_log import logger
from .errors import ConfigurationError, FastBearerError, RevokedTokenError, StatusUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, TypeAlias

    from ._native import AccessToken

    #: Whether a verified token has been revoked.
    IsRevoked: TypeAlias = Callable[[AccessToken], bool | Awaitable[bool]]

#: Seconds that a request waits for an async function.
TIMEOUT = 5.0
#: How many kinds of failure are logged.
_LOGGED = 32


class Revocation:
    """The function, as one verifier uses it."""

    def __init__(self, function: IsRevoked) -> None:
        self._ask: Any = function
        self._is_async = is_async(function)
        self._logged: set[str] = set()

    def check_sync(self) -> None:
        """ConfigurationError where nobody could wait for the function."""
        if self._is_async:
            raise ConfigurationError("is_revoked is async: use verify_async or verify_request_async")

    def unavailable(self) -> str | None:
        """What the object that the function belongs to says is wrong with it, if it has a method for that."""
        problem = getattr(getattr(self._ask, "__self__", None), "revocation_problem", None)
        return problem() if callable(problem) else None

    def problem(self, access: AccessToken) -> FastBearerError | None:
        """Why this token is not accepted, if it is not."""
        try:
            found = self._ask(access)
            if hasattr(found, "__await__"):
                if hasattr(found, "close"):
                    found.close()
                raise TypeError("is_revoked is async: use verify_async or verify_request_async")
            return self._evaluate(found)
        except Exception as error:
            return self._failed(error)

    async def problem_async(self, access: AccessToken) -> FastBearerError | None:
        """Why this token is not accepted, if it is not. Awaits an async function; calls any other on this thread."""
        try:
            found = self._ask(access)
            if hasattr(found, "__await__"):
                found = await (found if running_loop() is None else limited(found, TIMEOUT))
            return self._evaluate(found)
        except Exception as error:
            return self._failed(error)

    @staticmethod
    def _evaluate(found: Any) -> FastBearerError | None:
        if not isinstance(found, int):  # a bool is one, and stores answer with 0 and 1
            raise TypeError(f"is_revoked must return bool, not {type(found).__name__}")
        return RevokedTokenError("the token has been revoked") if found else None

    def _failed(self, error: Exception) -> StatusUnavailableError:
        name = type(error).__name__
        if name not in self._logged and len(self._logged) < _LOGGED:
            self._logged.add(name)
            logger("fastbearer").warning("is_revoked failed, requests get 503 where the host can say so: %s", name)
        failed = StatusUnavailableError("whether the token has been revoked could not be found out")
        failed.retry_after = 1.0
        return failed
