"""What the topics are written with: tokens, cases and suites."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from . import keys
from .sign import sign

NOW = 1750000000
ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example/mcp"
ABSENT = object()

Case = dict[str, Any]


def claims(**changes: Any) -> dict[str, Any]:
    """Claims that every policy of the suites accepts; a changed one is replaced, or left out when it is ABSENT."""
    made = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user-1",
        "client_id": "client-1",
        "scope": "read write",
        "iat": NOW - 60,
        "exp": NOW + 3600,
    }
    made.update(changes)
    return {name: value for name, value in made.items() if value is not ABSENT}


def dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def as_bytes(value: Any) -> bytes:
    """Bytes and text as they are, anything else as JSON."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else dump(value)).encode()


def signed(header: Any, payload: Any, alg: str, key: str, signer: Callable[[bytes], bytes] | None = None) -> str:
    """A token over any header and payload. signer makes another signature than the valid one."""
    signing_input = f"{keys.b64u(as_bytes(header))}.{keys.b64u(as_bytes(payload))}"
    signature = signer(signing_input.encode()) if signer else sign(alg, key, signing_input.encode())
    return f"{signing_input}.{keys.b64u(signature)}"


class Issuer:
    """Mints with one key and knows the configuration that accepts what it mints."""

    def __init__(self, alg: str, key: str, source: dict[str, Any] | None = None, **config: Any) -> None:
        self.alg, self.key = alg, key
        if source is None:
            source = {"secret": key} if alg.startswith("HS") else {"public_key": keys.pem(key)}
        self.config = {**source, "algorithms": [alg], "issuer": ISSUER, "audience": AUDIENCE, **config}

    def with_config(self, **changes: Any) -> dict[str, Any]:
        made = {**self.config, **changes}
        return {name: value for name, value in made.items() if value is not ABSENT}

    def token(self, payload: Any = None, header: Any = None, signer: Callable[[bytes], bytes] | None = None,
              **header_members: Any) -> str:
        if header is None:
            header = {"alg": self.alg, "typ": "JWT", **header_members}
            header = {name: value for name, value in header.items() if value is not ABSENT}
        return signed(header, claims() if payload is None else payload, self.alg, self.key, signer)


# The workhorses: cheap to verify, so that ten thousand cases take seconds.
HS = Issuer("HS256", keys.SECRET32)
RS = Issuer("RS256", "rsa2048")
ES = Issuer("ES256", "p256")
ED = Issuer("EdDSA", "ed25519")


class Suite:
    """One file of cases. name is the topic's folder and the beginning of every id."""

    def __init__(self, name: str) -> None:
        self.topic, _, part = name.partition("/")
        self.path = f"{self.topic}/{part or self.topic}.json"
        self.prefix = f"{self.topic}.{part}" if part else self.topic
        self.cases: list[Case] = []

    def add(self, name: str, description: str, token: str, config: dict[str, Any], code: str | list[str] | None = None,
            now: float | None = NOW, **expected: Any) -> None:
        """One case: accepted without a code, refused with it. expected: claims, scopes."""
        case: Case = {"id": f"{self.prefix}.{name}", "description": description, "token": token, "config": config}
        case.update(now=now, expect="accept" if code is None else "reject")
        if code is not None:
            case["code"] = code
        case.update(expected)
        self.cases.append(case)

    def steps(self, name: str, description: str, config: dict[str, Any], steps: list[tuple[Any, ...]]) -> None:
        """A sequence against one verifier; a step is a token, the code or None, and the time when it is not NOW."""
        made: list[Case] = []
        for token, code, *now in steps:
            step: Case = {"token": token, "now": now[0] if now else NOW, "expect": "accept" if code is None else "reject"}
            if code is not None:
                step["code"] = code
            made.append(step)
        self.cases.append({"id": f"{self.prefix}.{name}", "description": description, "config": config, "steps": made})

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def text(self) -> str:
        # ensure_ascii: the files stay readable everywhere, and control characters cannot be lost on the way.
        lines = (json.dumps(case, separators=(", ", ": "), ensure_ascii=True) for case in self.cases)
        return "[\n" + ",\n".join(lines) + "\n]\n"
