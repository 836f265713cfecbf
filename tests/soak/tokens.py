"""Good tokens, and hostile ones of every kind, as many as are asked for."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.idp import SigningKey

AUDIENCE = "https://mcp.example/mcp"
MINTED_AT_ONCE = 50  # a good token is used some times before another is made, as clients do


def encode(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Tokens:
    """``current`` signs the good ones. Not for several threads: each client has its own."""

    def __init__(self, issuer: str, seed: int) -> None:
        self.issuer, self.random = issuer, random.Random(seed)
        self.attacker = SigningKey("ES256")
        self._good: list[tuple[str, str]] = []
        self._key: SigningKey | None = None

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": f"user-{self.random.randrange(10**6)}",
            "iat": now,
            "exp": now + 600,
            "scope": "read write",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def good(self, key: SigningKey) -> tuple[str, str]:
        """A token and its subject."""
        if key is not self._key:
            self._key, self._good = key, []
        if len(self._good) < MINTED_AT_ONCE or self.random.random() < 0.05:
            claims = self.claims()
            self._good = [*self._good[-MINTED_AT_ONCE:], (key.token(claims), claims["sub"])]
        return self.random.choice(self._good)

    def hostile(self, key: SigningKey, withdrawn: SigningKey | None) -> tuple[str, str]:
        """A token and what is wrong with it."""
        name = self.random.choice([kind for kind in KINDS if withdrawn is not None or kind != "a withdrawn key"])
        return KINDS[name](self, key, withdrawn), name

    def forged(self, header: Mapping[str, Any], key: SigningKey | None = None) -> str:
        return (key or self.attacker).token(self.claims(), header=header)


def unsigned(t: Tokens, header: Any, payload: Any) -> str:
    return f"{encode(header)}.{encode(payload)}."


def flipped(t: Tokens, token: str) -> str:
    """The last whole byte of the signature changed."""
    at = len(token) - 3
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


def confused(t: Tokens, key: SigningKey) -> str:
    """HMAC with the public key as the secret."""
    import hashlib
    import hmac

    text = f"{encode({'alg': 'HS256', 'kid': key.kid})}.{encode(t.claims())}"
    return f"{text}.{encode(hmac.digest(key.public_pem().encode(), text.encode(), hashlib.sha256))}"


KINDS: dict[str, Callable[[Tokens, SigningKey, Any], str]] = {
    "a random key id": lambda t, key, _: t.forged({"kid": f"random-{t.random.randrange(10**9)}"}),
    "an attacker's key under a good key id": lambda t, key, _: t.forged({"kid": key.kid}),
    "an attacker's key in the header": lambda t, key, _: t.forged({"kid": None, "jwk": t.attacker.jwk()}),
    "a key to be fetched": lambda t, key, _: t.forged({"jku": "http://127.0.0.1:1/jwks"}),
    "no signature": lambda t, key, _: unsigned(t, {"alg": "none", "kid": key.kid}, t.claims()),
    "HMAC with the public key": lambda t, key, _: confused(t, key),
    "a changed signature": lambda t, key, _: flipped(t, key.token(t.claims())),
    "a changed payload": lambda t, key, _: key.token(t.claims()).replace(".", "." + encode({"sub": "admin"}), 1),
    "expired": lambda t, key, _: key.token(t.claims(exp=int(time.time()) - 1)),
    "without exp": lambda t, key, _: key.token(t.claims(exp=None)),
    "exp is text": lambda t, key, _: key.token(t.claims(exp="9999999999")),
    "not yet valid": lambda t, key, _: key.token(t.claims(nbf=int(time.time()) + 600)),
    "another issuer": lambda t, key, _: key.token(t.claims(iss="https://other.example")),
    "another audience": lambda t, key, _: key.token(t.claims(aud=["https://other.example"])),
    "without the scope": lambda t, key, _: key.token(t.claims(scope="write")),
    "crit": lambda t, key, _: key.token(t.claims(), header={"crit": ["exp"]}),
    "garbage": lambda t, key, _: encode(t.random.randbytes(t.random.randrange(1, 200))),
    "a deep header": lambda t, key, _: f"{encode(b'[' * 3000)}.e30.AA",
    "many dots": lambda t, key, _: "." * 8000,
    "a long token": lambda t, key, _: key.token(t.claims(filler="x" * 20000)),
    "a withdrawn key": lambda t, key, withdrawn: withdrawn.token(t.claims()),
}
