"""The kinds of options: from the value that a user gives to the one that the core takes.

Each value gets the type that it must have, or a TypeError that names it. Whether the value is a good one is the core's
decision.
"""

from __future__ import annotations

import os
from _collections_abc import Mapping, Sequence  # collections.abc brings much more, and would be imported by threads

from .errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    #: What a required claim is compared with.
    ClaimValue: TypeAlias = str | float | bool


#: Every algorithm that fastbearer knows.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", "Ed448",
    "ES256K", "HS256", "HS384", "HS512",
)  # fmt: skip


class Kind:
    """One type of value: its annotation, and its check."""

    __slots__ = ("annotation", "convert")

    def __init__(self, annotation: str, convert: Callable[[str, Any], Any]) -> None:
        self.annotation = annotation
        self.convert = convert


def _wrong(name: str, expected: str, value: Any) -> TypeError:
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}")


def _text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _wrong(name, "str or None", value)


def _data(name: str, value: Any) -> str | bytes | None:
    if value is None or isinstance(value, (str, bytes)):
        return value
    if isinstance(value, bytearray):
        return bytes(value)
    raise _wrong(name, "str, bytes or None", value)


def _document(name: str, value: Any) -> str | bytes | None:
    if isinstance(value, Mapping):
        import json

        try:
            return json.dumps(dict(value), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{name} cannot be written as JSON: {error}") from None
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        raise _wrong(name, "str, bytes or a mapping", value)
    return _data(name, value)


def texts(name: str, value: Any) -> tuple[str, ...] | None:
    """One text is a list of one."""
    if value is None:
        return None
    if isinstance(value, str):
        return (value,)
    if isinstance(value, (bytes, bytearray, Mapping)) or not hasattr(value, "__iter__"):
        raise _wrong(name, "str or a sequence of str", value)
    items = tuple(value)
    for item in items:
        if not isinstance(item, str):
            raise TypeError(f"{name} must be str or a sequence of str, but one item is {type(item).__name__}")
    return items


def _names(name: str, value: Any) -> tuple[str, ...] | None:
    """An empty list requires nothing, as None does."""
    return texts(name, value) or None


def scopes(name: str, value: Any) -> tuple[str, ...] | None:
    """One text is split at spaces, as a scope claim is (RFC 6749 section 3.3)."""
    if isinstance(value, str):
        value = [scope for scope in value.split(" ") if scope]
    return _names(name, value)


def _claims(name: str, value: Any) -> tuple[tuple[str, tuple[str, ...] | None], ...] | None:
    """Names of claims, or a mapping from each to the one value or the values that it may have, as JSON texts."""
    if not isinstance(value, Mapping):
        items = texts(name, value)
        return None if items is None else tuple((item, None) for item in items)
    claims = []
    for claim, wanted in value.items():
        if not isinstance(claim, str):
            raise TypeError(f"{name} must be a mapping from str, but one key is {type(claim).__name__}")
        values = wanted if isinstance(wanted, (list, tuple, set, frozenset)) else (wanted,)
        claims.append((claim, tuple(_json(f"{name}: {claim}", item) for item in values)))
    return tuple(claims)


#: What may not stand in the text of a JSON string as it is.
_ESCAPES = {**{code: f"\\u{code:04x}" for code in range(32)}, ord('"'): '\\"', ord("\\"): "\\\\"}


def _json(name: str, value: Any) -> str:
    """Without the module json: a thread that imports it during a fork would keep the child from constructing."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f'"{value.translate(_ESCAPES)}"'
    try:
        if isinstance(value, int):
            return int.__repr__(value)
    except ValueError:  # more digits than Python writes
        raise ConfigurationError(f"{name} is too large") from None
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, (list, tuple)):
        return "[]"  # not a value, whatever it holds
    if hasattr(value, "keys"):
        return "{}"
    raise _wrong(name, "str, int, float, bool or a list of these", value)


def _rules(name: str, value: Any) -> tuple[tuple[str, tuple[str, ...] | None], ...] | None:
    """A mapping from a scope to those that it includes."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _wrong(name, "a mapping from str to a sequence of str", value)
    for scope in value:
        if not isinstance(scope, str):
            raise TypeError(f"{name} must be a mapping from str, but one key is {type(scope).__name__}")
    return tuple((scope, texts(f"{name}: {scope}", implied) or ()) for scope, implied in value.items())


def _headers(name: str, value: Any) -> tuple[str, ...] | None:
    """A mapping from names to values, as header lines."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise _wrong(name, "a mapping from str to str", value)
    for field, text in value.items():
        if not isinstance(field, str) or not isinstance(text, str):
            raise TypeError(f"{name} must be a mapping from str to str")
        if ":" in field:
            raise ConfigurationError(f"{name}: a name must not hold a colon")
    return tuple(f"{field}: {text}" for field, text in value.items())


def _sequence(name: str, value: Any) -> tuple[Any, ...] | None:
    """What the items must be is checked by who knows their class."""
    if value is None:
        return None
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise _wrong(name, "a sequence of Issuer", value)
    return tuple(value)


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(name, "a number of seconds", value)
    try:
        return float(value)
    except OverflowError:
        raise ConfigurationError(f"{name} is too large") from None


def _size(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise _wrong(name, "int", value)
    number = int(value.__index__())
    if not 0 <= number < 1 << 63:
        raise ConfigurationError(f"{name} must not be {'negative' if number < 0 else 'that large'}")
    return number


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, "bool", value)
    return value


def _file(name: str, value: Any) -> str | None:
    if value is None:
        return None
    try:
        path = os.fspath(value)
    except TypeError:
        raise _wrong(name, "str or None", value) from None
    if not os.access(path, os.R_OK) or os.path.isdir(path):
        raise ConfigurationError(f"{name}: {os.fsdecode(path)} is not a file that can be read")
    return os.fsdecode(path)


def _function(name: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise _wrong(name, "callable or None", value)
    return value


def _store(name: str, value: Any) -> Any:
    if value is None:
        return None
    for method in ("load", "save"):
        if not callable(getattr(value, method, None)):
            raise TypeError(f"{name} must have the methods load and save, as fastbearer.stores.KeyStore says")
    return value


def _introspector(name: str, value: Any) -> Any:
    if value is not None and not hasattr(value, "negative_cache_seconds"):
        raise _wrong(name, "fastbearer.introspection.Introspector or None", value)
    return value


TEXT = Kind("str", _text)
DATA = Kind("str | bytes", _data)
DOCUMENT = Kind("str | bytes | Mapping[str, Any]", _document)
TEXTS = Kind("str | Sequence[str]", texts)
CLAIMS = Kind("str | Sequence[str] | Mapping[str, ClaimValue | Sequence[ClaimValue]]", _claims)
SCOPES = Kind("str | Sequence[str]", scopes)
RULES = Kind("Mapping[str, Sequence[str]]", _rules)
HEADERS = Kind("Mapping[str, str]", _headers)
ISSUERS = Kind("Sequence[Issuer]", _sequence)
RESOLVE = Kind("ResolveIssuer", _function)
SECONDS = Kind("float", _seconds)
SIZE = Kind("int", _size)
FLAG = Kind("bool", _flag)
FILE = Kind("str", _file)
FETCH = Kind("Fetch", _function)
HOOK = Kind("Callable[[Rejection], object]", _function)
INTROSPECTOR = Kind("Introspector", _introspector)
STORE = Kind("KeyStore", _store)
REVOKED = Kind("IsRevoked", _function)
