"""The verifier for plain Python, and reading tokens without verifying them.

    verifier = Verifier(jwks_uri="https://issuer.example/jwks.json", issuer="https://issuer.example",
                        audience="https://api.example/mcp")
    access = verifier.verify(token)          # or: await verifier.verify_async(token)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from . import _native, _options
from ._native import AccessToken
from ._records import KeyInfo, Rejection, Unverified
from ._refresh import KeySource, running_loop
from .errors import ConfigurationError, FastBearerError, InvalidTokenError, KeysUnavailableError, _KeysNeeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, NoReturn

    from ._refresh import Fetch

__all__ = ["AccessToken", "KeyInfo", "Rejection", "Unverified", "Verifier", "decode_unverified"]

#: Options that say what a token must be like; the others say where the keys come from.
_POLICY = (
    "algorithms", "issuer", "audience", "required_scopes", "leeway", "require_exp", "required_claims", "token_type",
    "scope_claims", "client_id_claims", "max_token_bytes", "cache_size", "arithmetic", "on_reject",
)  # fmt: skip


class Verifier:
    """Verifies JWT access tokens (RFC 7519, RFC 9068), strictly.

    Keys come from exactly one of:
        public_key: one PEM block: SPKI, PKCS#1 public key or X.509 certificate.
        jwks: a key-set document (RFC 7517), as text or as a mapping; held as given.
        jwks_uri: the https URL of a key set; fetched when needed, kept fresh in the background.
        secret: the HMAC key, at least as long as the hash.

    What is accepted:
        algorithms: one or several; default "RS256", with ``secret`` "HS256".
        issuer, audience: one or several; None is not checked. Without ``audience`` a token that was issued for another
            service is accepted here (RFC 8725 section 3.9).
        required_scopes: all of these; a str is split at spaces.
        leeway: seconds of clock skew that are forgiven.
        require_exp: whether a token must have ``exp``.
        required_claims: names of claims that must be present.
        token_type: "at+jwt" accepts RFC 9068 tokens only; "any" does not look at ``typ``; None takes none, JWT, at+jwt.
        scope_claims: the first that is present holds the scopes.
        client_id_claims: the first that is present is the client id, else "unknown".
        max_token_bytes: longer tokens are refused unread; 1 to 65536.
        cache_size: verified tokens that are remembered; 0 for none.
        arithmetic: "auto" verifies signatures with precomputed tables where that is faster than OpenSSL; "openssl" with
            OpenSSL alone.

    How a key set is fetched:
        fetch: ``(url, headers) -> (status, headers, body)``, sync or async, in place of libcurl. It must not follow
            redirects nor return more than ``max_jwks_bytes``.
        fetch_timeout: seconds, for all of it.
        refresh_interval: seconds between two fetches for unknown key ids.
        stale_if_error: seconds that held keys stay in use past their freshness while fetches fail.
        max_jwks_bytes: the largest document.
        ca_file: PEM bundle; default SSL_CERT_FILE / SSL_CERT_DIR, the system's, certifi's.
        allow_http: accept http:// for other hosts than loopback.
        ssrf_safe: connect to public addresses only.
        trust_env: honour the proxy variables of the environment.

    on_reject: called with a Rejection for every refused token; what it raises is logged once and otherwise ignored.

    Any number of threads and event loops may use one verifier; a child of a fork may go on using it. ConfigurationError
    (or TypeError) names the option that is wrong.
    """

    __slots__ = ("__weakref__", "_check", "_hook_failed", "_native", "_on_reject", "_options", "_source")
    _native: _native.Verifier

    def __init__(
        self,
        *,
        public_key: str | bytes | None = None,
        jwks: str | bytes | Mapping[str, Any] | None = None,
        jwks_uri: str | None = None,
        secret: bytes | str | None = None,
        algorithms: str | Sequence[str] | None = None,
        issuer: str | Sequence[str] | None = None,
        audience: str | Sequence[str] | None = None,
        required_scopes: str | Sequence[str] | None = None,
        leeway: float = 0.0,
        require_exp: bool = True,
        required_claims: str | Sequence[str] = (),
        token_type: str | None = None,
        scope_claims: str | Sequence[str] = ("scope", "scp"),
        client_id_claims: str | Sequence[str] = ("client_id", "azp", "sub"),
        max_token_bytes: int = 16384,
        cache_size: int = 1024,
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
        _allow_short_secret: bool = False,
        _keys_of: Verifier | None = None,
        **unknown: NoReturn,
    ) -> None:
        given = locals()
        if unknown:
            raise TypeError(_options.unknown_option(next(iter(unknown)), Verifier.__init__))
        self._options = {name: given[name] for name in _options.NAMES}
        self._on_reject: Callable[[Rejection], object] | None = on_reject
        self._hook_failed = False
        self._source: KeySource | None = None
        if _keys_of is not None:
            self._native = _native.Verifier(keys_of=_keys_of._native, **_options.policy(given))
            self._source = _keys_of._source
        else:
            self._native = _native.Verifier(
                **_options.key_source(given), **_options.fetching(given), **_options.policy(given)
            )
        self._check = self._native.verify
        if jwks_uri is not None and _keys_of is None:
            self._source = KeySource(self._native, jwks_uri, fetch, fetch_timeout, trust_env)

    def _derive(self, **policy: Any) -> Verifier:
        """A verifier with another policy on the same key set. Only with jwks_uri; starts with an empty token cache."""
        options = {name: self._options[name] for name in _POLICY}
        return Verifier(**{**options, **policy, "_keys_of": self})

    # ---- verifying

    def verify(self, token: str | bytes | bytearray | memoryview, *, now: float | None = None) -> AccessToken:
        """The AccessToken of a good token; for any other an InvalidTokenError that says why.

        Blocks only when keys must be fetched first, with the GIL released. KeysUnavailableError when they cannot be
        had: answer 503, the token may be good.

        Args:
            token: the compact serialisation, as it stands behind "Bearer ".
            now: seconds since the epoch in place of the clock, for tests and replays; concerns the claims only.
        """
        try:
            access = self._check(token, now)
        except _KeysNeeded as error:
            needed = error
        except FastBearerError as error:
            self._rejected(error)
            raise
        else:
            if self._source is not None and self._native.refresh_due():
                self._source.start(_native.REFRESH_AHEAD, 0)
            return access
        assert self._source is not None
        self._source.fetch(_native.REFRESH_TOKEN, needed.key_request, needed.wait)
        return self._verify_after_fetch(token, now, needed)

    async def verify_async(
        self, token: str | bytes | bytearray | memoryview, *, now: float | None = None
    ) -> AccessToken:
        """Verifies like ``verify``, for coroutines: on the loop's thread, which is not blocked when keys must be fetched.
        """
        try:
            access = self._check(token, now)
        except _KeysNeeded as error:
            needed = error
        except FastBearerError as error:
            self._rejected(error)
            raise
        else:
            if self._source is not None and self._native.refresh_due():
                self._source.start(_native.REFRESH_AHEAD, 0, running_loop())
            return access
        assert self._source is not None
        await self._source.fetch_async(_native.REFRESH_TOKEN, needed.key_request, needed.wait)
        return self._verify_after_fetch(token, now, needed)

    def _verify_after_fetch(self, token: Any, now: float | None, needed: _KeysNeeded) -> AccessToken:
        """The verdict: the core never asks for a second fetch for the same token."""
        try:
            return self._native.verify_after_fetch(token, now, needed.key_request)
        except FastBearerError as error:
            self._rejected(error)
            raise error from None

    def _refused(self, access: AccessToken, error: InvalidTokenError) -> InvalidTokenError:
        """error, for a token that was verified and is refused by an adapter: counted and reported like any refusal."""
        error.kid = access._kid
        self._native.count_refusal(error.code)
        self._rejected(error)
        return error

    def _rejected(self, error: FastBearerError) -> None:
        if self._on_reject is None or isinstance(error, ConfigurationError):
            return
        try:
            self._on_reject(
                Rejection(error.code, str(error), error.claim, error.kid, self._issuer(), error.expected, error.actual)
            )
        except Exception:
            if not self._hook_failed:
                self._hook_failed = True
                import logging

                logging.getLogger("fastbearer").exception("on_reject failed; this is said once")

    def _issuer(self) -> str | None:
        """The configured issuer, when there is one only."""
        issuers = _options.texts("issuer", self._options["issuer"]) or ()
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
        self._native.refresh_due()  # ValueError when closed
        if self._source is None:
            raise ConfigurationError("only a verifier with jwks_uri has keys to fetch")
        return self._source

    def _raise_failure(self, flight: Any) -> None:
        """flight None: another fetch has just ended, and its outcome is the outcome."""
        if flight is not None and flight.error is None and not flight.done:
            failed = KeysUnavailableError("the key set could not be fetched in time")
            failed.retry_after = 1.0
            raise failed
        stats = self._native.stats()
        problem = stats["last_error"] if flight is None else "" if flight.error is None else str(flight.error)
        if problem:
            failed = KeysUnavailableError(problem)
            failed.retry_after = stats["retry_after"]
            raise failed

    def keys(self) -> list[KeyInfo]:
        """What is held now: one KeyInfo a key, usable or not; empty before the first fetch."""
        return [KeyInfo(*row) for row in self._native.keys()]

    def stats(self) -> dict[str, Any]:
        """Counters since the verifier was made: ``verified``, ``rejected`` and its ``reasons`` (by code), the token
        cache (``cache_hits`` ...), ``fetches`` and ``fetch_failures``, whether ``keys_held`` and ``keys_fresh``,
        ``last_error`` of the last fetch, ``generation`` (key sets held so far), ``table_bytes`` (precomputed tables).
        Of the whole process: ``arithmetic_checks`` (verifications that were done both ways) and
        ``arithmetic_disagreements``.
        """
        return self._native.stats()

    # ---- what it was made with

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
        return _options.scopes(self._options["required_scopes"]) or ()

    @property
    def leeway(self) -> float:
        """Seconds of clock skew that are forgiven."""
        return float(self._options["leeway"])

    @property
    def jwks_uri(self) -> str | None:
        """Where the key set is fetched from, or None."""
        return self._options["jwks_uri"]  # type: ignore[no-any-return]

    # ---- from first to last use

    def close(self) -> None:
        """Frees the keys and the token cache. Using the verifier afterwards raises ValueError; closing again does not."""
        self._native.close()

    def __enter__(self) -> Verifier:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        source = next((name for name in ("public_key", "jwks", "secret") if self._options[name] is not None), "jwks_uri")
        return f"<fastbearer.Verifier {source} issuer={self.issuer!r} audience={self.audience!r}>"

    def __reduce__(self) -> str:
        raise TypeError("a Verifier cannot be pickled: make one in each process")


def decode_unverified(token: str | bytes | bytearray | memoryview) -> Unverified:
    """The header and claims of a token that nobody has verified. For people and tools, never for a decision: anybody
    can write what stands there. DecodeError when it is not even a token.
    """
    import json

    header, claims = _native.decode_unverified(token)
    return Unverified(json.loads(header), json.loads(claims))
