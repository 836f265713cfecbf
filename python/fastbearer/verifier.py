"""The verifier for plain Python.

verifier = Verifier(issuer="https://issuer.example", audience="https://api.example/mcp")
access = verifier.verify(token)          # or: await verifier.verify_async(token)
"""

from __future__ import annotations

from . import _native, _option_kinds, _options
from ._inspection import decode_unverified, versions
from ._issuers import Issuers, refresh_all, refresh_all_async
from ._native import AccessToken
from ._questions import NEEDED, RequestQuestion, TokenQuestion, settle, settle_async
from ._records import Health, KeyInfo, Rejection, Unverified
from ._replay import Evictions, Memory
from ._resolver import Resolver
from ._revocation import Revocation
from .errors import (
    ConfigurationError,
    FastBearerError,
    InvalidProofError,
)
from .issuer import Issuer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, NoReturn, TypeVar

    from ._fetch_function import Fetch
    from ._key_source import KeySource
    from ._option_kinds import ClaimValue
    from ._questions import Needed
    from ._revocation import IsRevoked
    from .dpop import DPoP
    from .introspection import Introspector
    from .issuer import ResolveIssuer
    from .request import Request
    from .stores import KeyStore

    _Verifier = TypeVar("_Verifier", bound="Verifier")
    _Error = TypeVar("_Error", bound=FastBearerError)

__all__ = [
    "AccessToken",
    "Health",
    "Issuer",
    "KeyInfo",
    "Rejection",
    "Unverified",
    "Verifier",
    "decode_unverified",
    "versions",
]


