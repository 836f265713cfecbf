"""From the attributes of a FastMCP provider to an engine that enforces them.

FastMCP and its users change attributes after construction and override methods in subclasses. A plan is what one state
of all that means: a Verifier which checks everything it can, and the steps that an overridden hook has taken over.
Plans are cheap, the key set is not: a new plan takes over the key set of the one before when nothing about it changed.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

from ._fastmcp_jwks import DEFAULT_TTL
from .errors import ConfigurationError
from .provider import Verifier

#: Attributes that a plan is made from; writing one of them makes a new plan.
POLICY = (
    "issuer", "audience", "algorithm", "algorithms", "required_scopes", "public_key", "secret", "jwks", "jwks_uri",
    "leeway", "require_exp", "required_claims", "token_type", "scope_claims", "client_id_claims", "max_token_bytes",
    "cache_size", "arithmetic", "on_reject",
)  # fmt: skip

#: Attributes of the key set and its fetch; a change starts with an empty set.
KEY_SET = (
    "jwks_uri", "ssrf_safe", "_jwks_refresh_interval", "fetch_timeout", "stale_if_error", "max_jwks_bytes", "ca_file",
    "allow_http", "trust_env",
)  # fmt: skip

#: Methods of FastMCP's verifier that subclasses override.
HOOKS = ("_extract_scopes", "_validate_issuer", "_get_verification_key", "_get_jwks_key")

_HMAC_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_KEYS_REMEMBERED = 8


class Plan:
    """One state of a provider, ready to verify with."""

    __slots__ = ("engine", "watched", "grace", "extract_scopes", "validate_issuer", "own_keys", "direct", "_policy",
                 "_engines", "key_set", "error", "ttl")  # fmt: skip

    def __init__(self, provider: Any, overridden: frozenset[str], before: Plan | None) -> None:
        self.extract_scopes = "_extract_scopes" in overridden
        self.validate_issuer = "_validate_issuer" in overridden and bool(provider.issuer)
        self.own_keys = bool(overridden & {"_get_verification_key", "_get_jwks_key"}) or provider._jwks_seeded
        self.direct = not (self.extract_scopes or self.validate_issuer or self.own_keys)
        # Lists can be changed in place, which no assignment tells us about.
        self.watched = [
            (live, list(live))
            for live in (provider.issuer, provider.audience, provider.required_scopes)
            if isinstance(live, list)
        ]
        self.grace = 0
        self.ttl = provider._jwks_ttl if provider._jwks_ttl != DEFAULT_TTL and provider.jwks_uri else None
        self.key_set = tuple(getattr(provider, name) for name in KEY_SET)
        self._engines: dict[Any, Verifier] = {}
        self.engine: Any = None  # a Verifier, unless error says why there is none or hooks bring a key of their own
        self.error: Exception | None = None
        try:
            self._policy = read_policy(provider, self.extract_scopes, self.validate_issuer)
            if not self.own_keys or provider.jwks_uri:
                self.engine = self._make_engine(provider, before)
            self.grace = math.ceil(self._policy["leeway"])
        except (TypeError, ValueError) as error:
            self.error = error if isinstance(error, ConfigurationError) else ConfigurationError(str(error))

    def stale(self, provider: Any) -> bool:
        """Whether a list of the provider was changed in place, or its own limit on the age of keys is over."""
        for live, seen in self.watched:
            if live != seen:
                return True
        if self.ttl is not None and time.monotonic() - provider._jwks_fetched_at >= self.ttl and provider._may_ask():
            provider._jwks_expired = True
            return True
        return False

    def _make_engine(self, provider: Any, before: Plan | None) -> Any:
        if not provider.jwks_uri:
            return self._with_key(provider)
        if before is not None and before.engine is not None and before.key_set == self.key_set:
            return before.engine._derive(**self._policy)
        return Verifier(
            jwks_uri=provider.jwks_uri, fetch=provider._engine_fetch(), **fetch_options(provider), **self._policy
        )

    def _with_key(self, provider: Any) -> Verifier:
        if provider.jwks is not None:
            return Verifier(jwks=provider.jwks, **self._policy)
        return self.engine_for(provider.public_key if provider.secret is None else provider.secret)

    def engine_for(self, key: Any) -> Verifier:
        """An engine for one key, as FastMCP's hooks return them: PEM, secret, JWK, or an object that knows its PEM."""
        if hasattr(key, "as_pem"):
            key = key.as_pem()
        name = json.dumps(key, sort_keys=True) if isinstance(key, Mapping) else key
        engine = self._engines.get(name)
        if engine is None:
            engine = self._new_engine(key)
            if len(self._engines) >= _KEYS_REMEMBERED:
                self._engines.pop(next(iter(self._engines)))
            self._engines[name] = engine
        return engine

    def _new_engine(self, key: Any) -> Verifier:
        if isinstance(key, Mapping):
            return Verifier(jwks={"keys": [dict(key)]}, **self._policy)
        needed = min(_HMAC_BYTES.get(name, 0) for name in self._policy["algorithms"])
        if not needed:
            return Verifier(public_key=key, **self._policy)
        return Verifier(secret=key, _allow_short_secret=True, **self._policy)


