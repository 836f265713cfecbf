"""DPoP proofs (RFC 9449), good and hostile, made of the tests' own keys, so that what is tested does not
check itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from tests.idp import SigningKey

_MEMBERS = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


def hashed(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def public(key: SigningKey) -> dict[str, str]:
    """The members of its JWK that RFC 7638 hashes."""
    jwk = key.jwk()
    return {name: jwk[name] for name in sorted(("kty", *_MEMBERS[jwk["kty"]]))}


def thumbprint(key: SigningKey) -> str:
    return hashed(json.dumps(public(key), separators=(",", ":"), sort_keys=True).encode())


def proof(key: SigningKey, url: str, token: str, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """For one POST; ``changes`` replace claims, ``header`` its members."""
    claims = {
        "jti": secrets.token_hex(12),
        "htm": "POST",
        "htu": url,
        "iat": int(time.time()),
        "ath": hashed(token.encode()),
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return key.token(claims, header={"typ": "dpop+jwt", "kid": None, "jwk": public(key), **(header or {})})


#: What is wrong with a proof: given the key that the token is bound to, another one, the URL and the token.
HOSTILE: dict[str, Callable[[SigningKey, SigningKey, str, str], str | None]] = {
    "bound, without a proof": lambda key, other, url, token: None,
    "bound, a proof by another key": lambda key, other, url, token: proof(other, url, token),
    "bound, another key under the good one's name": lambda key, other, url, token: proof(
        other, url, token, header={"jwk": public(key)}
    ),
    "bound, a proof for another token": lambda key, other, url, token: proof(key, url, token + "x"),
    "bound, a proof for another method": lambda key, other, url, token: proof(key, url, token, htm="GET"),
    "bound, a proof for another URL": lambda key, other, url, token: proof(key, url + "/other", token),
    "bound, an old proof": lambda key, other, url, token: proof(key, url, token, iat=int(time.time()) - 90),
    "bound, a proof of the future": lambda key, other, url, token: proof(key, url, token, iat=int(time.time()) + 600),
    "bound, a proof with alg none": lambda key, other, url, token: proof(key, url, token, header={"alg": "none"}),
    "bound, a proof without ath": lambda key, other, url, token: proof(key, url, token, ath=None),
}
