"""Good tokens, and hostile ones of every kind, as many as are asked for."""

from __future__ import annotations

import base64
import json
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.idp import SigningKey

from .proofs import thumbprint

AUDIENCE = "https://mcp.example/mcp"
MINTED_AT_ONCE = 50  # so many tokens are used again and again, as clients do


def encode(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Tokens:
    """Tokens of one client, which is a thread; ``keys`` are those that the provider signs with now."""

    def __init__(self, issuer: str, keys: Mapping[str, SigningKey], seed: str) -> None:
        self.issuer, self.keys, self.random = issuer, keys, random.Random(seed)
        self.attacker = SigningKey("ES256")
        self.client = SigningKey(self.random.choice(("ES256", "EdDSA")))
        self._pool: list[tuple[SigningKey, str, str]] = []

    def key(self) -> SigningKey:
        """One that the provider signs with now."""
        return self.random.choice(list(self.keys.values()))

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": f"user-{self.random.randrange(10**9)}",
            "jti": f"{self.random.getrandbits(96):024x}",
            "iat": now,
            "exp": now + 600,
            "scope": "read write",
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def good(self) -> tuple[str, str, str]:
        """A token, its subject, and what kind of token it is."""
        kind = "used before" if self.random.random() < 0.5 else self.random.choice(list(GOOD))
        if kind == "used before":
            current = set(self.keys.values())
            self._pool = [entry for entry in self._pool if entry[0] in current]
            if len(self._pool) < MINTED_AT_ONCE:
                key, claims = self.key(), self.claims()
                self._pool.append((key, key.token(claims), claims["sub"]))
            _, token, subject = self.random.choice(self._pool)
            return token, subject, kind
        changes, header = GOOD[kind](int(time.time()))
        claims = self.claims(**changes)
        return self.key().token(claims, header=header), claims["sub"], kind

    def bound(self) -> tuple[str, str]:
        """A token that is bound to this client's key, and its subject."""
        claims = self.claims(cnf={"jkt": thumbprint(self.client)})
        return self.key().token(claims), claims["sub"]

    def hostile(self, withdrawn: SigningKey | None) -> tuple[str, str]:
        """A token and what is wrong with it."""
        name = self.random.choice([kind for kind in KINDS if withdrawn is not None or kind != "a withdrawn key"])
        return KINDS[name](self, self.key(), withdrawn), name

    def forged(self, key: SigningKey, header: Mapping[str, Any]) -> str:
        """Signed with the attacker's key."""
        return self.attacker.token(self.claims(), header=header)


#: What a good token may look like besides: changed claims, changed header, given the time.
GOOD: dict[str, Callable[[int], tuple[dict[str, Any], dict[str, Any]]]] = {
    "new": lambda now: ({}, {}),
    "soon to expire": lambda now: ({"exp": now + 20}, {}),
    "for several audiences": lambda now: ({"aud": ["https://other.example", AUDIENCE]}, {}),
    "with many scopes": lambda now: ({"scope": " ".join([*(f"scope-{i}" for i in range(60)), "read"])}, {}),
    "issued by a clock that is ahead": lambda now: ({"iat": now + 10, "nbf": now + 10}, {}),
    "at+jwt": lambda now: ({"client_id": "client"}, {"typ": "at+jwt"}),
    "large": lambda now: ({"groups": [f"group {i:030d}" for i in range(120)]}, {}),
}


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
    "a random key id": lambda t, key, _: t.forged(key, {"kid": f"random-{t.random.randrange(10**9)}"}),
    "an attacker's key under a good key id": lambda t, key, _: t.forged(key, {"kid": key.kid}),
    "an attacker's key in the header": lambda t, key, _: t.forged(key, {"kid": None, "jwk": t.attacker.jwk()}),
    "a key to be fetched": lambda t, key, _: t.forged(key, {"jku": "http://127.0.0.1:1/jwks"}),
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
