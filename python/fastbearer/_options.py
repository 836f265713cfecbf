"""Checks the options of a Verifier and puts them into the form that the core takes. Values are the core's to judge;
here each gets the type that it must have, or a TypeError that names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import _native
from .errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NAMES = (
    "public_key", "jwks", "jwks_uri", "secret", "algorithms", "issuer", "audience", "required_scopes", "leeway",
    "require_exp", "required_claims", "token_type", "scope_claims", "client_id_claims", "max_token_bytes",
    "cache_size", "arithmetic", "on_reject",
)  # fmt: skip


def unknown_option(name: str, function: Callable[..., Any], of: str = "Verifier") -> str:
    """The sentence for an option that does not exist, with the one that was probably meant."""
    import difflib
    import inspect

    parameters = inspect.signature(function).parameters.values()
    names = [p.name for p in parameters if p.kind != p.VAR_KEYWORD and not p.name.startswith("_") and p.name != "self"]
    close = difflib.get_close_matches(name.lower(), names, 1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"{of}() got an unexpected keyword argument {name!r}{meant}"


def _wrong(name: str, expected: str, value: Any) -> TypeError:
    return TypeError(f"{name} must be {expected}, not {type(value).__name__}")


def text(name: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise _wrong(name, "str or None", value)


def _data(name: str, value: Any) -> str | bytes | None:
    if value is None or isinstance(value, (str, bytes)):
        return value
    if isinstance(value, bytearray):
        return bytes(value)
    raise _wrong(name, "str, bytes or None", value)


def texts(name: str, value: Any) -> tuple[str, ...] | None:
    """A str is a list of one."""
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


def scopes(value: Any) -> tuple[str, ...] | None:
    """A str is split at spaces, as a scope claim is (RFC 6749 section 3.3); nothing to require is no list."""
    if isinstance(value, str):
        value = value.split(" ")
        value = [scope for scope in value if scope]
    return texts("required_scopes", value) or None


def _number(name: str, value: Any) -> float:
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
    import os

    try:
        path = os.fspath(value)
    except TypeError:
        raise _wrong(name, "str or None", value) from None
    if not os.access(path, os.R_OK) or os.path.isdir(path):
        raise ConfigurationError(f"{name}: {os.fsdecode(path)} is not a file that can be read")
    return os.fsdecode(path)


def policy(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a token must be like."""
    on_reject = given["on_reject"]
    if on_reject is not None and not callable(on_reject):
        raise _wrong("on_reject", "callable or None", on_reject)
    return {
        "algorithms": texts("algorithms", given["algorithms"]),
        "issuers": texts("issuer", given["issuer"]),
        "audiences": texts("audience", given["audience"]),
        "required_scopes": scopes(given["required_scopes"]),
        "required_claims": texts("required_claims", given["required_claims"]) or None,
        "leeway": _number("leeway", given["leeway"]),
        "require_exp": _flag("require_exp", given["require_exp"]),
        "token_type": text("token_type", given["token_type"]),
        "scope_claims": texts("scope_claims", given["scope_claims"]),
        "client_id_claims": texts("client_id_claims", given["client_id_claims"]),
        "max_token_bytes": _size("max_token_bytes", given["max_token_bytes"]),
        "cache_size": _size("cache_size", given["cache_size"]),
        "arithmetic": text("arithmetic", given["arithmetic"]),
    }


def key_source(given: Mapping[str, Any]) -> dict[str, Any]:
    """Where the keys come from."""
    jwks = given["jwks"]
    if isinstance(jwks, Mapping):
        import json

        try:
            jwks = json.dumps(dict(jwks), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"jwks cannot be written as JSON: {error}") from None
    elif isinstance(jwks, Sequence) and not isinstance(jwks, (str, bytes, bytearray)):
        raise _wrong("jwks", "str, bytes or a mapping", jwks)
    return {
        "public_key": _data("public_key", given["public_key"]),
        "jwks": _data("jwks", jwks),
        "jwks_uri": text("jwks_uri", given["jwks_uri"]),
        "secret": _data("secret", given["secret"]),
        "allow_short_secret": _flag("_allow_short_secret", given["_allow_short_secret"]),
    }


def fetching(given: Mapping[str, Any]) -> dict[str, Any]:
    """How a key set is fetched."""
    fetch = given["fetch"]
    if fetch is not None and not callable(fetch):
        raise _wrong("fetch", "callable or None", fetch)
    ca_file = _file("ca_file", given["ca_file"])
    options: dict[str, Any] = {
        "fetch_timeout": _number("fetch_timeout", given["fetch_timeout"]),
        "refresh_interval": _number("refresh_interval", given["refresh_interval"]),
        "stale_if_error": _number("stale_if_error", given["stale_if_error"]),
        "max_jwks_bytes": _size("max_jwks_bytes", given["max_jwks_bytes"]),
        "allow_http": _flag("allow_http", given["allow_http"]),
        "ssrf_safe": _flag("ssrf_safe", given["ssrf_safe"]),
        "trust_env": _flag("trust_env", given["trust_env"]),
        "ca_file": ca_file,
    }
    if given["jwks_uri"] is not None and fetch is None and ca_file is None:
        options.update(_authorities())
    return options


def _authorities() -> dict[str, str]:
    """The certificates to trust when no option says: what the environment names, as Python's ssl reads it; else the
    system's, which the core finds; else certifi's.
    """
    import os
    import sys

    named = {
        option: os.environ[variable]
        for option, variable in (("ca_file", "SSL_CERT_FILE"), ("ca_path", "SSL_CERT_DIR"))
        if os.environ.get(variable)
    }
    if named or _native.ca_bundle() is not None or sys.platform == "win32":  # where the core reads the system's store
        return named
    try:
        import certifi
    except ImportError:
        return {}  # the first https fetch fails, and says where certificates were looked for
    return {"ca_file": certifi.where()}