class Verifier:
    """Verifies JWT access tokens (RFC 7519, RFC 9068), strictly.

    Any number of threads and event loops may use one verifier; a child of a fork may go on using it. ConfigurationError
    (or TypeError) names the option that is wrong.
    """

    __slots__ = (
        "__weakref__", "_check", "_evictions", "_fetches", "_hook_failed", "_implied", "_issuers", "_native",
        "_on_reject", "_options", "_replays", "_resolver", "_revocation",
    )  # fmt: skip
    _issuers: Issuers
    _native: _native.Verifier

    # <generated from _options.OPTIONS by tools/generate/python_options.py>
    def __init__(
        self,
        *,
        issuer: str | Sequence[str] | None = None,
        issuers: Sequence[Issuer] | None = None,
        resolve_issuer: ResolveIssuer | None = None,
        max_issuers: int = 1000,
        public_key: str | bytes | None = None,
        jwks: str | bytes | Mapping[str, Any] | None = None,
        jwks_uri: str | None = None,
        secret: str | bytes | None = None,
        algorithms: str | Sequence[str] | None = None,
        audience: str | Sequence[str] | None = None,
        required_scopes: str | Sequence[str] | None = None,
        scope_hierarchy: Mapping[str, Sequence[str]] | None = None,
        leeway: float = 0.0,
        clock_skew: float = 30.0,
        require_exp: bool = True,
        required_claims: str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]] = (),
        token_type: str | None = None,
        scope_claims: str | Sequence[str] = ("scope", "scp"),
        merge_scope_claims: bool = False,
        client_id_claims: str | Sequence[str] = ("client_id", "azp", "sub"),
        sender_constrained: str = "verify",
        dpop: DPoP | None = None,
        is_revoked: IsRevoked | None = None,
        max_token_bytes: int = 16384,
        cache_size: int = 1024,
        cache_bytes: int = 16777216,
        arithmetic: str = "auto",
        introspector: Introspector | None = None,
        fetch: Fetch | None = None,
        fetch_timeout: float = 10.0,
        refresh_interval: float = 30.0,
        stale_if_error: float = 3600.0,
        max_jwks_bytes: int = 65536,
        ca_file: str | None = None,
        allow_http: bool = False,
        ssrf_safe: bool = False,
        key_store: KeyStore | None = None,
        headers: Mapping[str, str] | None = None,
        trust_env: bool = False,
        on_reject: Callable[[Rejection], object] | None = None,
        **unknown: NoReturn,
    ) -> None:
        """Makes a verifier; every option is a keyword.

        With ``issuers`` the options of one (``issuer``, keys, ``algorithms``, how they are fetched) stand in
        each Issuer, and not here.

        Who issues tokens:
            issuer: ``iss`` must be this, or one of these; or match a template such as
                "https://login.example/{tid}/v2.0", whose segment is the claim of that name. None, for a sole issuer:
                ``iss`` is not checked.
            issuers: Several Issuers, each with options of its own, in place of the options of one.
            resolve_issuer: ``(iss) -> Issuer | None``, sync or async: who an issuer is that is not among the others.
                None refuses its tokens for a minute. ``iss`` is not verified: look it up, never fetch from it or log
                it.
            max_issuers: How many resolved issuers are held; the one that was used least recently makes room.

        Where the keys come from, at most one; without any they are found by discovery from the issuer:
            public_key: One PEM block: SPKI, PKCS#1 public key or X.509 certificate.
            jwks: A key-set document (RFC 7517), as text or as a mapping; held as given.
            jwks_uri: The https URL of a key set; fetched when needed, kept fresh in the background.
            secret: The HMAC key, at least as long as the hash.

        What is accepted:
            algorithms: One or several; by default "RS256", with ``secret`` "HS256".
            audience: ``aud`` must name this, or one of these. None is not checked: a token that was issued for another
                service is accepted here (RFC 8725 section 3.9).
            required_scopes: All of these must be granted; one text is split at spaces.
            scope_hierarchy: Which scopes include others: ``{"admin": ["read", "write"]}``.
            leeway: Seconds that are forgiven at ``exp``, ``nbf`` and ``iat``; each lengthens the life of every token.
            clock_skew: Seconds that ``nbf`` and ``iat`` may be in the future, since a provider's clock may be ahead.
            require_exp: Whether a token must have ``exp``.
            required_claims: Names of claims that must be present; or a mapping from each to the value that it must
                have, or the values of which it must have one.
            token_type: None accepts no ``typ``, JWT and at+jwt; "at+jwt" only access tokens as RFC 9068 defines them;
                "any" any ``typ`` but that of an introspection response (RFC 9701).
            scope_claims: The first of these that is present holds the scopes; "/realm_access/roles" is a path (RFC
                6901).
            merge_scope_claims: Whether all of ``scope_claims`` that are present hold scopes together.
            client_id_claims: The first of these that is present is the client id, else "unknown".
            sender_constrained: "verify" accepts a token that ``cnf`` binds to a key only from a sender who proves to
                have that key, so by ``verify_request``; "ignore" accepts it from everybody, also from who has stolen
                it.
            dpop: How DPoP proofs (RFC 9449) are checked. None: no proof is, and tokens that are bound to a DPoP key are
                refused.
            is_revoked: ``(AccessToken) -> bool``, sync or async: whether a token that is good otherwise has been
                revoked; asked on every request, cached token or not. While it fails requests are refused with 503. A
                sync one is called on the event loop and must not block.
            max_token_bytes: Longer tokens are refused unread; 1 to 65536.
            cache_size: How many verified tokens are remembered; 0 for none.
            cache_bytes: What they may occupy together.
            arithmetic: "auto" verifies signatures with precomputed tables where that is faster than OpenSSL, "openssl"
                with OpenSSL alone.

        Which tokens the issuer is asked about:
            introspector: Asks the issuer about tokens that are not JWTs (RFC 7662), or about all:
                ``fastbearer.introspection``.

        How a key set is fetched, and the metadata that discovery looks at:
            fetch: ``(url, headers) -> (status, headers, body)``, sync or async, in place of the one built in. It must
                not follow redirects nor return more than ``max_jwks_bytes``.
            fetch_timeout: Seconds, for all of it.
            refresh_interval: Seconds between two fetches for unknown key ids.
            stale_if_error: Seconds that held keys stay in use past their freshness while fetches fail.
            max_jwks_bytes: The size of the largest document that is accepted.
            ca_file: A PEM bundle of certificates to trust; by default what SSL_CERT_FILE and SSL_CERT_DIR name, the
                system's, certifi's.
            allow_http: Whether http:// is accepted for other hosts than loopback.
            ssrf_safe: Whether only public addresses are connected to.
            key_store: Where fetched key sets are kept, for other processes and for the next start:
                ``fastbearer.stores``.
            headers: Header fields to send with every fetch; a key set of another origin than the issuer's does not get
                them.
            trust_env: Whether the proxy variables of the environment are honoured.

        What is reported:
            on_reject: Called with a Rejection for every refused token; an exception that it raises is logged once and
                otherwise ignored.
        """
        self._set_up(
            {
                "issuer": issuer, "issuers": issuers, "resolve_issuer": resolve_issuer, "max_issuers": max_issuers,
                "public_key": public_key, "jwks": jwks, "jwks_uri": jwks_uri, "secret": secret,
                "algorithms": algorithms, "audience": audience, "required_scopes": required_scopes,
                "scope_hierarchy": scope_hierarchy, "leeway": leeway, "clock_skew": clock_skew,
                "require_exp": require_exp, "required_claims": required_claims, "token_type": token_type,
                "scope_claims": scope_claims, "merge_scope_claims": merge_scope_claims,
                "client_id_claims": client_id_claims, "sender_constrained": sender_constrained, "dpop": dpop,
                "is_revoked": is_revoked, "max_token_bytes": max_token_bytes, "cache_size": cache_size,
                "cache_bytes": cache_bytes, "arithmetic": arithmetic, "introspector": introspector, "fetch": fetch,
                "fetch_timeout": fetch_timeout, "refresh_interval": refresh_interval, "stale_if_error": stale_if_error,
                "max_jwks_bytes": max_jwks_bytes, "ca_file": ca_file, "allow_http": allow_http, "ssrf_safe": ssrf_safe,
                "key_store": key_store, "headers": headers, "trust_env": trust_env, "on_reject": on_reject,
            },
            unknown,
        )  # fmt: skip

    # </generated>

    def _set_up(
        self,
        options: Mapping[str, Any],
        unknown: Mapping[str, Any] | None = None,
        *,
        keys_of: Verifier | None = None,
        allow_short_secret: bool = False,
        warn: bool = True,
    ) -> None:
        if unknown:
            raise TypeError(_options.unknown_option(next(iter(unknown)), _options.DEFAULTS))
        values, policy = _options.converted(options, _options.VERIFIER)
        issuers = self._read_issuers(options, values["issuers"])
        resolve = values["resolve_issuer"]
        native: dict[str, Any] = {} if keys_of is None else {"keys_of": keys_of._native}
        given = [issuer._native_options() for issuer in issuers]
        if allow_short_secret:
            given[0]["allow_short_secret"] = True
        self._native = _native.Verifier(issuers=tuple(given), resolves_issuers=resolve is not None, **native, **policy)
        self._check = self._native.verify
        self._options = {name: options[name] for name in _options.DEFAULTS}
        #: All scopes that others include.
        self._implied = tuple(dict.fromkeys(s for _, implied in policy["scope_hierarchy"] or () for s in implied))
        self._on_reject: Callable[[Rejection], object] | None = options["on_reject"]
        self._hook_failed = False
        dpop: DPoP | None = options["dpop"]
        store = None if dpop is None else dpop.replay_store
        self._replays = None if store is None else Memory(store)
        own_memory = dpop is not None and store is None
        self._evictions = Evictions(self._native, dpop.replay_capacity) if dpop is not None and own_memory else None
        shared = None if keys_of is None else keys_of._issuers.shareable()
        self._issuers = Issuers(self._native, issuers, policy, shared)
        self._resolver = None if resolve is None else Resolver(self._native, resolve, self._issuers)
        # Whether there is, or may come, an issuer whose keys are fetched.
        self._fetches = resolve is not None or bool(self._issuers.shareable())
        self._revocation = None if options["is_revoked"] is None else Revocation(options["is_revoked"])
        if warn:
            self._issuers.warn(issuers)

    @staticmethod
    def _read_issuers(options: Mapping[str, Any], issuers: tuple[Issuer, ...] | None) -> tuple[Issuer, ...]:
        """Those that are given, or the one that the other options are; none where all are resolved."""
        if issuers is not None:
            for item in issuers:
                if not isinstance(item, Issuer):
                    raise TypeError(f"issuers must be a sequence of Issuer, but one item is {type(item).__name__}")
            if not issuers:
                raise ConfigurationError("issuers must not be empty")
            name = _options.mixed(options)
            if name is not None:
                raise ConfigurationError(f"issuers and {name} exclude each other: {name} is an option of each Issuer")
            return issuers
        if options["resolve_issuer"] is not None and _options.mixed(options) is None:
            return ()
        return (Issuer._flat(options),)

    @classmethod
    def _make(
        cls: type[_Verifier],
        *,
        keys_of: Verifier | None = None,
        allow_short_secret: bool = False,
        warn: bool = True,
        **options: Any,
    ) -> _Verifier:
        """A verifier for an adapter: it may share the key sets of another one, have a secret that is too short, and say
        nothing of what it accepts.
        """
        verifier = cls.__new__(cls)
        verifier._set_up(
            {**_options.DEFAULTS, **options}, keys_of=keys_of, allow_short_secret=allow_short_secret, warn=warn
        )
        return verifier

    def _with_policy(self, **policy: Any) -> Verifier:
        """A verifier with another policy on the same key sets, all of which are fetched. Its cache is empty."""
        return Verifier._make(keys_of=self, warn=False, **{**self._options, **policy})

    # ---- verifying

    def verify(self, token: str | bytes | bytearray | memoryview, *, now: float | None = None) -> AccessToken:
        """The AccessToken of a good token; for any other an InvalidTokenError that says why.

        Blocks only when keys must be fetched first, with the GIL released. KeysUnavailableError when they cannot be
        had: answer 503, the token may be good.

        Args:
            token: the compact serialisation, as it stands after "Bearer ".
            now: seconds since the epoch in place of the clock, for tests and replays; concerns the claims only.
        """
        if self._revocation is not None:
            self._revocation.check_sync()
        try:
            access = self._check(token, now)
        except NEEDED as error:
            needed = error
        except FastBearerError as error:
            self._report(error)
            raise
        else:
            if self._fetches and (number := self._native.refresh_due(access)):
                self._refresh_ahead(number)
            if self._revocation is not None:
                self._check_status(access)
            return access
        access = self._settle(TokenQuestion(self._native, token, now), needed)
        self._check_status(access)
        return access

    async def verify_async(
        self, token: str | bytes | bytearray | memoryview, *, now: float | None = None
    ) -> AccessToken:
        """Verifies as ``verify`` does, for coroutines. The loop's thread verifies; it is not blocked by a fetch."""
        try:
            access = self._check(token, now)
        except NEEDED as error:
            needed = error
        except FastBearerError as error:
            self._report(error)
            raise
        else:
            if self._fetches and (number := self._native.refresh_due(access)):
                self._refresh_ahead(number, on_loop=True)
            if self._revocation is not None:
                await self._check_status_async(access)
            return access
        access = await self._settle_async(TokenQuestion(self._native, token, now), needed)
        if self._revocation is not None:
            await self._check_status_async(access)
        return access

    def verify_request(self, request: Request, *, now: float | None = None) -> AccessToken:
        """Verifies the token of a request, and the proof of possession that the token demands.

        The token is in one header Authorization, under "Bearer" or, with ``dpop``, under "DPoP" (RFC 6750, RFC 9449).
        Blocks as ``verify`` does, and for a ``replay_store``.

        Raises, beside what ``verify`` raises:
            MalformedRequestError: answer 400.
            InvalidProofError: the token is bound to a key, and the sender has not proved that he has it.
            InvalidTokenError: with the code token_missing for a request without a token. on_reject is not told.
        """
        self._check_sync()
        question = RequestQuestion(self._native, request, now)
        answer = self._ask(question)
        access = answer if isinstance(answer, AccessToken) else self._settle(question, answer)
        self._check_status(access)
        if self._evictions is not None:
            self._evictions.accepted()
        if self._replays is not None and question.proof is not None:
            try:
                is_new = self._replays.is_new(*question.proof)
            except FastBearerError as error:
                raise self._refuse(access, error) from None
            self._check_new(access, is_new)
        return access

    def _check_sync(self) -> None:
        """ConfigurationError where a function is async, for callers who cannot wait for it."""
        if self._replays is not None:
            self._replays.check_sync()
        if self._revocation is not None:
            self._revocation.check_sync()

    async def verify_request_async(self, request: Request, *, now: float | None = None) -> AccessToken:
        """Verifies as ``verify_request`` does, for coroutines. No fetch and no ``replay_store`` blocks the loop."""
        question = RequestQuestion(self._native, request, now)
        answer = self._ask(question, on_loop=True)
        access = answer if isinstance(answer, AccessToken) else await self._settle_async(question, answer)
        if self._revocation is not None:
            await self._check_status_async(access)
        if self._evictions is not None:
            self._evictions.accepted()
        if self._replays is not None and question.proof is not None:
            try:
                is_new = await self._replays.is_new_async(*question.proof)
            except FastBearerError as error:
                raise self._refuse(access, error) from None
            self._check_new(access, is_new)
        return access

    def _check_status(self, access: AccessToken) -> None:
        """Whether a token that the core has accepted is still good."""
        problem = None if self._revocation is None else self._revocation.problem(access)
        if problem is not None:
            raise self._refuse(access, problem)

    async def _check_status_async(self, access: AccessToken) -> None:
        problem = None if self._revocation is None else await self._revocation.problem_async(access)
        if problem is not None:
            raise self._refuse(access, problem)

    def _check_new(self, access: AccessToken, is_new: bool) -> None:
        if not is_new:
            replayed = InvalidProofError("this very proof has been accepted before")
            replayed.code = "proof_replayed"
            raise self._refuse(access, replayed)

    def dpop_nonce(self) -> str | None:
        """What clients are to put into their next proof: send it as the header DPoP-Nonce with every answer (RFC 9449
        section 8.2), as the adapters do. None without ``nonce_secret``.
        """
        return self._native.nonce(None)

    # ---- asking the core

    def _ask(self, question: TokenQuestion | RequestQuestion, on_loop: bool = False) -> AccessToken | Needed:
        """What ``verify`` does with a token, where some nanoseconds more do not matter."""
        try:
            access = question.ask()
        except NEEDED as error:
            return error
        except FastBearerError as error:
            self._report(error)
            raise
        if self._fetches and (number := self._native.refresh_due(access)):
            self._refresh_ahead(number, on_loop)
        return access

    def _settle(self, question: TokenQuestion | RequestQuestion, needed: Needed) -> AccessToken:
        """Brings what the core needs, and the verdict."""
        try:
            access = settle(question, needed, self._issuers, self._resolver)
        except FastBearerError as error:
            self._report(error)
            raise error from None
        if self._fetches and (number := self._native.refresh_due(access)):
            self._refresh_ahead(number)
        return access

    async def _settle_async(self, question: TokenQuestion | RequestQuestion, needed: Needed) -> AccessToken:
        try:
            access = await settle_async(question, needed, self._issuers, self._resolver)
        except FastBearerError as error:
            self._report(error)
            raise error from None
        if self._fetches and (number := self._native.refresh_due(access)):
            self._refresh_ahead(number, on_loop=True)
        return access

    def _refresh_ahead(self, number: int, on_loop: bool = False) -> None:
        source = self._issuers.source(number)
        if source is not None:
            source.refresh_ahead(on_loop)

    def _refuse(self, access: AccessToken, error: _Error) -> _Error:
        """Counts and reports the refusal of a token that the core has accepted; returns error."""
        error.kid, error.issuer_number = access._kid, access._issuer_number
        self._native.count_refusal(error.code, error.issuer_number)
        self._report(error)
        return error

    def _report(self, error: FastBearerError) -> None:
        error.issuer = self._issuers.name(error.issuer_number)
        if self._on_reject is None or isinstance(error, ConfigurationError) or error.code == "token_missing":
            return
        rejection = Rejection(
            error.code, str(error), error.claim, error.kid, error.issuer, error.expected, error.actual
        )
        try:
            self._on_reject(rejection)
        except Exception:
            if not self._hook_failed:
                self._hook_failed = True
                import logging

                logging.getLogger("fastbearer").exception("on_reject failed; this is logged once")

    def _scopes_of(self, access: AccessToken) -> list[str]:
        """The scopes of a token with those that they include, for hosts that look for one in the list."""
        scopes = access.scopes
        more = [scope for scope in self._implied if scope not in scopes and access.has_scope(scope)]
        return [*scopes, *more] if more else scopes

    # ---- keys

    def refresh(self) -> None:
        """Loads the key sets of all issuers now, for example at start-up. Blocks, at most ``fetch_timeout``.

        KeysUnavailableError says which could not be had and why; held keys stay in use. ConfigurationError when no
        issuer has keys to fetch.
        """
        refresh_all(self._sources_to_refresh())

    async def refresh_async(self) -> None:
        """Loads the key sets now, as ``refresh`` does, without blocking the event loop."""
        await refresh_all_async(self._sources_to_refresh())

    def _sources_to_refresh(self) -> list[KeySource]:
        sources = self._issuers.sources()  # ValueError when closed
        if not self._fetches:
            raise ConfigurationError("only issuers with jwks_uri, or found by discovery, have keys to fetch")
        return sources

    def keys(self) -> list[KeyInfo]:
        """What is held now, of all issuers: one KeyInfo for each key, usable or not; empty before the first fetch."""
        return [KeyInfo(*row) for row in self._native.keys()]

    def stats(self) -> dict[str, Any]:
        """Counters since the verifier was made, and the state of its key sets.

        ``verified``, ``rejected`` and its ``reasons`` by code; of the token cache ``cache_hits``, ``cache_misses``,
        ``cache_evictions``, ``cache_entries`` and ``cache_bytes``; ``fetches``, ``fetch_failures``, ``fetch_seconds``
        that they took together, and ``last_error``; ``imports``, key sets that came from a store; ``key_age``, seconds
        since the oldest keys were fetched; ``introspections``, responses that were evaluated;
        whether ``keys_held`` and ``keys_fresh``; ``generation``, the number of key sets held so far; seconds until the
        next fetch is allowed, after a failure (``retry_after``) and for an unknown key id
        (``unknown_kid_retry_after``); ``table_bytes`` of precomputed tables. Of the whole process:
        ``arithmetic_checks``, verifications that were done both ways, and ``arithmetic_disagreements``. These are sums
        over all issuers, or what holds for all of them. With ``dpop``: ``replay_entries``, proofs that are remembered,
        ``replay_evictions``, those that had to make room before they were too old, and ``proof_keys``, client keys that
        are held parsed.

        ``issuers`` is a list with a dict for each of them, configured ones first: its ``number``, ``issuer`` (its
        first identifier), ``jwks_uri`` (without query; None when it has none or it is not known yet), whether its keys
        are ``fetched`` and whether it was ``added`` by resolve_issuer, and ``verified``, ``rejected`` and the members
        about fetches and keys as above. ``issuer_evictions`` counts resolved ones that made room for others,
        ``unknown_issuers`` is how many identifiers are remembered as unknown.
        """
        return {**self._native.stats(), "issuers": self._native.issuers()}

    def health(self) -> Health:
        """Whether tokens can be verified now, and what is wrong if not. Asks nobody and does not block.

        An issuer is "degraded" when its keys are past their freshness, "not_ready" when none are held: before the first
        fetch, so call ``refresh`` at the start. An introspection endpoint that fails, and a store of revocations that
        does not answer, are problems too.
        """
        status, states = self._native.health()
        problems = [
            f"{state['issuer']}: {state['problem']}" if state["issuer"] else state["problem"]
            for state in states
            if state["problem"]
        ]
        issuers = {state["issuer"]: state["health"] for state in states}
        for number, problem in self._issuers.endpoint_problems():
            problems.append(problem)
            issuers[self._issuers.name(number)] = "degraded"
            status = "degraded" if status == "ready" else status
        unknown = None if self._revocation is None else self._revocation.unavailable()
        if unknown is not None:
            problems.append(unknown)
            status = "not_ready"
        return Health(status, tuple(problems), issuers)

    # ---- what it was made of

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        """The issuers that it was made with; one where it was made with the options of one."""
        return self._issuers.configured

    @property
    def issuer(self) -> str | Sequence[str] | None:
        """The accepted issuer or issuers as given, or the first identifier of each of ``issuers``."""
        if self._options["issuers"] is None:
            return self._options["issuer"]  # type: ignore[no-any-return]
        return tuple(issuer._native["identifiers"][0] for issuer in self.issuers)

    @property
    def audience(self) -> str | Sequence[str] | None:
        """The accepted audience or audiences, as given."""
        return self._options["audience"]  # type: ignore[no-any-return]

    @property
    def required_scopes(self) -> tuple[str, ...]:
        """The scopes that a token must grant."""
        return _option_kinds.scopes("required_scopes", self._options["required_scopes"]) or ()

    @property
    def dpop(self) -> DPoP | None:
        """How DPoP proofs are checked, as given."""
        return self._options["dpop"]  # type: ignore[no-any-return]

    @property
    def leeway(self) -> float:
        """Seconds of clock skew that are forgiven."""
        return float(self._options["leeway"])

    @property
    def jwks_uri(self) -> str | None:
        """Where the key set of a sole issuer is fetched from, as given, or None."""
        return self._options["jwks_uri"]  # type: ignore[no-any-return]

    # ---- lifetime

    def close(self) -> None:
        """Frees the keys and the token cache. Later calls raise ValueError; closing again does not."""
        self._native.close()

    def __enter__(self) -> Verifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._options["issuers"] is not None or not self.issuers:
            return f"<fastbearer.Verifier of {len(self.issuers)} issuers, audience={self.audience!r}>"
        source = self.issuers[0]._key_option() or "discovery"
        return f"<fastbearer.Verifier {source} issuer={self.issuer!r} audience={self.audience!r}>"

    def __reduce__(self) -> str:
        raise TypeError("a Verifier cannot be pickled: make one in each process")
