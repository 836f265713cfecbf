"""Trying a verifier on real traffic, without letting it decide.

    auth = Shadow(
        serving=JWTVerifier(...),  # FastMCP's, the SDK's, one of ours, or any function of a token
        candidate=fastbearer.Verifier(...),
    )

What ``Shadow`` returns stands in the place of ``serving`` and answers exactly as it does: the same object, the same
exception. Beside it the candidate is asked about the same token, after the answer has been given, and each difference
is logged and given to ``on_difference``: both verdicts and the candidate's reason, never the token nor a claim.
"""

from __future__ import annotations

import functools
import logging
import os
import queue
import threading
import types
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ._fetch_function import is_async, limited
from ._flight import running_loop, start_daemon
from ._log import RateLimit, RejectionLog, overheard
from ._records import _Record
from .errors import ConfigurationError, FastBearerError
from .request import Request

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

__all__ = ["Difference", "Shadow", "stats"]

LOGGER = logging.getLogger("fastbearer.shadow")

_Serving = TypeVar("_Serving")

#: The methods by which frameworks ask verifiers.
_METHODS = (
    "verify", "verify_async", "verify_request", "verify_request_async", "verify_token", "load_access_token",
)  # fmt: skip
#: What is compared of two tokens that were both accepted, where both have it.
_FIELDS = ("client_id", "subject", "expires_at", "scopes")


class Difference(_Record):
    """Where the candidate would have answered otherwise. Holds nothing of the token.

    Attributes:
        serving: what the verifier in service said: "accepted", "refused" or "unavailable" (a 503).
        serving_reason: the code of its refusal, or the name of its exception's class; None where it gave no reason.
        candidate: "accepted", "refused" or "unavailable"; "failed" where it raised what is not a verdict, "timed_out"
            where it took longer than ``timeout``.
        code: the candidate's reason, "audience_mismatch"; None where it gave none.
        claim: the name of the claim that the candidate found missing or wrong, or None.
        fields: names of what differs in the result where both accept: "client_id", "subject", "expires_at", "scopes".
    """

    __slots__ = ("serving", "serving_reason", "candidate", "code", "claim", "fields")
    serving: str
    serving_reason: str | None
    candidate: str
    code: str | None
    claim: str | None
    fields: tuple[str, ...]

    def __init__(
        self,
        serving: str,
        serving_reason: str | None,
        candidate: str,
        code: str | None = None,
        claim: str | None = None,
        fields: tuple[str, ...] = (),
    ) -> None:
        self._fill(serving, serving_reason, candidate, code, claim, fields)


def Shadow(
    serving: _Serving,
    candidate: Any,
    *,
    on_difference: Callable[[Difference], object] | None = None,
    timeout: float = 10.0,
    max_pending: int = 64,
) -> _Serving:
    """What takes the place of ``serving``, answers as it does, and compares ``candidate`` with it.

    The result has the methods and attributes of ``serving`` and is an instance of its class where that can be derived
    from. A provider that swaps tokens before it verifies them (FastMCP's OAuthProxy) is not what to wrap: wrap its
    ``token_verifier``. No failure, time-out or slowness of the candidate reaches a request.

    Args:
        serving: a fastbearer.Verifier; an object with ``verify_token`` or ``load_access_token``, as FastMCP and the MCP
            SDK have them; or a function of the token, sync or async, that returns None or False or raises to refuse.
        candidate: one of the same kinds. What it raises besides a FastBearerError is a failure, not a verdict. It is
            asked once more than necessary: a DPoP ``replay_store`` must not be shared by both.
        on_difference: called with a Difference, on the event loop or on a thread of its own; an exception that it
            raises is logged once.
        timeout: seconds that an async candidate may take.
        max_pending: how many comparisons may be under way; more are left out and counted.
    """
    comparison = _Comparison(candidate, on_difference, timeout, max_pending)
    names = [name for name in _METHODS if callable(getattr(serving, name, None))]
    if names:
        return cast("_Serving", _object(serving, names, comparison))
    if callable(serving):
        return cast("_Serving", _function(serving, comparison))
    raise TypeError(f"serving must be a verifier or a function, not {type(serving).__name__}")


def stats(shadow: Any) -> dict[str, int]:
    """How often the candidate of a Shadow was ``compared``, ``different``, and ``skipped`` for want of room."""
    comparison = getattr(shadow, "_shadow", None)
    if not isinstance(comparison, _Comparison):
        raise TypeError(f"{type(shadow).__name__} was not made by Shadow")
    return dict(comparison.counts)


# ---- standing in the place of the verifier in service


class _Standing:
    """Has the attributes of what it stands for, where the class of that cannot be derived from."""

    __slots__ = ("_serving", "_shadow")
    _serving: Any
    _shadow: _Comparison

    def __getattr__(self, name: str) -> Any:
        return getattr(self._serving, name)


