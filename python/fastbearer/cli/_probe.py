"""One HTTP exchange, looked at closely: what was sent where, the certificates, the clock of the other side.

It stands in the place of the library's own fetch where a person wants to know why that fails. The rules are the same:
no redirects, no more bytes and no more time than allowed.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import os
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from .. import _native
from .._fetch_function import loggable_url


class Exchange:
    """What came of one request."""

    def __init__(self, url: str) -> None:
        self.url = loggable_url(url)
        self.status: int | None = None
        self.error: str | None = None
        self.seconds = 0.0
        self.body = b""
        self.headers: list[tuple[str, str]] = []
        self.clock_offset: float | None = None  # seconds that the other clock is ahead
        self.clock_error = 0.0
        self.proxy: str | None = None
        self.tls: str | None = None
        self.certificates: list[dict[str, Any]] = []  # the server's, then those that vouch for it
        self.location: str | None = None

    def header(self, name: str) -> str | None:
        return next((value for field, value in self.headers if field.lower() == name), None)

    def failure(self) -> str | None:
        """Why it is no use, as far as HTTP can tell."""
        if self.error is not None:
            return self.error
        if self.location is not None:
            return f"redirects to {self.location}, which is not followed"
        return None if self.status == 200 else f"HTTP status {self.status}"


class Network:
    """How to get there."""

    def __init__(self, timeout: float, max_bytes: int, ca_file: str | None, trust_env: bool) -> None:
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._trust_env = trust_env
        self._ca_file = ca_file
        self.exchanges: list[Exchange] = []

    def fetch(self, url: str, headers: Mapping[str, str]) -> tuple[int, list[tuple[str, str]], bytes]:
        """A fetch function for the library; what it did is in ``exchanges``."""
        exchange = self.get(url, headers)
        if exchange.error is not None:
            raise OSError(exchange.error)
        assert exchange.status is not None
        return exchange.status, exchange.headers, exchange.body

    def get(self, url: str, headers: Mapping[str, str]) -> Exchange:
        exchange = Exchange(url)
        self.exchanges.append(exchange)
        start = time.monotonic()
        try:
            self._exchange(exchange, url, headers, start + self._timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            exchange.error = _sentence(error)
            if isinstance(error, ssl.SSLCertVerificationError):
                exchange.certificates = self._presented(url)
        exchange.seconds = time.monotonic() - start
        return exchange

    def _exchange(self, exchange: Exchange, url: str, headers: Mapping[str, str], deadline: float) -> None:
        connection = self._connection(exchange, url)
        try:
            connection.connect()
            with _until(deadline, self._timeout, connection.sock):
                self._converse(exchange, connection, url, headers)
        finally:
            connection.close()

    def _converse(
        self, exchange: Exchange, connection: http.client.HTTPConnection, url: str, headers: Mapping[str, str]
    ) -> None:
        parts = urlsplit(url)
        self._look_at(exchange, connection.sock)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if exchange.proxy is not None and parts.scheme == "http":
            target = url
        before = time.time()
        connection.request("GET", target, headers={"User-Agent": "fastbearer-doctor", **headers})
        with connection.getresponse() as response:  # with "Connection: close" it holds the socket, not the connection
            exchange.status, exchange.headers = response.status, response.getheaders()
            _compare_clocks(exchange, before, time.time())
            if 300 <= response.status < 400 and response.status != 304:
                exchange.location = loggable_url(exchange.header("location") or "nowhere")
            exchange.body = self._body(exchange, response)

    def _body(self, exchange: Exchange, response: http.client.HTTPResponse) -> bytes:
        body = b""
        while len(body) <= self._max_bytes:
            piece = response.read1(self._max_bytes + 1 - len(body))
            if not piece:
                return body
            body += piece
        exchange.error = f"the response has more than {self._max_bytes} bytes"
        return b""

    def _connection(self, exchange: Exchange, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        proxy = self._proxy(parts.scheme, host)
        secure = parts.scheme == "https"
        context = self._context() if secure else None
        if proxy is None:
            if context is not None:
                return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        exchange.proxy = loggable_url(proxy)
        by = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        authorization = _basic(by.username, by.password)
        if context is None:
            return http.client.HTTPConnection(by.hostname or "", by.port or 80, timeout=self._timeout)
        connection = http.client.HTTPSConnection(
            by.hostname or "", by.port or 80, timeout=self._timeout, context=context
        )
        connection.set_tunnel(host, port or 443, authorization)
        return connection

    def _proxy(self, scheme: str, host: str) -> str | None:
        if not self._trust_env or urllib.request.proxy_bypass(host):
            return None
        proxies = urllib.request.getproxies()
        return proxies.get(scheme) or proxies.get("all")

    def _context(self) -> ssl.SSLContext:
        named = self._ca_file or os.environ.get("SSL_CERT_FILE") or _native.ca_bundle()
        return ssl.create_default_context(cafile=named)

    def _look_at(self, exchange: Exchange, connected: Any) -> None:
        if not isinstance(connected, ssl.SSLSocket):
            return
        exchange.tls = connected.version()
        exchange.certificates = _chain(connected, "get_verified_chain") or [dict(connected.getpeercert() or {})]

    def _presented(self, url: str) -> list[dict[str, Any]]:
        """The certificates of a server that is not trusted. Nothing is sent to it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        connection = self._connection(Exchange(url), url)
        connection._context = context  # type: ignore[attr-defined]
        try:
            connection.connect()
            return _chain(connection.sock, "get_unverified_chain")
        except (OSError, ValueError):
            return []
        finally:
            connection.close()


