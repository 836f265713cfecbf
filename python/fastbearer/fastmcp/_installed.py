"""What the installed FastMCP offers: its classes, its HTTP client, its helpers. The only place that looks at versions.

FastMCP moved things between 2.6 and 4: the provider's name and base, the access token, the HTTP client library, the
JOSE library. Everything is found by asking for it, never by comparing version numbers.
"""

from __future__ import annotations

import dis
import functools
import importlib
import inspect
import warnings
from types import CodeType, ModuleType
from typing import Any

try:
    import fastmcp as _fastmcp
except ImportError as error:
    raise ImportError("fastbearer.fastmcp needs FastMCP: pip install fastbearer[fastmcp]") from error


def _find(path: str) -> Any:
    """The object at "module:name" of the installed packages, or None."""
    module, _, name = path.partition(":")
    try:
        with warnings.catch_warnings():
            # Old FastMCP imports libraries whose deprecation is not our user's doing.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.filterwarnings("ignore", message=".*(authlib|httpx).*")
            return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


VERSION: str = getattr(_fastmcp, "__version__", "?")

# 2.11 and later have JWTVerifier, a token verifier; 2.6 to 2.10 BearerAuthProvider, an OAuth provider.
_JWT_VERIFIER = _find("fastmcp.server.auth.providers.jwt:JWTVerifier")
_BEARER = None if _JWT_VERIFIER else _find("fastmcp.server.auth.providers.bearer:BearerAuthProvider")
UPSTREAM: Any = _JWT_VERIFIER or _BEARER
if UPSTREAM is None:
    raise ImportError(f"fastbearer.fastmcp supports FastMCP 2.6 and later; {VERSION} is installed")

#: 2.6 to 2.10, where the class is an OAuth provider and its parameters may be given by position.
IS_OAUTH_PROVIDER = _JWT_VERIFIER is None
PARAMETERS = tuple(inspect.signature(UPSTREAM.__init__).parameters)[1:]
POSITIONAL: tuple[str, ...] = PARAMETERS if IS_OAUTH_PROVIDER else ()

#: Whether a provider brings the middleware that authenticates with it.
HAS_MIDDLEWARE_HOOK = hasattr(UPSTREAM, "get_middleware")

UPSTREAM_KEY_PAIR: Any = _find(f"{UPSTREAM.__module__}:RSAKeyPair")

AccessToken: Any = _find("fastmcp.server.auth:AccessToken") or _find("mcp.server.auth.provider:AccessToken")
get_access_token: Any = _find("fastmcp.server.dependencies:get_access_token") or _find(
    "mcp.server.auth.middleware.auth_context:get_access_token"
)

#: The request that is being served, around its authentication too from 2.12 on.
current_request: Any = _find("fastmcp.server.http:_current_http_request")

# Where FastMCP (3.0 and later) can fetch from public addresses only.
ssrf_safe_fetch: Any = _find("fastmcp.server.auth.ssrf:ssrf_safe_fetch")
ssrf_safe_fetch_response: Any = _find("fastmcp.server.auth.ssrf:ssrf_safe_fetch_response")

#: What FastMCP (2.11 and later) takes as auth=, and the issuer of its OAuth proxy's own tokens (2.13 and later).
AUTH_PROVIDER: Any = _find("fastmcp.server.auth.auth:AuthProvider")
JWT_ISSUER: Any = _find("fastmcp.server.auth.jwt_issuer:JWTIssuer")
JOSE_ERROR: Any = _find("fastmcp.server.auth.jwt_issuer:JoseError")

EnvSettings: Any = _find("fastmcp.server.auth.providers.bearer_env:EnvBearerAuthProviderSettings")


@functools.cache
def oauth_proxy() -> Any:
    """The proxy whose own tokens are HS256 JWTs (2.13 and later), or None. Imported when it is asked for: that takes
    longer than all the rest of FastMCP's that is looked for here."""
    return _find("fastmcp.server.auth.oauth_proxy:OAuthProxy")


def http_module() -> ModuleType:
    """The HTTP client library that the installed FastMCP itself uses: httpx2 from 4.0 on, httpx before."""
    provider = importlib.import_module(UPSTREAM.__module__)
    for name in ("httpx2", "httpx"):
        module = getattr(provider, name, None)
        if isinstance(module, ModuleType):
            return module
    raise ImportError("the installed FastMCP uses no HTTP client that fastbearer knows")


def jwk_to_pem(jwk: dict[str, Any]) -> str:
    """A public JWK as SubjectPublicKeyInfo PEM, made with the JOSE library that came with FastMCP."""
    import_key = _find("joserfc.jwk:import_key")
    if import_key is None:
        import_key = _find("authlib.jose:JsonWebKey").import_key
    public = {name: value for name, value in jwk.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")}
    pem = import_key(public).as_pem()
    return pem.decode() if isinstance(pem, bytes) else str(pem)


def unknown_in(function: Any, claims: frozenset[str], names: frozenset[str]) -> str | None:
    """What a function of FastMCP's looks at or verifies with beside these claims and globals; None: nothing."""
    looked_at: set[str] = set()
    used: set[str] = set()
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        codes += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
        looked_at.update(text for text in code.co_consts if isinstance(text, str) and text.isidentifier())
        used.update(step.argval for step in dis.get_instructions(code) if step.opname == "LOAD_GLOBAL")
    for name in sorted(looked_at - claims):
        return f"FastMCP {VERSION} looks at {name!r}, which this fastbearer does not know of"
    for name in sorted(used - names):
        return f"FastMCP {VERSION} verifies with {name}, which this fastbearer does not know of"
    return None
