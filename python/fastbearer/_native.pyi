"""The C core. Private to the package."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypeVar, final

from .errors import FastBearerError

version: str

REFRESH_TOKEN: int
REFRESH_AHEAD: int
REFRESH_EXPLICIT: int
FETCH_NOW: int
FETCH_WAIT: int
RESOLVED: int
NO_SUCH_ISSUER: int
RESOLVE_FAILED: int

#: A TypedDict, as a rule.
_Claims = TypeVar("_Claims", bound=Mapping[str, Any])

#: Decision, ticket, URL, ETag, header lines, seconds.
_Fetch: TypeAlias = tuple[int, int, str | None, str | None, list[str], float]

#: Method, URL, headers, client certificate, token header.
_Request: TypeAlias = tuple[
    str | bytes, str | bytes | None, tuple[tuple[str | bytes, str | bytes], ...], str | bytes | None, str | bytes | None
]

#: What the host is to remember of the proof, and until when; None: nothing.
_Accepted: TypeAlias = tuple[AccessToken, tuple[str, float] | None]

#: Source, document, ETag, jwks_uri, and fetched and fresh until when, in Unix seconds.
_StoredKeys: TypeAlias = tuple[str, bytes, str | None, str | None, float, float]

#: What a KeyInfo is made of, in its order.
_Key: TypeAlias = tuple[
    str | None, str | None, str | None, str | None, bool, str | None, str | None, int, int, str | None, float | None,
    float | None,
]  # fmt: skip

@final
class AccessToken:
    """The contents of a verified token. Immutable; its list and dict are its own."""

    def __new__(
        cls,
        token: str,
        client_id: str,
        scopes: list[str] = ...,
        expires_at: int | None = None,
        subject: str | None = None,
        resource: str | None = None,
        claims: dict[str, Any] = ...,
        issuer: str | None = None,
        confirmation: dict[str, Any] | None = None,
    ) -> AccessToken: ...
    @property
    def token(self) -> str: ...
    @property
    def client_id(self) -> str: ...
    @property
    def scopes(self) -> list[str]: ...
    @property
    def expires_at(self) -> int | None: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def resource(self) -> str | None: ...
    @property
    def claims(self) -> dict[str, Any]: ...
    @property
    def issuer(self) -> str | None: ...
    @property
    def confirmation(self) -> dict[str, Any] | None: ...
    @property
    def expires_at_datetime(self) -> datetime | None: ...
    @property
    def _kid(self) -> str | None: ...
    @property
    def _issuer_number(self) -> int: ...
    def has_scope(self, scope: str, /) -> bool: ...
    def claims_as(self, kind: type[_Claims], /) -> _Claims: ...
    def __eq__(self, other: object, /) -> bool: ...
    __hash__: None  # type: ignore[assignment]

@final
class Verifier:
    def __new__(
        cls,
        *,
        issuers: tuple[dict[str, Any], ...] = ...,  # each with members of fb_issuer, by their names
        resolves_issuers: bool = ...,
        revocations: Revocations | None = ...,
        keys_of: Verifier = ...,
        # <generated from _options.OPTIONS by tools/generate/python_options.py>
        max_issuers: int = ...,
        audiences: tuple[str, ...] | None = ...,
        required_scopes: tuple[str, ...] | None = ...,
        scope_hierarchy: tuple[tuple[str, tuple[str, ...] | None], ...] | None = ...,
        leeway: float = ...,
        clock_skew: float = ...,
        require_exp: bool = ...,
        required_claims: tuple[tuple[str, tuple[str, ...] | None], ...] | None = ...,
        token_type: str | None = ...,
        scope_claims: tuple[str, ...] | None = ...,
        merge_scope_claims: bool = ...,
        client_id_claims: tuple[str, ...] | None = ...,
        sender_constrained: str | None = ...,
        dpop: dict[str, Any] | None = ...,
        max_token_bytes: int = ...,
        cache_size: int = ...,
        cache_bytes: int = ...,
        arithmetic: str | None = ...,
        # </generated>
    ) -> Verifier: ...
    def verify(self, token: str | bytes | bytearray | memoryview, now: float | None, /) -> AccessToken: ...
    def verify_after_fetch(
        self, token: str | bytes | bytearray | memoryview, now: float | None, key_request: int, /
    ) -> AccessToken: ...
    def verify_request(self, request: _Request, now: float | None, /) -> _Accepted: ...
    def verify_request_after_fetch(self, request: _Request, now: float | None, key_request: int, /) -> _Accepted: ...
    def verify_introspected(
        self,
        issuer: int,
        token: str | bytes | bytearray | memoryview,
        now: float | None,
        response: str | bytes,
        reuse_for: float,
        content_type: str | None = None,
        key_request: int | None = None,
        /,
    ) -> AccessToken: ...
    def verify_request_introspected(
        self,
        issuer: int,
        request: _Request,
        now: float | None,
        response: str | bytes,
        reuse_for: float,
        content_type: str | None = None,
        key_request: int | None = None,
        /,
    ) -> _Accepted: ...
    def request_token(self, request: _Request, /) -> bytes: ...
    def nonce(self, now: float | None, /) -> str | None: ...
    def count_refusal(self, code: str, issuer: int = 0, /) -> None: ...
    def refresh_due(self, access: AccessToken, /) -> int: ...
    def refresh_begin(self, issuer: int, reason: int, key_request: int, /) -> _Fetch: ...
    def refresh_start(self, issuer: int, reason: int, key_request: int, /) -> _Fetch: ...
    def refresh_complete(
        self, issuer: int, ticket: int, failure: str | None, status: int, body: bytes | None, headers: dict[str, str], /
    ) -> _Fetch | None: ...
    def refresh_abandon(self, issuer: int, ticket: int, /) -> None: ...
    def refresh_wait(self, issuer: int, ticket: int, timeout: float, /) -> bool: ...
    def keys_version(self, issuer: int, /) -> int: ...
    def export_keys(self, issuer: int, /) -> _StoredKeys | None: ...
    def import_keys(self, issuer: int, stored: _StoredKeys, /) -> None: ...
    def keys(self) -> list[_Key]: ...
    def issuers(self) -> list[dict[str, Any]]: ...
    def health(self) -> tuple[str, list[dict[str, Any]]]: ...
    def issuer(self, number: int, /) -> dict[str, Any] | None: ...
    def resolve_begin(self, token: str | bytes | bytearray | memoryview, /) -> tuple[int, int, str]: ...
    def resolve_end(self, ticket: int, outcome: int, issuer: dict[str, Any] | None, /) -> None: ...
    def resolve_wait(self, ticket: int, timeout: float, /) -> bool: ...
    def stats(self) -> dict[str, Any]: ...
    def close(self) -> None: ...

@final
class Revocations:
    """Tokens and subjects that are revoked. None as ``until``: for ever; as ``now``: by the system's clock."""

    def __new__(cls, max_entries: int) -> Revocations: ...
    def add(self, issuer: str | None, jti: str, until: float | None, now: float | None, /) -> None: ...
    def add_subject(
        self, issuer: str | None, subject: str, before: float, until: float | None, now: float | None, /
    ) -> None: ...
    def is_revoked(self, access: AccessToken, now: float | None, /) -> bool: ...
    def refill_begin(self) -> None: ...
    def refill_end(self) -> None: ...
    def clear(self) -> None: ...
    def describe(self) -> dict[str, int]: ...

