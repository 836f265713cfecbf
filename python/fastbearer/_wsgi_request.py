"""From a WSGI environment to a Request, by way of the ASGI scope that says the same; and the body, read before the
application reads it.
"""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import quote

from ._asgi_request import ClientGone

#: Headers that have no prefix (RFC 3875 section 4.1).
_OTHER_HEADERS = {"CONTENT_TYPE": b"content-type", "CONTENT_LENGTH": b"content-length"}


def scope_of(environ: dict[str, Any]) -> dict[str, Any]:
    """The scope of a request. A header that came twice is one here, with a comma: servers have joined them."""
    return {
        "type": "http",
        "method": environ["REQUEST_METHOD"],
        "path": path_of(environ),
        "raw_path": _raw_path(environ),
        "query_string": _bytes(environ.get("QUERY_STRING", "")),
        "headers": _headers(environ),
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "server": (environ.get("SERVER_NAME"), environ.get("SERVER_PORT")),
        "extensions": {"tls": {"client_cert_chain": _certificates(environ)}},
    }


def path_of(environ: dict[str, Any]) -> str:
    """The whole path, without escapes."""
    return _bytes(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")).decode(errors="replace")


def _raw_path(environ: dict[str, Any]) -> bytes:
    """As the client has sent it, where the server says; a proof of possession is made for that."""
    target = str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or "")
    if target.startswith("/"):
        return _bytes(target.split("?")[0])
    return quote(_bytes(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))).encode()


def _headers(environ: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    found = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            found.append((_bytes(key[5:].replace("_", "-").lower()), _bytes(value)))
        elif key in _OTHER_HEADERS and value:
            found.append((_OTHER_HEADERS[key], _bytes(value)))
    return found


def _certificates(environ: dict[str, Any]) -> list[str]:
    """Apache's, where it has verified it (SSLOptions +StdEnvVars +ExportCertData). No client can set these."""
    pem = environ.get("SSL_CLIENT_CERT")
    return [pem] if pem and environ.get("SSL_CLIENT_VERIFY") == "SUCCESS" else []


def _bytes(text: Any) -> bytes:
    """What a native string of WSGI stands for (PEP 3333)."""
    return str(text).encode("latin-1", "replace")


class RequestBody:
    """The body of a request, which may be read before the application reads it."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._environ = environ
        self._body: bytes | None = None

    async def read(self, limit: int) -> bytes:
        """All of it; when that is more than limit, more than limit. It never suspends."""
        if self._body is None:
            self._body = self._read(limit)
            self._environ["wsgi.input"] = io.BytesIO(self._body)
        return self._body

    def _read(self, limit: int) -> bytes:
        announced = self._announced()
        wanted = limit + 1 if announced is None else min(announced, limit + 1)
        parts, size = [], 0
        while size < wanted:
            part = self._environ["wsgi.input"].read(wanted - size)
            if not part:
                break
            parts.append(part)
            size += len(part)
        if announced is not None and size < wanted:
            raise ClientGone
        return b"".join(parts)

    def _announced(self) -> int | None:
        """How large the body is; None: it ends where the stream does."""
        if self._environ.get("wsgi.input_terminated"):
            return None
        try:
            return max(0, int(self._environ.get("CONTENT_LENGTH") or 0))
        except ValueError:
            return 0
