"""Key pairs for tests and tools: generating them, minting tokens, publishing the public half.

A server that verifies tokens needs none of this. A private key is parsed once for each object.
"""

from __future__ import annotations

import time

from . import _native
from .errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from typing import Any, TypeVar

    _Pair = TypeVar("_Pair", bound="KeyPair")

__all__ = ["KeyPair", "RSAKeyPair", "SecretStr"]


class SecretStr:
    """Text that is not printed by accident. Has the interface of pydantic's SecretStr, without pydantic."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError("a SecretStr is made from a str")
        self._value = value

    def get_secret_value(self) -> str:
        """The text itself."""
        return self._value

    def __repr__(self) -> str:
        return f"SecretStr({str(self)!r})"

    def __str__(self) -> str:
        return "**********" if self._value else ""

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._value == other._value

    def __hash__(self) -> int:
        return hash(("SecretStr", self._value))


class KeyPair:
    """A key pair of any algorithm that fastbearer verifies: RS*, PS*, ES*, ES256K, EdDSA, Ed25519, Ed448, HS*.

    Args:
        private_key: one unencrypted PEM (PKCS#8, PKCS#1 or SEC1), or the secret of an HS* algorithm; str, bytes, or a
            SecretStr (ours or pydantic's).
        public_key: the PEM of the public half. Derived from the private key when it is not given.
        algorithm: what tokens are signed with.

    Frozen. Neither printing nor comparing shows the private key. Raises ConfigurationError when the key does not fit
    the algorithm.
    """

    __slots__ = ("_handle", "_public_key")
    _handle: _native.KeyPair
    _public_key: str | None

    def __init__(
        self,
        *,
        private_key: str | bytes | SecretStr | Any,
        public_key: str | None = None,
        algorithm: str = "RS256",
    ) -> None:
        reveal = getattr(private_key, "get_secret_value", None)
        text = private_key if reveal is None else reveal()
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"private_key must be str, bytes or SecretStr, not {type(text).__name__}")
        self._set_handle(_native.KeyPair.load(algorithm, text))
        if public_key is not None:
            if not isinstance(public_key, str):
                raise TypeError(f"public_key must be str, not {type(public_key).__name__}")
            object.__setattr__(self, "_public_key", public_key)

    def _set_handle(self, handle: _native.KeyPair) -> None:
        object.__setattr__(self, "_handle", handle)
        object.__setattr__(self, "_public_key", handle.public_pem)

    @classmethod
    def generate(cls: type[_Pair], algorithm: str = "RS256", *, bits: int = 0) -> _Pair:
        """A new key pair. ``bits`` is the RSA modulus, 2048 to 8192 (0: 2048); for other algorithms 0.

        Takes tens to hundreds of milliseconds for RSA; the GIL is released meanwhile.
        """
        pair = cls.__new__(cls)
        pair._set_handle(_native.KeyPair.generate(algorithm, bits))
        return pair

    @property
    def algorithm(self) -> str:
        """What tokens are signed with."""
        return self._handle.algorithm

    @property
    def public_key(self) -> str | None:
        """SubjectPublicKeyInfo PEM with a final newline; None for HS*."""
        return self._public_key

    @property
    def private_key(self) -> SecretStr:
        """PKCS#8 PEM, unencrypted, with a final newline. For HS* see ``secret``."""
        return SecretStr(self._handle.private_pem.decode("latin-1"))

    @property
    def secret(self) -> bytes:
        """The secret of an HS* key, for ``Verifier(secret=...)``. Do not log it."""
        if not self.algorithm.startswith("HS"):
            raise ConfigurationError(f"{self.algorithm} keys have no shared secret")
        return self._handle.private_pem

    def jwks(self, kid: str | None = None) -> dict[str, Any]:
        """The key set document (RFC 7517 section 5) with the public key, as ``Verifier(jwks=...)`` takes it.

        ConfigurationError for HS*, which have no public half.
        """
        import json

        document: dict[str, Any] = json.loads(self._handle.jwks(kid))
        return document

    def create_token(
        self,
        subject: str | None = "fastmcp-user",
        issuer: str | None = "https://fastmcp.example.com",
        audience: str | Sequence[str] | None = None,
        scopes: Sequence[str] | None = None,
        expires_in_seconds: float | timedelta = 3600,
        additional_claims: Mapping[str, Any] | None = None,
        kid: str | None = None,
        *,
        now: float | None = None,
        typ: str | None = "JWT",
    ) -> str:
        """Mints a signed token.

        Args:
            subject, issuer: ``sub`` and ``iss``; None leaves the claim out.
            audience: ``aud``, one or several; left out when empty.
            scopes: ``scope``, joined by spaces; left out when empty.
            expires_in_seconds: from now to ``exp``; negative for a token that has expired.
            additional_claims: more claims; they override the others, ``exp`` and ``aud`` included. Any JSON that Python
                writes, so that hostile tokens can be made; a datetime becomes seconds since the epoch.
            kid: the key id for the header; left out when empty.
            now: seconds since the epoch; the clock when None.
            typ: the header's ``typ``; None leaves it out.
        """
        return self._handle.create_token(
            None if subject is None else str(subject),
            None if issuer is None else str(issuer),
            _texts("audience", audience),
            audience is not None and not isinstance(audience, str),
            _texts("scopes", scopes),
            time.time() if now is None else now,
            _seconds(expires_in_seconds),
            _claims(additional_claims),
            kid or None,
            typ or "",
        )

    def dpop_proof(
        self,
        method: str,
        url: str,
        access_token: str | None = None,
        nonce: str | None = None,
        *,
        jti: str | None = None,
        now: float | None = None,
    ) -> str:
        """Mints a DPoP proof (RFC 9449 section 4.2) for one request: the value of its header DPoP.

        Args:
            method, url: of the request; query and fragment of the URL are left out.
            access_token: the token that the request carries; None for a request for one.
            nonce: what the server's last DPoP-Nonce said.
            jti: what makes the proof unique; random when None.
            now: seconds since the epoch; the clock when None.
        """
        return self._handle.dpop_proof(method, url, access_token, nonce, jti, time.time() if now is None else now)

    def thumbprint(self) -> str:
        """The thumbprint of the public key (RFC 7638): what ``cnf`` of a token that is bound to it holds as ``jkt``."""
        return self._handle.thumbprint()

    def sign(self, header: str | bytes, payload: str | bytes) -> str:
        """Signs any header and any payload, without checking either: for making test cases."""
        return self._handle.sign(header, payload)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: cannot delete {name!r}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.algorithm}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, KeyPair)
            and self.algorithm == other.algorithm
            and self._handle.private_pem == other._handle.private_pem
        )

    def __hash__(self) -> int:
        return hash((self.algorithm, self._handle.private_pem))

    def __reduce__(self) -> str:
        raise TypeError(f"a {type(self).__name__} cannot be pickled: it would write the private key in the clear")


