"""What the core is asked: about a token alone, or about a whole request. It may answer that keys are needed first."""

from __future__ import annotations

from . import _native
from .errors import _IssuerNeeded, _KeysNeeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._issuers import Issuers
    from ._resolver import Resolver
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


# ---- what the core needs


def _once_more(question: TokenQuestion | RequestQuestion) -> _native.AccessToken | _KeysNeeded | _IssuerNeeded:
    """After a resolution, which may have brought an issuer whose keys are still needed."""
    try:
        return question.ask()
    except (_KeysNeeded, _IssuerNeeded) as error:
        return error


def settle(
    question: TokenQuestion | RequestQuestion,
    needed: _KeysNeeded | _IssuerNeeded,
    issuers: Issuers,
    resolver: Resolver | None,
) -> _native.AccessToken:
    """Resolves the issuer and fetches its keys, or waits for whoever does; then the verdict."""
    if isinstance(needed, _IssuerNeeded):
        assert resolver is not None, "the core asks only a verifier that resolves issuers"
        resolver.run(question.token)
        outcome = _once_more(question)
        if isinstance(outcome, _native.AccessToken):
            return outcome
        needed = outcome
    source = issuers.source(needed.issuer_number)
    if source is not None and needed.key_request:
        source.run(_native.REFRESH_TOKEN, needed.key_request, seconds=needed.wait)
    return question.ask_after_fetch(needed.key_request)


async def settle_async(
    question: TokenQuestion | RequestQuestion,
    needed: _KeysNeeded | _IssuerNeeded,
    issuers: Issuers,
    resolver: Resolver | None,
) -> _native.AccessToken:
    """The same without blocking the event loop."""
    if isinstance(needed, _IssuerNeeded):
        assert resolver is not None, "the core asks only a verifier that resolves issuers"
        await resolver.run_async(question.token)
        outcome = _once_more(question)
        if isinstance(outcome, _native.AccessToken):
            return outcome
        needed = outcome
    source = issuers.source(needed.issuer_number)
    if source is not None and needed.key_request:
        await source.run_async(_native.REFRESH_TOKEN, needed.key_request, seconds=needed.wait)
    return question.ask_after_fetch(needed.key_request)
