"""What the core is asked: about a token alone, or about a whole request. It may answer that keys are needed first."""

from __future__ import annotations

import time

from . import _native
from ._flight import running_loop
from ._key_store import TOKEN
from .errors import RevokedTokenError, StatusUnavailableError, _IntrospectionNeeded, _IssuerNeeded, _KeysNeeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ._introspections import Endpoint
    from ._issuers import Issuers
    from ._resolver import Resolver
    from .request import Request

    Needed: TypeAlias = _KeysNeeded | _IssuerNeeded | _IntrospectionNeeded

#: What the core says instead of a verdict.
NEEDED = (_KeysNeeded, _IssuerNeeded, _IntrospectionNeeded)


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

    def ask_introspected(self, issuer: int, response: bytes, reuse_for: float) -> _native.AccessToken:
        """The verdict, when an issuer was asked about the token."""
        return self._native.verify_introspected(issuer, self.token, self._now, response, reuse_for)


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

    def ask_introspected(self, issuer: int, response: bytes, reuse_for: float) -> _native.AccessToken:
        """As for a token."""
        access, self.proof = self._native.verify_request_introspected(
            issuer, self._parts, self._now, response, reuse_for
        )
        return access


# ---- what the core needs

#: How often a store of key sets is read for one token: it may bring a set without the token's key, then a newer one.
_READS = 3


def _once_more(question: TokenQuestion | RequestQuestion) -> _native.AccessToken | Needed:
    """After a resolution, which may have brought an issuer whose keys are still needed."""
    try:
        return question.ask()
    except NEEDED as error:
        return error


def _verdict(outcome: _native.AccessToken | Needed) -> _native.AccessToken:
    """What else comes of a token that needed keys: it is accepted."""
    if not isinstance(outcome, _native.AccessToken):
        raise outcome
    return outcome


def _introspect(question: TokenQuestion | RequestQuestion, endpoints: list[Endpoint]) -> _native.AccessToken:
    """Asks one issuer after the other, until one says that the token is active."""
    refused: Exception | None = None
    for endpoint in endpoints:
        try:
            return endpoint.ask(question)
        except (RevokedTokenError, StatusUnavailableError) as error:
            refused = _heavier(refused, error)
    assert refused is not None, "the core asks only for issuers that are introspected"
    raise refused


async def _introspect_async(
    question: TokenQuestion | RequestQuestion, endpoints: list[Endpoint]
) -> _native.AccessToken:
    """Asks one issuer after the other without blocking the event loop, until one says that the token is active."""
    refused: Exception | None = None
    for endpoint in endpoints:
        try:
            return await endpoint.ask_async(question)
        except (RevokedTokenError, StatusUnavailableError) as error:
            refused = _heavier(refused, error)
    assert refused is not None, "the core asks only for issuers that are introspected"
    raise refused


def _heavier(one: Exception | None, other: Exception) -> Exception:
    """Of two refusals the one that may be no verdict: the token may be good."""
    return one if isinstance(one, StatusUnavailableError) else other


def settle(
    question: TokenQuestion | RequestQuestion,
    needed: Needed,
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
    if isinstance(needed, _IntrospectionNeeded):
        return _introspect(question, issuers.endpoints(needed.issuer_number, question.token))
    source = issuers.source(needed.issuer_number)
    may_fetch = bool(needed.key_request and needed.wait)
    if source is not None and source.stored is not None and needed.key_request:
        until = source.until(needed.wait)
        for _ in range(_READS):
            flight = source.stored.wait(source.stored.start(TOKEN), until, TOKEN)
            if flight is None or not flight.result:
                break
            outcome = _once_more(question)
            if not isinstance(outcome, _KeysNeeded):
                return _verdict(outcome)
            needed = outcome
        needed.wait = max(0.0, until - time.monotonic())
    if source is not None and may_fetch:  # for later tokens, where the store has left no time for this one
        source.run(_native.REFRESH_TOKEN, needed.key_request, seconds=needed.wait)
    return question.ask_after_fetch(needed.key_request)


async def settle_async(
    question: TokenQuestion | RequestQuestion,
    needed: Needed,
    issuers: Issuers,
    resolver: Resolver | None,
) -> _native.AccessToken:
    """What settle does, without blocking the event loop."""
    if isinstance(needed, _IssuerNeeded):
        assert resolver is not None, "the core asks only a verifier that resolves issuers"
        await resolver.run_async(question.token)
        outcome = _once_more(question)
        if isinstance(outcome, _native.AccessToken):
            return outcome
        needed = outcome
    if isinstance(needed, _IntrospectionNeeded):
        return await _introspect_async(question, issuers.endpoints(needed.issuer_number, question.token))
    source = issuers.source(needed.issuer_number)
    may_fetch = bool(needed.key_request and needed.wait)
    if source is not None and source.stored is not None and needed.key_request:
        until = source.until(needed.wait)
        for _ in range(_READS):
            flight = source.stored.start(TOKEN, loop=running_loop())
            flight = await source.stored.wait_async(flight, until, TOKEN)
            if flight is None or not flight.result:
                break
            outcome = _once_more(question)
            if not isinstance(outcome, _KeysNeeded):
                return _verdict(outcome)
            needed = outcome
        needed.wait = max(0.0, until - time.monotonic())
    if source is not None and may_fetch:
        await source.run_async(_native.REFRESH_TOKEN, needed.key_request, seconds=needed.wait)
    return question.ask_after_fetch(needed.key_request)
