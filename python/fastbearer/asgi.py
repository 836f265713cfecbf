"""Bearer tokens for any ASGI application: a middleware, the RFC 9728 document, and a FastAPI dependency.

    app = BearerAuthMiddleware(app, verifier=Verifier(jwks_uri=..., issuer=..., audience=...))

A request is admitted with one valid token; the application finds it with get_access_token(), at
request.user.access_token (Starlette) or in its dependency (FastAPI). The precise reason of a refusal goes to the
logger "fastbearer" and to the verifier's on_reject; the client gets the OAuth error and a fixed sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from . import _resource
from ._asgi_request import ClientGone, RequestBody, RequestReader
from ._challenge import ChallengeScopes, Refusal
from ._client_certificate import ClientCertificateHeader
from ._guard import ADMITTED, ASKED, Guard, current_token, get_access_token
from ._middleware import ConfiguredMiddleware
from ._resource_metadata import ResourceMetadata
from ._user import BearerUser

if TYPE_CHECKING:
    from .verifier import AccessToken, Verifier

__all__ = [
    "BearerAuthMiddleware",
    "BearerUser",
    "ClientCertificateHeader",
    "ResourceMetadata",
    "bearer",
    "get_access_token",
]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The messages that bring the headers of a response.
_RESPONSE_STARTS = ("http.response.start", "websocket.accept", "websocket.http.response.start")


class Credentials:
    """What request.auth is where scopes include others: the token, with those in its list of scopes too."""

    def __init__(self, access_token: AccessToken, scopes: list[str]) -> None:
        self._access_token = access_token
        self.scopes = scopes

    @classmethod
    def of(cls, access_token: AccessToken, verifier: Verifier) -> AccessToken | Credentials:
        """The token itself where its list says it all."""
        scopes = verifier._scopes_of(access_token)
        return access_token if scopes is access_token.scopes else cls(access_token, scopes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._access_token, name)


class BearerAuthMiddleware(ConfiguredMiddleware[ASGIApp]):
    """Admits requests to app that carry one valid bearer token.

    verifier            a fastbearer.Verifier; its audience="resource" is that of resource_metadata, else base_url, with
                        or without a slash at the end
    required_scopes     all of these must be granted, in addition to the verifier's own
    resource_metadata   a ResourceMetadata (or its arguments as a mapping): served by the middleware at its place, and
                        named in every challenge
    resource_metadata_url   only named in the challenges, when somebody else serves it
    exclude             whole paths that need no token, such as "/health"
    realm               the realm of the challenge
    challenge_scopes    what clients must ask for where tokens carry other names: a list in place of all required
                        scopes, or a mapping from scopes to names (Entra: {"access": "api://app-id/access"})
    anonymous           JSON-RPC methods that need no token: ("initialize", "server/discover", "tools/list"). A bad
                        token is refused all the same
    tool_scopes         what a tools/call needs beside required_scopes, by patterns of the tool's name: {"delete_*":
                        ["admin"]}; "*" is any text, and all patterns that match count
    resource_scopes     the same by the uri of resources/read and its relatives, and those of subscriptions/listen
    prompt_scopes       the same by the name of prompts/get
    max_body_bytes      how large a body may be, where one of these four is given; 4 MiB by default
    token_header        another header than Authorization that holds the token alone, where a proxy puts it:
                        "Cf-Access-Jwt-Assertion". Authorization is not read then, and there is no DPoP
    base_url            scheme and host that clients use, "https://api.example", with the path prefix that a proxy
                        strips, if one does; what DPoP proofs are compared with. By default those of
                        resource_metadata, else what the server sees
    client_certificate_header   the header in which a proxy hands over the client's certificate, and how it writes it: a
                        ClientCertificateHeader (or its arguments as a mapping)

    Without base_url behind a proxy the server sees another scheme and host than the client, and every DPoP proof is
    refused (proof_mismatch, claim htu). Without it and without a proxy the host comes from the header Host, which
    whoever replays a proof that was made for another server can set.

    Without client_certificate_header certificates come from the server's TLS, where it has ASGI's TLS extension. With
    it, the proxy must remove that header from what clients send, always: a client that can set it shows any
    certificate, without having its key, so that tokens which are bound to that certificate are bound no more.

    Where the verifier's DPoP has a nonce_secret, DPoP-Nonce is sent with every answer; for clients in browsers the CORS
    middleware must expose it.

    Websockets are guarded like requests (denial response where the server has that extension); lifespan events pass;
    bodies and streams are not touched, unless JSON-RPC is to be looked at. A CORS middleware belongs outside this one:
    preflight requests carry no token.

    With anonymous, tool_scopes, resource_scopes or prompt_scopes the body of every POST is read before the application
    runs, and handed on as it came: put the middleware around the MCP server, not around uploads. A batch needs what all
    of its messages need. A larger body is 413; one that is compressed, not UTF-8, or by its Content-Type a form or
    anything else than JSON or plain text is 415; and JSON that could be read in more than one way (two members of one
    name, for example) is 400. A body that is not JSON at all is the application's to refuse. The messages of a
    websocket are seen by nobody, so opening one needs all scopes that any name may need. "initialize" brings
    "notifications/initialized" with it; clients of MCP 2026-07-28 ask for "server/discover" in its place. Who needs no
    token is served with get_access_token() None. The rules in full are those of fb_rpc_check in fastbearer.h.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self.app(scope, receive, send)
            return
        if kind not in ("http", "websocket"):
            raise RuntimeError(f"BearerAuthMiddleware does not know how to guard {kind!r}")
        path = scope["path"]
        if self._metadata is not None and kind == "http" and path == self._metadata.path:
            await self._metadata(scope, receive, send)
            return
        if path in self._exclude:
            await self.app(scope, receive, send)
            return
        body = RequestBody(receive)
        try:
            outcome = await self._guard.admit(self._reader.read(scope), body.read if kind == "http" else None)
        except ClientGone:
            return
        if isinstance(outcome, Refusal):
            await _send_refusal(outcome, scope, receive, send)
            return
        guarded = {**scope, ADMITTED: outcome, ASKED: self._guard.asked}
        if outcome is not None:
            # scope["auth"].scopes and scope["user"] are what Starlette's @requires and request.user read.
            guarded |= {"user": BearerUser(outcome), "auth": Credentials.of(outcome, self._guard.verifier)}
        reset = current_token.set(outcome)
        try:
            await self.app(guarded, body.receive, self._with_nonces(send) if self._sends_nonces else send)
        finally:
            current_token.reset(reset)

    def _with_nonces(self, send: Send) -> Send:
        async def send_with_nonce(message: Message) -> None:
            if message["type"] in _RESPONSE_STARTS:
                message = {**message, "headers": [*message.get("headers", ()), *self._guard.nonce_headers()]}
            await send(message)

        return send_with_nonce


