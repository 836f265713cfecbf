"""The protected resource metadata document of RFC 9728."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .errors import ConfigurationError

if TYPE_CHECKING:
    from .dpop import DPoP

_WELL_KNOWN = "/.well-known/oauth-protected-resource"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ResourceMetadata:
    """The protected resource metadata document of RFC 9728, and an ASGI application that serves it.

    resource is the URL that clients use for what is protected; the document's own place follows from it (section 3).
    """

    def __init__(
        self,
        resource: str,
        authorization_servers: Sequence[str],
        *,
        scopes_supported: Sequence[str] | None = None,
        **more: Any,
    ) -> None:
        parts = urlsplit(resource)
        if parts.scheme not in ("https", "http") or not parts.netloc or parts.fragment:
            raise ConfigurationError("resource must be an absolute http(s) URL without a fragment")
        if isinstance(authorization_servers, str) or not authorization_servers:
            raise ConfigurationError("authorization_servers must be a list of at least one issuer URL")
        self.document: dict[str, Any] = {
            "resource": resource,
            "authorization_servers": list(authorization_servers),
            "bearer_methods_supported": ["header"],
        }
        if scopes_supported:
            self.document["scopes_supported"] = list(scopes_supported)
        self.document.update(more)
        self.path: str = _WELL_KNOWN + parts.path.rstrip("/")
        self.url: str = f"{parts.scheme}://{parts.netloc}{self.path}"
        self._body = json.dumps(self.document).encode()

    def _with_proofs(self, dpop: DPoP | None, certificates: bool) -> ResourceMetadata:
        """The document that says too how senders prove that a token is theirs; what it says already stays."""
        members: dict[str, Any] = {}
        if dpop is not None:
            members["dpop_signing_alg_values_supported"] = list(dpop._advertised_algorithms)
            members["dpop_bound_access_tokens_required"] = dpop.required
        if certificates:
            members["tls_client_certificate_bound_access_tokens"] = True
        if not members:
            return self
        document = {**members, **self.document}
        return ResourceMetadata(document.pop("resource"), document.pop("authorization_servers"), **document)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serves the document: public, cacheable, readable from any web page (MCP clients run in browsers too)."""
        if scope["type"] != "http":
            raise RuntimeError(f"ResourceMetadata serves http, not {scope['type']}")
        status, headers, body = self._answer(scope["method"])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, method: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        headers = [(b"access-control-allow-origin", b"*")]
        if method == "OPTIONS":
            headers.append((b"access-control-allow-methods", b"GET, HEAD, OPTIONS"))
            headers.append((b"access-control-allow-headers", b"*"))
            headers.append((b"access-control-max-age", b"86400"))
            return 204, headers, b""
        if method not in ("GET", "HEAD"):
            return 405, [*headers, (b"allow", b"GET, HEAD, OPTIONS"), (b"content-length", b"0")], b""
        headers.append((b"content-type", b"application/json"))
        headers.append((b"cache-control", b"public, max-age=3600"))
        headers.append((b"content-length", str(len(self._body)).encode()))
        return 200, headers, b"" if method == "HEAD" else self._body


def as_metadata(given: ResourceMetadata | Mapping[str, Any] | None) -> ResourceMetadata | None:
    """What a middleware is given, as the document."""
    return ResourceMetadata(**given) if isinstance(given, Mapping) else given
