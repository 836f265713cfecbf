"""From an ASGI scope to a Request: the URL that the client has used, and the certificate that it has shown. And the
body, read before the application reads it.

Nobody but the configuration knows the URL behind a proxy, and nobody but the proxy the certificate.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, urlsplit

from ._client_certificate import ClientCertificateHeader, as_certificate_header
from ._headers import checked_token_header
from .errors import ConfigurationError
from .request import Request

# RFC 3986 section 3.2.2 and 3.2.3: host and port, and nothing that would end the authority of a URL.
_HOST = re.compile(rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]+")

_SCHEMES = {"ws": "http", "wss": "https"}  # a websocket begins as an HTTP request


class ClientGone(Exception):
    """The connection was closed before the whole body had come."""


class RequestBody:
    """The body of a request, which may be read before the application receives it."""

    def __init__(self, receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
        self._receive = receive
        self._body: bytes | None = None
        self._given = False

    async def read(self, limit: int) -> bytes:
        """All of it; when that is more than limit, more than limit."""
        if self._body is None:
            body, more = bytearray(), True
            while more and len(body) <= limit:
                message = await self._receive()
                if message["type"] != "http.request":
                    raise ClientGone
                body += message.get("body", b"")
                more = message.get("more_body", False)
            self._body = bytes(body)
        return self._body

    async def receive(self) -> MutableMapping[str, Any]:
        """What the application receives: the body, if it was read, then what comes after it."""
        if self._body is None or self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": self._body, "more_body": False}


class RequestReader:
    """Reads scopes, for one place behind one configuration of proxies."""

    def __init__(
        self,
        base_url: str | None,
        client_certificate_header: ClientCertificateHeader | Mapping[str, str] | None,
        token_header: str | None = None,
        *,
        prefix_may_be_there: bool = False,
    ) -> None:
        self._base: bytes | None = None
        self._held_prefix = b""  # what is left out of a path before base is put in front of it
        if base_url is not None:
            self._base = _checked_base(base_url).encode()
            self._held_prefix = urlsplit(self._base).path + b"/" if prefix_may_be_there else b""
        self._certificate_header = as_certificate_header(client_certificate_header)
        self._token_header = checked_token_header(token_header)

    def read(self, scope: Mapping[str, Any]) -> Request:
        """The request that a scope describes. Of a websocket: its handshake."""
        headers = tuple((name, value) for name, value in scope["headers"])
        return Request(
            scope.get("method", "GET"),
            self._url(scope, headers),
            headers,
            self._certificate(scope, headers),
            self._token_header,
        )

    def _url(self, scope: Mapping[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
        if not path.startswith(b"/"):
            path = b"/" + path  # a target such as "*" must not go on with the host
        base = self._base
        if self._held_prefix and (path + b"/").startswith(self._held_prefix):
            path = path[len(self._held_prefix) - 1 :]
        if base is None:
            scheme = scope.get("scheme", "http")
            host = _host(scope, headers)
            base = b"" if host is None else b"%s://%s" % (_SCHEMES.get(scheme, scheme).encode(), host)
        query: bytes = scope.get("query_string", b"")
        return b"%s%s?%s" % (base, path, query) if query else base + path

    def _certificate(self, scope: Mapping[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> str | bytes | None:
        if self._certificate_header is not None:
            return self._certificate_header._certificate_in(headers)
        tls = (scope.get("extensions") or {}).get("tls") or {}
        if tls.get("client_cert_error"):
            return None
        return next(iter(tls.get("client_cert_chain") or ()), None)


def _checked_base(base_url: str) -> str:
    """Without a slash at the end."""
    parts = urlsplit(base_url)
    if (
        parts.scheme not in ("https", "http") or not parts.hostname or parts.username is not None or parts.query
        or parts.fragment or not all("!" <= character <= "~" for character in base_url)
    ):  # fmt: skip
        raise ConfigurationError("base_url must be an absolute http(s) URL without user, query and fragment")
    return base_url.rstrip("/")


def origin_of(url: str) -> str:
    """Scheme and host of an absolute URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _host(scope: Mapping[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    hosts = [value for name, value in headers if name.lower() == b"host"]
    if len(hosts) == 1 and _HOST.fullmatch(hosts[0]):
        return hosts[0]
    server = scope.get("server")
    if not server or server[1] is None:
        return None
    name = f"[{server[0]}]" if ":" in server[0] else server[0]
    return f"{name}:{server[1]}".encode()
