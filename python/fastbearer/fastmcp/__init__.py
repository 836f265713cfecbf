"""FastMCP's bearer authentication on top of fastbearer, for every FastMCP from 2.6 to 4.

    from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier, RSAKeyPair

The classes subclass what the installed FastMCP has, take its parameters (and every option of fastbearer.Verifier as a
keyword), keep its attributes writable and its hooks overridable. JWTVerifier answers a missing scope with None (401),
as FastMCP 2.11 and later; BearerAuthProvider leaves it to the middleware (403), as FastMCP 2.6 to 2.10. Where FastMCP
makes its verifiers itself, accelerate(provider) has the one that is there verify with fastbearer.
"""

from . import _verifier
from ._acceleration import AcceleratedPart, Acceleration, accelerate
from ._key_pair import RSAKeyPair
from ._verifier import AccessToken, BearerAuthProvider, JWTVerifier, get_access_token

__all__ = [
    "AcceleratedPart",
    "Acceleration",
    "AccessToken",
    "BearerAuthProvider",
    "JWTVerifier",
    "RSAKeyPair",
    "accelerate",
    "get_access_token",
]

if hasattr(_verifier, "EnvBearerAuthProvider"):
    EnvBearerAuthProvider = _verifier.EnvBearerAuthProvider
    __all__ += ["EnvBearerAuthProvider"]
