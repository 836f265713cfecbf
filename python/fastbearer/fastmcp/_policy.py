"""From the attributes of a FastMCP provider to a verifier that enforces them.

FastMCP and its users change attributes after construction and override methods in subclasses. A compiled policy is what
one state of all that means: a Verifier which checks everything it can, and the steps that an overridden hook has taken
over. Compiling is cheap, fetching keys is not: a new policy takes over the key source of the one before when nothing
about it has changed.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

from .. import _options, _resource
from ..errors import ConfigurationError
from ..verifier import Verifier
from ._key_set import DEFAULT_MAX_AGE
from ._resource import unknown

#: FastMCP's names for options of the verifier, or for what they are made of.
_RENAMED = {"refresh_interval": "_jwks_refresh_interval"}

#: Attributes of the key source and its fetches; a change starts with an empty set.
KEY_SOURCE = (
    "jwks_uri",
    "discover",
    *(_RENAMED.get(name, name) for name in _options.names(_options.FETCHING) if name != "fetch"),
)

#: Attributes that a policy is compiled from; a change makes a new one.
POLICY = ("algorithm", *_options.names(_options.WHO, _options.KEYS, _options.POLICY, _options.REPORTING))

#: Methods of FastMCP's verifier that subclasses override.
HOOKS = ("_extract_scopes", "_validate_issuer", "_get_verification_key", "_get_jwks_key")

#: Options that the provider has as attributes of the same name and meaning.
_SAME = tuple(
    name
    for name in _options.names(_options.WHO, _options.POLICY, _options.REPORTING)
    if name not in ("algorithms", "issuer", "audience", "required_scopes", "scope_claims")
)

_HMAC_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_VERIFIERS_FOR_KEYS = 8

#: In the place of a URL that is not known yet; no token is verified with it.
_NOWHERE = ["https://unknown.invalid/"]


class CompiledPolicy:
    """One state of a provider, ready to verify with."""

    __slots__ = (
        "_lists",
        "_is_bound",
        "_max_age",
        "_options",
        "_verifiers",
        "_watch",
        "_watched",
        "error",
        "expiry_grace",
        "extract_scopes",
        "has_hooks",
        "has_implied",
        "is_plain",
        "key_source",
        "keys_from_hook",
        "resource",
        "unbound",
        "validate_issuer",
        "verifier",
    )

    def __init__(self, provider: Any, overridden: frozenset[str], before: CompiledPolicy | None) -> None:
        self.extract_scopes = "_extract_scopes" in overridden
        self.validate_issuer = "_validate_issuer" in overridden and bool(provider.issuer)
        self.keys_from_hook = bool(overridden & {"_get_verification_key", "_get_jwks_key"}) or provider._jwks_seeded
        self.has_hooks = self.extract_scopes or self.validate_issuer or self.keys_from_hook
        self.is_plain = not self.has_hooks and provider.dpop is None
        # Lists can be changed in place, which no assignment tells us about.
        self._lists = [
            (live, list(live))
            for live in (provider.issuer, provider.audience, provider.required_scopes)
            if isinstance(live, list)
        ]
        self._watch = provider._hook_watch
        self._watched = None if self._watch is None else self._watch()
        has_max_age = provider._jwks_max_age != DEFAULT_MAX_AGE and provider._has_key_set
        self._max_age = provider._jwks_max_age if has_max_age else None
        self._is_bound = _resource.is_meant(provider.audience)
        self.resource = provider._resource() if self._is_bound else None
        #: Why nothing can be verified yet, though the keys can be fetched.
        self.unbound = unknown() if self._is_bound and self.resource is None else None
        self.key_source = (
            *(getattr(provider, name) for name in KEY_SOURCE), provider.discover and _checked(provider.issuer),
            provider._has_key_set,
        )  # fmt: skip
        self._verifiers: dict[Any, Verifier] = {}
        self.verifier: Any = None  # a Verifier, unless error says why there is none or a hook brings the keys
        self.expiry_grace = 0
        self.has_implied = bool(provider.scope_hierarchy)
        self.error: ConfigurationError | None = None
        try:
            check_hooks(provider, self)
            self._options = policy_options(provider, self.extract_scopes, self.validate_issuer, self.resource)
            if not self.keys_from_hook or provider._has_key_set:
                self.verifier = self._make_verifier(provider, before)
            self.expiry_grace = math.ceil(self._options["leeway"])
        except (TypeError, ValueError) as error:
            self.error = error if isinstance(error, ConfigurationError) else ConfigurationError(str(error))

    def is_outdated(self, provider: Any) -> bool:
        """Whether a list of the provider was changed in place, a hook of FastMCP's class was patched, another server is
        asking, or the provider's own limit on the age of keys is over.
        """
        if self._watch is not None and self._watch() != self._watched:
            return True
        if self._is_bound and (self.unbound is not None or provider._resource() not in (None, self.resource)):
            return True
        for live, copy in self._lists:
            if live != copy:
                return True
        if self._max_age is None or time.monotonic() - provider._jwks_fetched_at < self._max_age:
            return False
        may_fetch: bool = provider._may_fetch()
        provider._jwks_expired = provider._jwks_expired or may_fetch
        return may_fetch

    def _make_verifier(self, provider: Any, before: CompiledPolicy | None) -> Verifier:
        if is_plural(provider):
            return Verifier._make(warn=False, **self._options)
        if provider._has_key_set:
            if before is not None and before.verifier is not None and before.key_source == self.key_source:
                shared: Verifier = before.verifier
                if provider.dpop is not None and before._options == self._options:
                    return shared  # a new one would have forgotten the proofs that it has accepted
                return shared._with_policy(**self._options)
            return Verifier._make(
                warn=False,
                jwks_uri=provider.jwks_uri,
                fetch=provider._fetch_function(),
                **fetch_options(provider),
                **self._options,
            )
        if provider.jwks is not None:
            return Verifier._make(warn=False, jwks=provider.jwks, **self._options)
        return self.verifier_for(provider.public_key if provider.secret is None else provider.secret)

    def verifier_for(self, key: Any) -> Verifier:
        """The verifier for one key, as FastMCP's hooks return them: PEM, secret, JWK, or an object with as_pem()."""
        if hasattr(key, "as_pem"):
            key = key.as_pem()
        name = json.dumps(key, sort_keys=True) if isinstance(key, Mapping) else key
        verifier = self._verifiers.get(name)
        if verifier is None:
            verifier = self._new_verifier(key)
            if len(self._verifiers) >= _VERIFIERS_FOR_KEYS:
                self._verifiers.pop(next(iter(self._verifiers)))
            self._verifiers[name] = verifier
        return verifier

    def _new_verifier(self, key: Any) -> Verifier:
        if isinstance(key, Mapping):
            return Verifier._make(warn=False, jwks={"keys": [dict(key)]}, **self._options)
        if any(name not in _HMAC_BYTES for name in self._options["algorithms"]):
            return Verifier._make(warn=False, public_key=key, **self._options)
        return Verifier._make(warn=False, secret=key, allow_short_secret=True, **self._options)