@final
class KeyPair:
    @classmethod
    def generate(cls, algorithm: str, bits: int, /) -> KeyPair: ...
    @classmethod
    def load(cls, algorithm: str, private_key: str | bytes, /) -> KeyPair: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def public_pem(self) -> str | None: ...
    @property
    def private_pem(self) -> bytes: ...
    def create_token(
        self,
        subject: str | None,
        issuer: str | None,
        audiences: tuple[str, ...] | None,
        audience_is_list: bool,
        scopes: tuple[str, ...] | None,
        now: float,
        expires_in: float,
        additional_claims: bytes | None,
        kid: str | None,
        type: str,
        /,
    ) -> str: ...
    def sign(self, header: str | bytes, payload: str | bytes, /) -> str: ...
    def jwks(self, kid: str | None, /) -> str: ...
    def dpop_proof(
        self,
        method: str,
        url: str,
        access_token: str | None,
        nonce: str | None,
        jti: str | None,
        now: float,
        /,
    ) -> str: ...
    def thumbprint(self) -> str: ...

@final
class RpcPolicy:
    """What the bodies of JSON-RPC requests need."""

    def __new__(
        cls,
        anonymous: tuple[str, ...],
        tool_scopes: tuple[tuple[str, tuple[str, ...]], ...],
        resource_scopes: tuple[tuple[str, tuple[str, ...]], ...],
        prompt_scopes: tuple[tuple[str, tuple[str, ...]], ...],
        max_body_bytes: int | None,
        /,
    ) -> RpcPolicy: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def has_anonymous(self) -> bool: ...
    @property
    def max_body_bytes(self) -> int: ...
    def check_headers(self, headers: tuple[tuple[str | bytes, str | bytes], ...], /) -> None: ...
    def check(self, body: bytes, /) -> tuple[bool, list[str]]: ...

def decode_unverified(token: str | bytes | bytearray | memoryview, /) -> tuple[str, str]: ...
def versions() -> dict[str, Any]: ...
def token_is_jwt(token: str | bytes | bytearray | memoryview, /) -> bool: ...
def ca_bundle() -> str | None: ...
def outcomes() -> tuple[tuple[int, str, str, int, str, type[FastBearerError]], ...]: ...
