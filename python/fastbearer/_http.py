"""One bounded HTTP request from a thread, by the rules of a key fetch: no redirects, no cookies, no content decoding,
TLS 1.2 or later with certificates that are checked, and no more bytes or time than allowed.
"""

from __future__ import annotations

import http.client
import os
import ssl
import time
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from . import _native
from .errors import ConfigurationError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: How many connections wait for the next request.
_IDLE = 8
_CONNECT_SECONDS = 3.0


def checked_url(name: str, url: Any, allow_http: bool) -> str:
    """An absolute https URL without user, password and fragment; http with a loopback host or allow_http."""
    if not isinstance(url, str):
        raise TypeError(f"{name} must be str, not {type(url).__name__}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigurationError(f"{name} is not a URL") from None
    if not url.isascii() or not url.isprintable() or " " in url or port == 0 or not parts.hostname:
        raise ConfigurationError(f"{name} must be an absolute URL")
    if parts.fragment or "@" in parts.netloc:
        raise ConfigurationError(f"{name} must hold no user, password and fragment")
    loopback = parts.hostname in _LOOPBACK or parts.hostname.startswith("127.")
    if parts.scheme != "https" and not (parts.scheme == "http" and (allow_http or loopback)):
        raise ConfigurationError(f"{name} must be https; http needs allow_http or a loopback host")
    return url


class Client:
    """Sends requests to one URL, over connections that it keeps."""

    def __init__(self, url: str, timeout: float, max_bytes: int, ca_file: str | None, trust_env: bool) -> None:
        self._idle: list[http.client.HTTPConnection] = []
        self._url = url
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._ca_file = ca_file
        self._trust_env = trust_env
        self._process = os.getpid()
        self._context: ssl.SSLContext | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, header fields and body; OSError or HTTPException when there is none."""
        if self._process != os.getpid():  # a parent and its child must not speak on one connection
            self._process = os.getpid()
            self.close()  # this process's ends only
        until = time.monotonic() + self._timeout
        try:
            connection = self._idle.pop()
        except IndexError:
            return self._send(self._connect(), body, headers, until)
        try:
            return self._send(connection, body, headers, until)
        except (ConnectionError, http.client.RemoteDisconnected, http.client.CannotSendRequest):
            # It was closed while it was idle; a request to introspect may be sent twice.
            return self._send(self._connect(), body, headers, until)

    def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop().close()

    def __del__(self) -> None:
        self.close()

    def _send(
        self, connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str], until: float
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        keep = False
        try:
            if connection.sock is not None:
                connection.sock.settimeout(max(0.01, until - time.monotonic()))
            connection.request("POST", self._target(connection), body, dict(headers))
            response = connection.getresponse()
            with response:  # or the connection would not take another request
                content = self._read(response, connection, until)
            if response.getheader("content-encoding", "identity") != "identity":
                raise OSError("the response has a content coding")
            keep = not response.will_close and len(self._idle) < _IDLE
            return response.status, response.getheaders(), content
        finally:
            if keep:
                self._idle.append(connection)
            else:
                connection.close()

    def _read(self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection, until: float) -> bytes:
        content = b""
        while True:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError("timed out")
            if connection.sock is not None:
                connection.sock.settimeout(left)
            piece = response.read1(self._max_bytes + 1 - len(content))
            if not piece:
                if response.length:  # of Content-Length
                    raise OSError("the response is not complete")
                return content
            content += piece
            if len(content) > self._max_bytes:
                raise OSError(f"the response has more than {self._max_bytes} bytes")

    # ---- connecting

    def _target(self, connection: http.client.HTTPConnection) -> str:
        parts = urlsplit(self._url)
        if parts.scheme == "http" and connection.host != parts.hostname:  # a proxy
            return self._url
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._url)
        host, port = parts.hostname or "", parts.port
        timeout = min(self._timeout, _CONNECT_SECONDS)
        proxy = self._proxy(parts.scheme, host)
        if parts.scheme == "http":
            if proxy is not None:
                host, port = proxy.hostname or "", proxy.port or 80
            connection = http.client.HTTPConnection(host, port, timeout=timeout)
        elif proxy is None:
            connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=self._tls())
        else:
            connection = http.client.HTTPSConnection(
                proxy.hostname or "", proxy.port or 80, timeout=timeout, context=self._tls()
            )
            connection.set_tunnel(host, port or 443, _credentials(proxy))
        connection.connect()
        return connection

    def _proxy(self, scheme: str, host: str) -> Any:
        if not self._trust_env or urllib.request.proxy_bypass(host):
            return None
        proxies = urllib.request.getproxies()
        named = proxies.get(scheme) or proxies.get("all")
        return None if named is None else urlsplit(named if "://" in named else f"http://{named}")

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            named = self._ca_file or os.environ.get("SSL_CERT_FILE") or _native.ca_bundle()
            context = ssl.create_default_context(cafile=named)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._context = context
        return self._context


def _credentials(proxy: Any) -> dict[str, str]:
    if proxy.username is None:
        return {}
    import base64

    text = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(text).decode()}