class RSAKeyPair(KeyPair):
    """An RSA key pair that signs RS256 tokens; FastMCP's class of that name, with the key parsed once.

    ``RSAKeyPair.generate()``, ``.private_key``, ``.public_key``, ``.create_token(...)``, ``.jwks(kid=None)``.
    """

    __slots__ = ()

    def __init__(self, *, private_key: str | bytes | SecretStr | Any, public_key: str | None = None) -> None:
        super().__init__(private_key=private_key, public_key=public_key, algorithm="RS256")

    @property
    def public_key(self) -> str:
        """SubjectPublicKeyInfo PEM with a final newline."""
        return self._public_key or ""

    @classmethod
    def generate(cls: type[_Pair], bits: int = 2048) -> _Pair:  # type: ignore[override]
        """A new key pair with a modulus of 2048 to 8192 bits and the exponent 65537."""
        pair = cls.__new__(cls)
        pair._set_handle(_native.KeyPair.generate("RS256", bits))
        return pair


def _texts(name: str, value: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    items = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(item, str) for item in items):
        raise TypeError(f"{name} must be str or a sequence of str")
    return tuple(item for item in items if item) if isinstance(value, str) else items


def _seconds(value: float | timedelta) -> float:
    if isinstance(value, (int, float)):
        return float(value)
    total = getattr(value, "total_seconds", None)
    if total is None:
        raise TypeError(f"expires_in_seconds must be a number or a timedelta, not {type(value).__name__}")
    return float(total())


def _claims(claims: Mapping[str, Any] | None) -> bytes | None:
    if not claims:
        return None
    import json

    def moment(value: Any) -> int:
        stamp = getattr(value, "timestamp", None)
        if stamp is None:
            raise TypeError(f"additional_claims: {type(value).__name__} cannot be written as JSON")
        return int(stamp())

    return json.dumps(dict(claims), ensure_ascii=False, separators=(",", ":"), default=moment).encode()
