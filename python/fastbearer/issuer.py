"""Issuers: who may issue tokens, and where the keys are that verify them.

Verifier(issuers=[Issuer("https://login.example"), Issuer("https://old.example", secret=secret)],
         audience="https://api.example/mcp")
"""

from __future__ import annotations

from . import _options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any, NoReturn, TypeAlias

    from ._fetch_function import Fetch
    from ._option_kinds import ClaimValue
    from .introspection import Introspector
    from .stores import KeyStore

    #: Who an unknown issuer is: given its identifier, which nobody has verified.
    ResolveIssuer: TypeAlias = Callable[[str], "Issuer | Awaitable[Issuer | None] | None"]

__all__ = ["Issuer"]


class Issuer:
    """Who may issue tokens, where its keys are, and how its tokens differ from what the verifier requires of all.

    Immutable, and equal to another when all options mean the same. It may hold a secret, so it is not printed in full
    and cannot be pickled. ConfigurationError or TypeError names the option that is wrong; what only the core can tell
    is raised by the Verifier that it is given to.

    Attributes are its options, lists as tuples and mappings as what they were turned into: issuer; public_key, jwks,
    jwks_uri, secret; algorithms, audience, required_claims, token_type, scope_claims, client_id_claims; introspector;
    fetch, fetch_timeout, refresh_interval, stale_if_error, max_jwks_bytes, ca_file, allow_http, ssrf_safe, key_store,
    headers, trust_env.
    """

    __slots__ = ("__weakref__", "_native", *_options.ISSUER_NAMES)
    _native: dict[str, Any]

    # <generated from _options.OPTIONS by tools/generate/python_options.py>
    issuer: str | Sequence[str] | None
    public_key: str | bytes | None
    jwks: str | bytes | Mapping[str, Any] | None
    jwks_uri: str | None
    secret: str | bytes | None
    algorithms: str | Sequence[str] | None
    audience: str | Sequence[str] | None
    required_claims: str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]] | None
    token_type: str | None
    scope_claims: str | Sequence[str] | None
    client_id_claims: str | Sequence[str] | None
    introspector: Introspector | None
    fetch: Fetch | None
    fetch_timeout: float
    refresh_interval: float
    stale_if_error: float
    max_jwks_bytes: int
    ca_file: str | None
    allow_http: bool
    ssrf_safe: bool
    key_store: KeyStore | None
    headers: Mapping[str, str] | None
    trust_env: bool

    def __init__(
        self,
        issuer: str | Sequence[str] | None = None,
        *,
        public_key: str | bytes | None = None,
        jwks: str | bytes | Mapping[str, Any] | None = None,
        jwks_uri: str | None = None,
        secret: str | bytes | None = None,
        algorithms: str | Sequence[str] | None = None,
        audience: str | Sequence[str] | None = None,
        required_claims: str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]] | None = None,
        token_type: str | None = None,
        scope_claims: str | Sequence[str] | None = None,
        client_id_claims: str | Sequence[str] | None = None,
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
        **unknown: NoReturn,
    ) -> None:
        """Makes an issuer; every option but ``issuer`` is a keyword.

        What a verifier has too replaces the verifier's own where it is given here; an empty list is none.

        Who issues tokens:
            issuer: ``iss`` must be this, or one of these; or match a template such as
                "https://login.example/{tid}/v2.0", whose segment is the claim of that name. None, for a sole issuer:
                ``iss`` is not checked.

        Where the keys come from, at most one; without any they are found by discovery from the issuer:
            public_key: One PEM block: SPKI, PKCS#1 public key or X.509 certificate.
            jwks: A key-set document (RFC 7517), as text or as a mapping; held as given.
            jwks_uri: The https URL of a key set; fetched when needed, kept fresh in the background.
            secret: The HMAC key, at least as long as the hash.

        What is accepted:
            algorithms: One or several; by default "RS256", with ``secret`` "HS256".
            audience: ``aud`` must name this, or one of these. None is not checked: a token that was issued for another
                service is accepted here (RFC 8725 section 3.9).
            required_claims: Names of claims that must be present; or a mapping from each to the value that it must
                have, or the values of which it must have one.
            token_type: None accepts no ``typ``, JWT and at+jwt; "at+jwt" only access tokens as RFC 9068 defines them;
                "any" any ``typ`` but that of an introspection response (RFC 9701).
            scope_claims: The first of these that is present holds the scopes; "/realm_access/roles" is a path (RFC
                6901).
            client_id_claims: The first of these that is present is the client id, else "unknown".

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
        """
        self._set_up(
            {
                "issuer": issuer, "public_key": public_key, "jwks": jwks, "jwks_uri": jwks_uri, "secret": secret,
                "algorithms": algorithms, "audience": audience, "required_claims": required_claims,
                "token_type": token_type, "scope_claims": scope_claims, "client_id_claims": client_id_claims,
                "introspector": introspector, "fetch": fetch, "fetch_timeout": fetch_timeout,
                "refresh_interval": refresh_interval, "stale_if_error": stale_if_error,
                "max_jwks_bytes": max_jwks_bytes, "ca_file": ca_file, "allow_http": allow_http, "ssrf_safe": ssrf_safe,
                "key_store": key_store, "headers": headers, "trust_env": trust_env,
            },
            unknown,
        )  # fmt: skip

    # </generated>

    def _set_up(self, options: Mapping[str, Any], unknown: Mapping[str, Any] | None = None) -> None:
        if unknown:
            raise TypeError(_options.unknown_option(next(iter(unknown)), _options.ISSUER_NAMES, "Issuer"))
        values, native = _options.converted(options, _options.ISSUER)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        introspector = values["introspector"]
        if introspector is not None:
            native["introspection"] = "all" if introspector.jwts else "opaque"
            native["introspection_audience"] = introspector.client_id if introspector.signed_response else None
        object.__setattr__(self, "_native", native)

    @classmethod
    def _flat(cls, options: Mapping[str, Any]) -> Issuer:
        """That of a verifier which has only one, and its policy for itself."""
        issuer = cls.__new__(cls)
        issuer._set_up({**options, **_options.OWN})
        return issuer

    # ---- for the verifier

    def _key_option(self) -> str | None:
        """Which option says where the keys are; None: they are found by discovery."""
        for name in _options.names(_options.KEYS):
            if getattr(self, name) is not None:
                return name
        return None

    def _is_fetched(self) -> bool:
        introspector = self.introspector
        if introspector is not None and introspector.jwts and not introspector.signed_response:
            return False  # no key verifies anything
        return self._key_option() in (None, "jwks_uri")

    def _only_identifier(self) -> str | None:
        identifiers: tuple[str, ...] = self._native["identifiers"] or ()
        return identifiers[0] if len(identifiers) == 1 else None

    def _native_options(self) -> dict[str, Any]:
        """Members of fb_issuer by name, as things stand: the environment may name certificates."""
        if not self._is_fetched():
            return dict(self._native)
        return {**self._native, **_options.certificate_authorities(self)}

    def _without_keys(self) -> dict[str, Any]:
        return {"identifiers": self._native["identifiers"]}

    def _names_this_server(self, audiences: Any, claims: Any) -> bool:
        """Whether an audience or the values of a claim are required: its own, or else those of the verifier."""
        audiences = self._native.get("audiences", audiences)
        claims = self._native.get("required_claims", claims)
        return bool(audiences) or any(values is not None for _, values in claims or ())

    # ---- an immutable value

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an Issuer cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an Issuer cannot be changed")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return (
            self._native == other._native
            and self.fetch == other.fetch
            and self.key_store is other.key_store
            and self.introspector is other.introspector
        )

    def __hash__(self) -> int:
        return hash(self._native["identifiers"])

    def __copy__(self) -> Issuer:
        return self

    def __deepcopy__(self, memo: object) -> Issuer:
        return self

    def __repr__(self) -> str:
        source = self._key_option() or "discovery"
        audience = "" if self.audience is None else f", audience={self.audience!r}"
        return f"<fastbearer.Issuer {self.issuer!r} {source}{audience}>"

    def __reduce__(self) -> str:
        raise TypeError("an Issuer cannot be pickled, since it may hold a secret: make one in each process")
