"""Small immutable values: a key that a verifier holds, a refusal, the contents of an unverified token."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Health", "KeyInfo", "Rejection", "Unverified"]


class _Record:
    """Fields are the __slots__, set once by the constructor."""

    __slots__: tuple[str, ...] = ()

    def _fill(self, *values: object) -> None:
        for name, value in zip(self.__slots__, values, strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({fields})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__slots__))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, name) for name in self.__slots__)


class KeyInfo(_Record):
    """One key of the set that a verifier holds, usable or not.

    Attributes:
        kid, kty, alg, crv: what the key set says of it (RFC 7517); None where it says nothing.
        usable: whether it can verify anything.
        problem: why it is not usable, or what was ignored in it; None: nothing.
        arithmetic: what verifies with it now: "openssl", or precomputed tables ("rsa-ifma", "p256-tables",
            "ed25519-tables").
        bits: RSA modulus, EC or OKP field, HMAC secret; 0 when not known.
        table_bytes: what its table occupies; 0: it has none.
        issuer: whose key it is: the first identifier of that issuer, or None when it has none.
        fetched_at: when its set came, in seconds since the epoch; None for a key that was given.
        fresh_until: until when its set is fresh, in seconds since the epoch; None for a key that was given.
    """

    __slots__ = (
        "kid", "kty", "alg", "crv", "usable", "problem", "arithmetic", "bits", "table_bytes", "issuer", "fetched_at",
        "fresh_until",
    )  # fmt: skip
    kid: str | None
    kty: str | None
    alg: str | None
    crv: str | None
    usable: bool
    problem: str | None
    arithmetic: str | None
    bits: int
    table_bytes: int
    issuer: str | None
    fetched_at: float | None
    fresh_until: float | None

    def __init__(
        self,
        kid: str | None = None,
        kty: str | None = None,
        alg: str | None = None,
        crv: str | None = None,
        usable: bool = True,
        problem: str | None = None,
        arithmetic: str | None = None,
        bits: int = 0,
        table_bytes: int = 0,
        issuer: str | None = None,
        fetched_at: float | None = None,
        fresh_until: float | None = None,
    ) -> None:
        self._fill(
            kid, kty, alg, crv, usable, problem, arithmetic, bits, table_bytes, issuer, fetched_at, fresh_until
        )  # fmt: skip


class Rejection(_Record):
    """Why a token was refused, as ``on_reject`` is given it. Holds the key id that the token asked for and, once its
    signature is verified, the claim that was wrong; nothing else of the token.

    Attributes:
        code: the stable name of the reason, "token_expired".
        message: a sentence for people.
        claim: the claim that was missing or wrong, or None.
        kid: the key id of the token's header, made printable, or None. It comes from the network.
        issuer: the identifier of the configured or resolved issuer that was chosen for the token; None when it was
            refused before that, and for an issuer without identifier or with several.
        expected, actual: what the verifier requires and what a verified claim held instead, at most 120 printable
            characters; None for other refusals. For logs, not for the client.
    """

    __slots__ = ("code", "message", "claim", "kid", "issuer", "expected", "actual")
    code: str
    message: str
    claim: str | None
    kid: str | None
    issuer: str | None
    expected: str | None
    actual: str | None

    def __init__(
        self,
        code: str,
        message: str,
        claim: str | None = None,
        kid: str | None = None,
        issuer: str | None = None,
        expected: str | None = None,
        actual: str | None = None,
    ) -> None:
        self._fill(code, message, claim, kid, issuer, expected, actual)


class Health(_Record):
    """Whether a verifier can do its work now, for a readiness probe.

    Attributes:
        status: "ready"; "degraded": tokens are verified, but something is wrong, such as keys that are past their
            freshness because the provider is down; "not_ready": no token can be verified.
        problems: a sentence for each thing that is wrong; empty when all is well.
        issuers: the status of each issuer by its identifier (None for one without).
    """

    __slots__ = ("status", "problems", "issuers")
    status: str
    problems: tuple[str, ...]
    issuers: dict[str | None, str]

    def __init__(
        self, status: str, problems: tuple[str, ...] = (), issuers: dict[str | None, str] | None = None
    ) -> None:
        self._fill(status, problems, {} if issuers is None else issuers)

    @property
    def ready(self) -> bool:
        """Whether requests may be sent here: it is ready, or degraded."""
        return self.status != "not_ready"

    def __hash__(self) -> int:
        return hash((self.status, self.problems))


class Unverified(_Record):
    """The contents of a token that nobody has verified. For people and tools, never for a decision.

    Attributes:
        header: the JOSE header.
        claims: the payload.
    """

    __slots__ = ("header", "claims")
    header: dict[str, Any]
    claims: dict[str, Any]

    def __init__(self, header: dict[str, Any], claims: dict[str, Any]) -> None:
        self._fill(header, claims)
