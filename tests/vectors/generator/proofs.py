"""What the topics about proof of possession are written with: bound tokens, proofs, requests."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from . import keys
from .base import ABSENT, HS, NOW, claims, dump, signed

URL = "https://api.example/mcp"
NONCE_SECRET = "fastbearer-test-nonce-secret-32b!"
ALG = {"p256": "ES256", "p256-other": "ES256", "p384": "ES384", "p521": "ES512", "secp256k1": "ES256K", "ed25519": "EdDSA",
       "ed448": "Ed448", "rsa2048": "RS256", "rsa3072": "PS256"}
# RFC 7638 section 3: of the members that make the key, in the order of their names.
MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


def thumbprint(jwk: dict[str, Any]) -> str:
    made = dump({name: jwk[name] for name in MEMBERS[jwk["kty"]]})
    return keys.b64u(hashlib.sha256(made.encode()).digest())


def jkt(key: str = "p256") -> str:
    return thumbprint(keys.jwk(key))


def bound(key: str = "p256", **cnf: Any) -> str:
    """A token that is bound to this client's key."""
    return HS.token(claims(cnf={"jkt": jkt(key), **cnf}))


def ath(token: str) -> str:
    return keys.b64u(hashlib.sha256(token.encode()).digest())


def header(key: str = "p256", **changes: Any) -> dict[str, Any]:
    made = {"typ": "dpop+jwt", "alg": ALG[key], "jwk": keys.jwk(key), **changes}
    return {name: value for name, value in made.items() if value is not ABSENT}


def payload(token: str, **changes: Any) -> dict[str, Any]:
    made = {"jti": "proof-1", "htm": "POST", "htu": URL, "iat": NOW, "ath": ath(token), **changes}
    return {name: value for name, value in made.items() if value is not ABSENT}


def proof(token: str, key: str = "p256", head: Any = None, body: Any = None, signer: Any = None, alg: str | None = None,
          by: str | None = None, **changes: Any) -> str:
    """A proof for the token. head, body: in place of the good ones, in whatever form; by: the key that signs."""
    return signed(header(key) if head is None else head, payload(token, **changes) if body is None else body,
                  alg or ALG[by or key], by or key, signer)


def request(token: str, *proofs: str, scheme: str = "DPoP", method: str = "POST", url: str = URL, **more: Any) -> dict[str, Any]:
    headers = [["Host", "api.example"], ["Authorization", f"{scheme} {token}"], *(["DPoP", one] for one in proofs)]
    return {"method": method, "url": url, "headers": headers, **more}


def config(**changes: Any) -> dict[str, Any]:
    """What accepts a bound token with its proof."""
    return HS.with_config(dpop={}, **changes) if "dpop" not in changes else HS.with_config(**changes)


def nonce(now: float = NOW, secret: str = NONCE_SECRET) -> str:
    window = int(now // 60).to_bytes(8, "big", signed=True)
    return keys.b64u(window + hmac.new(secret.encode(), b"fastbearer dpop nonce" + window, hashlib.sha256).digest()[:16])


def certificate(name: str = "p256-certificate") -> str:
    return keys.text(name)


def certificate_hash(name: str = "p256-certificate") -> str:
    return keys.b64u(hashlib.sha256(keys.unarmour(keys.text(name))).digest())
