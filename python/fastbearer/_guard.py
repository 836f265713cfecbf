"""Admits a request or refuses it: what the middlewares and the FastAPI dependency have in common."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

from . import _resource
from ._challenge import Challenger, ChallengeScopes, Refusal, refuse_body
from ._log import LOGGER, RejectionLog
from ._rpc import BodyRefused, ReadBody, RpcRules
from .errors import (
    ConfigurationError,
    FastBearerError,
    InsufficientScopeError,
    InvalidTokenError,
    MalformedRequestError,
)

if TYPE_CHECKING:
    from .request import Request
    from .verifier import AccessToken, Verifier

#: The token of the request that is being served.
current_token: ContextVar[AccessToken | None] = ContextVar("fastbearer_access_token", default=None)


#: Who guards the request that is being served, where views ask for more scopes.
current_guard: ContextVar[Guard | None] = ContextVar("fastbearer_guard", default=None)

#: Where a scope or environment that was guarded says which token it was admitted with; None: with none.
ADMITTED = "fastbearer.access_token"

#: The key of an ASGI scope's list of scopes that the middleware around has clients ask for.
ASKED = "fastbearer.challenge_scopes"


def get_access_token() -> AccessToken | None:
    """The token of the request that is being served; None outside of one, and for a request that needed no token."""
    server = sys.modules.get("mcp.server.lowlevel.server")
    context = getattr(server, "request_ctx", None)
    if context is not None:
        # MCP SDK 1.x runs the tools of a session in the context of its first request, whose token may be another's.
        request = getattr(context.get(None), "request", None)
        scope = getattr(request, "scope", None) or {}
        if ADMITTED in scope:
            token: AccessToken | None = scope[ADMITTED]
            return token
    return current_token.get()


def _is_post(request: Request) -> bool:
    """In any case of letters: some frameworks do not regard it."""
    return request.method.upper() in ("POST", b"POST")


def _opens_websocket(request: Request) -> bool:
    """Where the framework makes one of a plain request."""
    return any(name.lower() == b"upgrade" and b"websocket" in value.lower() for name, value in request.headers)


class Guard:
    """One verifier, one challenge, one log, and what is asked of requests."""

    def __init__(
        self,
        verifier: Verifier,
        required_scopes: Iterable[str],
        resource_metadata_url: str | None,
        realm: str | None,
        challenge_scopes: ChallengeScopes | None = None,
        rules: RpcRules | None = None,
        token_header: str | None = None,
    ) -> None:
        if isinstance(required_scopes, str):
            raise ConfigurationError("required_scopes must be a sequence of strings, not one string")
        if token_header is not None and verifier.dpop is not None and verifier.dpop.required:
            raise ConfigurationError("token_header cannot go with a DPoP that is required: there is no proof beside it")
        self.verifier = verifier
        self.required_scopes: tuple[str, ...] = tuple(required_scopes)
        #: What clients can prove possession with here.
        self.dpop = verifier.dpop if token_header is None else None
        advertised = dict.fromkeys((*verifier.required_scopes, *self.required_scopes))
        self.challenger: Challenger = Challenger(realm, advertised, resource_metadata_url, self.dpop, challenge_scopes)
        #: The scopes that every challenge asks for.
        self.asked: list[str] = self.challenger.scopes.names()
        self._rules = rules
        self._log = RejectionLog()

    async def admit(
        self,
        request: Request,
        read_body: ReadBody | None = None,
        verify: Callable[[Request], Awaitable[AccessToken]] | None = None,
        asked: Iterable[str] = (),
    ) -> AccessToken | Refusal | None:
        """The token of a request that is admitted, None for one that needs no token, or the response to one that is not
        admitted. verify is the verifier's own by default; asked are scopes that a challenge names in any case.
        read_body is None where there is no body, as for a websocket.
        """
        needed: list[str] = []
        rules = None
        if self._rules is not None:
            if read_body is None or _opens_websocket(request):
                needed = list(self._rules.scopes)  # nobody sees its messages, which may ask for anything
            elif _is_post(request):
                rules = self._rules
        verify = verify or self.verifier.verify_request_async
        try:
            if rules is not None and rules.has_anonymous and not self.has_credential(request):
                assert read_body is not None
                is_anonymous, needed = await rules.ask(request, read_body)
                if is_anonymous:
                    return None
                rules = None
            try:
                access = await verify(request)
            except InsufficientScopeError:
                if rules is not None and read_body is not None:
                    with suppress(BodyRefused):
                        _, needed = await rules.ask(request, read_body)
                raise
            if rules is not None and read_body is not None:
                _, needed = await rules.ask(request, read_body)
            return self._granted(access, needed)
        except BodyRefused as refused:
            return self._refuse_body(refused.reason)
        except FastBearerError as error:
            refusal = self._refuse(error, (*asked, *needed))
            refusal.headers.extend(self.nonce_headers())
            return refusal

    def check_scopes(self, access: AccessToken, scopes: Iterable[str]) -> Refusal | None:
        """What is answered where a token that was admitted lacks one of these, which one place demands."""
        try:
            self._granted(access, scopes := list(scopes))
        except InsufficientScopeError as error:
            return self._refuse(error, scopes)
        return None

    def nonce_headers(self) -> list[tuple[bytes, bytes]]:
        """What goes with every answer where proofs must carry a nonce."""
        nonce = None if self.dpop is None else self.verifier.dpop_nonce()
        return [] if nonce is None else [(b"dpop-nonce", nonce.encode())]

    def has_credential(self, request: Request) -> bool:
        """Whether there is one to verify; a malformed one is the verifier's to refuse."""
        try:
            self.verifier._native.request_token(request._parts())
        except InvalidTokenError:
            return False
        except MalformedRequestError:
            return True
        return True

    def _granted(self, access: AccessToken, needed: Iterable[str]) -> AccessToken:
        missing = [scope for scope in (*self.required_scopes, *needed) if not access.has_scope(scope)]
        if missing:
            raise self.verifier._refuse(access, InsufficientScopeError(missing=missing))
        return access

    def _refuse_body(self, reason: MalformedRequestError) -> Refusal:
        self.verifier._native.count_refusal(reason.code)
        self.verifier._report(reason)
        LOGGER.debug("request refused: %s", reason)
        return refuse_body(reason.http_status)

    def _refuse(self, error: FastBearerError, needed: Iterable[str]) -> Refusal:
        if error.code == "token_missing":
            return self.challenger.refuse(401, scopes=needed)
        if isinstance(error, MalformedRequestError):
            LOGGER.debug("bearer token request refused: %s", error)
            return self.challenger.refuse(400, "invalid_request")
        if error.code == "audience_mismatch" and _resource.is_unbound(self.verifier):
            error = _resource.unknown()  # no fault of the client's, who is not to ask for another token
            self._log.warn_once(LOGGER, f"every token is refused: {error.code}: {error}")
        self._log.rejected(LOGGER, error)
        if isinstance(error, InsufficientScopeError):
            return self.challenger.refuse(403, "insufficient_scope", scopes=(*needed, *error.missing))
        if error.http_status == 503:
            retry_after = getattr(error, "retry_after", 0.0)
            return self.challenger.refuse(503, "temporarily_unavailable", retry_after=retry_after)
        if isinstance(error, InvalidTokenError):
            return self.challenger.refuse(401, error.oauth_error, scopes=needed)
        return self.challenger.refuse(500, "server_error")
