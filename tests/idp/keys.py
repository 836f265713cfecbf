"""Signing keys: made, published as JWKs, used to mint tokens. Written with `cryptography`, so that what is tested does
not check itself.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
_CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1, "ES256K": ec.SECP256K1}
_CURVE_NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def encode_number(number: int, size: int | None = None) -> str:
    return encode(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _generate(algorithm: str) -> Any:
    if algorithm[:2] in ("RS", "PS"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    if algorithm in ("EdDSA", "Ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(f"no such algorithm: {algorithm}")


class SigningKey:
    """One key pair with its algorithm and key id."""

    def __init__(self, algorithm: str = "RS256", kid: str | None = None, private_key: Any = None) -> None:
        self.algorithm = algorithm
        self.kid = kid if kid is not None else f"{algorithm.lower()}-{secrets.token_hex(4)}"
        self.private_key = private_key if private_key is not None else _generate(algorithm)

    def jwk(self, *, private: bool = False) -> dict[str, Any]:
        jwk: dict[str, Any] = {"kid": self.kid, "use": "sig", "alg": self.algorithm, **self._public_members()}
        if private:
            jwk.update(self._private_members())
        return jwk

    def _public_members(self) -> dict[str, str]:
        public = self.private_key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": encode_number(numbers.n), "e": encode_number(numbers.e)}
        if isinstance(public, ec.EllipticCurvePublicKey):
            size = (public.curve.key_size + 7) // 8
            point = public.public_numbers()
            return {
                "kty": "EC",
                "crv": _CURVE_NAMES[self.algorithm],
                "x": encode_number(point.x, size),
                "y": encode_number(point.y, size),
            }
        raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed448" if self.algorithm == "Ed448" else "Ed25519", "x": encode(raw)}

    def _private_members(self) -> dict[str, str]:
        if isinstance(self.private_key, rsa.RSAPrivateKey):
            return {"d": encode_number(self.private_key.private_numbers().d)}
        if isinstance(self.private_key, ec.EllipticCurvePrivateKey):
            return {"d": encode_number(self.private_key.private_numbers().private_value)}
        return {"d": encode(self.private_key.private_bytes_raw())}

    def private_pem(self) -> str:
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def public_pem(self) -> str:
        return (
            self.private_key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    def sign(self, data: bytes) -> bytes:
        if self.algorithm in _CURVES:
            digest = _HASHES[self.algorithm[2:5]]()
            r, s = decode_dss_signature(self.private_key.sign(data, ec.ECDSA(digest)))
            size = (self.private_key.curve.key_size + 7) // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if self.algorithm[:2] not in ("RS", "PS"):
            return bytes(self.private_key.sign(data))
        digest = _HASHES[self.algorithm[2:]]()
        scheme: Any = padding.PKCS1v15()
        if self.algorithm[0] == "P":
            scheme = padding.PSS(padding.MGF1(digest), digest.digest_size)
        return bytes(self.private_key.sign(data, scheme, digest))

    def token(self, claims: Mapping[str, Any], *, header: Mapping[str, Any] | None = None) -> str:
        """Signs exactly these claims. ``header`` overrides members; None removes one (``{"kid": None}``)."""
        merged = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, **(header or {})}
        merged = {name: value for name, value in merged.items() if value is not None}
        signing_input = f"{encode(compact(merged))}.{encode(compact(dict(claims)))}"
        return f"{signing_input}.{encode(self.sign(signing_input.encode()))}"


def claims_of(
    issuer: str,
    *,
    subject: str = "alice",
    audience: str | list[str] | None = None,
    scopes: list[str] | None = None,
    expires_in: float = 3600.0,
    **more: Any,
) -> dict[str, Any]:
    now = int(time.time())
    claims: dict[str, Any] = {"iss": issuer, "sub": subject, "iat": now, "exp": now + expires_in}
    if audience is not None:
        claims["aud"] = audience
    if scopes is not None:
        claims["scope"] = " ".join(scopes)
    claims.update(more)
    return claims
