"""Admits a request or refuses it: what the ASGI middleware and the FastAPI dependency have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ._asgi_request import RequestReader
from ._challenge import Challenger, Refusal
from ._log import LOGGER, RejectionLog
from .errors import (
    ConfigurationError,
    FastBearerError,
    InsufficientScopeError,
    InvalidTokenError,
    KeysUnavailableError,
    MalformedRequestError,
    StatusUnavailableError,
)

if TYPE_CHECKING:
    from .verifier import AccessToken, Verifier

#: The token of the request that is being served.
current_token: ContextVar[AccessToken | None] = ContextVar("fastbearer_access_token", default=None)


def get_access_token() -> AccessToken | None:
    """The token of the request that is being served, or None outside of one."""
    return current_token.get()


class Guard:
    """One verifier, one reading of requests, one challenge, one log."""

    def __init__(
        self,
        verifier: Verifier,
        required_scopes: Iterable[str],
        resource_metadata_url: str | None,
        realm: str | None,
        reader: RequestReader,
    ) -> None:
        if isinstance(required_scopes, str):
            raise ConfigurationError("required_scopes must be a sequence of strings, not one string")
        self.verifier = verifier
        self.required_scopes: tuple[str, ...] = tuple(required_scopes)
        advertised = dict.fromkeys((*verifier.required_scopes, *self.required_scopes))
        self.challenger: Challenger = Challenger(realm, advertised, resource_metadata_url, verifier.dpop)
        self._reader = reader
        self._log = RejectionLog()

    async def admit(self, scope: Mapping[str, Any]) -> AccessToken | Refusal:
        """The token of a request that is admitted, or the response to one that is not."""
        try:
            access = await self.verifier.verify_request_async(self._reader.read(scope))
            missing = [scope for scope in self.required_scopes if not access.has_scope(scope)]
            if missing:
                raise self.verifier._refuse(access, InsufficientScopeError(missing=missing))
            return access
        except FastBearerError as refused:
            refusal = self._refuse(refused)
            refusal.headers.extend(self.nonce_headers())
            return refusal

    def nonce_headers(self) -> list[tuple[bytes, bytes]]:
        """What goes with every answer where proofs must carry a nonce."""
        nonce = self.verifier.dpop_nonce()
        return [] if nonce is None else [(b"dpop-nonce", nonce.encode())]

    def _refuse(self, error: FastBearerError) -> Refusal:
        if error.code == "token_missing":
            return self.challenger.refuse(401)
        if isinstance(error, MalformedRequestError):
            LOGGER.debug("bearer token request refused: %s", error)
            return self.challenger.refuse(400, "invalid_request")
        self._log.rejected(LOGGER, error)
        if isinstance(error, InsufficientScopeError):
            return self.challenger.refuse(403, "insufficient_scope", scopes=error.missing)
        if isinstance(error, (KeysUnavailableError, StatusUnavailableError)):
            return self.challenger.refuse(503, "temporarily_unavailable", retry_after=error.retry_after)
        if isinstance(error, InvalidTokenError):
            return self.challenger.refuse(401, error.oauth_error)
        return self.challenger.refuse(500, "server_error")
