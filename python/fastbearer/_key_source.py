"""Fetching key sets: one source for each issuer whose keys are fetched.

The core decides whether to fetch and what a response is worth. The library fetches with libcurl on a thread of its own,
and a short-lived daemon thread waits for it; a fetch function of the user's runs on such a thread or as a task.
"""

from __future__ import annotations

import os

from . import _native
from ._fetch_function import is_async, limited, loggable_url, read_response, request_headers
from ._flight import GRACE, Flight, Flights, running_loop
from ._key_store import AHEAD, Stored
from ._late_log import logger
from .errors import FastBearerError, KeysUnavailableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .issuer import Issuer


class KeySource(Flights):
    """Where the key set of one issuer comes from; shared by all verifiers that differ in their policy only."""

    def __init__(self, native: _native.Verifier, number: int, issuer: Issuer) -> None:
        super().__init__(float(issuer.fetch_timeout), is_async(issuer.fetch))
        self._native = native
        self._number = number
        self._fetch = issuer.fetch
        self._ignores_proxies = issuer.fetch is None and not issuer.trust_env
        self._failures = 0
        store = issuer.key_store
        self.stored = None if store is None else Stored(native, number, store, self)

    # ---- for callers; what a flight begins with is the core's reason and its key request

    def refresh_ahead(self, on_loop: bool = False) -> None:
        """Starts the fetch that the core says is due; nobody waits for it."""
        if self.stored is not None:
            loop = running_loop() if on_loop else None
            self.stored.start(AHEAD, loop, loop=loop, awaited=False)
            return
        self.start(_native.REFRESH_AHEAD, 0, loop=running_loop() if on_loop else None, awaited=False)

    def failure(self, flight: Flight | None) -> KeysUnavailableError | None:
        """What to say of an explicit refresh that did not bring keys; None: it did."""
        state = self.state()
        problem, retry_after = state["last_error"], state["retry_after"]
        if flight is not None:  # otherwise another fetch has just ended, and its outcome counts
            problem = "" if flight.error is None else str(flight.error)
            if not flight.done:
                problem, retry_after = "the key set could not be fetched in time", 1.0
        if not problem:
            return None
        failed = KeysUnavailableError(problem)
        failed.retry_after, failed.issuer = retry_after, state["issuer"]
        return failed

    def state(self) -> dict[str, Any]:
        """What the core says of the issuer; an issuer that has made room for others has no keys and no errors."""
        return self._native.issuer(self._number) or {
            "issuer": None, "jwks_uri": None, "last_error": "", "retry_after": 0.0, "keys_held": False,
        }  # fmt: skip

    # ---- how a flight begins and ends

    def _begin(self, *what: Any) -> tuple[int, int, Any]:
        begin = self._native.refresh_start if self._fetch is None else self._native.refresh_begin
        reason, request, *_ = (*what, 0)
        decision, ticket, *job = begin(self._number, reason, request)
        return decision, ticket, job

    def _has_ended(self, ticket: int) -> bool:
        return self._native.refresh_wait(self._number, ticket, 0.0)

    def _about(self) -> tuple[str, str | None, str | None]:
        state = self.state()
        return "fetch keys", state["issuer"], state["jwks_uri"]

    def _give_up(self, ticket: int) -> None:
        self._native.refresh_abandon(self._number, ticket)
        if self.stored is not None:
            self.stored.release_soon()

    def _ended(self, error: FastBearerError | None) -> None:
        self._log_change(error)
        if self.stored is not None:
            self.stored.fetched()

    def is_busy(self) -> bool:
        """Whether a fetch is in progress in this process."""
        return bool(self._flights)

    def _complete(self, flight: Flight, response: Any, failure: str | None) -> Any:
        """Hands over what came back. What is to be fetched next in this flight, or None."""
        if flight.done:
            return None  # it was abandoned meanwhile
        status, body = 0, None
        fields: dict[str, str] = {}
        if failure is None:
            try:
                status, fields, body = read_response(response)
            except (TypeError, ValueError, AttributeError) as error:
                failure = f"fetch must return (status, headers, body): {error}"
        again = self._native.refresh_complete(self._number, flight.ticket, failure, status, body, fields)
        return None if again is None else again[2:]

    # ---- on a thread

    def _perform(self, flight: Flight, job: Any) -> None:
        if self._fetch is None:
            self._await_library(flight)
        while self._fetch is not None and job is not None:
            job = self._run_fetch(flight, self._fetch, *job)

    def _await_library(self, flight: Flight) -> None:
        """The library's own thread fetches and says how it ended, unless the resolver keeps it from that."""
        if not self._native.refresh_wait(self._number, flight.ticket, self._timeout + GRACE / 2):
            self._complete(flight, None, f"no complete response within {self._timeout:g} s")
        state = self.state()
        if state["last_error"]:
            error = KeysUnavailableError(state["last_error"])
            error.retry_after = state["retry_after"]
            raise error

    def _run_fetch(
        self, flight: Flight, fetch: Any, url: str, etag: str | None, headers: list[str], seconds: float
    ) -> Any:
        failure: str | None = "the fetch was given up"
        response: Any = None
        try:
            response = fetch(url, request_headers(etag, headers))
            if hasattr(response, "__await__"):
                import asyncio

                response = asyncio.run(limited(response, seconds))
            failure = None
        except Exception as error:
            failure = self._describe(error, url)
        finally:
            job = self._complete(flight, response, failure)
        return job

    # ---- on an event loop

    async def _perform_async(self, flight: Flight, job: Any) -> None:
        while job is not None:
            job = await self._await_fetch(flight, self._fetch, *job)

    async def _await_fetch(
        self, flight: Flight, fetch: Any, url: str, etag: str | None, headers: list[str], seconds: float
    ) -> Any:
        failure: str | None = None
        response: Any = None
        try:
            response = await limited(fetch(url, request_headers(etag, headers)), seconds)
        except Exception as error:  # CancelledError is not one: then the fetch is abandoned
            failure = self._describe(error, url)
        return self._complete(flight, response, failure)

    def _describe(self, error: Exception, url: str) -> str:
        if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
            return f"no complete response within {self._timeout:g} s"
        text = str(error).replace(url, loggable_url(url))
        return f"{type(error).__name__}: {text}" if text else type(error).__name__

    # ---- the log

    def _log_change(self, error: FastBearerError | None) -> None:
        """Logs when fetching begins to fail, and when it works again."""
        state = self.state()
        failures, self._failures = self._failures, self._failures + 1 if state["last_error"] else 0
        if bool(failures) == bool(self._failures):
            return
        log = logger("fastbearer.keys")
        if not self._failures:
            log.warning("key set %s: fetched again after %d failed attempts", state["jwks_uri"], failures)
            return
        log.warning(
            "key set: fetch failed: %s; %s; next attempt in %.0f s",
            state["last_error"],  # begins with the URL, without its query
            "the keys that are held stay in use"
            if state["keys_held"]
            else "no keys are held, tokens cannot be verified",
            getattr(error, "retry_after", 0.0),
        )
        variables = _proxy_variables() if self._ignores_proxies else ()
        if variables:
            self._ignores_proxies = False  # one warning
            log.warning(
                "key set: %s set in the environment, but proxies are not used without trust_env=True",
                " and ".join(variables) + (" is" if len(variables) == 1 else " are"),
            )


def _proxy_variables() -> list[str]:
    """Names of the variables that would send a fetch through a proxy. Not their values, which may hold passwords."""
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY")
    return [name for name in names if os.environ.get(name)]
