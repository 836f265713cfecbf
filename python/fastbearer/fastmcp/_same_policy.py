"""A JWTVerifier of FastMCP that exists already, verifying with fastbearer under the policy that it has.

The object keeps its identity and its attributes; its class becomes one in which our JWTVerifier stands where FastMCP's
stood, after whatever a subclass overrides. Where that might change what is accepted, nothing is done: we know what the
attributes and methods below mean, and what the tokens' claims are looked at for, and nothing else.
"""

from __future__ import annotations

import threading
import time
import types
from typing import Any

from .._log import LOGGER, RejectionLog
from .._options import ALGORITHMS
from .._resource import RESOURCE
from ..errors import ImmatureSignatureError
from . import _installed as installed
from ._policy import HOOKS, KEY_SOURCE, POLICY, CompiledPolicy, check_options
from ._verifier import _MORE, _OWN_HOOKS, BearerAuthProvider, JWTVerifier

#: FastMCP's policy in our options, for what FastMCP has no option for.
_LENIENT = {
    "require_exp": False,
    "token_type": "any",
    "sender_constrained": "ignore",
    "clock_skew": 86400.0,  # FastMCP does not look at iat; nbf is looked at below
    "max_token_bytes": 65536,
    "max_jwks_bytes": 16 << 20,
    "allow_http": True,
}
_SSRF_SAFE_JWKS_BYTES = 65536
_NBF_SKEW = 30

#: What FastMCP's verifiers have had since 2.6, all of it understood.
_METHODS = frozenset(
    (
        "_extract_scopes", "_fetch_jwks", "_get_jwks_key", "_get_verification_key", "_refresh_jwks_key",
        "_validate_issuer", "load_access_token", "verify_token",
    )
)  # fmt: skip
_OAUTH_METHODS = frozenset(
    (
        "authorize", "exchange_authorization_code", "exchange_refresh_token", "get_client", "load_authorization_code",
        "load_refresh_token", "register_client", "revoke_token",
    )
)  # fmt: skip
_ATTRIBUTES = frozenset(
    (
        "_cache_ttl", "_http_client", "_jwks_cache", "_jwks_cache_time", "_jwks_last_refresh_attempt",
        "_jwks_refresh_interval", "_mcp_path", "_resource_url", "_shared_jwks_refresh_lock", "algorithm", "audience",
        "base_url", "client_registration_options", "issuer", "issuer_url", "jwks_uri", "jwt", "logger", "public_key",
        "required_scopes", "resource_base_url", "resource_server_url", "revocation_options",
        "service_documentation_url", "ssrf_safe",
    )
)  # fmt: skip
_CLAIMS = frozenset(("aud", "azp", "client_id", "exp", "iss", "nbf", "sub", "unknown"))
_GLOBALS = frozenset(
    (
        "AccessToken", "AttributeError", "Exception", "JWSRegistry", "JoseError", "KeyError", "TypeError", "ValueError",
        "_NBF_CLOCK_SKEW_SECONDS", "_has_unsupported_critical_headers", "_import_key_for_algorithm", "any", "cast",
        "decode_jwt_header", "int", "isinstance", "jwt", "list", "set", "sorted", "str", "time",
    )
)  # fmt: skip

#: What a subclass may override: it is called as before, or has nothing to do with tokens.
_OVERRIDABLE = frozenset(
    (
        *HOOKS, "_fetch_jwks", "_get_resource_url", "challenge_scopes", "customize_auth_routes", "get_challenge_scopes",
        "get_middleware", "get_resource_metadata_url", "get_routes", "get_well_known_routes", "load_access_token",
        "scopes_supported", "set_mcp_path", "verify_token",
    )
)  # fmt: skip
_HARMLESS_DUNDERS = frozenset(
    (
        "__abstractmethods__", "__annotate__", "__annotate_func__", "__annotations__", "__annotations_cache__",
        "__classcell__", "__dict__", "__doc__", "__firstlineno__", "__init__", "__module__", "__orig_bases__",
        "__parameters__", "__qualname__", "__repr__", "__signature__", "__static_attributes__", "__str__",
        "__subclasshook__", "__weakref__",
    )
)  # fmt: skip
_HARMLESS = frozenset(("_abc_impl", "_is_protocol", "_is_runtime_protocol"))

_OURS = frozenset(
    name for kind in JWTVerifier.__mro__ if kind not in installed.UPSTREAM.__mro__ for name in vars(kind)
) | frozenset((*_MORE, *POLICY, *KEY_SOURCE, "_compiling", "_log", "discover"))


def _hooks_of_fastmcp() -> tuple[Any, ...]:
    """As they are now: a test may patch FastMCP's class after an object was replaced."""
    members = vars(installed.UPSTREAM)
    return tuple([members.get(name) for name in HOOKS])


_AS_THEY_WERE = _hooks_of_fastmcp()


