"""Changes of requests and of DPoP proofs, for differential.py."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

from tests.vectors.generator import keys
from tests.vectors.generator.proofs import ALG, NONCE_SECRET, URL, certificate, certificate_hash, jkt, nonce
from tests.vectors.generator.sign import sign

NOW = 1750000000
CNF: list[Any] = [
    {"jkt": jkt()}, {"jkt": jkt()}, {"jkt": jkt("p256-other")}, {"x5t#S256": certificate_hash()},
    {"jkt": jkt(), "x5t#S256": certificate_hash()}, {"jkt": 7}, {"jkt": jkt() + "="}, {"jwk": {}}, {}, None, [], jkt(),
]  # fmt: skip
CLAIMS: list[tuple[str, list[Any]]] = [
    ("htm", ["POST", "GET", "post", "", "é", None]),
    ("iat", [NOW, NOW - 1, NOW - 299.5, NOW - 300, NOW + 30, NOW + 30.5, 1e300, -(2**63), 2**63, True, "1"]),
    ("exp", [NOW, NOW + 0.5, NOW + 1, 0, None]),
    ("nbf", [NOW, NOW + 30, NOW + 31, "1"]),
    ("jti", ["", "a", "j" * 256, "é" * 128, "é" * 129, "\x7f", 1]),
    ("nonce", [nonce(), nonce(NOW - 120), nonce(NOW - 180), nonce(NOW + 60), "", 7]),
    ("ath", ["", "AAAA", None]),
    ("htu", [URL, "", None]),
]
# What a URI may turn into.
PIECES = [
    "%6d", "%4D", "%2f", "%2F", "%2e", "%2E%2e", "%41", "%7E", "%zz", "%", "%e2%82%ac", "%00", ".", "..", "/.", "/..",
    "/./", "/../", "//", "/", ":443", ":80", ":", ":0443", ":65536", "@", "a@", "[::1]", "[::FFFF:1.2.3.4]", "[v1.a]",
    "[1::%25a]", "[", "]", "?", "#", "?a=%zz", "#/..", "é", " ", "\t", "\\", "|", "^", "~", "'", "(", ";", "=", "&",
    "!", "*", "$", "+", ",", "{", "<", '"', "`", "HTTPS://", "http://", "https:", "A", "API.example", "mcp", "\x7f",
    "?access_token=a", "&access_token", ";access_token", "?%61ccess%5Ftoken=",
]  # fmt: skip
OPTIONS: dict[str, list[Any]] = {
    "sender_constrained": ["verify", "ignore", "", None],
    "dpop": [
        None,
        {},
        {"required": True},
        {"max_age": 1},
        {"max_age": 0},
        {"algorithms": ["ES256", "ES256K"]},
        {"algorithms": ["RS256", "EdDSA"]},
        {"algorithms": ["HS256"]},
        {"nonce_secret": NONCE_SECRET},
        {"nonce_secret": "short"},
        {"replay_capacity": 1},
    ],
}
# By the member of a JWK that tells the keys apart.
SIGNERS = {keys.jwk(name).get("x") or keys.jwk(name)["n"]: name for name in ALG}
Document = Callable[[random.Random, bytes], bytes]


def b64u(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def parts_of(token: str) -> list[bytes]:
    """ValueError for what is no token."""
    made = [base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]
    if len(made) != 3:
        raise ValueError("not three segments")
    return made


def with_signature(head: bytes, body: bytes) -> str:
    """Signed with the key that the header names, or with another when it names none of ours."""
    try:
        jwk = json.loads(head)["jwk"]
        name = SIGNERS.get(jwk.get("x", jwk.get("n")), "p256")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        name = "p256"
    text = f"{b64u(head)}.{b64u(body)}"
    return f"{text}.{b64u(sign(ALG[name], name, text.encode()))}"


def change_uri(r: random.Random, uri: str) -> str:
    for _ in range(r.choice([1, 1, 2, 3])):
        start = r.randrange(len(uri) + 1)
        uri = uri[:start] + r.choice(PIECES) + uri[start + r.choice([0, 0, 1, 3]) :]
    return uri


def change_proof(r: random.Random, proof: str, request: dict[str, Any], document: Document) -> str:
    try:
        head, body, _ = parts_of(proof)
    except ValueError:
        return proof
    kind = r.randrange(4)
    if kind == 0:
        head = document(r, head)
    elif kind == 1:
        body = document(r, body)
    else:
        try:
            claims = json.loads(body)
            name, values = r.choice(CLAIMS)
            claims[name] = r.choice(values)
            if kind == 3:
                claims["htu"] = change_uri(r, request["url"])
                if r.random() < 0.5:
                    request["url"] = change_uri(r, claims["htu"])
            body = json.dumps(claims).encode()
        except (ValueError, TypeError, RecursionError):
            pass
    return with_signature(head, body)


def is_proof(pair: list[str]) -> bool:
    return pair[0].lower() == "dpop"


def change_request(r: random.Random, case: dict[str, Any], document: Document) -> None:
    """One thing of the request, or the proof."""
    request = case["request"]
    headers = request["headers"]
    kind = r.choice(["proof"] * 6 + ["url", "method", "certificate", "twice", "gone", "scheme", "value"])
    if kind == "proof":
        for pair in filter(is_proof, headers):
            pair[1] = change_proof(r, pair[1], request, document)
    elif kind == "url":
        request["url"] = change_uri(r, request["url"])
    elif kind == "method":
        request["method"] = r.choice(["GET", "POST", "post", ""])
    elif kind == "certificate":
        text = certificate(r.choice(["p256-certificate", "rsa2048-certificate"]))
        place = r.randrange(len(text))
        request["client_certificate"] = r.choice([None, text, text[:place] + r.choice("A=\n -") + text[place + 1 :]])
    elif headers:
        place = r.randrange(len(headers))
        name, value = headers[place]
        if kind == "twice":
            headers.append([name, value])
        elif kind == "gone":
            del headers[place]
        elif kind == "scheme":
            headers[place] = [name, r.choice(["Bearer ", "DPoP ", "dpop  ", "Basic ", ""]) + value.partition(" ")[2]]
        else:
            at = r.randrange(len(value) + 1)
            headers[place] = [name, value[:at] + r.choice(["", " ", "=", "A", ".", ",", "é", "\n"]) + value[at + 1 :]]


def with_token(case: dict[str, Any], token: str) -> None:
    """The same request with another token, its proofs made for that one."""
    before, case["token"] = case["token"], token
    for pair in case.get("request", {}).get("headers", []):
        if is_proof(pair):
            pair[1] = proof_for(pair[1], token)
        elif before:
            pair[1] = pair[1].replace(before, token)


def proof_for(proof: str, token: str) -> str:
    try:
        head, body, _ = parts_of(proof)
        claims = {**json.loads(body), "ath": b64u(hashlib.sha256(token.encode()).digest())}
    except (ValueError, TypeError, RecursionError):
        return proof
    return with_signature(head, json.dumps(claims).encode())
