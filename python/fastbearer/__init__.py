"""Bearer-token authentication for servers that speak HTTP, made for MCP servers first.

    from fastbearer import InvalidTokenError, Verifier

    verifier = Verifier(issuer="https://issuer.example", audience="https://api.example/mcp")
    try:
        access = verifier.verify(token)
    except InvalidTokenError as refused:
        print(refused.code)  # "token_expired", ...: docs/reasons.md and "fastbearer explain CODE" say what it means

Beside it:

    fastbearer.fastmcp         JWTVerifier and BearerAuthProvider for FastMCP; accelerate() for any of its providers
    fastbearer.mcp             JWTVerifier for the official MCP SDK
    fastbearer.asgi            a middleware for any ASGI application, and bearer() for FastAPI
    fastbearer.wsgi            the same for Flask, Django and any WSGI application
    fastbearer.introspection   asking the issuer about tokens that are not JWTs
    fastbearer.stores          key sets, proofs and revocations that processes share: files, Redis
    fastbearer.telemetry       metrics and spans for OpenTelemetry, metrics for Prometheus
    fastbearer.shadow          a verifier tried on real traffic, without deciding anything
    fastbearer.testing         a key server on loopback, and pytest fixtures
    python -m fastbearer       keys, tokens and key sets from a terminal; doctor says what is wrong with them
"""

from __future__ import annotations

from . import _native
from .dpop import DPoP
from .errors import (
    ConfigurationError,
    DecodeError,
    ExpiredSignatureError,
    FastBearerError,
    ImmatureSignatureError,
    InsufficientScopeError,
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidClaimError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidKeyError,
    InvalidProofError,
    InvalidSignatureError,
    InvalidTokenError,
    KeysUnavailableError,
    MalformedRequestError,
    MissingClaimError,
    RevokedTokenError,
    StatusUnavailableError,
)
from .issuer import Issuer
from .keys import KeyPair, RSAKeyPair
from .request import Request
from .verifier import AccessToken, Health, KeyInfo, Rejection, Unverified, Verifier, decode_unverified, versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fastmcp import BearerAuthProvider as BearerAuthProvider
    from .fastmcp import JWTVerifier as JWTVerifier

__version__: str = _native.version

__all__ = [
    "AccessToken",
    "ConfigurationError",
    "DPoP",
    "DecodeError",
    "ExpiredSignatureError",
    "FastBearerError",
    "Health",
    "ImmatureSignatureError",
    "InsufficientScopeError",
    "InvalidAlgorithmError",
    "InvalidAudienceError",
    "InvalidClaimError",
    "InvalidIssuedAtError",
    "InvalidIssuerError",
    "InvalidKeyError",
    "InvalidProofError",
    "InvalidSignatureError",
    "InvalidTokenError",
    "Issuer",
    "KeyInfo",
    "KeyPair",
    "KeysUnavailableError",
    "MalformedRequestError",
    "MissingClaimError",
    "RSAKeyPair",
    "Rejection",
    "Request",
    "RevokedTokenError",
    "StatusUnavailableError",
    "Unverified",
    "Verifier",
    "__version__",
    "decode_unverified",
    "versions",
]

_FROM_FASTMCP = ("BearerAuthProvider", "JWTVerifier")


def __getattr__(name: str) -> Any:
    """FastMCP's classes, imported when they are first asked for."""
    if name in _FROM_FASTMCP:
        from . import fastmcp

        return getattr(fastmcp, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Without FastMCP also without its classes: help() looks at every name, and one that cannot be had ends it."""
    from importlib.util import find_spec

    return sorted([*globals(), *(_FROM_FASTMCP if find_spec("fastmcp") is not None else ())])