@contextlib.contextmanager
def _until(deadline: float, timeout: float, connected: Any) -> Iterator[None]:
    """Ends the connection at the deadline: http.client's own time begins anew with every byte that arrives."""

    def end() -> None:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connected, socket.SHUT_RDWR)  # below TLS, which another thread is reading from

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError):
        if time.monotonic() < deadline:
            raise
    finally:
        timer.cancel()
    if time.monotonic() >= deadline:
        raise TimeoutError(f"no complete response within {timeout:g} s")


def _chain(connected: Any, which: str) -> list[dict[str, Any]]:
    """What Python's ssl knows of the certificates of a connection, where this version lets one see them."""
    try:
        return [certificate.get_info() for certificate in getattr(connected._sslobj, which)()]
    except (AttributeError, TypeError, ssl.SSLError):
        return []


def _basic(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    import base64

    text = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": "Basic " + base64.b64encode(text).decode()}


def _compare_clocks(exchange: Exchange, before: float, after: float) -> None:
    """What the header Date says, which is cut to whole seconds, against the middle of the exchange."""
    try:
        stated = email.utils.parsedate_to_datetime(exchange.header("date") or "").timestamp() + 0.5
    except (TypeError, ValueError, OverflowError):
        return
    age = exchange.header("age") or "0"
    if age.isdigit() and len(age) < 10 and int(age):
        return  # it comes from a cache, whose Date is of the past
    exchange.clock_offset = stated - (before + after) / 2
    exchange.clock_error = (after - before) / 2 + 0.5


def _sentence(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate not accepted: {error.verify_message or error}"
    if isinstance(error, TimeoutError):
        return str(error) if "within" in str(error) else "timed out"
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return f"{type(error).__name__}: {text}"[:300] if isinstance(error, http.client.HTTPException) else text[:300]


# ---- certificates


def expiry(certificate: Mapping[str, Any]) -> float | None:
    """When it ends, in seconds since the epoch."""
    try:
        return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))
    except (KeyError, ValueError):
        return None


def name_of(certificate: Mapping[str, Any], field: str = "subject") -> str:
    """Who it is of, or from, as people say it."""
    parts = {key: value for group in certificate.get(field, ()) for key, value in group}
    names = [value for kind, value in certificate.get("subjectAltName", ())] if field == "subject" else []
    return str(parts.get("commonName") or (names[0] if names else parts.get("organizationName", "(no name)")))
