"""A second verifier, written for the tests alone, on `cryptography` and the standard library.

It follows the written rules and shares nothing with the library: not its code, not its order of reading, not its JSON
reader. Where both say the same about a case, two independent readings of the rules agree. It is slow and refuses to be
used for anything else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
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
SOURCES = ("public_key", "jwks", "jwks_raw", "secret")
# Of an issuer alone, of the verifier alone, of both.
OF_ISSUER = {*SOURCES, "algorithms", "issuer"}
OF_VERIFIER = {
    "issuers",
    "required_scopes",
    "scope_hierarchy",
    "merge_scope_claims",
    "leeway",
    "clock_skew",
    "require_exp",
    "max_token_bytes",
}
OF_BOTH = {"audience", "token_type", "required_claims", "scope_claims", "client_id_claims"}
ABSENT = object()
TEMPLATE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/?#{}]+/(?:[^?#{}]*/)?)\{([^{}/]+)\}((?:/[^{}]*)?)\Z")
TENANT = re.compile(r"[A-Za-z0-9._~-]+\Z")
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)\Z", re.S)
SEGMENT = re.compile(r"[A-Za-z0-9_-]+\Z")
PEM_BEGIN, PEM_END = re.compile(r"-----BEGIN ([^\n]*?)-----"), "-----END {}-----"
KEY_TEXT = re.compile(r"-----BEGIN|---- BEGIN|^\s*(ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)", re.I)


class Refused(Exception):
    """Carries the code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class BadKey(Exception):
    pass


def need(condition: Any, code: str) -> None:
    if not condition:
        raise Refused(code)


# Text ----------------------------------------------------------------------------------------------------------------


