"""Signatures for cases: good ones, all deterministic, and the broken ones that a verifier must refuse."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from . import keys

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
DIGESTS = {"1": hashlib.sha1, "256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
EC_SIZE = {"ES256": 32, "ES384": 48, "ES512": 66, "ES256K": 32}
EC_HASH = {"ES256": "256", "ES384": "384", "ES512": "512", "ES256K": "256"}
ORDER = {
    "p256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "p384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "p521": (1 << 521)
    - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    "secp256k1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
# DER of DigestInfo up to the digest (RFC 8017 section 9.2, note 1).
DIGEST_INFO = {
    "1": bytes.fromhex("3021300906052b0e03021a05000414"),
    "256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


def sign(alg: str, key: str, message: bytes) -> bytes:
    """A valid signature with the test key of that name; HMAC: key is the secret."""
    if alg.startswith("HS"):
        return hmac.new(key.encode(), message, DIGESTS[alg[2:]]).digest()
    if alg.startswith("RS"):
        return keys.private(key).sign(message, padding.PKCS1v15(), HASHES[alg[2:]]())
    if alg.startswith("PS"):
        return pss(key, message, alg[2:])
    if alg.startswith("ES"):
        r, s = ecdsa(alg, key, message)
        return p1363(r, s, EC_SIZE[alg])
    return keys.private(key).sign(message)


def ecdsa(alg: str, key: str, message: bytes) -> tuple[int, int]:
    """RFC 6979, so that the suites come out the same every time."""
    algorithm = ec.ECDSA(HASHES[EC_HASH[alg]](), deterministic_signing=True)
    return decode_dss_signature(keys.private(key).sign(message, algorithm))


def p1363(r: int, s: int, size: int) -> bytes:
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def rsa_raw(key: str, value: int) -> int:
    """value ** d mod n, whatever value is."""
    numbers = keys.private(key).private_numbers()
    return pow(value, numbers.d, numbers.public_numbers.n)


def rsa_size(key: str) -> int:
    return (keys.private(key).key_size + 7) // 8


def rsa_bytes(key: str, encoded: bytes) -> bytes:
    """The RSA signature whose encoded message is exactly this."""
    return rsa_raw(key, int.from_bytes(encoded, "big")).to_bytes(rsa_size(key), "big")


def pkcs1_encoded(message: bytes, size: int, hash_name: str = "256", info: bytes | None = None, fill: bytes = b"\xff",
                  start: bytes = b"\x00\x01", trailer: bytes = b"") -> bytes:
    """EMSA-PKCS1-v1_5 (RFC 8017 section 9.2) with every part to be replaced."""
    digest = (DIGEST_INFO[hash_name] if info is None else info) + DIGESTS[hash_name](message).digest() + trailer
    return start + fill * (size - len(start) - 1 - len(digest)) + b"\x00" + digest


def mgf1(seed: bytes, size: int, hash_name: str) -> bytes:
    made = b""
    for counter in range(size // DIGESTS[hash_name]().digest_size + 1):
        made += DIGESTS[hash_name](seed + counter.to_bytes(4, "big")).digest()
    return made[:size]


def pss(key: str, message: bytes, hash_name: str, salt_size: int | None = None, mgf_hash: str | None = None,
        trailer: int = 0xBC) -> bytes:
    """EMSA-PSS (RFC 8017 section 9.1) with a salt that is derived, not random."""
    bits = keys.private(key).key_size - 1
    size = (bits + 7) // 8
    digest = DIGESTS[hash_name](message).digest()
    salt_size = len(digest) if salt_size is None else salt_size
    if salt_size < 0:
        salt_size = size - len(digest) - 2
    salt = mgf1(b"salt" + digest, salt_size, "256")
    h = DIGESTS[hash_name](bytes(8) + digest + salt).digest()
    block = bytes(size - salt_size - len(h) - 2) + b"\x01" + salt
    mask = mgf1(h, len(block), mgf_hash or hash_name)
    masked = bytearray(a ^ b for a, b in zip(block, mask))
    masked[0] &= 0xFF >> (8 * size - bits)
    return rsa_bytes(key, bytes(masked) + h + bytes([trailer]))


def jwk_with_e(key: str, e: int) -> tuple[dict[str, Any], int]:
    """The RSA test key's modulus with another public exponent, and the private exponent that goes with it."""
    numbers = keys.private(key).private_numbers()
    d = pow(e, -1, (numbers.p - 1) * (numbers.q - 1))
    return {"kty": "RSA", "n": keys.number(numbers.public_numbers.n), "e": keys.number(e)}, d