def _patched(provider: Any, name: str) -> Any:
    """The hook that stands in FastMCP's class in the place of its own, for this object; None: its own does."""
    index = HOOKS.index(name)
    hook = _hooks_of_fastmcp()[index]
    if hook is _AS_THEY_WERE[index]:
        return None
    return hook.__get__(provider, type(provider)) if hasattr(hook, "__get__") else hook


class LikeFastMCP:  # its __slots__ leave the layout of objects as it is, or their class could not be changed
    """Between a subclass and our JWTVerifier: what FastMCP's policy needs beside options."""

    __slots__ = ()

    _hook_watch = staticmethod(_hooks_of_fastmcp)

    def _overrides(self, name: str) -> bool:
        own: tuple[Any, ...] = (_OWN_HOOKS[name], vars(LikeFastMCP).get(name))
        is_ours = name not in vars(self) and getattr(type(self), name) in own
        return not is_ours or (name in HOOKS and _patched(self, name) is not None)

    def _extract_scopes(self, claims: dict[str, Any]) -> list[str]:
        scopes: list[str] = (_patched(self, "_extract_scopes") or super()._extract_scopes)(claims)  # type: ignore[misc]
        return scopes

    def _validate_issuer(self, issuer: Any) -> bool:
        is_valid: bool = (_patched(self, "_validate_issuer") or super()._validate_issuer)(issuer)  # type: ignore[misc]
        return is_valid

    async def _get_verification_key(self, token: str) -> Any:
        hook = _patched(self, "_get_verification_key") or super()._get_verification_key  # type: ignore[misc]
        return await hook(token)

    async def _get_jwks_key(self, kid: str | None) -> Any:
        hook = _patched(self, "_get_jwks_key") or super()._get_jwks_key  # type: ignore[misc]
        return await hook(kid)

    def get_challenge_scopes(self, required_scopes: list[str] | None = None) -> list[str]:
        """FastMCP's."""
        names: list[str] = installed.UPSTREAM.get_challenge_scopes(self, required_scopes)
        return names

    @property
    def scopes_supported(self) -> list[str]:
        """FastMCP's."""
        names: list[str] = installed.UPSTREAM.scopes_supported.fget(self)
        return names

    def get_middleware(self) -> list[Any]:
        """FastMCP's."""
        middleware: list[Any] = installed.UPSTREAM.get_middleware(self)
        return middleware

    def _access_token(self, compiled: CompiledPolicy, access: Any, scopes: list[str]) -> Any:
        nbf = access.claims.get("nbf")
        if nbf is not None and nbf > time.time() + _NBF_SKEW:
            error = ImmatureSignatureError("the token is not valid yet")
            raise error if compiled.verifier is None else compiled.verifier._refuse(access, error)
        return super()._access_token(compiled, access, scopes)  # type: ignore[misc]


_classes: dict[type, type] = {}


def replace(verifier: Any) -> str | None:
    """Has this object verify with fastbearer; or says why that might change its policy, and leaves it alone."""
    problem = _unknown_fastmcp() or _overridden(type(verifier)) or _attached(verifier) or _meant_otherwise(verifier)
    if problem is not None:
        return problem
    kind, attributes = type(verifier), dict(vars(verifier))
    try:
        object.__setattr__(verifier, "__class__", _class_for(kind))
        _furnish(verifier, attributes)
        check_options(verifier, warn=False)
        overridden = frozenset(name for name in HOOKS if verifier._overrides(name))
        compiled = CompiledPolicy(verifier, overridden, None)
        if compiled.error is not None:
            raise compiled.error
    except (TypeError, ValueError) as error:
        object.__setattr__(verifier, "__class__", kind)
        vars(verifier).clear()
        vars(verifier).update(attributes)
        return f"fastbearer cannot have this configuration: {error}"
    verifier._compiled = verifier._compiled_before = compiled
    return None


def _class_for(kind: type) -> type:
    made = _classes.get(kind)
    if made is None:
        ours = BearerAuthProvider if installed.IS_OAUTH_PROVIDER else JWTVerifier
        # Its first base has to be one that makes the same layout, and cannot be the class that ours comes after.
        first = types.new_class(kind.__name__, (kind,)) if kind is installed.UPSTREAM else kind
        bases = (first, LikeFastMCP, ours)
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
        made = _classes[kind] = types.new_class(kind.__name__, bases, {}, lambda space: space.update(names))
    return made


