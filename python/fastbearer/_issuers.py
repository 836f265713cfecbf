"""The issuers of one verifier by the core's numbers: their names for people, and their key sources."""

from __future__ import annotations

from . import _native
from ._flight import Flight, running_loop
from ._key_source import KeySource
from ._key_store import EXPLICIT
from ._late_log import logger
from .errors import KeysUnavailableError
from .issuer import Issuer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ._introspections import Endpoint
    from .introspection import Introspector

#: How many key sets are fetched at the same time by an explicit refresh.
_AT_A_TIME = 16


class Issuers:
    """Those that the verifier was made with, from 1, and those that were resolved since."""

    def __init__(
        self,
        native: _native.Verifier,
        configured: Sequence[Issuer],
        policy: Mapping[str, Any],
        sources: Mapping[int, KeySource] | None,
    ) -> None:
        self._native = native
        self.configured: tuple[Issuer, ...] = tuple(configured)
        self._policy = policy
        self._names: dict[int, str | None] = {
            number: issuer._only_identifier() for number, issuer in enumerate(self.configured, 1)
        }
        self._sources: dict[int, KeySource] = self._make_sources() if sources is None else dict(sources)
        self._resolved: dict[str, Issuer] = {}  # by identifier; those of the core, and some that made room for others
        self._endpoints: dict[int, Endpoint] = {}
        self._warned = False

    def _make_sources(self) -> dict[int, KeySource]:
        """One for each configured issuer whose keys are fetched."""
        fetched = [number for number, issuer in enumerate(self.configured, 1) if issuer._is_fetched()]
        native = self._native
        if fetched and len(fetched) == len(self.configured):
            # A handle of its own: closing a verifier must not take the key sets from others that share them.
            options = tuple(issuer._without_keys() for issuer in self.configured)
            native = _native.Verifier(issuers=options, keys_of=native, cache_size=0)
        return {number: KeySource(native, number, self.configured[number - 1]) for number in fetched}

    def shareable(self) -> dict[int, KeySource]:
        """The sources of the configured issuers, for a verifier that shares their keys."""
        return {number: source for number, source in self._sources.items() if number <= len(self.configured)}

    # ---- by number

    def source(self, number: int) -> KeySource | None:
        """The key source of this issuer; None when it has none, or has made room for others."""
        source = self._sources.get(number)
        if source is None and number > len(self.configured):
            state = self._native.issuer(number)
            issuer = None if state is None else self._resolved.get(state["issuer"])
            if state is not None and issuer is not None and state["fetched"]:
                source = self._sources.setdefault(number, KeySource(self._native, number, issuer))
        return source

    def endpoints(self, number: int, token: Any) -> list[Endpoint]:
        """Whom to ask about a token that this issuer is to be asked about: if it is not a JWT and says nothing of its
        issuer, every other one that is introspected, too.
        """
        numbers = [number]
        if not _native.token_is_jwt(token):
            configured = range(1, len(self.configured) + 1)
            numbers += [other for other in configured if other != number and self._introspector(other) is not None]
        return [endpoint for endpoint in map(self._endpoint, numbers) if endpoint is not None]

    def _introspector(self, number: int) -> Introspector | None:
        if number <= len(self.configured):
            return self.configured[number - 1].introspector
        state = self._native.issuer(number)
        issuer = None if state is None else self._resolved.get(state["issuer"])
        return None if issuer is None else issuer.introspector

    def _endpoint(self, number: int) -> Endpoint | None:
        endpoint = self._endpoints.get(number)
        introspector = self._introspector(number) if endpoint is None else None
        if introspector is not None:
            from ._introspections import Endpoint

            endpoint = self._endpoints.setdefault(number, Endpoint(self._native, number, introspector))
        return endpoint

    def endpoint_problems(self) -> list[tuple[int, str]]:
        """Introspection endpoints that fail at the moment."""
        problems = ((number, endpoint.problem()) for number, endpoint in list(self._endpoints.items()))
        return [(number, problem) for number, problem in problems if problem is not None]

    def sources(self) -> list[KeySource]:
        """Those of all issuers that there are now."""
        numbers = [state["number"] for state in self._native.issuers() if state["fetched"]]
        return [source for source in map(self.source, numbers) if source is not None]

    def name(self, number: int) -> str | None:
        """The identifier that is configured for this issuer; None when it has none, or several."""
        if number not in self._names and number > len(self.configured):
            state = self._native.issuer(number)
            if state is not None:
                self._names[number] = state["issuer"]
        return self._names.get(number)

    # ---- resolving

    def resolved(self, identifier: str, issuer: Any) -> dict[str, Any]:
        """The core's options for an issuer that the user's function has returned."""
        if not isinstance(issuer, Issuer):
            raise TypeError(f"it must return an Issuer or None, not {type(issuer).__name__}")
        options = issuer._native_options()
        if len(self._resolved) >= 2 * self._policy["max_issuers"]:
            self._forget()
        self._resolved[identifier] = issuer
        self.warn([issuer], named=False)
        return options

    def _forget(self) -> None:
        """Drops what belongs to issuers that have made room for others."""
        states = self._native.issuers()
        numbers, identifiers = {state["number"] for state in states}, {state["issuer"] for state in states}
        for number in list(self._sources.keys() | self._names.keys()):
            if number not in numbers:
                self._sources.pop(number, None)
                self._names.pop(number, None)
                self._endpoints.pop(number, None)
        for identifier in list(self._resolved):
            if identifier not in identifiers:
                self._resolved.pop(identifier, None)

    # ---- what is worth a warning

    def warn(self, issuers: Sequence[Issuer], named: bool = True) -> None:
        """Once, when tokens of one of these are accepted whoever they were issued for. An identifier that a token has
        brought is not named.
        """
        audience, claims = self._policy["audiences"], self._policy["required_claims"]
        open_to_all = [issuer for issuer in issuers if not issuer._names_this_server(audience, claims)]
        if not open_to_all or self._warned:
            return
        self._warned = True
        identifiers = (issuer._only_identifier() for issuer in open_to_all)
        names = [repr(name) for name in identifiers if name is not None] if named else ["a resolved issuer"]
        of = f" of {', '.join(names[:3])}{' and others' if len(names) > 3 else ''}" if names else ""
        logger("fastbearer").warning(
            "neither audience nor a required claim with values is set: tokens%s that were issued for other services "
            'are accepted here; set audience to the URL of this server, which is "resource" under FastMCP, the MCP '
            "SDK, ASGI and WSGI",
            of,
        )


