"""The options of a verifier as types, for signatures with **options.

Generated from _options.OPTIONS by tools/generate/python_options.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from ._fetch_function import Fetch
    from ._option_kinds import ClaimValue
    from ._records import Rejection
    from ._revocation import IsRevoked
    from .dpop import DPoP
    from .introspection import Introspector
    from .issuer import Issuer, ResolveIssuer
    from .stores import KeyStore


class VerifierOptions(TypedDict, total=False):
    """The options of fastbearer.Verifier."""

    issuer: str | Sequence[str] | None
    issuers: Sequence[Issuer] | None
    resolve_issuer: ResolveIssuer | None
    max_issuers: int
    public_key: str | bytes | None
    jwks: str | bytes | Mapping[str, Any] | None
    jwks_uri: str | None
    secret: str | bytes | None
    algorithms: str | Sequence[str] | None
    audience: str | Sequence[str] | None
    required_scopes: str | Sequence[str] | None
    scope_hierarchy: Mapping[str, Sequence[str]] | None
    leeway: float
    clock_skew: float
    require_exp: bool
    required_claims: str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]]
    token_type: str | None
    scope_claims: str | Sequence[str]
    merge_scope_claims: bool
    client_id_claims: str | Sequence[str]
    sender_constrained: str
    dpop: DPoP | None
    is_revoked: IsRevoked | None
    max_token_bytes: int
    cache_size: int
    cache_bytes: int
    arithmetic: str
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
    on_reject: Callable[[Rejection], object] | None


class FastMCPOptions(TypedDict, total=False):
    """Those of them that FastMCP's own verifier does not have."""

    issuers: Sequence[Issuer] | None
    resolve_issuer: ResolveIssuer | None
    max_issuers: int
    jwks: str | bytes | Mapping[str, Any] | None
    secret: str | bytes | None
    algorithms: str | Sequence[str] | None
    scope_hierarchy: Mapping[str, Sequence[str]] | None
    leeway: float
    clock_skew: float
    require_exp: bool
    required_claims: str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]]
    token_type: str | None
    scope_claims: str | Sequence[str]
    merge_scope_claims: bool
    client_id_claims: str | Sequence[str]
    sender_constrained: str
    dpop: DPoP | None
    is_revoked: IsRevoked | None
    max_token_bytes: int
    cache_size: int
    cache_bytes: int
    arithmetic: str
    introspector: Introspector | None
    fetch_timeout: float
    stale_if_error: float
    max_jwks_bytes: int
    ca_file: str | None
    allow_http: bool
    key_store: KeyStore | None
    headers: Mapping[str, str] | None
    trust_env: bool
    on_reject: Callable[[Rejection], object] | None


class FastMCPAttributes:
    """The same as attributes, which may be written."""

    issuers: Sequence[Issuer] | None
    resolve_issuer: ResolveIssuer | None
    max_issuers: int
    jwks: str | bytes | Mapping[str, Any] | None
    secret: str | bytes | None
    algorithms: str | Sequence[str] | None
    scope_hierarchy: Mapping[str, Sequence[str]] | None
    leeway: float
    clock_skew: float
    require_exp: bool
    required_claims: str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]]
    token_type: str | None
    scope_claims: str | Sequence[str]
    merge_scope_claims: bool
    client_id_claims: str | Sequence[str]
    sender_constrained: str
    dpop: DPoP | None
    is_revoked: IsRevoked | None
    max_token_bytes: int
    cache_size: int
    cache_bytes: int
    arithmetic: str
    introspector: Introspector | None
    fetch_timeout: float
    stale_if_error: float
    max_jwks_bytes: int
    ca_file: str | None
    allow_http: bool
    key_store: KeyStore | None
    headers: Mapping[str, str] | None
    trust_env: bool
    on_reject: Callable[[Rejection], object] | None