def _object(serving: Any, names: list[str], comparison: _Comparison) -> Any:
    """An instance of serving's class, so that methods which hand over ``self`` hand over the shadow. Its attributes are
    serving's own, later changes included.
    """
    methods = {name: _method(serving, name, comparison) for name in names}
    kind = type(serving)
    try:
        derived: Any = types.new_class(kind.__name__, (_Standing, kind), exec_body=lambda space: space.update(methods))
        made = object.__new__(derived)
        made.__dict__ = vars(serving)
    except TypeError:  # the class is final, has slots, or is of an extension
        made = object.__new__(type(kind.__name__, (_Standing,), {"__slots__": (), **methods}))
    object.__setattr__(made, "_serving", serving)
    object.__setattr__(made, "_shadow", comparison)
    return made


def _method(serving: Any, name: str, comparison: _Comparison) -> Any:
    answer = _answering(getattr(serving, name), comparison)
    if is_async(getattr(serving, name)):

        async def ask_async(self: Any, *given: Any, **named: Any) -> Any:
            return await answer(*given, **named)

        return ask_async

    def ask(self: Any, *given: Any, **named: Any) -> Any:
        return answer(*given, **named)

    return ask


def _function(serving: Any, comparison: _Comparison) -> Any:
    answer = _answering(serving, comparison)
    if is_async(serving):

        async def shadow_async(*given: Any, **named: Any) -> Any:
            return await answer(*given, **named)

        made: Any = shadow_async
    else:

        def shadow(*given: Any, **named: Any) -> Any:
            return answer(*given, **named)

        made = shadow
    functools.update_wrapper(made, serving)
    made._shadow = comparison
    return made


def _answering(ask: Any, comparison: _Comparison) -> Any:
    """What answers as ask does, and has the answer compared."""

    async def when_known(answer: Any, given: Any) -> Any:
        try:
            result = await answer
        except Exception as error:  # CancelledError is not one: there is no answer to compare with
            comparison.begin(given, None, error)
            raise
        comparison.begin(given, result, None)
        return result

    def answer(*given: Any, **named: Any) -> Any:
        asked = given[0] if given else named.get("token", named.get("request"))
        try:
            result = ask(*given, **named)
        except Exception as error:
            comparison.begin(asked, None, error)
            raise
        if hasattr(result, "__await__"):
            return when_known(result, asked)
        comparison.begin(asked, result, None)
        return result

    return answer


# ---- asking the candidate


class _Verdict:
    """What one of the two said."""

    __slots__ = ("claim", "outcome", "reason", "result")

    def __init__(self, outcome: str, reason: str | None = None, claim: str | None = None, result: Any = None) -> None:
        self.outcome = outcome
        self.reason = reason
        self.claim = claim
        self.result = result

    @classmethod
    def of(cls, result: Any, error: Exception | None) -> _Verdict:
        if isinstance(error, FastBearerError):
            outcome = "unavailable" if error.http_status == 503 else "refused"
            return cls(outcome, error.code, error.claim)
        if error is not None:
            return cls("refused", type(error).__name__)
        if result is None or result is False:
            return cls("refused")
        return cls("accepted", result=result)

    @classmethod
    def of_candidate(cls, result: Any, error: Exception | None) -> _Verdict:
        """Its own trouble is not a verdict."""
        if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
            return cls("timed_out")
        if error is not None and (not isinstance(error, FastBearerError) or isinstance(error, ConfigurationError)):
            return cls("failed", getattr(error, "code", None))
        return cls.of(result, error)