def _furnish(verifier: Any, had: dict[str, Any]) -> None:
    """Gives it the attributes of ours; keys that it holds are fetched anew."""
    own = vars(verifier)
    for name in ("_jwks_cache", "_jwks_cache_time", "_cache_ttl"):
        own.pop(name, None)
    own.update({**_MORE, **_LENIENT, "discover": False, "_log": RejectionLog(), "_compiling": threading.Lock()})
    for name, default in (("ssrf_safe", False), ("_http_client", None), ("algorithm", "RS256"), ("logger", LOGGER)):
        own.setdefault(name, default)
    if verifier.ssrf_safe:
        verifier.max_jwks_bytes = _SSRF_SAFE_JWKS_BYTES
    verifier._jwks_max_age = float(had.get("_cache_ttl", verifier._jwks_max_age))
    verifier._ready = True


# --- Why not ---------------------------------------------------------------------------------------------------------


def _unknown_fastmcp() -> str | None:
    """What the installed FastMCP does that this fastbearer does not know."""
    kind = installed.UPSTREAM
    for name, value in vars(kind).items():
        if name.startswith("__") or name in _HARMLESS:
            continue
        known = name in _METHODS or (installed.IS_OAUTH_PROVIDER and name in _OAUTH_METHODS)
        if not known:
            return f"FastMCP {installed.VERSION} has {kind.__name__}.{name}, which this fastbearer does not know"
        if getattr(value, "__module__", None) != kind.__module__ or getattr(value, "__wrapped__", None) is not None:
            return f"{kind.__name__}.{name} has been patched"
    unknown = sorted(set(vars(_specimen())) - _ATTRIBUTES)
    if unknown:
        return f"FastMCP {installed.VERSION} has the attribute {unknown[0]}, which this fastbearer does not know"
    return installed.unknown_in(kind.load_access_token, _CLAIMS, _GLOBALS)


def _specimen() -> Any:
    """An object of FastMCP's class with nothing but a key, whatever the environment says."""
    nothing = {name: None for name in installed.PARAMETERS if name in ("jwks_uri", "issuer", "audience", "algorithm")}
    return installed.UPSTREAM(**{**nothing, "public_key": "x"})


def _overridden(kind: type) -> str | None:
    """What subclasses have put in the place of something that fastbearer does itself."""
    upstream = installed.UPSTREAM
    for base in kind.__mro__:
        if base in upstream.__mro__:
            continue
        for name, value in vars(base).items():
            if name in _HARMLESS_DUNDERS or name in _HARMLESS:
                continue
            if name in _OVERRIDABLE and hasattr(upstream, name):
                if name in ("load_access_token", "verify_token") and not _calls_on(value):
                    return f"{base.__name__}.{name} verifies by itself, without FastMCP's verifier"
            elif hasattr(upstream, name):
                return f"{base.__name__} overrides {name}, which fastbearer does not call"
            elif name in _ATTRIBUTES or name in _OURS:
                return f"{base.__name__} defines {name}, a name that has a meaning for fastbearer"
            elif name.startswith("__"):
                return f"{base.__name__} defines {name}"
    return None


def _calls_on(method: Any) -> bool:
    """Whether an overriding method comes to the one that it overrides."""
    code = getattr(method, "__code__", None)
    return code is not None and not {"super", "load_access_token", "verify_token"}.isdisjoint(code.co_names)


def _attached(verifier: Any) -> str | None:
    """What has been put on this very object, or left out of it."""
    is_plain = type(verifier) is installed.UPSTREAM
    for name in ("audience", "issuer", "public_key", "required_scopes"):
        if not hasattr(verifier, name):
            return f"it has no {name}, as FastMCP's constructor gives it one"
    for name in vars(verifier):
        if name in _ATTRIBUTES:
            continue
        if hasattr(type(verifier), name):
            return f"{name} has been patched on this object"
        if name in _OURS:
            return f"it has an attribute {name}, a name that has a meaning for fastbearer"
        if is_plain:
            return f"it has an attribute {name}, which FastMCP does not give it"
    return None


def _meant_otherwise(verifier: Any) -> str | None:
    """Values that FastMCP and fastbearer take for different things."""
    for name in ("issuer", "audience"):
        value = getattr(verifier, name)
        texts = value if isinstance(value, list) else [] if value is None else [value]
        if any(not isinstance(text, str) for text in texts) or (isinstance(value, list) and not value):
            return f"{name} is neither text nor a list of texts"
        if name == "audience" and RESOURCE in texts:
            return "audience is a word that has a meaning for fastbearer"
        if name == "issuer" and any("{" in text or "}" in text for text in texts):
            return "issuer has braces, which are a template for fastbearer"
    if getattr(verifier, "jwks_uri", None) is not None and not isinstance(verifier.jwks_uri, str):
        return "jwks_uri is not text"
    if getattr(verifier, "algorithm", "RS256") not in ALGORITHMS:
        return f"fastbearer does not have the algorithm {verifier.algorithm}"
    client = getattr(verifier, "_http_client", None)
    if client is not None:
        if not isinstance(client, installed.http_module().AsyncClient):
            return "http_client is not an AsyncClient"
        if client.follow_redirects:
            return "http_client follows redirects, which fastbearer does not"
    return None
