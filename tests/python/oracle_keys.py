"""The keys of the second verifier (oracle.py), and what they have signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from oracle_text import Refused, decode_segment, need, strict_json

HASHES: dict[str, Any] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
EC_OF = {
    "ES256": ("secp256r1", 32, "256"),
    "ES384": ("secp384r1", 48, "384"),
    "ES512": ("secp521r1", 66, "512"),
    "ES256K": ("secp256k1", 32, "256"),
}
CURVES: dict[str, tuple[Any, int]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
    "P-521": (ec.SECP521R1(), 66),
    "secp256k1": (ec.SECP256K1(), 32),
}
PRIME = {
    "P-256": 2**256 - 2**224 + 2**192 + 2**96 - 1,
    "P-384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
    "P-521": 2**521 - 1,
    "secp256k1": 2**256 - 2**32 - 977,
}
HMAC = ("HS256", "HS384", "HS512")
RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ASYMMETRIC = (*RSA, *EC_OF, "EdDSA", "Ed25519", "Ed448")
# RFC 9864: the old name and the new one are one algorithm of one key.
NAMES = {"EdDSA": {"EdDSA", "Ed25519", "Ed448"}, "Ed25519": {"EdDSA", "Ed25519"}, "Ed448": {"EdDSA", "Ed448"}}
PEM_BEGIN, PEM_END = re.compile(r"-----BEGIN ([^\n]*?)-----"), "-----END {}-----"
KEY_TEXT = re.compile(r"-----BEGIN|---- BEGIN|^\s*(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)", re.I)


class BadKey(Exception):
    pass


class Key:
    def __init__(self, kid: str | None, algs: set[str], key: Any, issuer: str | None = None) -> None:
        self.kid, self.algs, self.key, self.issuer = kid, algs, key, issuer


def check_rsa(key: rsa.RSAPublicNumbers) -> None:
    if not 2048 <= key.n.bit_length() <= 8192 or key.n % 2 == 0 or key.e % 2 == 0 or key.e < 65537 or is_roca(key.n):
        raise BadKey("RSA")


def is_roca(n: int) -> bool:
    """CVE-2017-15361: modulo each of these primes, n is a power of 65537."""
    for prime in (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157):
        powers, value = set(), 1
        while value not in powers:
            powers.add(value)
            value = value * 65537 % prime
        if n % prime not in powers:
            return False
    return True


def check_ed25519(raw: bytes) -> None:
    """Refuses points of small order: eight times the point is the neutral element."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    y %= p
    u, v = (y * y - 1) % p, (d * y * y + 1) % p
    x2 = u * pow(v, -1, p) % p
    x = pow(x2, (p + 3) // 8, p)
    if (x * x - x2) % p:
        x = x * pow(2, (p - 1) // 4, p) % p
    if (x * x - x2) % p:
        return  # no point: nothing will verify

    def double(point: tuple[int, int]) -> tuple[int, int]:
        a, b = point
        t = d * a * a * b * b % p
        return (2 * a * b * pow(1 + t, -1, p) % p, (b * b + a * a) * pow(1 - t, -1, p) % p)

    point = (x, y)
    for _ in range(3):
        point = double(point)
    if point == (0, 1):
        raise BadKey("small order")


def algs_of(key: Any) -> set[str]:
    if isinstance(key, rsa.RSAPublicKey):
        check_rsa(key.public_numbers())
        return set(RSA)
    if isinstance(key, ec.EllipticCurvePublicKey):
        found = {alg for alg, (curve, _, _) in EC_OF.items() if curve == key.curve.name}
        if not found:
            raise BadKey("curve")
        return found
    if isinstance(key, ed25519.Ed25519PublicKey):
        check_ed25519(key.public_bytes_raw())
        return {"EdDSA", "Ed25519"}
    if isinstance(key, ed448.Ed448PublicKey):
        return {"EdDSA", "Ed448"}
    raise BadKey("kind")


def member(jwk: dict[str, Any], name: str, size: int | None = None) -> bytes:
    text = jwk.get(name)
    data = decode_segment(text) if isinstance(text, str) else None
    if data is None or (size is not None and len(data) != size):
        raise BadKey(name)
    return data


def jwk_key(jwk: dict[str, Any]) -> Any:
    kty, crv = jwk.get("kty"), jwk.get("crv")
    if kty == "RSA":
        numbers = rsa.RSAPublicNumbers(int.from_bytes(member(jwk, "e"), "big"), int.from_bytes(member(jwk, "n"), "big"))
        check_rsa(numbers)
        return numbers.public_key()
    if kty == "EC" and isinstance(crv, str) and crv in CURVES:
        curve, size = CURVES[crv]
        x, y = (int.from_bytes(member(jwk, name, size), "big") for name in "xy")
        if max(x, y) >= PRIME[crv]:
            raise BadKey("not below p")
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    if kty == "OKP" and crv == "Ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(member(jwk, "x", 32))
    if kty == "OKP" and crv == "Ed448":
        return ed448.Ed448PublicKey.from_public_bytes(member(jwk, "x", 57))
    raise BadKey("kty or crv")


def read_jwk(jwk: Any) -> Key | None:
    """A key, usable (some algs) or not (none); None for what is no object."""
    if not isinstance(jwk, dict):
        return None
    kid = jwk.get("kid")
    try:
        if "kid" in jwk and not isinstance(kid, str):
            kid = None
            raise BadKey("kid")
        if not isinstance(jwk.get("issuer", ""), str):
            raise BadKey("issuer")
        if "use" in jwk and jwk["use"] != "sig":
            raise BadKey("use")
        operations = jwk.get("key_ops", ["verify"])
        if (
            not isinstance(operations, list)
            or not all(isinstance(o, str) for o in operations)
            or "verify" not in operations
        ):
            raise BadKey("key_ops")
        key = jwk_key(jwk)
        algs = algs_of(key)
        if "alg" in jwk:
            algs &= NAMES.get(jwk["alg"], {jwk["alg"]}) if isinstance(jwk["alg"], str) else set()
        return Key(kid, algs, key, jwk.get("issuer"))
    except (BadKey, ValueError, UnsupportedAlgorithm):
        return Key(kid, set(), None)


def key_set(document: bytes) -> list[Key]:
    try:
        keys = strict_json(document).get("keys")
    except ValueError:
        raise Refused("configuration_invalid") from None
    if not isinstance(keys, list) or len(keys) > 100:
        raise Refused("configuration_invalid")
    found = [key for key in map(read_jwk, keys) if key]
    need(any(key.algs for key in found), "configuration_invalid")
    return found


def pem_body(text: str) -> tuple[str, bytes]:
    begins = PEM_BEGIN.findall(text)
    if len(begins) != 1 or text.count("-----END ") != 1:
        raise BadKey("not one block")
    label = begins[0]
    start, end = f"-----BEGIN {label}-----", PEM_END.format(label)
    if end not in text or text.index(start) > text.index(end):
        raise BadKey("no end")
    body = text[text.index(start) + len(start) : text.index(end)]
    return label, base64.b64decode(re.sub(r"[ \t\r\n]", "", body), validate=True)


def pem_key(text: str) -> tuple[Any, bool]:
    """The key of one PEM block, and whether it is one for PSS alone."""
    label, der = pem_body(text)
    if label == "CERTIFICATE":
        certificate = x509.load_der_x509_certificate(der)
        if certificate.public_bytes(serialization.Encoding.DER) != der:
            raise BadKey("DER")
        return certificate.public_key(), False
    if label not in ("PUBLIC KEY", "RSA PUBLIC KEY"):
        raise BadKey(label)
    pss = label == "PUBLIC KEY" and bytes.fromhex("06092a864886f70d01010a") in der[:32]
    key: Any = serialization.load_der_public_key(der)
    if isinstance(key, rsa.RSAPublicKey) and not pss:
        kind = (
            serialization.PublicFormat.PKCS1
            if label.startswith("RSA")
            else serialization.PublicFormat.SubjectPublicKeyInfo
        )
        if key.public_bytes(serialization.Encoding.DER, kind) != der:
            raise BadKey("label or DER")
    elif label.startswith("RSA"):
        raise BadKey("label")
    if isinstance(key, ec.EllipticCurvePublicKey) and b"\x06" not in der[23:25] + der[13:24]:
        raise BadKey("curve is not named")
    return key, pss


def is_public(text: str, layers: int = 5) -> bool:
    """Whether the text is a key, read in every way that is tried here: as it stands, unescaped, from base64 and hex."""
    text = text.replace("\0", "").strip().lstrip("\ufeff")
    if KEY_TEXT.search(text) or re.search(r"""(["'])kty\1""", text):
        return True
    if not layers:
        return False
    tries = {
        text.strip("\"'"),
        unquote(text),
        re.sub(r"\\u00([0-7][0-9a-fA-F])", lambda m: chr(int(m[1], 16)), text),
        text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\"),
    } - {text}
    if any(is_public(other, layers - 1) for other in tries):
        return True
    words = [re.sub(r"\s", "", word) for word in re.split(r"[^A-Za-z0-9+/_\s-]", text)] + re.split(
        r"[^A-Za-z0-9+/_-]", text
    )
    words += [re.sub(r"[\s:]", "", text)] + [word[word.find("MI") :] for word in words if "MI" in word]
    return any(is_public_word(word, layers - 1) for word in set(words) if re.fullmatch("[A-Za-z0-9+/_-]{24,}", word))


def is_public_word(word: str, layers: int) -> bool:
    readings = [
        base64.urlsafe_b64decode(cut.replace("+", "-").replace("/", "_") + "=" * (-len(cut) % 4))
        for cut in [word[:-1] if len(word) % 4 == 1 else word]
    ]
    if len(word) % 2 == 0 and re.fullmatch("[0-9a-fA-F]+", word):
        readings.append(bytes.fromhex(word))
    loads: list[Callable[[bytes], Any]] = [
        serialization.load_der_public_key,
        x509.load_der_x509_certificate,
        lambda der: serialization.load_der_private_key(der, None),
    ]
    for data in readings:
        if re.match(rb"\0\0\0.(ssh-|ecdsa-|sk-)", data, re.S):
            return True
        for load in loads:
            try:
                load(data)
                return True
            except (ValueError, UnsupportedAlgorithm, TypeError):
                pass
        if data.isascii() and is_public(data.decode(), layers):
            return True
    return False


def secret_keys(secret: str, algorithms: set[str]) -> list[Key]:
    raw = secret.encode()
    config = "configuration_invalid"
    need(all(len(raw) >= int(alg[2:]) // 8 for alg in algorithms) and raw, config)
    need(not is_public(secret), config)
    return [Key(None, set(HMAC), raw)]


def same_key(one: Any, other: Any) -> bool:
    """cryptography compares public keys by value from 40 on, keys of different types as unequal."""
    return type(one) is type(other) and bool(one == other)


def signature_good(alg: str, key: Any, message: bytes, signature: bytes) -> bool:
    if alg in HMAC:
        digest = getattr(hashlib, f"sha{alg[2:]}")
        return hmac.compare_digest(hmac.new(key, message, digest).digest(), signature)
    try:
        if alg in EC_OF:
            _, size, bits = EC_OF[alg]
            if len(signature) != 2 * size:
                return False
            r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(HASHES[bits]()))
        elif alg in RSA:
            if len(signature) != (key.key_size + 7) // 8 or int.from_bytes(signature, "big") >= key.public_numbers().n:
                return False
            chosen = HASHES[alg[2:]]()
            pad: Any = padding.PKCS1v15()
            if alg.startswith("PS"):
                pad = padding.PSS(padding.MGF1(HASHES[alg[2:]]()), chosen.digest_size)
            key.verify(signature, message, pad, chosen)
        else:
            key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