class _Comparison:
    """The candidate, how it is asked, and what came of it."""

    def __init__(
        self, candidate: Any, on_difference: Callable[[Difference], object] | None, timeout: float, max_pending: int
    ) -> None:
        if on_difference is not None and not callable(on_difference):
            raise TypeError(f"on_difference must be callable or None, not {type(on_difference).__name__}")
        if not timeout > 0:
            raise ConfigurationError("timeout must be positive")
        if max_pending < 1:
            raise ConfigurationError("max_pending must be at least 1")
        self._on_token = _asking(candidate, ("verify_async", "verify_token", "load_access_token", "verify"))
        self._on_request = _asking(candidate, ("verify_request_async",), required=False)
        self._on_difference = on_difference
        self._timeout = timeout
        self._max_pending = max_pending
        self._tasks: set[asyncio.Task[None]] = set()
        self._worker: _Worker | None = None
        self._limit = RateLimit()
        self._lock = threading.Lock()
        self._hook_failed = False
        self.counts = {"compared": 0, "different": 0, "skipped": 0}

    def begin(self, given: Any, result: Any, error: Exception | None) -> None:
        """Has the candidate asked; returns at once and never raises."""
        try:
            ask = self._on_request if isinstance(given, Request) else self._on_token
            if ask is None or not isinstance(given, (str, bytes, bytearray, memoryview, Request)):
                return
            served = _Verdict.of(result, error)
            loop = running_loop()
            if loop is None or not is_async(ask):
                started = self._start(ask, given, served)
            else:
                started = self._start_task(loop, ask, given, served)
            if not started:
                self._count("skipped")
        except Exception:
            LOGGER.debug("no comparison could be started", exc_info=True)

    def _start_task(self, loop: asyncio.AbstractEventLoop, ask: Any, given: Any, served: _Verdict) -> bool:
        if len(self._tasks) >= self._max_pending:
            # A loop that was closed before its tasks had ended has left them here.
            self._tasks.difference_update([task for task in self._tasks if task.get_loop().is_closed()])
            if len(self._tasks) >= self._max_pending:
                return False
        task = loop.create_task(self._compare_async(ask, given, served))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    def _start(self, ask: Any, given: Any, served: _Verdict) -> bool:
        worker = self._worker
        if worker is None or worker.process != os.getpid():  # a fork takes no threads along
            with self._lock:
                worker = self._worker
                if worker is None or worker.process != os.getpid():
                    worker = self._worker = _Worker(self._max_pending)
        return worker.put(functools.partial(self._compare, ask, given, served))

    async def _compare_async(self, ask: Any, given: Any, served: _Verdict) -> None:
        try:
            result = await limited(ask(given), self._timeout)
            verdict = _Verdict.of_candidate(result, None)
        except Exception as error:
            verdict = _Verdict.of_candidate(None, error)
        self._compared(served, verdict)

    def _compare(self, ask: Any, given: Any, served: _Verdict) -> None:
        try:
            result = ask(given)
            if hasattr(result, "__await__"):
                import asyncio

                result = asyncio.run(limited(result, self._timeout))
            verdict = _Verdict.of_candidate(result, None)
        except Exception as error:
            verdict = _Verdict.of_candidate(None, error)
        self._compared(served, verdict)

    def _compared(self, served: _Verdict, verdict: _Verdict) -> None:
        self._count("compared")
        fields = _differing(served.result, verdict.result) if served.outcome == verdict.outcome == "accepted" else ()
        if served.outcome == verdict.outcome and not fields:
            return
        self._count("different")
        found = Difference(
            served.outcome, served.reason, verdict.outcome, verdict.reason, verdict.claim, fields
        )  # fmt: skip
        self._log(found)
        if self._on_difference is None:
            return
        try:
            self._on_difference(found)
        except Exception:
            if not self._hook_failed:
                self._hook_failed = True
                LOGGER.exception("on_difference failed; this is logged once")

    def _log(self, found: Difference) -> None:
        suppressed = self._limit.admit((found.serving, found.candidate, found.code, found.fields))
        if suppressed is None:
            return
        reasons = [found.code or "", f"claim {found.claim}" if found.claim else "", ", ".join(found.fields)]
        detail = ", ".join(reason for reason in reasons if reason)
        LOGGER.warning(
            "in service: %s; candidate: %s%s%s",
            found.serving + (f" ({found.serving_reason})" if found.serving_reason else ""),
            found.candidate,
            f" ({detail})" if detail else "",
            f"; {suppressed} more of this kind since the last line" if suppressed else "",
        )

    def _count(self, name: str) -> None:
        with self._lock:
            self.counts[name] += 1


def _asking(candidate: Any, names: tuple[str, ...], required: bool = True) -> Any:
    """The first of these methods that candidate has, or itself."""
    for name in names:
        method = getattr(candidate, name, None)
        if callable(method):
            return _with_reason(method) if isinstance(getattr(candidate, "_log", None), RejectionLog) else method
    if not required:
        return None
    if not callable(candidate):
        raise TypeError(f"candidate must be a verifier or a function, not {type(candidate).__name__}")
    return candidate


def _with_reason(method: Any) -> Any:
    """A method of our adapters, which answer None and log why; raises the reason instead."""

    async def ask(token: Any) -> Any:
        heard: list[Exception] = []
        reset = overheard.set(heard)
        try:
            found = await method(token)
        finally:
            overheard.reset(reset)
        if found is None and heard:
            raise heard[-1]
        return found

    return ask


def _differing(served: Any, found: Any) -> tuple[str, ...]:
    names = []
    for name in _FIELDS:
        ours, theirs = getattr(found, name, None), getattr(served, name, None)
        if name == "scopes" and ours is not None and theirs is not None:
            ours, theirs = set(ours), set(theirs)
        if ours is not None and theirs is not None and ours != theirs:
            names.append(name)
    return tuple(names)


class _Worker:
    """The daemon thread of verifiers that are called without an event loop."""

    def __init__(self, room: int) -> None:
        self.process = os.getpid()
        self._jobs: queue.Queue[Callable[[], None]] = queue.Queue(room)
        start_daemon(self._run, "fastbearer-shadow")

    def put(self, job: Callable[[], None]) -> bool:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while True:
            self._jobs.get()()
