"""A token verifier for the official MCP SDK (package mcp, 1.9 to 2.x).

    from fastbearer.mcp import JWTVerifier

    server = MCPServer(
        "name",
        token_verifier=JWTVerifier(jwks_uri=..., issuer=..., audience="https://mcp.example.com/mcp"),
        auth=AuthSettings(issuer_url=..., resource_server_url="https://mcp.example.com/mcp",
                          required_scopes=["tools"], validate_token_resource=True),
    )

Scopes in AuthSettings are answered with 403 when they are missing; required_scopes here with 401, because a verifier
of the SDK can only say yes or no.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, Union

from ._host import LOGGER, RejectionLog
from .errors import ConfigurationError
from .provider import Verifier

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._records import KeyInfo, Rejection
    from ._refresh import Fetch

try:
    from mcp.server.auth.provider import AccessToken
except ImportError as _error:
    raise ImportError("fastbearer.mcp needs the MCP SDK: pip install fastbearer[mcp]") from _error

__all__ = ["AccessToken", "JWTVerifier"]


_Texts = Union[str, Sequence[str]]


class _Options(TypedDict, total=False):
    """The options of fastbearer.Verifier, for editors and type checkers."""

    public_key: str | bytes | None
    jwks: str | bytes | Mapping[str, Any] | None
    jwks_uri: str | None
    secret: bytes | str | None
    algorithms: _Texts | None
    issuer: _Texts | None
    audience: _Texts | None
    required_scopes: _Texts | None
    leeway: float
    require_exp: bool
    required_claims: _Texts
    token_type: str | None
    scope_claims: _Texts
    client_id_claims: _Texts
    max_token_bytes: int
    cache_size: int
    arithmetic: str
    fetch: Fetch | None
    fetch_timeout: float
    refresh_interval: float
    stale_if_error: float
    max_jwks_bytes: int
    ca_file: str | None
    allow_http: bool
    ssrf_safe: bool
    trust_env: bool
    on_reject: Callable[[Rejection], object] | None


class JWTVerifier:
    """Implements the SDK's TokenVerifier: the SDK's AccessToken for a good token, None for any other.

    Takes the options of fastbearer.Verifier, or a Verifier that exists already (which stays its owner's to close).
    expires_at includes the leeway, since the SDK compares it with the clock again. resource is the audience that
    matched, so that validate_token_resource=True works; subject and claims are filled where the SDK has them.
    """

    logger: logging.Logger = LOGGER

    def __init__(self, *, verifier: Verifier | None = None, **options: Unpack[_Options]) -> None:
        if verifier is not None and options:
            raise TypeError("give either verifier or the options of one, not both")
        self.verifier: Verifier = Verifier(**options) if verifier is None else verifier
        self._grace = math.ceil(self.verifier.leeway)
        self._log = RejectionLog()

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token's AccessToken, or None. The reason of a refusal goes to the log and on_reject.

        ConfigurationError when it is the server's fault, which the SDK answers with 500.
        """
        try:
            access = await self.verifier.verify_async(token)
            expires_at = access.expires_at
            return AccessToken(
                token=access.token,
                client_id=access.client_id,
                scopes=access.scopes,
                expires_at=None if expires_at is None else expires_at + self._grace,
                resource=access.resource,
                subject=access.subject,
                claims=access.claims,
            )
        except ConfigurationError:
            raise
        except Exception as error:
            self._log.rejected(self.logger, error, self.verifier.issuer)
            return None

    def stats(self) -> dict[str, Any]:
        """Counters since the verifier was made, as fastbearer.Verifier.stats() has them."""
        return self.verifier.stats()

    def keys(self) -> list[KeyInfo]:
        """The keys that are held now, usable or not; empty before the first fetch."""
        return self.verifier.keys()

    async def refresh(self) -> None:
        """Loads the key set now, for example at start-up. KeysUnavailableError says why it could not be had; keys that
        are held stay in use. ConfigurationError without jwks_uri.
        """
        await self.verifier.refresh_async()

    async def load_access_token(self, token: str) -> AccessToken | None:
        """verify_token under the name that mcp 1.9 calls."""
        return await self.verify_token(token)


def _signature() -> inspect.Signature:
    """What help() shows: verifier, and the options by name."""
    options = inspect.signature(Verifier).parameters.values()
    shown = [p for p in options if p.kind == p.KEYWORD_ONLY and not p.name.startswith("_")]
    return inspect.Signature([*inspect.signature(JWTVerifier).parameters.values()][:1] + shown)


JWTVerifier.__signature__ = _signature()  # type: ignore[attr-defined]