def decode_segment(text: str) -> bytes | None:
    """Canonical unpadded base64url: what encoding the decoded bytes gives again."""
    if not SEGMENT.match(text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text else None


def strict_json(raw: bytes) -> Any:
    """ValueError for whatever is no strict JSON object."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) != len(pairs):
            raise ValueError("duplicate member")
        return dict(pairs)

    def constant(_: str) -> Any:
        raise ValueError("no JSON")

    def integer(text: str) -> int:
        if len(text) > 256:
            raise ValueError("number too long")
        return int(text)

    def real(text: str) -> Real:
        if len(text) > 256 or math.isinf(float(text)):
            raise ValueError("number too long or too large")
        return Real(text)

    if raw.startswith(b"\xef\xbb\xbf"):
        raise ValueError("byte order mark")
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=members, parse_constant=constant, parse_int=integer, parse_float=real
        )
    except RecursionError:
        raise ValueError("too deep") from None
    if not isinstance(value, dict):
        raise ValueError("no object")
    check_text(value, 1)
    return value


class Real(float):
    """A real that remembers its exact value."""

    exact: Fraction

    def __new__(cls, text: str) -> Real:
        made = super().__new__(cls, text)
        mantissa, _, exponent = text.lower().partition("e")
        # 10 ** exponent is only made where it is small enough to matter.
        made.exact = Fraction(mantissa) * Fraction(10) ** max(-400, min(400, int(exponent or 0)))
        return made


def check_text(value: Any, depth: int) -> None:
    if isinstance(value, (dict, list)) and depth > 32:
        raise ValueError("too deep")
    if isinstance(value, dict):
        for name, member in value.items():
            check_text(name, depth)
            check_text(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            check_text(member, depth + 1)
    elif isinstance(value, str):
        value.encode("utf-8")  # UnicodeEncodeError, a ValueError: a surrogate alone
        if "\0" in value:
            raise ValueError("NUL")


# Keys ----------------------------------------------------------------------------------------------------------------


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
    need(isinstance(keys, list) and len(keys) <= 100, "configuration_invalid")
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


# Policy --------------------------------------------------------------------------------------------------------------


def as_list(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [value] if isinstance(value, str) else list(value)


def check_paths(paths: list[str]) -> list[str]:
    for path in paths:
        need(path != "", "configuration_invalid")
        need(not path.startswith("/") or not re.search("~(?![01])", path), "configuration_invalid")
        need(not path.startswith("/") or path.count("/") <= 32, "configuration_invalid")
    return paths


def find(claims: dict[str, Any], path: str) -> Any:
    """The value of a name, or what a JSON Pointer leads to; ABSENT."""
    if not path.startswith("/"):
        return claims.get(path, ABSENT)
    at: Any = claims
    for part in path[1:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(at, dict):
            at = at.get(name, ABSENT)
        elif isinstance(at, list) and re.fullmatch("0|[1-9][0-9]*", name, re.A) and int(name) < len(at):
            at = at[int(name)]
        else:
            return ABSENT
    return at


def demanded(given: Any) -> dict[str, list[Any] | None]:
    """Paths, and the values that there may be; None: any."""
    if not isinstance(given, dict):
        return dict.fromkeys(check_paths(as_list(given) or []))
    check_paths(list(given))
    made: dict[str, list[Any] | None] = {}
    for path, value in given.items():
        values = value if isinstance(value, list) else [value]
        need(values and all(isinstance(item, (str, int, float)) for item in values), "configuration_invalid")
        made[path] = values
    return made


def exact(value: Any) -> Any:
    """Something that is equal for equal values alone: texts, booleans and numbers are never each other."""
    if isinstance(value, (bool, str)) or value is None:
        return (type(value), value)
    if isinstance(value, Real):
        return (Fraction, value.exact)
    if isinstance(value, float):
        return (Fraction, Fraction(repr(value)))
    return (Fraction, Fraction(value)) if isinstance(value, int) else (object, id(value))


def lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def folded(audience: str) -> str:
    """A URL with scheme and host in lower case; anything else as it stands."""
    url = URL.match(audience)
    if not url or url[2] + url[3] == "":
        return audience
    userinfo, at, place = url[2].rpartition("@")
    colon = place.find(":", place.rfind("]") + 1)
    host, port = (place, "") if colon < 0 else (place[:colon], place[colon:])
    return f"{lower(url[1])}://{userinfo}{at}{lower(host)}{port}{url[3]}"


def closure(rules: dict[str, list[str]]) -> dict[str, set[str]]:
    """What each scope includes, at whatever distance."""
    names = [*rules, *(name for implied in rules.values() for name in implied)]
    need(all(name and " " not in name for name in names), "configuration_invalid")
    found: dict[str, set[str]] = {}
    for scope in rules:
        todo, seen = list(rules[scope]), set()
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += rules.get(name, [])
        need(scope not in seen, "configuration_invalid")
        found[scope] = seen
    return found


class Identifier:
    """An exact text or a template."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = TEMPLATE.match(text)
        need(self.parts or not set(text) & set("{}"), "configuration_invalid")
        self.claim = "tid" if self.parts and self.parts[2] == "tenantid" else self.parts and self.parts[2]
        self.key = f"{self.parts[1]}{{{self.claim}}}{self.parts[3]}" if self.parts else text

    def selects(self, iss: str) -> str | None:
        """The value of its claim that iss says; "" for an exact one; None for another issuer."""
        if not self.parts:
            return "" if iss == self.text else None
        before, after = self.parts[1], self.parts[3]
        if len(iss) < len(before) + len(after) or not (iss.startswith(before) and iss.endswith(after)):
            return None
        value = iss[len(before) : len(iss) - len(after)]
        return value if TENANT.match(value) and value not in (".", "..") else None

    def holds(self, claims: dict[str, Any]) -> bool:
        value = self.selects(claims["iss"])
        return value is not None and (not self.claim or claims.get(self.claim) == value)


class Policy:
    """What one issuer's tokens are held against."""

    def __init__(self, config: dict[str, Any], issuer: dict[str, Any]) -> None:
        assert set(issuer) <= OF_ISSUER | OF_BOTH, f"unknown options {set(issuer) - OF_ISSUER - OF_BOTH}"
        bad = "configuration_invalid"

        def effective(name: str) -> Any:
            return config.get(name) if issuer.get(name) is None else issuer[name]

        given = [name for name in SOURCES if issuer.get(name) is not None]
        need(len(given) == 1, bad)
        source = given[0]
        algorithms = as_list(issuer.get("algorithms"))
        if algorithms is None:
            algorithms = ["HS256" if source == "secret" else "RS256"]
        need(algorithms and all(alg in HMAC + ASYMMETRIC for alg in algorithms), bad)
        need(all((alg in HMAC) == (source == "secret") for alg in algorithms), bad)
        self.algorithms = set(algorithms)
        texts = as_list(issuer.get("issuer"))
        need(texts is None or (texts and "" not in texts), bad)
        self.issuers = None if texts is None else [Identifier(text) for text in texts]
        need(not self.issuers or len(self.issuers) == 1 or not any(i.claim for i in self.issuers), bad)
        self.audiences = as_list(effective("audience"))
        need(as_list(config.get("audience")) != [] and "" not in (self.audiences or []), bad)
        self.audiences = self.audiences or None
        self.scopes = as_list(config.get("required_scopes")) or []
        need(len(self.scopes) <= 64 and "" not in self.scopes, bad)
        for name in ("required_claims", "scope_claims", "client_id_claims"):  # also those that are replaced
            demanded(config.get(name) or [])
        self.claims = demanded(effective("required_claims") or [])
        scope_claims, client_claims = as_list(effective("scope_claims")), as_list(effective("client_id_claims"))
        self.scope_claims = check_paths(["scope", "scp"] if scope_claims is None else scope_claims)
        self.client_claims = check_paths(["client_id", "azp", "sub"] if client_claims is None else client_claims)
        self.merge = config.get("merge_scope_claims", False)
        self.includes = closure(config.get("scope_hierarchy") or {})
        self.leeway, self.skew = Fraction(config.get("leeway", 0)), Fraction(config.get("clock_skew", 30))
        need(0 <= self.leeway <= 86400 and 0 <= self.skew <= 86400, bad)
        self.limit = config.get("max_token_bytes", 16384)
        need(1 <= self.limit <= 65536, bad)
        self.type = effective("token_type")
        need(self.type in (None, "at+jwt", "any"), bad)
        self.require_exp = config.get("require_exp", True)
        self.static = source in ("public_key", "secret")
        self.keys = self.load(source, issuer[source])
        need(any(key.algs & self.algorithms for key in self.keys), bad)

    def load(self, source: str, value: Any) -> list[Key]:
        if source == "jwks":
            return key_set(json.dumps(value).encode())
        if source == "jwks_raw":
            return key_set(value.encode())
        if source == "secret":
            return secret_keys(value, self.algorithms)
        try:
            key, pss = pem_key(value)
            algs = algs_of(key)
            return [Key(None, {alg for alg in algs if alg.startswith("PS")} if pss else algs, key)]
        except (BadKey, ValueError, UnsupportedAlgorithm):
            raise Refused("configuration_invalid") from None


def policies(config: dict[str, Any]) -> list[Policy]:
    """Of each issuer one."""
    known = OF_ISSUER | OF_VERIFIER | OF_BOTH
    assert set(config) <= known, f"unknown options {set(config) - known}"
    issuers = config.get("issuers")
    if issuers is None:
        return [Policy(config, {name: config[name] for name in OF_ISSUER if name in config})]
    need(issuers and not any(config.get(name) is not None for name in OF_ISSUER), "configuration_invalid")
    made = [Policy(config, issuer) for issuer in issuers]
    if len(made) > 1:
        need(all(policy.issuers for policy in made), "configuration_invalid")
        keys = [identifier.key for policy in made for identifier in policy.issuers or []]
        need(len(set(keys)) == len(keys), "configuration_invalid")
    return made


# Tokens --------------------------------------------------------------------------------------------------------------


def media_type(text: str) -> str:
    return lower(text)[12:] if lower(text).startswith("application/") else lower(text)


def read_header(raw: bytes) -> dict[str, Any]:
    """What concerns every issuer."""
    try:
        header = strict_json(raw)
    except ValueError:
        raise Refused("header_invalid") from None
    need("crit" not in header, "critical_header_unsupported")
    need(not {"b64", "zip", "enc"} & set(header), "header_unsupported")
    for name in ("alg", "kid", "typ", "cty"):
        need(isinstance(header.get(name, ""), str), "header_invalid")
    need(media_type(header.get("cty", "")) != "jwt", "header_unsupported")
    return header


def read_payload(raw: bytes) -> dict[str, Any]:
    try:
        return strict_json(raw)
    except ValueError:
        raise Refused("payload_invalid") from None


def issuer_of(made: list[Policy], claims: dict[str, Any]) -> Policy:
    """By iss alone, among several."""
    need("iss" in claims, "iss_missing")
    iss = claims["iss"]
    need(isinstance(iss, str), "iss_invalid")
    for template in (False, True):
        for policy in made:
            for identifier in policy.issuers or []:
                if bool(identifier.claim) == template and identifier.selects(iss) is not None:
                    return policy
    raise Refused("issuer_mismatch")


def check_header(policy: Policy, header: dict[str, Any]) -> tuple[str, str | None]:
    """What the issuer's policy says of it."""
    if policy.type != "any":
        accepted = ("at+jwt",) if policy.type else ("jwt", "at+jwt")
        if "typ" in header:
            need(media_type(header["typ"]) in accepted, "token_type_not_allowed")
        else:
            need(policy.type is None, "token_type_not_allowed")
    need("alg" in header, "header_invalid")
    need(header["alg"] in policy.algorithms, "algorithm_not_allowed")
    return header["alg"], header.get("kid")


def choose(policy: Policy, alg: str, kid: str | None) -> Key:
    fitting = [key for key in policy.keys if alg in key.algs]
    if policy.static:
        need(fitting, "key_unsuitable")
        return fitting[0]
    if kid is None:
        need(fitting, "key_not_found")
    else:
        need(any(key.kid == kid for key in policy.keys), "key_not_found")
        fitting = [key for key in fitting if key.kid == kid]
        need(fitting, "key_unsuitable")
    first = fitting[0]
    need(all(key.issuer == first.issuer and same_key(key.key, first.key) for key in fitting), "key_ambiguous")
    return first


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


def seconds(claims: dict[str, Any], name: str) -> Fraction | None:
    if name not in claims:
        return None
    value = claims[name]
    need(isinstance(value, (int, float)) and not isinstance(value, bool), f"{name}_invalid")
    exact = value.exact if isinstance(value, Real) else Fraction(value)
    need(-(2**63) <= exact < 2**63, f"{name}_invalid")
    return exact


def check_time(policy: Policy, claims: dict[str, Any], now: Fraction) -> None:
    latest = now + max(policy.leeway, policy.skew)
    exp = seconds(claims, "exp")
    need(exp is not None or not (policy.require_exp or policy.type == "at+jwt"), "exp_missing")
    need(exp is None or now < exp + policy.leeway, "token_expired")
    nbf = seconds(claims, "nbf")
    need(nbf is None or nbf <= latest, "token_not_yet_valid")
    iat = seconds(claims, "iat")
    need(iat is not None or policy.type != "at+jwt", "claim_missing")
    need(iat is None or iat <= latest, "token_issued_in_future")


def check_issuer(policy: Policy, key: Key, claims: dict[str, Any]) -> None:
    need("iss" in claims or not (policy.issuers or policy.type == "at+jwt"), "iss_missing")
    need("iss" in claims or key.issuer is None, "issuer_mismatch")
    need(isinstance(claims.get("iss", ""), str), "iss_invalid")
    need(policy.issuers is None or any(issuer.holds(claims) for issuer in policy.issuers), "issuer_mismatch")
    if key.issuer is not None:
        try:
            held = Identifier(key.issuer).holds(claims)
        except Refused:
            held = False
        need(held, "issuer_mismatch")


def strings(value: Any, code: str, split: Callable[[str], list[str]]) -> list[str]:
    if isinstance(value, str):
        return split(value)
    need(isinstance(value, list) and all(isinstance(item, str) for item in value), code)
    return list(value)


def client_of(policy: Policy, claims: dict[str, Any]) -> str:
    for path in policy.client_claims:
        value = find(claims, path)
        if value is not ABSENT:
            need(isinstance(value, str), "client_id_invalid")
            if value:
                return str(value)
    return "unknown"


def check_required(policy: Policy, claims: dict[str, Any]) -> None:
    for path, values in policy.claims.items():
        value = find(claims, path)
        need(value is not ABSENT, "claim_missing")
        held = value if isinstance(value, list) else [value]
        need(values is None or {exact(item) for item in held} & {exact(item) for item in values}, "claim_mismatch")


def scopes_of(policy: Policy, claims: dict[str, Any]) -> list[str]:
    present = [value for path in policy.scope_claims if (value := find(claims, path)) is not ABSENT]
    scopes = [
        scope
        for value in (present if policy.merge else present[:1])
        for scope in strings(value, "scope_invalid", lambda text: text.split(" "))
        if scope
    ]
    return list(dict.fromkeys(scopes)) if policy.merge else scopes


def check_claims(policy: Policy, key: Key, claims: dict[str, Any], now: Fraction) -> tuple[list[str], str]:
    """Scopes and client id."""
    check_time(policy, claims, now)
    profile = policy.type == "at+jwt"
    check_issuer(policy, key, claims)
    need("aud" in claims or not (policy.audiences or profile), "aud_missing")
    audiences = strings(claims.get("aud", []), "aud_invalid", lambda text: [text])
    need(
        policy.audiences is None or {folded(one) for one in audiences} & {folded(one) for one in policy.audiences},
        "audience_mismatch",
    )
    need("sub" in claims or not profile, "claim_missing")
    need(isinstance(claims.get("sub", ""), str), "sub_invalid")
    client = client_of(policy, claims)
    for name, code in (("client_id", "client_id_invalid"), ("jti", "jti_invalid")) if profile else ():
        need(name in claims, "claim_missing")
        need(isinstance(claims[name], str), code)
    check_required(policy, claims)
    scopes = scopes_of(policy, claims)
    granted = set(scopes).union(*(policy.includes.get(scope, set()) for scope in scopes))
    need(set(policy.scopes) <= granted, "insufficient_scope")
    return scopes, client


def accept(token: str, config: dict[str, Any], now: float) -> tuple[dict[str, Any], list[str], str]:
    """Claims, scopes and client id, or Refused with the code."""
    made = policies(config)
    need(len(token.encode("utf-8", "surrogatepass")) <= made[0].limit, "token_too_large")
    parts = token.split(".")
    decoded = [decode_segment(part) for part in parts]
    if len(parts) != 3 or any(part is None for part in decoded):
        raise Refused("token_malformed")
    raw_header, payload, signature = decoded
    assert raw_header is not None and payload is not None and signature is not None
    header = read_header(raw_header)
    policy = made[0] if len(made) == 1 else issuer_of(made, read_payload(payload))
    alg, kid = check_header(policy, header)
    key = choose(policy, alg, kid)
    need(signature_good(alg, key.key, f"{parts[0]}.{parts[1]}".encode(), signature), "signature_invalid")
    claims = read_payload(payload)
    scopes, client = check_claims(policy, key, claims, Fraction(now))
    return claims, scopes, client


def verify(token: str, config: dict[str, Any], now: float) -> tuple[dict[str, Any], list[str]]:
    """Claims and scopes, or Refused with the code."""
    return accept(token, config, now)[:2]