def policy_options(
    provider: Any, extract_scopes: bool = False, validate_issuer: bool = False, resource: list[str] | None = None
) -> dict[str, Any]:
    """What a token must be like, less what hooks have taken over; resource is the URL of the server."""
    audience = _checked(provider.audience)
    if _resource.is_meant(audience):
        audience = _resource.bound(audience, resource or _NOWHERE)
    scopes = None if provider._defers_scopes or extract_scopes else provider.required_scopes
    only = {
        "algorithms": provider.algorithms or [provider.algorithm],
        "issuer": None if validate_issuer and not provider.discover else _checked(provider.issuer),
    }
    return {
        **({} if is_plural(provider) else only),
        "audience": audience,
        "required_scopes": list(scopes) if scopes else None,
        "scope_claims": () if extract_scopes else provider.scope_claims,
        **{name: getattr(provider, name) for name in _SAME},
    }


def is_plural(provider: Any) -> bool:
    """Whether issuers bring their own keys, so that the provider has none."""
    has_keys = provider._has_key_set or any(getattr(provider, name) for name in ("public_key", "jwks", "secret"))
    return provider.issuers is not None or (provider.resolve_issuer is not None and not has_keys)


def check_hooks(provider: Any, compiled: CompiledPolicy) -> None:
    """Fails where an overridden method would decide what an option does."""
    if is_plural(provider) and compiled.keys_from_hook:
        raise ConfigurationError("issuers have their own keys: _get_verification_key and _get_jwks_key are not called")
    if provider.dpop is not None and compiled.keys_from_hook:
        raise ConfigurationError(
            "dpop needs one verifier that remembers proofs, but an overridden hook brings the keys"
        )
    if provider.scope_hierarchy and compiled.extract_scopes:
        raise ConfigurationError("scope_hierarchy is about scope_claims, which an overridden _extract_scopes replaces")


def fetch_options(provider: Any) -> dict[str, Any]:
    """How the key set is fetched."""
    names = (name for name in _options.names(_options.FETCHING) if name != "fetch")
    options = {name: getattr(provider, _RENAMED.get(name, name)) for name in names}
    if provider.ssrf_safe is True:
        options["trust_env"] = False  # FastMCP's own fetch has a setting for proxies; a verifier refuses to have both
    return options


def check_options(provider: Any, warn: bool = True) -> None:
    """Fails for an option that is wrong, all but public_key: FastMCP looks at that with the first token."""
    policy = policy_options(provider)
    keys: dict[str, Any]
    if is_plural(provider):
        keys = {}
    elif provider.jwks is not None:
        keys = {"jwks": provider.jwks}
    elif provider.secret is not None:
        keys = {"secret": provider.secret, "allow_short_secret": True}
    elif any(name in _HMAC_BYTES for name in policy["algorithms"]):
        keys = {"secret": bytes(max(_HMAC_BYTES.values()))}
    else:
        uri = None if provider.discover else provider.jwks_uri or "https://localhost/"
        keys = {"jwks_uri": uri, "fetch": provider._fetch_function(), **fetch_options(provider)}
    Verifier._make(warn=warn, **keys, **policy).close()


def _checked(value: Any) -> list[str] | str | None:
    """issuer or audience as an option: one text, a list of texts, or None for "not checked"."""
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else list(value)


def weakness_of_secret(provider: Any) -> str | None:
    """What to warn about when the shared secret is weaker than its hash (RFC 7518 section 3.2)."""
    key = provider.secret if provider.secret is not None else provider.public_key
    needed = max((_HMAC_BYTES.get(name, 0) for name in provider.algorithms or [provider.algorithm]), default=0)
    size = len(key.encode() if isinstance(key, str) else key) if isinstance(key, (str, bytes)) else needed
    if size >= needed:
        return None
    return f"the shared secret has {size} bytes, fewer than the {needed} that RFC 7518 section 3.2 asks for"