async def _send_refusal(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    prefix = "http.response"
    if scope["type"] == "websocket":
        await receive()  # websocket.connect: a server need not take a response before it has been read
        if "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1008, "reason": "bearer token required"})
            return
        prefix = "websocket.http.response"
    await send({"type": f"{prefix}.start", "status": refusal.status, "headers": refusal.headers})
    await send({"type": f"{prefix}.body", "body": b"" if scope.get("method") == "HEAD" else refusal.body})


def bearer(
    verifier: Verifier,
    *scopes: str,
    resource_metadata_url: str | None = None,
    realm: str | None = None,
    base_url: str | None = None,
    client_certificate_header: ClientCertificateHeader | Mapping[str, str] | None = None,
    challenge_scopes: ChallengeScopes | None = None,
    token_header: str | None = None,
) -> Callable[..., Awaitable[AccessToken]]:
    """A FastAPI dependency that demands a bearer token with these scopes.

    async def tool(token: Annotated[AccessToken, Depends(bearer(verifier, "tools:call"))]): ...

    It shows up in the OpenAPI document as an HTTP bearer scheme, and works for websocket routes too. The options are
    those of BearerAuthMiddleware. DPoP-Nonce goes with every answer that FastAPI makes itself; an endpoint that returns
    a Response of its own, or raises, sends none.
    """
    try:
        from ._fastapi import BearerDependency
    except ImportError as error:
        raise ImportError("fastbearer.asgi.bearer needs FastAPI: pip install fastapi") from error
    if base_url is not None:
        _resource.bind(verifier, base_url)
    reader = RequestReader(base_url, client_certificate_header, token_header)
    guard = Guard(verifier, scopes, resource_metadata_url, realm, challenge_scopes, token_header=token_header)
    return BearerDependency(guard, reader)
