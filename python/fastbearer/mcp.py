"""A token verifier for the official MCP SDK (package mcp, 1.9 to 2.x).

    from fastbearer.mcp import JWTVerifier

    server = MCPServer(
        "name",
        token_verifier=JWTVerifier(issuer="https://issuer.example", audience="https://mcp.example.com/mcp"),
        auth=AuthSettings(issuer_url=..., resource_server_url="https://mcp.example.com/mcp",
                          required_scopes=["tools"], validate_token_resource=True),
    )

The SDK hands over the token without its request, so no proof of possession can be checked: tokens that are bound to a
key are refused, and the log says so once. For such tokens put fastbearer.asgi.BearerAuthMiddleware in the place of the
SDK's own authentication.

A scope of AuthSettings that is missing is answered with 403; a required_scopes of the verifier with 401, because a
verifier of the SDK can only say yes or no.
"""

from __future__ import annotations

import inspect
import logging
import math
from typing import TYPE_CHECKING, Any

from ._log import LOGGER, RejectionLog
from .errors import ConfigurationError
from .verifier import Verifier

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._option_types import VerifierOptions
    from ._records import KeyInfo

try:
    from mcp.server.auth.provider import AccessToken
except ImportError as _error:
    raise ImportError("fastbearer.mcp needs the MCP SDK: pip install fastbearer[mcp]") from _error

__all__ = ["AccessToken", "JWTVerifier"]


_NO_REQUESTS = (
    "the MCP SDK hands its verifier no request: proofs of possession cannot be checked, and tokens that are bound to a "
    "key are refused"
)


class JWTVerifier:
    """Implements the SDK's TokenVerifier: the SDK's AccessToken for a good token, None for any other.

    Takes the options of fastbearer.Verifier, or a Verifier that exists already (which stays its owner's to close).
    scopes has what they include too (scope_hierarchy), since the SDK looks for one in the list. expires_at includes the
    leeway, since the SDK compares it with the clock again. resource is the audience that matched, so that
    validate_token_resource=True works; subject and claims are filled where the SDK has them.
    """

    logger: logging.Logger = LOGGER

    def __init__(self, *, verifier: Verifier | None = None, **options: Unpack[VerifierOptions]) -> None:
        if verifier is not None and options:
            raise TypeError("give either verifier or the options of one, not both")
        self.verifier: Verifier = Verifier(**options) if verifier is None else verifier
        self._grace = math.ceil(self.verifier.leeway)
        self._log = RejectionLog()
        if self.verifier.dpop is not None:
            self._log.warn_once(self.logger, _NO_REQUESTS)

    async def verify_token(self, token: str) -> AccessToken | None:
        """The token's AccessToken, or None. The reason of a refusal goes to the log and on_reject.

        ConfigurationError when it is the server's fault, which the SDK answers with 500.
        """
        try:
            return await self._verdict(token)
        except ConfigurationError:
            raise
        except Exception as error:
            self._log.rejected(self.logger, error)
            if getattr(error, "code", None) == "proof_missing":
                self._log.warn_once(self.logger, _NO_REQUESTS)
            return None

    async def _verdict(self, token: str) -> AccessToken:
        """The token's AccessToken, or an exception that says why there is none."""
        access = await self.verifier.verify_async(token)
        expires_at = access.expires_at
        return AccessToken(
            token=access.token,
            client_id=access.client_id,
            scopes=self.verifier._scopes_of(access) if self.verifier._implied else access.scopes,
            expires_at=None if expires_at is None else expires_at + self._grace,
            resource=access.resource,
            subject=access.subject,
            claims=access.claims,
        )

    async def load_access_token(self, token: str) -> AccessToken | None:
        """verify_token under the name that mcp 1.9 calls."""
        return await self.verify_token(token)

    def stats(self) -> dict[str, Any]:
        """Counters since the verifier was made, as fastbearer.Verifier.stats() has them."""
        return self.verifier.stats()

    def keys(self) -> list[KeyInfo]:
        """The keys that are held now, usable or not; empty before the first fetch."""
        return self.verifier.keys()

    async def refresh(self) -> None:
        """Loads the key sets now, for example at start-up. KeysUnavailableError says which could not be had and why;
        keys that are held stay in use. ConfigurationError when no issuer has keys to fetch.
        """
        await self.verifier.refresh_async()


def _signature() -> inspect.Signature:
    """What help() shows: verifier, and the options by name."""
    options = [p for p in inspect.signature(Verifier).parameters.values() if p.kind == p.KEYWORD_ONLY]
    return inspect.Signature([*inspect.signature(JWTVerifier).parameters.values()][:1] + options)


JWTVerifier.__signature__ = _signature()  # type: ignore[attr-defined]
