"""The verifier for plain Python, and reading tokens without verifying them.

verifier = Verifier(jwks_uri="https://issuer.example/jwks.json", issuer="https://issuer.example",
                    audience="https://api.example/mcp")
access = verifier.verify(token)          # or: await verifier.verify_async(token)
"""

from __future__ import annotations

from . import _native, _options
from ._key_source import KeySource
from ._native import AccessToken
from ._records import KeyInfo, Rejection, Unverified
from .errors import ConfigurationError, FastBearerError, InvalidTokenError, KeysUnavailableError, _KeysNeeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, NoReturn, TypeVar

    from ._fetch_function import Fetch
    from ._key_source import Flight
    from ._options import ClaimValue

    _Verifier = TypeVar("_Verifier", bound="Verifier")

__all__ = ["AccessToken", "KeyInfo", "Rejection", "Unverified", "Verifier", "decode_unverified"]


class Verifier:
    """Verifies JWT access tokens (RFC 7519, RFC 9068), strictly.

    Any number of threads and event loops may use one verifier; a child of a fork may go on using it. ConfigurationError
    (or TypeError) names the option that is wrong.
    """

    __slots__ = ("__weakref__", "_check", "_hook_failed", "_key_option", "_native", "_on_reject", "_options", "_source")
    _native: _native.Verifier

    # <generated from _options.OPTIONS by tools/generate/python_options.py>
    def __init__(
        self,
        *,
        public_key: str | bytes | None = None,
        jwks: str | bytes | Mapping[str, Any] | None = None,
        jwks_uri: str | None = None,
        secret: str | bytes | None = None,
        algorithms: str | Sequence[str] | None = None,
        issuer: str | Sequence[str] | None = None,
        audience: str | Sequence[str] | None = None,
        required_scopes: str | Sequence[str] | None = None,
        leeway: float = 0.0,
        require_exp: bool = True,
        required_claims: str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]] = (),
        token_type: str | None = None,
        scope_claims: str | Sequence[str] = ("scope", "scp"),
        client_id_claims: str | Sequence[str] = ("client_id", "azp", "sub"),
        max_token_bytes: int = 16384,
        cache_size: int = 1024,
        cache_bytes: int = 16777216,
        arithmetic: str = "auto",
        fetch: Fetch | None = None,
        fetch_timeout: float = 10.0,
        refresh_interval: float = 30.0,
        stale_if_error: float = 3600.0,
        max_jwks_bytes: int = 65536,
        ca_file: str | None = None,
        allow_http: bool = False,
        ssrf_safe: bool = False,
        trust_env: bool = False,
        on_reject: Callable[[Rejection], object] | None = None,
        **unknown: NoReturn,
    ) -> None:
        """Makes a verifier; every option is a keyword.

        Where the keys come from, exactly one:
            public_key: One PEM block: SPKI, PKCS#1 public key or X.509 certificate.
            jwks: A key-set document (RFC 7517), as text or as a mapping; held as given.
            jwks_uri: The https URL of a key set; fetched when needed, kept fresh in the background.
            secret: The HMAC key, at least as long as the hash.

        What is accepted:
            algorithms: One or several; by default "RS256", with ``secret`` "HS256".
            issuer: ``iss`` must be this, or one of these; None is not checked.
            audience: ``aud`` must name this, or one of these. None is not checked: a token that was issued for another
                service is accepted here (RFC 8725 section 3.9).
            required_scopes: All of these must be granted; one text is split at spaces.
            leeway: Seconds of clock skew that are forgiven.
            require_exp: Whether a token must have ``exp``.
            required_claims: Names of claims that must be present; or a mapping from each to the value that it must
                have, or the values of which it must have one.
            token_type: None accepts no ``typ``, JWT and at+jwt; "at+jwt" only access tokens as RFC 9068 defines them;
                "any" ignores ``typ``.
            scope_claims: The first of these that is present holds the scopes.
            client_id_claims: The first of these that is present is the client id, else "unknown".
            max_token_bytes: Longer tokens are refused unread; 1 to 65536.
            cache_size: How many verified tokens are remembered; 0 for none.
            cache_bytes: What they may occupy together.
            arithmetic: "auto" verifies signatures with precomputed tables where that is faster than OpenSSL, "openssl"
                with OpenSSL alone.

        How a key set is fetched:
            fetch: ``(url, headers) -> (status, headers, body)``, sync or async, in place of libcurl. It must not follow
                redirects nor return more than ``max_jwks_bytes``.
            fetch_timeout: Seconds, for all of it.
            refresh_interval: Seconds between two fetches for unknown key ids.
            stale_if_error: Seconds that held keys stay in use past their freshness while fetches fail.
            max_jwks_bytes: The size of the largest document that is accepted.
            ca_file: A PEM bundle of certificates to trust; by default what SSL_CERT_FILE and SSL_CERT_DIR name, the
                system's, certifi's.
            allow_http: Whether http:// is accepted for other hosts than loopback.
            ssrf_safe: Whether only public addresses are connected to.
            trust_env: Whether the proxy variables of the environment are honoured.

        What is reported:
            on_reject: Called with a Rejection for every refused token; an exception that it raises is logged once and
                otherwise ignored.
        """
        self._set_up(
            {
                "public_key": public_key,
                "jwks": jwks,
                "jwks_uri": jwks_uri,
                "secret": secret,
                "algorithms": algorithms,
                "issuer": issuer,
                "audience": audience,
                "required_scopes": required_scopes,
                "leeway": leeway,
                "require_exp": require_exp,
                "required_claims": required_claims,
                "token_type": token_type,
                "scope_claims": scope_claims,
                "client_id_claims": client_id_claims,
                "max_token_bytes": max_token_bytes,
                "cache_size": cache_size,
                "cache_bytes": cache_bytes,
                "arithmetic": arithmetic,
                "fetch": fetch,
                "fetch_timeout": fetch_timeout,
                "refresh_interval": refresh_interval,
                "stale_if_error": stale_if_error,
                "max_jwks_bytes": max_jwks_bytes,
                "ca_file": ca_file,
                "allow_http": allow_http,
                "ssrf_safe": ssrf_safe,
                "trust_env": trust_env,
                "on_reject": on_reject,
            },
            unknown,
        )

    # </generated>

    def _set_up(
        self,
        options: Mapping[str, Any],
        unknown: Mapping[str, Any] | None = None,
        *,
        keys_of: Verifier | None = None,
        allow_short_secret: bool = False,
    ) -> None:
        if unknown:
            raise TypeError(_options.unknown_option(next(iter(unknown)), _options.DEFAULTS))
        policy = _options.converted(options, _options.VERIFIER, _options.POLICY, _options.REPORTING)
        issuer = _options.converted(options, _options.ISSUER & ~_options.VERIFIER, _options.POLICY)
        if keys_of is not None:
            self._native = _native.Verifier(issuers=(issuer,), keys_of=keys_of._native, **policy)
        else:
            issuer.update(_options.converted(options, _options.ISSUER, _options.KEYS, _options.FETCHING))
            issuer.update(_options.certificate_authorities(options))
            issuer["allow_short_secret"] = allow_short_secret
            self._native = _native.Verifier(issuers=(issuer,), **policy)
        self._check = self._native.verify
        self._options = {name: options[name] for name in (*_options.names(_options.POLICY), "jwks_uri")}
        self._key_option = next(
            (name for name in _options.names(_options.KEYS) if options[name] is not None), "jwks_uri"
        )
        self._on_reject: Callable[[Rejection], object] | None = options["on_reject"]
        self._hook_failed = False
        self._source: KeySource | None = None if keys_of is None else keys_of._source
        if self._source is None and options["jwks_uri"] is not None:
            self._source = KeySource(
                self._native, options["jwks_uri"], options["fetch"], options["fetch_timeout"], options["trust_env"]
            )

    @classmethod
    def _make(
        cls: type[_Verifier], *, keys_of: Verifier | None = None, allow_short_secret: bool = False, **options: Any
    ) -> _Verifier:
        """A verifier for an adapter: it may share the key source of another one, or have a secret that is too short."""
        verifier = cls.__new__(cls)
        verifier._set_up({**_options.DEFAULTS, **options}, keys_of=keys_of, allow_short_secret=allow_short_secret)
        return verifier

    def _with_policy(self, **policy: Any) -> Verifier:
        """A verifier with another policy on the same key source, which one with jwks_uri has. Its cache is empty."""
        return Verifier._make(keys_of=self, **{**self._options, "on_reject": self._on_reject, **policy})

    # ---- verifying

    def verify(self, token: str | bytes | bytearray | memoryview, *, now: float | None = None) -> AccessToken:
        """The AccessToken of a good token; for any other an InvalidTokenError that says why.

        Blocks only when keys must be fetched first, with the GIL released. KeysUnavailableError when they cannot be
        had: answer 503, the token may be good.

        Args:
            token: the compact serialisation, as it stands after "Bearer ".
            now: seconds since the epoch in place of the clock, for tests and replays; concerns the claims only.
        """
        try:
            access = self._check(token, now)
        except _KeysNeeded as error:
            needed = error
        except FastBearerError as error:
            self._report(error)
            raise
        else:
            if self._source is not None and self._native.refresh_due(access):
                self._source.refresh_ahead()
            return access
        assert self._source is not None
        self._source.fetch(_native.REFRESH_TOKEN, needed.key_request, needed.wait)
        return self._verify_after_fetch(token, now, needed)

    async def verify_async(
        self, token: str | bytes | bytearray | memoryview, *, now: float | None = None
    ) -> AccessToken:
        """Verifies as ``verify`` does, for coroutines. The loop's thread verifies; it is not blocked by a fetch."""
        try:
            access = self._check(token, now)
        except _KeysNeeded as error:
            needed = error
        except FastBearerError as error:
            self._report(error)
            raise
        else:
            if self._source is not None and self._native.refresh_due(access):
                self._source.refresh_ahead(on_loop=True)
            return access
        assert self._source is not None
        await self._source.fetch_async(_native.REFRESH_TOKEN, needed.key_request, needed.wait)
        return self._verify_after_fetch(token, now, needed)

    def _verify_after_fetch(self, token: Any, now: float | None, needed: _KeysNeeded) -> AccessToken:
        """The verdict: the core never asks for a second fetch for the same token."""
        try:
            return self._native.verify_after_fetch(token, now, needed.key_request)
        except FastBearerError as error:
            self._report(error)
            raise error from None

    def _refuse(self, access: AccessToken, error: InvalidTokenError) -> InvalidTokenError:
        """Counts and reports the refusal of a token that was verified, by an adapter; returns error."""
        error.kid = access._kid
        self._native.count_refusal(error.code)
        self._report(error)
        return error

    def _report(self, error: FastBearerError) -> None:
        if self._on_reject is None or isinstance(error, ConfigurationError):
            return
        rejection = Rejection(
            error.code, str(error), error.claim, error.kid, self._only_issuer(), error.expected, error.actual
        )
        try:
            self._on_reject(rejection)
        except Exception:
            if not self._hook_failed:
                self._hook_failed = True
                import logging

                logging.getLogger("fastbearer").exception("on_reject failed; this is logged once")

    def _only_issuer(self) -> str | None:
        issuer = self._options["issuer"]
        issuers = (issuer,) if issuer is None or isinstance(issuer, str) else tuple(issuer)
        return issuers[0] if len(issuers) == 1 else None

    # ---- keys

    def refresh(self) -> None:
        """Loads the key set now, for example at start-up. Blocks, at most ``fetch_timeout``.

        KeysUnavailableError says why it could not be had; held keys stay in use. ConfigurationError without jwks_uri.
        """
        self._raise_failure(self._key_source().fetch(_native.REFRESH_EXPLICIT))

    async def refresh_async(self) -> None:
        """Loads the key set now, as ``refresh`` does, without blocking the event loop."""
        self._raise_failure(await self._key_source().fetch_async(_native.REFRESH_EXPLICIT))

    def _key_source(self) -> KeySource:
        self._native.stats()  # ValueError when closed
        if self._source is None:
            raise ConfigurationError("only a verifier with jwks_uri has keys to fetch")
        return self._source

    def _raise_failure(self, flight: Flight | None) -> None:
        stats = self._native.stats()
        problem: str = stats["last_error"]
        retry_after: float = stats["retry_after"]
        if flight is not None:  # otherwise another fetch has just ended, and its outcome counts
            problem = "" if flight.error is None else str(flight.error)
            if not flight.done:
                problem, retry_after = "the key set could not be fetched in time", 1.0
        if problem:
            failed = KeysUnavailableError(problem)
            failed.retry_after = retry_after
            raise failed

    def keys(self) -> list[KeyInfo]:
        """What is held now: one KeyInfo for each key, usable or not; empty before the first fetch."""
        return [KeyInfo(*row) for row in self._native.keys()]

    def stats(self) -> dict[str, Any]:
        """Counters since the verifier was made, and the state of its key set.

        ``verified``, ``rejected`` and its ``reasons`` by code; of the token cache ``cache_hits``, ``cache_misses``,
        ``cache_evictions``, ``cache_entries`` and ``cache_bytes``; ``fetches``, ``fetch_failures`` and ``last_error``;
        whether ``keys_held`` and ``keys_fresh``; ``generation``, the number of key sets held so far; seconds until the
        next fetch is allowed, after a failure (``retry_after``) and for an unknown key id
        (``unknown_kid_retry_after``); ``table_bytes`` of precomputed tables. Of the whole process:
        ``arithmetic_checks``, verifications that were done both ways, and ``arithmetic_disagreements``.
        """
        return self._native.stats()

    # ---- what it was made of

    @property
    def issuer(self) -> str | Sequence[str] | None:
        """The accepted issuer or issuers, as given."""
        return self._options["issuer"]  # type: ignore[no-any-return]

    @property
    def audience(self) -> str | Sequence[str] | None:
        """The accepted audience or audiences, as given."""
        return self._options["audience"]  # type: ignore[no-any-return]

    @property
    def required_scopes(self) -> tuple[str, ...]:
        """The scopes that a token must grant."""
        return _options.scopes("required_scopes", self._options["required_scopes"]) or ()

    @property
    def leeway(self) -> float:
        """Seconds of clock skew that are forgiven."""
        return float(self._options["leeway"])

    @property
    def jwks_uri(self) -> str | None:
        """Where the key set is fetched from, or None."""
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
        return f"<fastbearer.Verifier {self._key_option} issuer={self.issuer!r} audience={self.audience!r}>"

    def __reduce__(self) -> str:
        raise TypeError("a Verifier cannot be pickled: make one in each process")


def decode_unverified(token: str | bytes | bytearray | memoryview) -> Unverified:
    """The header and claims of a token that nobody has verified. For people and tools, never for a decision: anybody
    can write what stands there. DecodeError when it is not even a token.
    """
    import json

    header, claims = _native.decode_unverified(token)
    return Unverified(json.loads(header), json.loads(claims))


def versions() -> dict[str, Any]:
    """What is running: ``fastbearer``, ``openssl``, ``jansson`` and ``curl`` are version numbers. ``built_in`` is True
    where these libraries are parts of the wheel, as in the published ones: then a fault in one of them is mended by a
    newer version of this package, else by the system's update.
    """
    return _native.versions()
