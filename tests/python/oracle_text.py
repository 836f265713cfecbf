"""What the second verifier (oracle.py) reads text with: base64url, strict JSON, headers, numbers of seconds."""

from __future__ import annotations

import base64
import json
import math
import re
from fractions import Fraction
from typing import Any

SEGMENT = re.compile(r"[A-Za-z0-9_-]+\Z")


class Refused(Exception):
    """Carries the code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def need(condition: Any, code: str) -> None:
    if not condition:
        raise Refused(code)


def decode_segment(text: str) -> bytes | None:
    """Canonical unpadded base64url: what encoding the decoded bytes gives again."""
    if not SEGMENT.match(text) or len(text) % 4 == 1:
        return None
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return data if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text else None


def strict_json(raw: bytes) -> dict[str, Any]:
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


def lower(text: str) -> str:
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in text)


def media_type(text: str) -> str:
    return lower(text)[12:] if lower(text).startswith("application/") else lower(text)


def read_header(raw: bytes) -> dict[str, Any]:
    """What concerns every issuer, and every proof."""
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


def seconds(claims: dict[str, Any], name: str) -> Fraction | None:
    if name not in claims:
        return None
    value = claims[name]
    need(isinstance(value, (int, float)) and not isinstance(value, bool), f"{name}_invalid")
    exact = value.exact if isinstance(value, Real) else Fraction(value)
    need(-(2**63) <= exact < 2**63, f"{name}_invalid")
    return exact
