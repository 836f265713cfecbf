"""What the core is asked: about a token alone, or about a whole request. It may answer that keys are needed first."""

from __future__ import annotations

import time

from . import _native
from ._flight import running_loop
from ._key_store import TOKEN
from .errors import (
    KeysUnavailableError,
    RevokedTokenError,
    StatusUnavailableError,
    _IntrospectionNeeded,
    _IssuerNeeded,
    _KeysNeeded,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ._introspections import Endpoint, Introspected
    from ._issuers import Issuers
    from ._resolver import Resolver
    from .request import Request

    Needed: TypeAlias = _KeysNeeded | _IssuerNeeded | _IntrospectionNeeded
    #: The body of an introspection response, and its Content-Type where that counts.
    Said: TypeAlias = tuple[bytes, str | None]

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

    def ask_introspected(
        self, issuer: int, said: Said, reuse_for: float, key_request: int | None
    ) -> _native.AccessToken:
        """The verdict, when an issuer was asked about the token; with a key_request, when keys were needed for that and
        have come or not.
        """
        return self._native.verify_introspected(issuer, self.token, self._now, said[0], reuse_for, said[1], key_request)


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

    def ask_introspected(
        self, issuer: int, said: Said, reuse_for: float, key_request: int | None
    ) -> _native.AccessToken:
        """As for a token."""
        access, self.proof = self._native.verify_request_introspected(
            issuer, self._parts, self._now, said[0], reuse_for, said[1], key_request
        )
        return access


# ---- what the core needs

#: How often a store of key sets is read for one token: it may bring a set without the token's key, then a newer one.
_READS = 3


def _once_more(question: TokenQuestion | RequestQuestion | Introspected) -> _native.AccessToken | Needed:
    """After what was needed has come; something else may be needed still."""
    try:
        return question.ask()
    except NEEDED as error:
        return error


#: Refusals by one issuer after which another may know the token.
_UNDECIDED = (RevokedTokenError, StatusUnavailableError, KeysUnavailableError)


def _verdict(outcome: _native.AccessToken | Needed) -> _native.AccessToken:
    """What else comes of a token that needed keys: it is accepted."""
    if not isinstance(outcome, _native.AccessToken):
        raise outcome
    return outcome


def _introspect(
    question: TokenQuestion | RequestQuestion, endpoints: list[Endpoint], issuers: Issuers
) -> _native.AccessToken:
    """Asks one issuer after the other, until one says that the token is active."""
    refused: Exception | None = None
    for endpoint in endpoints:
        try:
            introspected = endpoint.ask(question)
            outcome = _once_more(introspected)
            if isinstance(outcome, _KeysNeeded):  # for a response that is signed
                return _with_keys(introspected, outcome, issuers)
            return _verdict(outcome)
        except _UNDECIDED as error:
            refused = _heavier(refused, error)
    assert refused is not None, "the core asks only for issuers that are introspected"
    raise refused


async def _introspect_async(
    question: TokenQuestion | RequestQuestion, endpoints: list[Endpoint], issuers: Issuers
) -> _native.AccessToken:
    """Asks one issuer after the other without blocking the event loop, until one says that the token is active."""
    refused: Exception | None = None
    for endpoint in endpoints:
        try:
            introspected = await endpoint.ask_async(question)
            outcome = _once_more(introspected)
            if isinstance(outcome, _KeysNeeded):
                return await _with_keys_async(introspected, outcome, issuers)
            return _verdict(outcome)
        except _UNDECIDED as error:
            refused = _heavier(refused, error)
    assert refused is not None, "the core asks only for issuers that are introspected"
    raise refused


def _heavier(one: Exception | None, other: Exception) -> Exception:
    """Of two refusals the one that may be no verdict: the token may be good."""
    return one if isinstance(one, (StatusUnavailableError, KeysUnavailableError)) else other


def _with_keys(
    question: TokenQuestion | RequestQuestion | Introspected, needed: _KeysNeeded, issuers: Issuers
) -> _native.AccessToken:
    """Brings the keys, or waits for whoever does; then the verdict."""
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


async def _with_keys_async(
    question: TokenQuestion | RequestQuestion | Introspected, needed: _KeysNeeded, issuers: Issuers
) -> _native.AccessToken:
    """Brings the keys without blocking the event loop; then the verdict."""
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
        return _introspect(question, issuers.endpoints(needed.issuer_number, question.token), issuers)
    if isinstance(needed, _KeysNeeded):
        return _with_keys(question, needed, issuers)
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
        endpoints = issuers.endpoints(needed.issuer_number, question.token)
        return await _introspect_async(question, endpoints, issuers)
    if isinstance(needed, _KeysNeeded):
        return await _with_keys_async(question, needed, issuers)
    return question.ask_after_fetch(needed.key_request)
