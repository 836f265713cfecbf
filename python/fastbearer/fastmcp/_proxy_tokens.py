"""The tokens that FastMCP's OAuthProxy issues and then verifies with every request, verified by fastbearer.

They are HS256 JWTs of a JWTIssuer, which the proxy makes when it learns its path and makes anew when that changes: so
it is the proxy's class that sees to it, and the issuer's class that verifies.
"""

from __future__ import annotations

import inspect
import types
from typing import TYPE_CHECKING, Any

from .._log import LOGGER
from ..errors import ConfigurationError, FastBearerError
from ..verifier import Verifier
from . import _installed as installed

_ATTRIBUTES = frozenset(("_jwt", "_jwt_key", "_signing_key", "audience", "issuer"))
_METHODS = frozenset(("issue_access_token", "issue_refresh_token", "verify_token"))
_CLAIMS = frozenset(("HS256", "access", "aud", "exp", "iss", "sub", "token_use"))
_GLOBALS = frozenset(("JoseError", "jwt", "logger", "time"))

#: FastMCP looks at nothing but signature, exp, iss and aud, and from 3.0 on at token_use.
_POLICY: dict[str, Any] = {
    "algorithms": ["HS256"],
    "require_exp": False,
    "token_type": "any",
    "sender_constrained": "ignore",
    "clock_skew": 86400.0,
    "max_token_bytes": 65536,
    "scope_claims": (),
    "client_id_claims": (),
}

_HAS_USES = (
    installed.JWT_ISSUER is not None
    and "expected_token_use" in inspect.signature(installed.JWT_ISSUER.verify_token).parameters
)

if TYPE_CHECKING:
    _Issuer: Any = object
else:
    _Issuer = installed.JWT_ISSUER or object


class TokenIssuer(_Issuer):  # type: ignore[misc]
    """FastMCP's JWTIssuer; it issues as before."""

    _made_from: tuple[Any, ...] | None = None
    _verifier: Verifier

    def verify_token(self, token: str, expected_token_use: str = "access") -> dict[str, Any]:
        """The claims of a token that this issuer has issued for this use; FastMCP's JoseError for any other."""
        try:
            claims = self._current().verify(token).claims
        except ConfigurationError:
            raise
        except FastBearerError as error:
            raise installed.JOSE_ERROR(f"{error.code}: {error}") from None
        if claims.get("aud") != self.audience:  # FastMCP takes no list
            raise installed.JOSE_ERROR("Invalid token audience")
        if _HAS_USES and claims.get("token_use", "access") != expected_token_use:
            raise installed.JOSE_ERROR(f"Token type mismatch: expected {expected_token_use}")
        return claims

    def _current(self) -> Verifier:
        """For what the attributes are now."""
        made_from = (self.issuer, self.audience, self._signing_key)
        if made_from != self._made_from:
            self._verifier = Verifier._make(
                warn=False,
                allow_short_secret=True,
                issuer=self.issuer,
                audience=self.audience,
                secret=self._signing_key,
                **_POLICY,
            )
            self._made_from = made_from
        return self._verifier


_classes: dict[type, type] = {}


def replace(proxy: Any) -> str | None:
    """Has this proxy verify its tokens with fastbearer; or says why that might change what it accepts."""
    kind = type(proxy)
    if kind in _classes.values() or isinstance(getattr(proxy, "_jwt_issuer", None), TokenIssuer):
        return "verifies with fastbearer already"
    problem = _unknown_fastmcp() or _overridden(kind, proxy)
    if problem is not None:
        return problem
    if not hasattr(kind, "set_mcp_path"):  # before 2.14.2 a proxy has one issuer from the beginning
        return _replace_issuer(proxy)
    if kind not in _classes:
        _classes[kind] = _class_for(kind)
    try:
        object.__setattr__(proxy, "__class__", _classes[kind])
    except TypeError as error:
        return str(error)
    if proxy._jwt_issuer is not None:
        problem = _replace_issuer(proxy)
    if problem is not None:
        object.__setattr__(proxy, "__class__", kind)
    return problem


def _class_for(kind: type) -> type:
    """The proxy's class; the issuer that its objects make is one of ours."""
    made: Any

    def set_mcp_path(self: Any, mcp_path: str | None) -> None:
        super(made, self).set_mcp_path(mcp_path)
        problem = _replace_issuer(self)
        if problem is not None:
            LOGGER.warning("the tokens of this %s stay FastMCP's to verify: %s", kind.__name__, problem)

    members = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
        "set_mcp_path": set_mcp_path,
    }
    made = types.new_class(kind.__name__, (kind,), {}, lambda space: space.update(members))
    return made  # type: ignore[no-any-return]


def _replace_issuer(proxy: Any) -> str | None:
    issuer = proxy._jwt_issuer
    if isinstance(issuer, TokenIssuer):
        return None
    if type(issuer) is not installed.JWT_ISSUER:
        return f"its issuer is a {type(issuer).__name__}"
    unknown = sorted(set(vars(issuer)) - _ATTRIBUTES)
    if unknown:
        return f"its issuer has an attribute {unknown[0]}, which this fastbearer does not know"
    if any(not isinstance(text, str) or not text for text in (issuer.issuer, issuer.audience)):
        return "its issuer checks no issuer or no audience"
    if "{" in issuer.issuer or "}" in issuer.issuer:
        return "its issuer's URL has braces, which are a template for fastbearer"
    issuer.__class__ = TokenIssuer
    try:
        issuer._current()
    except (TypeError, ValueError) as error:
        issuer.__class__ = installed.JWT_ISSUER
        return f"fastbearer cannot have its signing key: {error}"
    return None


def _unknown_fastmcp() -> str | None:
    kind = installed.JWT_ISSUER
    for name, value in vars(kind).items():
        if name.startswith("__"):
            continue
        if name not in _METHODS:
            return f"FastMCP {installed.VERSION} has JWTIssuer.{name}, which this fastbearer does not know"
        if getattr(value, "__module__", None) != kind.__module__ or hasattr(value, "__wrapped__"):
            return f"JWTIssuer.{name} has been patched"
    return installed.unknown_in(kind.verify_token, _CLAIMS, _GLOBALS)


def _overridden(kind: type, proxy: Any) -> str | None:
    for base in kind.__mro__:
        if base is installed.oauth_proxy():
            break
        for name in ("_jwt_issuer", "jwt_issuer"):
            if name in vars(base):
                return f"{base.__name__} has {name} of its own"
    if "set_mcp_path" in vars(proxy):
        return "set_mcp_path has been patched on this object"
    return None if hasattr(proxy, "_jwt_issuer") else "it has no _jwt_issuer, as FastMCP's constructor makes one"