def read_policy(provider: Any, extract_scopes: bool = False, validate_issuer: bool = False) -> dict[str, Any]:
    """What a token must be like, less what hooks have taken over."""
    scopes = None if provider._defers_scopes or extract_scopes else provider.required_scopes
    policy = {
        "algorithms": provider.algorithms or [provider.algorithm],
        "issuer": None if validate_issuer else checked(provider.issuer),
        "audience": checked(provider.audience),
        "required_scopes": list(scopes) if scopes else None,
        "scope_claims": () if extract_scopes else provider.scope_claims,
    }
    for name in ("leeway", "require_exp", "required_claims", "token_type", "client_id_claims", "max_token_bytes",
                 "cache_size", "arithmetic", "on_reject"):  # fmt: skip
        policy[name] = getattr(provider, name)
    return policy


def fetch_options(provider: Any) -> dict[str, Any]:
    """How the key set is fetched."""
    options = {"refresh_interval": provider._jwks_refresh_interval}
    for name in ("fetch_timeout", "stale_if_error", "max_jwks_bytes", "ca_file", "allow_http", "ssrf_safe", "trust_env"):
        options[name] = getattr(provider, name)
    if provider.ssrf_safe is True:
        options["trust_env"] = False  # FastMCP's own fetch has a setting for proxies; the engine refuses to have both
    return options


def check_options(provider: Any) -> None:
    """Fails for an option that is wrong, all but public_key: FastMCP looks at that with the first token."""
    policy = read_policy(provider)
    if provider.jwks is not None:
        Verifier(jwks=provider.jwks, **policy).close()
    elif provider.secret is not None:
        Verifier(secret=provider.secret, _allow_short_secret=True, **policy).close()
    elif any(name in _HMAC_BYTES for name in policy["algorithms"]):
        Verifier(secret=bytes(max(_HMAC_BYTES.values())), **policy).close()
    else:
        uri = provider.jwks_uri or "https://localhost/"
        Verifier(jwks_uri=uri, fetch=provider._engine_fetch(), **fetch_options(provider), **policy).close()


def checked(value: Any) -> list[str] | str | None:
    """issuer or audience for the engine: text, a list of texts, or None for "not checked"."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else list(value)


def short_secret(provider: Any) -> str | None:
    """What to warn about when the shared secret is weaker than its hash (RFC 7518 section 3.2)."""
    key = provider.secret if provider.secret is not None else provider.public_key
    needed = max((_HMAC_BYTES.get(name, 0) for name in provider.algorithms or [provider.algorithm]), default=0)
    size = len(key.encode() if isinstance(key, str) else key) if isinstance(key, (str, bytes)) else needed
    if size >= needed:
        return None
    return f"the shared secret has {size} bytes, fewer than the {needed} that RFC 7518 section 3.2 asks for"
