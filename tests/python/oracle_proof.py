"""Requests and proofs of possession for the second verifier (oracle.py).

Written from RFC 6750, 7638, 7800, 8705, 9110, 9449 and 3986, and from the rules of this library where those leave a
choice.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import re
from fractions import Fraction
from typing import Any

from cryptography import x509

from oracle_keys import ASYMMETRIC, read_jwk, signature_good
from oracle_text import (
    Refused,
    decode_segment,
    lower,
    need,
    read_header,
    read_payload,
    seconds,
)

Request = dict[str, Any]
OF_DPOP = {"max_age", "required", "algorithms", "nonce_secret", "replay_capacity"}
OF_REQUEST = {"method", "url", "headers", "client_certificate"}
BINDINGS = ("jkt", "x5t#S256")
TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*")
# RFC 7638 section 3.2 and RFC 8037 section 2.
MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
# RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2.
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
# RFC 7468 section 2: the boundaries stand on lines of their own.
CERTIFICATE = re.compile(
    r"^-----BEGIN CERTIFICATE-----[ \t]*\r?\n([A-Za-z0-9+/=\s]*?)\r?\n-----END CERTIFICATE-----[ \t]*\r?$", re.M | re.A
)
# What is read of a proof at all: bytes of its header, names and values of each of its documents, bytes of a URI and of
# jti.
HEADER_BYTES, VALUES, URI_BYTES, JTI_BYTES = 12288, 512, 8192, 256


# The credential ------------------------------------------------------------------------------------------------------


def percent_decoded(text: str) -> str:
    """Each escape once; what is no escape stays."""
    return re.sub("%([0-9A-Fa-f]{2})", lambda escape: chr(int(escape[1], 16)), text)


def fields(request: Request, name: str) -> list[str]:
    return [value for field, value in request.get("headers", []) if lower(field) == name]


def credential(request: Request, with_dpop: bool) -> tuple[str, str]:
    """The scheme in lower case, and the token."""
    assert set(request) <= OF_REQUEST, f"unknown members {set(request) - OF_REQUEST}"
    query = request.get("url", "").partition("#")[0].partition("?")[2]
    names = [percent_decoded(pair.partition("=")[0]) for pair in re.split("[&;]", query)]
    need("access_token" not in names, "request_malformed")
    values = fields(request, "authorization")
    need(values, "token_missing")
    need(len(values) == 1, "request_malformed")
    scheme, _, token = values[0].partition(" ")
    need(lower(scheme) == "bearer" or (with_dpop and lower(scheme) == "dpop"), "token_missing")
    need(TOKEN68.fullmatch(token), "request_malformed")
    if lower(scheme) == "dpop":  # where the host does not say what the client has asked for, no proof can be checked
        need(request.get("method") and request.get("url", "/")[:1] not in ("", "/"), "configuration_invalid")
    return lower(scheme), token


# URIs ----------------------------------------------------------------------------------------------------------------

UNRESERVED = r"A-Za-z0-9._~\-"
REG_NAME = re.compile(rf"(?:[{UNRESERVED}!$&'()*+,;=]|%[0-9A-Fa-f]{{2}})+")
PATH = re.compile(rf"(?:/(?:[{UNRESERVED}!$&'()*+,;=:@]|%[0-9A-Fa-f]{{2}})*)*")
IP_FUTURE = re.compile(rf"v[0-9A-Fa-f]+\.[{UNRESERVED}!$&'()*+,;=:]+")
HTTP_URI = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:[?#].*)?", re.I | re.A | re.S)
AUTHORITY = re.compile(r"(\[[^]]*\]|[^:]*)(?::([0-9]*))?")


def with_few_escapes(text: str, lower_case: bool = False) -> str:
    """RFC 3986 6.2.2.1 and 6.2.2.2: unreserved characters as they are, other escapes in upper case."""

    def shorter(escape: re.Match[str]) -> str:
        character = chr(int(escape[1], 16))
        return character if re.fullmatch(f"[{UNRESERVED}]", character) else escape[0]

    text = re.sub("%([0-9A-Fa-f]{2})", shorter, text)
    return re.sub("%..", lambda escape: escape[0].upper(), lower(text) if lower_case else text)


def without_dots(path: str) -> str:
    """RFC 3986 5.2.4, of a path that begins with a slash."""
    made: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == "..":
            made = made[:-1]
        elif segment != ".":
            made.append(segment)
        if last and segment in (".", ".."):
            made.append("")
    return "/" + "/".join(made)


def is_literal(text: str) -> bool:
    """What stands in brackets: RFC 3986 3.2.2, without the zones of RFC 6874."""
    try:
        return "%" not in text and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return bool(IP_FUTURE.fullmatch(text))


def normal_uri(text: str) -> str | None:
    """Two http URIs without query and fragment are equal when these are; None for what is no such URI."""
    parts = HTTP_URI.fullmatch(text)
    if not parts or len(text.encode("utf-8", "surrogatepass")) > URI_BYTES:
        return None
    place = AUTHORITY.fullmatch(parts[2])
    if not place or not PATH.fullmatch(parts[3]):
        return None
    host, port = place[1], place[2] or ""
    if host.startswith("["):
        if not is_literal(host[1:-1]):
            return None
        host = lower(host)
    elif REG_NAME.fullmatch(host):
        host = with_few_escapes(host, lower_case=True)
    else:
        return None
    scheme = lower(parts[1])
    port = "" if port == {"http": "80", "https": "443"}[scheme] else port
    return f"{scheme}://{host}:{port}{without_dots(with_few_escapes(parts[3]) or '/')}"


# Proofs --------------------------------------------------------------------------------------------------------------


def is_hash(value: Any) -> bool:
    """Base64url of 256 bits."""
    return isinstance(value, str) and len(decode_segment(value) or b"") == 32


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def thumbprint(jwk: dict[str, Any]) -> str:
    """RFC 7638 section 3."""
    text = json.dumps({name: jwk[name] for name in MEMBERS[jwk["kty"]]}, separators=(",", ":"), sort_keys=True)
    return b64u(hashlib.sha256(text.encode()).digest())


def certificate_hash(text: str) -> str:
    """RFC 8705 section 3.1."""
    blocks = CERTIFICATE.findall(text)
    need(len(blocks) == 1 and text.count("-----BEGIN ") == 1, "proof_invalid")
    try:
        der = base64.b64decode(re.sub(r"\s", "", blocks[0]), validate=True)
        x509.load_der_x509_certificate(der)
    except ValueError:
        raise Refused("proof_invalid") from None
    return b64u(hashlib.sha256(der).digest())


def count(value: Any) -> int:
    """Names and values of a document."""
    if isinstance(value, dict):
        return 1 + sum(1 + count(member) for member in value.values())
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


def nonces(secret: str, now: Fraction) -> list[str]:
    """Those of this minute and of the two before it."""
    made = []
    for age in range(3):
        window = (now // 60 - age).to_bytes(8, "big", signed=True)
        mac = hmac.digest(secret.encode(), b"fastbearer dpop nonce" + window, hashlib.sha256)
        made.append(b64u(window + mac[:16]))
    return made


class Proofs:
    """What a verifier demands of bound tokens, and the proofs that it remembers."""

    def __init__(self, config: dict[str, Any], skew: Fraction, limit: int) -> None:
        bad = "configuration_invalid"
        word = config.get("sender_constrained")
        need(word in (None, "verify", "ignore"), bad)
        self.ignores = word == "ignore"
        self.skew, self.limit = skew, limit
        self.with_dpop = config.get("dpop") is not None
        given = {name: value for name, value in (config.get("dpop") or {}).items() if value is not None}
        assert set(given) <= OF_DPOP, f"unknown options of dpop {set(given) - OF_DPOP}"
        self.max_age = Fraction(given.get("max_age", 300))
        need(0 < self.max_age <= 86400, bad)
        self.required = given.get("required", False)
        self.algorithms = given.get("algorithms", [alg for alg in ASYMMETRIC if alg != "ES256K"])
        need(self.algorithms and all(alg in ASYMMETRIC for alg in self.algorithms), bad)
        self.secret = given.get("nonce_secret")
        need(self.secret is None or len(self.secret.encode()) >= 32, bad)
        self.capacity = given.get("replay_capacity", 262144)
        need(1 <= self.capacity <= 1 << 24, bad)
        self.seen: dict[tuple[str, str], Fraction] = {}

    def check(self, request: Request | None, scheme: str, token: str, claims: dict[str, Any], now: float) -> None:
        """Whether the request may use a token that is good. request None, scheme "": there is only the token."""
        bound = claims.get("cnf", {})
        need(isinstance(bound, dict), "confirmation_invalid")
        if "cnf" in claims and not self.ignores:
            kinds = [bound[kind] for kind in BINDINGS if kind in bound]
            need(kinds and all(map(is_hash, kinds)), "confirmation_invalid")
        if scheme == "dpop":
            need(is_hash(bound.get("jkt")), "proof_mismatch")
        else:
            need(not self.required and ("jkt" not in bound or self.ignores), "proof_missing")
        if "x5t#S256" in bound and not self.ignores:
            shown = (request or {}).get("client_certificate")
            if shown is None:
                raise Refused("proof_missing")
            need(certificate_hash(shown) == bound["x5t#S256"], "proof_mismatch")
        if request is not None and scheme == "dpop":
            self.check_proof(request, token, bound["jkt"], Fraction(now))

    def check_proof(self, request: Request, token: str, jkt: Any, now: Fraction) -> None:
        """RFC 9449 section 4.3, numbers in its list in brackets."""
        found = fields(request, "dpop")
        need(found, "proof_missing")
        need(len(found) == 1, "proof_invalid")  # (1)
        mine, payload = self.signed_by(found[0], jkt)
        self.check_claims(request, token, payload, now)
        until = seconds(payload, "iat") or Fraction(0)
        key, until = (mine, payload["jti"]), until + self.max_age
        self.seen = {one: end for one, end in self.seen.items() if end > now}
        need(key not in self.seen, "proof_replayed")
        need(self.secret is None or payload.get("nonce") in nonces(self.secret, now), "proof_nonce_required")  # (10)
        if len(self.seen) == self.capacity:
            del self.seen[next(iter(self.seen))]
        self.seen[key] = until

    def signed_by(self, proof: str, jkt: Any) -> tuple[str, dict[str, Any]]:
        """(2), (4) to (7) and (12b): the thumbprint of the key, and what it has signed."""
        bad = "proof_invalid"
        need(len(proof.encode("utf-8", "surrogatepass")) <= self.limit, bad)
        parts = proof.split(".")
        header_text, payload_text, signature = (
            [decode_segment(part) for part in parts] if len(parts) == 3 else [None] * 3
        )
        if header_text is None or payload_text is None or signature is None or len(header_text) > HEADER_BYTES:
            raise Refused(bad)
        try:
            header = read_header(header_text)
        except Refused:
            raise Refused(bad) from None
        jwk = header.get("jwk")
        need(count(header) <= VALUES and header.get("typ") == "dpop+jwt" and isinstance(jwk, dict), bad)
        assert isinstance(jwk, dict)
        need(header.get("alg") in self.algorithms and not PRIVATE & set(jwk), bad)
        key = read_jwk(jwk)
        if key is None or header["alg"] not in key.algs:
            raise Refused(bad)
        if jwk["kty"] == "RSA":  # RFC 7518 section 2: Base64urlUInt has no zeros in front
            need(not any((decode_segment(jwk[name]) or b"").startswith(b"\0") for name in "ne"), bad)
        mine = thumbprint(jwk)
        need(mine == jkt, "proof_mismatch")
        need(signature_good(header["alg"], key.key, f"{parts[0]}.{parts[1]}".encode(), signature), bad)
        try:
            payload = read_payload(payload_text)
        except Refused:
            raise Refused(bad) from None
        need(count(payload) <= VALUES, bad)
        return mine, payload

    def check_claims(self, request: Request, token: str, payload: dict[str, Any], now: Fraction) -> None:
        """(3), (8), (9), (11) and (12a), in this order."""
        bad, expired, mismatch = "proof_invalid", "proof_expired", "proof_mismatch"
        need({"jti", "htm", "htu", "iat", "ath"} <= set(payload), bad)
        need(all(isinstance(payload.get(name, ""), str) for name in ("jti", "htm", "htu", "ath", "nonce")), bad)
        need(1 <= len(payload["jti"].encode()) <= JTI_BYTES, bad)
        try:
            issued, until, start = (seconds(payload, name) for name in ("iat", "exp", "nbf"))
        except Refused:
            raise Refused(bad) from None
        need(payload["htm"] == request["method"], mismatch)
        place = normal_uri(payload["htu"])
        need(place is not None, bad)
        need(place == normal_uri(request["url"]), mismatch)
        assert issued is not None
        need(now - issued < self.max_age and issued - now <= self.skew, expired)
        need(until is None or now < until, expired)
        need(start is None or start - now <= self.skew, expired)
        need(payload["ath"] == b64u(hashlib.sha256(token.encode()).digest()), mismatch)