# ---- refreshing all of them at the same time


def refresh_all(sources: list[KeySource]) -> None:
    """Fetches their key sets; KeysUnavailableError names those that failed."""
    failures: list[KeysUnavailableError | None] = []
    for start in range(0, len(sources), _AT_A_TIME):
        some = sources[start : start + _AT_A_TIME]
        done = _stored_anew(some)
        failures += [None] * len(done)  # another process has fetched them just now
        begun = [
            (source, source.start(_native.REFRESH_EXPLICIT, 0), source.until()) for source in some if source not in done
        ]
        for source, flight, until in begun:
            failures.append(source.failure(source.wait(flight, until, _native.REFRESH_EXPLICIT, 0)))
    _raise(failures)


async def refresh_all_async(sources: list[KeySource]) -> None:
    """Fetches their key sets without blocking the event loop; KeysUnavailableError names those that failed."""
    failures: list[KeysUnavailableError | None] = []
    loop = running_loop()
    for start in range(0, len(sources), _AT_A_TIME):
        some = sources[start : start + _AT_A_TIME]
        done = await _stored_anew_async(some)
        failures += [None] * len(done)
        begun = [
            (source, source.start(_native.REFRESH_EXPLICIT, 0, loop=loop), source.until())
            for source in some
            if source not in done
        ]
        for source, flight, until in begun:
            failures.append(source.failure(await source.wait_async(flight, until, _native.REFRESH_EXPLICIT, 0)))
    _raise(failures)


def _stored_anew(sources: list[KeySource]) -> set[KeySource]:
    """Reads the stores; those whose keys another process has fetched while we waited for our turn."""
    begun = [
        (source, source.stored, source.stored.start(EXPLICIT), source.until()) for source in sources if source.stored
    ]
    return {source for source, store, read, until in begun if _is_new(store.wait(read, until, EXPLICIT))}


async def _stored_anew_async(sources: list[KeySource]) -> set[KeySource]:
    loop = running_loop()
    begun = [
        (source, source.stored, source.stored.start(EXPLICIT, loop=loop), source.until())
        for source in sources
        if source.stored
    ]
    return {source for source, store, read, until in begun if _is_new(await store.wait_async(read, until, EXPLICIT))}


def _is_new(read: Flight | None) -> bool:
    return read is not None and read.result is True


def _raise(failures: Sequence[KeysUnavailableError | None]) -> None:
    failed = [error for error in failures if error is not None]
    if not failed:
        return
    if len(failures) == 1:
        raise failed[0]
    several = KeysUnavailableError(
        f"{len(failed)} of {len(failures)} key sets could not be fetched: "
        + "; ".join(f"{error.issuer}: {error}" for error in failed)
    )
    several.retry_after = max(error.retry_after for error in failed)
    raise several
