"""The test keys, as objects, JWKs and PEM."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x448, x25519

FOLDER = Path(__file__).resolve().parent.parent / "keys"

# Text secrets: 32, 48 and 64 bytes, so that each is just long enough for its hash.
SECRET32 = "fastbearer-test-secret-32-bytes!"
SECRET48 = "fastbearer-test-secret-of-exactly-48-bytes-here!"
SECRET64 = "fastbearer-test-secret-of-exactly-64-bytes-it-is-quite-long-too!"
assert (len(SECRET32), len(SECRET48), len(SECRET64)) == (32, 48, 64)

CURVES = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66), "secp256k1": ("secp256k1", 32)}


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64u(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(value: int, size: int | None = None) -> str:
    return b64u(value.to_bytes(size if size is not None else max(1, (value.bit_length() + 7) // 8), "big"))


def text(name: str) -> str:
    return (FOLDER / f"{name}.pem").read_text()


@functools.lru_cache(None)
def private(name: str) -> Any:
    return serialization.load_pem_private_key(text(name).encode(), None, unsafe_skip_rsa_key_validation=True)


def public(name: str) -> Any:
    return private(name).public_key()


def spki(name: str) -> bytes:
    return public(name).public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def pkcs1(name: str) -> bytes:
    return public(name).public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)


def armour(der: bytes, label: str = "PUBLIC KEY", newline: str = "\n") -> str:
    body = base64.b64encode(der).decode()
    lines = [f"-----BEGIN {label}-----", *(body[i : i + 64] for i in range(0, len(body), 64)), f"-----END {label}-----"]
    return newline.join(lines) + newline


def pem(name: str) -> str:
    return armour(spki(name))


def private_pem(name: str, kind: serialization.PrivateFormat) -> str:
    return private(name).private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


def unarmour(pem_text: str) -> bytes:
    return base64.b64decode("".join(line for line in pem_text.splitlines() if "-----" not in line))


def jwk(name: str, **members: Any) -> dict[str, Any]:
    """The public JWK of a test key; members are added, or left out when they are None."""
    key = public(name)
    if isinstance(key, rsa.RSAPublicKey):
        n = key.public_numbers()
        made: dict[str, Any] = {"kty": "RSA", "n": number(n.n), "e": number(n.e)}
    elif isinstance(key, ec.EllipticCurvePublicKey):
        crv, size = CURVES.get(key.curve.name, ("P-224", 28))
        point = key.public_numbers()
        made = {"kty": "EC", "crv": crv, "x": number(point.x, size), "y": number(point.y, size)}
    else:
        kinds = {
            ed25519.Ed25519PublicKey: "Ed25519",
            ed448.Ed448PublicKey: "Ed448",
            x25519.X25519PublicKey: "X25519",
            x448.X448PublicKey: "X448",
        }
        crv = next(value for kind, value in kinds.items() if isinstance(key, kind))
        made = {"kty": "OKP", "crv": crv, "x": b64u(key.public_bytes_raw())}
    made.update(members)
    return {name: value for name, value in made.items() if value is not None}


def jwks(*keys: Any) -> dict[str, Any]:
    return {"keys": list(keys)}
