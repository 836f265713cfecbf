"""A token verifier for the official MCP SDK (package mcp, 1.9 to 2.x).

    from fastbearer.mcp import JWTVerifier

    settings = AuthSettings(issuer_url=..., resource_server_url="https://mcp.example.com/mcp",
                            required_scopes=["tools"], validate_token_resource=True)
    verifier = JWTVerifier(issuer="https://issuer.example", audience="resource", auth=settings)
    server = MCPServer("name", token_verifier=verifier, auth=settings)

    app = server.streamable_http_app()
    app.add_middleware(ScopeChallenges, verifier=verifier)

audience="resource" is the resource_server_url of auth, with or without a slash at its end, as the SDK itself compares
it. The SDK's challenges do not say which scopes to ask for; under ScopeChallenges they do.

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

from . import _resource
from ._challenge import ScopeMiddleware, ScopesToAskFor
from ._log import LOGGER, RejectionLog
from .errors import ConfigurationError
from .verifier import Verifier

if TYPE_CHECKING:
    from mcp.server.auth.settings import AuthSettings
    from typing_extensions import Unpack

    from ._challenge import ChallengeScopes
    from ._option_types import VerifierOptions
    from ._records import Health, KeyInfo

try:
    from mcp.server.auth.provider import AccessToken
except ImportError as _error:
    raise ImportError("fastbearer.mcp needs the MCP SDK: pip install fastbearer[mcp]") from _error

__all__ = ["AccessToken", "JWTVerifier", "ScopeChallenges"]


_NO_REQUESTS = (
    "the MCP SDK hands its verifier no request: proofs of possession cannot be checked, and tokens that are bound to a "
    "key are refused"
)


class JWTVerifier:
    """Implements the SDK's TokenVerifier: the SDK's AccessToken for a good token, None for any other.

    Takes the options of fastbearer.Verifier, or a Verifier that exists already (which stays its owner's to close).
    auth are the AuthSettings that the server is given: audience="resource" is their resource_server_url, and their
    required_scopes stand in the challenges of ScopeChallenges beside the verifier's own. challenge_scopes are what
    clients ask for where that is called otherwise than what tokens carry: a list in place of all required scopes, or a
    mapping such as {"read": "api://app/read"} (Entra).

    scopes has what they include too (scope_hierarchy), since the SDK looks for one in the list. expires_at includes the
    leeway, since the SDK compares it with the clock again. resource is the audience that matched, so that
    validate_token_resource=True works; subject and claims are filled where the SDK has them.
    """

    logger: logging.Logger = LOGGER

    def __init__(
        self,
        *,
        verifier: Verifier | None = None,
        auth: AuthSettings | None = None,
        challenge_scopes: ChallengeScopes | None = None,
        **options: Unpack[VerifierOptions],
    ) -> None:
        if verifier is not None and options:
            raise TypeError("give either verifier or the options of one, not both")
        if "audience" in options:
            options["audience"] = _bound(options["audience"], auth)
        self.verifier: Verifier = Verifier(**options) if verifier is None else verifier
        required = (*self.verifier.required_scopes, *(getattr(auth, "required_scopes", None) or ()))
        self._scopes = ScopesToAskFor(required, challenge_scopes)
        self._grace = math.ceil(self.verifier.leeway)
        self._log = RejectionLog()
        if self.verifier.dpop is not None:
            self._log.warn_once(self.logger, _NO_REQUESTS)

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
                scopes=self.verifier._scopes_of(access) if self.verifier._implied else access.scopes,
                expires_at=None if expires_at is None else expires_at + self._grace,
                resource=access.resource,
                subject=access.subject,
                claims=access.claims,
            )
        except ConfigurationError:
            raise
        except Exception as error:
            self._log.rejected(self.logger, error)
            if getattr(error, "code", None) == "proof_missing":
                self._log.warn_once(self.logger, _NO_REQUESTS)
            return None

    async def load_access_token(self, token: str) -> AccessToken | None:
        """verify_token under the name that mcp 1.9 calls."""
        return await self.verify_token(token)

    def stats(self) -> dict[str, Any]:
        """Counters since the verifier was made, as fastbearer.Verifier.stats() has them."""
        return self.verifier.stats()

    def health(self) -> Health:
        """Whether tokens can be verified now, for a readiness probe, as fastbearer.Verifier.health() says it."""
        return self.verifier.health()

    def keys(self) -> list[KeyInfo]:
        """The keys that are held now, usable or not; empty before the first fetch."""
        return self.verifier.keys()

    async def refresh(self) -> None:
        """Loads the key sets now, for example at start-up. KeysUnavailableError says which could not be had and why;
        keys that are held stay in use. ConfigurationError when no issuer has keys to fetch.
        """
        await self.verifier.refresh_async()


class ScopeChallenges(ScopeMiddleware):
    """Has the challenges of the SDK name all scopes that verifier and server require, in one parameter.

    app.add_middleware(ScopeChallenges, verifier=verifier), where verifier is a fastbearer.mcp.JWTVerifier
    """

    def __init__(self, app: Any, *, verifier: JWTVerifier) -> None:
        super().__init__(app, scopes=verifier._scopes.names)


def _bound(audience: Any, auth: AuthSettings | None) -> Any:
    """The audiences with the server's URL, which the settings have, in the place of "resource"."""
    if not _resource.is_meant(audience):
        return audience
    if auth is None:
        raise ConfigurationError('audience="resource" needs the AuthSettings of the server: auth=')
    url = getattr(auth, "resource_server_url", None)
    if url is None:
        raise ConfigurationError('audience="resource" needs AuthSettings with a resource_server_url')
    return _resource.bound(audience, _resource.spellings(url))


def _signature() -> inspect.Signature:
    """What help() shows: what is said here, and the options of a verifier by name."""
    own = [p for p in inspect.signature(JWTVerifier).parameters.values() if p.kind == p.KEYWORD_ONLY]
    options = [p for p in inspect.signature(Verifier).parameters.values() if p.kind == p.KEYWORD_ONLY]
    return inspect.Signature([*own, *options])


JWTVerifier.__signature__ = _signature()  # type: ignore[attr-defined]
