"""What the core is asked: about a token alone, or about a whole request. It may answer that keys are needed first."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from . import _native
    from .request import Request


class TokenQuestion:
    """Whether a token is good."""

    __slots__ = ("_native", "_now", "token")

    def __init__(self, native: _native.Verifier, token: Any, now: float | None) -> None:
        self._native = native
        self.token = token
        self._now = now

    def ask(self) -> _native.AccessToken:
        """The token's contents, or what is wrong with it, or _KeysNeeded or _IssuerNeeded."""
        return self._native.verify(self.token, self._now)

    def ask_after_fetch(self, key_request: int) -> _native.AccessToken:
        """The verdict, when keys were needed and have come or not."""
        return self._native.verify_after_fetch(self.token, self._now, key_request)


class RequestQuestion:
    """Whether a request has a token that is good, and a sender who may use it."""

    __slots__ = ("_native", "_now", "_parts", "proof")

    def __init__(self, native: _native.Verifier, request: Request, now: float | None) -> None:
        self._native = native
        self._parts = request._parts()
        self._now = now
        #: What is to be remembered of an accepted request: a key, and until when.
        self.proof: tuple[str, float] | None = None

    @property
    def token(self) -> bytes:
        """The token, of which nothing has been looked at."""
        return self._native.request_token(self._parts)

    def ask(self) -> _native.AccessToken:
        """As for a token."""
        access, self.proof = self._native.verify_request(self._parts, self._now)
        return access

    def ask_after_fetch(self, key_request: int) -> _native.AccessToken:
        """As for a token."""
        access, self.proof = self._native.verify_request_after_fetch(self._parts, self._now, key_request)
        return access
