"""From an ASGI scope to a Request: the URL that the client has used, and the certificate that it has shown.

Nobody but the configuration knows the first behind a proxy, and nobody but the proxy the second.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from .errors import ConfigurationError
from .request import Request

# RFC 3986 section 3.2.2 and 3.2.3: host and port, and nothing that would end the authority of a URL.
_HOST = re.compile(rb"[A-Za-z0-9\-._~%!$&'()*+,;=:\[\]]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
# A pair of Envoy's x-forwarded-client-cert, and what separates it from the next one of the same element.
_XFCC_PAIR = re.compile(rb'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)(;|$)')

_SCHEMES = {"ws": "http", "wss": "https"}  # a websocket begins as an HTTP request


class RequestReader:
    """Reads scopes, for one place behind one configuration of proxies."""

    def __init__(
        self, base_url: str | None, client_certificate_header: str | None, *, prefix_may_be_there: bool = False
    ) -> None:
        self._base: bytes | None = None
        self._held_prefix = b""  # what is left out of a path before base is put in front of it
        if base_url is not None:
            self._base = _checked_base(base_url).encode()
            self._held_prefix = urlsplit(self._base).path + b"/" if prefix_may_be_there else b""
        self._certificate_header: bytes | None = None
        if client_certificate_header is not None:
            if not _HEADER_NAME.fullmatch(client_certificate_header):
                raise ConfigurationError("client_certificate_header must be the name of one header")
            self._certificate_header = client_certificate_header.lower().encode()

    def read(self, scope: Mapping[str, Any]) -> Request:
        """The request that a scope describes. Of a websocket: its handshake."""
        headers = tuple((name, value) for name, value in scope["headers"])
        return Request(
            scope.get("method", "GET"), self._url(scope, headers), headers, self._certificate(scope, headers)
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
            values = [value for name, value in headers if name.lower() == self._certificate_header]
            return unescaped_certificate(b", ".join(values))
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


def unescaped_certificate(value: bytes) -> bytes | None:
    """The certificate in a header that a proxy has set: of RFC 9440 ("Client-Cert"), of Envoy
    ("x-forwarded-client-cert"), or escaped PEM as of nginx ($ssl_client_escaped_cert). None for an empty one. What is
    none of these stays as it is, so that the core refuses it: two certificates, for example.
    """
    value = value.strip()
    if not value:
        return None
    if value.startswith(b"-----BEGIN"):
        return unquote_to_bytes(value)
    if value.startswith(b":"):
        try:
            return base64.b64decode(value[1:-1], validate=True) if value.endswith(b":") else value
        except binascii.Error:
            return value
    return _xfcc_certificate(value) or value


def _xfcc_certificate(value: bytes) -> bytes | None:
    """Cert= of the only element; several elements come from several proxies, of which one is the client's."""
    certificates, at = [], 0
    while at < len(value):
        pair = _XFCC_PAIR.match(value, at)
        if pair is None:
            return None
        if pair[1].lower() == b"cert":
            certificates.append(pair[2].strip(b'"'))
        at = pair.end()
    return unquote_to_bytes(certificates[0]) if len(certificates) == 1 else None
