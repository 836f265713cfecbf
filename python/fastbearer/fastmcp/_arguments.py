"""The arguments of the FastMCP classes: what is refused, in FastMCP's words, and what the installed one is given."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .._options import ALGORITHMS, ISSUER, OPTIONS, unknown_option
from . import _installed as installed


class _NotGiven:
    """Default of a parameter that FastMCP 2.11 to 2.14 looks up in the environment when it is not given."""

    def __repr__(self) -> str:
        return "None"


NOT_GIVEN: Any = _NotGiven()

_KNOWN_TO_EVERY_FASTMCP = frozenset(name for name in ALGORITHMS if name[:2] in ("HS", "RS", "ES", "PS")) - {"ES256K"}
_PUBLIC_KEY_MARKERS = ("PUBLIC KEY-----", "-----BEGIN CERTIFICATE-----")


def check_list(name: str, value: Any) -> None:
    if value is None or value is NOT_GIVEN or isinstance(value, str):
        return
    if not isinstance(value, Collection) or isinstance(value, (bytes, Mapping)):
        raise TypeError(f"{name} must be a string or a list of strings, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} must not be an empty list: no token could match it")
    if any(not isinstance(item, str) for item in value):
        raise ValueError(f"{name} must be a string or a list of strings")


def check_key_option(
    public_key: Any, jwks_uri: Any, jwks: Any, secret: Any, ssrf_safe: bool, http_client: Any, discover: bool
) -> None:
    if not isinstance(discover, bool):
        raise TypeError(f"discover must be bool, not {type(discover).__name__}")
    if is_given(public_key) and not isinstance(public_key, (str, bytes, Mapping)) and not hasattr(public_key, "as_pem"):
        raise TypeError(f"public_key must be the text of a PEM, a secret or a JWK, not {type(public_key).__name__}")
    if is_given(jwks_uri) and not isinstance(jwks_uri, str):
        raise TypeError(f"jwks_uri must be text, not {type(jwks_uri).__name__}")
    given = [name for name, value in (("jwks", jwks), ("secret", secret)) if value is not None]
    given += [name for name, value in (("public_key", public_key), ("jwks_uri", jwks_uri)) if is_given(value)]
    given += ["discover"] if discover else []
    if len(given) > 1 and given != ["public_key", "jwks_uri"]:  # FastMCP has a sentence of its own for that pair
        raise ValueError(f"Provide only one of {', '.join(given)}")
    if (is_given(jwks_uri) or discover) and ssrf_safe and http_client is not None:
        raise ValueError(
            "http_client cannot be used with ssrf_safe=True; SSRF-safe mode requires its own hardened transport"
        )


def check_alone(given: Mapping[str, Any]) -> None:
    """Refuses options of one issuer beside issuers; given are all arguments but issuers itself."""
    defaults = {option.name: option.default for option in OPTIONS if option.of == ISSUER}
    defaults.update(discover=False, algorithm=None, http_client=None, jwks_refresh_interval=30.0, trust_env=True)
    for name, default in defaults.items():
        value = given.get(name, default)
        if value is not NOT_GIVEN and value != default:
            raise ValueError(f"issuers and {name} exclude each other: {name} is an option of each Issuer")


def is_given(value: Any) -> bool:
    return value is not NOT_GIVEN and bool(value)


def check_algorithms(algorithm: Any, algorithms: Any, public_key: Any, jwks_uri: Any) -> None:
    if algorithms is not None and is_given(algorithm):
        raise ValueError("Provide either algorithm or algorithms, not both")
    if algorithms is None:
        names = [algorithm] if is_given(algorithm) else ["RS256"]
    else:
        names = [algorithms] if isinstance(algorithms, str) else list(algorithms)
    if not names:
        raise ValueError("algorithms must not be empty")
    for name in names:
        if name not in ALGORITHMS:
            raise ValueError(f"Unsupported algorithm: {name}.")
    symmetric = [name.startswith("HS") for name in names]
    if not any(symmetric):
        return
    if not all(symmetric):
        raise ValueError("HS* and public-key algorithms cannot be accepted by one verifier")
    if is_given(jwks_uri):
        raise ValueError(
            "Symmetric HS* algorithms cannot be used with jwks_uri; configure a shared secret via public_key instead."
        )
    text = public_key.decode("utf-8", "replace") if isinstance(public_key, bytes) else public_key
    if isinstance(text, str) and any(marker in text for marker in _PUBLIC_KEY_MARKERS):
        raise ValueError("Symmetric HS* algorithms require a shared secret, not a public key.")


def stand_in_key() -> str:
    """What FastMCP's constructor is given for a key that it cannot take: random, since it might be used as one."""
    return secrets.token_urlsafe(64)


def chosen_algorithm(algorithm: Any, algorithms: Any, secret: Any) -> str | None:
    """The attribute algorithm, as the arguments say; None when they say nothing, not even that it is the default."""
    if algorithms is not None:
        return algorithms if isinstance(algorithms, str) else str(next(iter(algorithms)))
    if is_given(algorithm):
        return str(algorithm)
    if secret is not None:
        return "HS256"
    return None if algorithm is NOT_GIVEN else "RS256"


def check_names(names: Collection[str], known: Collection[str], of: str) -> None:
    """names are the arguments that are neither ours nor FastMCP's of all versions; newer versions may know more."""
    for name in names:
        if name not in installed.PARAMETERS:
            raise TypeError(unknown_option(name, known, of))


def for_upstream(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments for the installed FastMCP's constructor: those that it has, with values that it takes."""
    given = {name: value for name, value in given.items() if value is not NOT_GIVEN}
    if "resource_server_url" in installed.PARAMETERS and "base_url" in given:
        given["resource_server_url"] = given.pop("base_url")
    if given.get("base_url") is not None and "base_url" not in installed.PARAMETERS:
        raise TypeError(f"base_url needs FastMCP 2.11 or later; {installed.VERSION} is installed")
    if given.get("public_key") and not isinstance(given["public_key"], str):
        given["public_key"] = stand_in_key()
    if given.get("algorithm") and given["algorithm"] not in _KNOWN_TO_EVERY_FASTMCP:
        given["algorithm"] = "RS256"
    for name in ("issuer", "audience"):  # lists are newer than some of the versions; ours is the attribute that counts
        if name in given and not isinstance(given[name], str):
            given[name] = None
    if installed.IS_OAUTH_PROVIDER:
        # 2.6 to 2.8 make a URL of the issuer and serve metadata under it; a name that is not a URL leaves the default.
        issuer = given.get("issuer") or ""
        given["issuer"] = issuer if issuer.startswith(("https://", "http://")) else None
    return {name: value for name, value in given.items() if name in installed.PARAMETERS}


def parse_scopes(value: Any) -> list[str] | None:
    """Required scopes as people write them: a list, a JSON array, or text with commas or spaces between the scopes."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                parsed = json.loads(text)
            except ValueError:
                parsed = None
            if isinstance(parsed, list):
                return [str(scope).strip() for scope in parsed if str(scope).strip()]
        return text.replace(",", " ").split()
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"required_scopes must be a list of strings or one string, not {type(value).__name__}")
    return [str(scope) for scope in value]
