"""The HTTP side of RFC 6750: finding the one token in a request, and saying why there is no access.

Nothing that a client sent ever goes into a response: descriptions are fixed, parameters come from the configuration and
are quoted (RFC 9110 section 5.6.4). Text that could break a header line is refused when it is configured.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from .errors import ConfigurationError

# RFC 9110 section 11.2: token68. A comma list, a second token or white space does not match.
_TOKEN68 = re.compile(rb"[A-Za-z0-9\-._~+/]+=*")

_DESCRIPTIONS = {
    "invalid_request": "Send exactly one bearer token, in one Authorization header.",
    "invalid_token": "The access token is invalid or has expired.",
    "insufficient_scope": "The access token does not grant what this resource requires.",
    "temporarily_unavailable": "The access token cannot be checked at the moment.",
    "server_error": "The access token could not be checked.",
}


class MalformedRequest(Exception):
    """The request carries credentials in a way that RFC 6750 section 3.1 calls invalid_request."""


@dataclass(frozen=True)
class Refusal:
    """The response to a request that is not admitted: status, headers and body, ready to be sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    detail: str


def find_token(headers: Iterable[tuple[bytes, bytes]], query: bytes) -> str | None:
    """The bearer token of a request, None when it carries none; MalformedRequest when it is sent wrongly."""
    values = [value for name, value in headers if name.lower() == b"authorization"]
    if len(values) > 1:
        raise MalformedRequest("more than one Authorization header")
    # RFC 6750 section 2.3 and MCP: never in the URL, where logs and referrers keep it.
    if query and any(unquote_to_bytes(part.partition(b"=")[0]) == b"access_token" for part in re.split(b"[&;]", query)):
        raise MalformedRequest("a token in the query")
    if not values:
        return None
    scheme, space, credentials = values[0].partition(b" ")
    if scheme.lower() != b"bearer":
        return None
    if not space or not _TOKEN68.fullmatch(credentials):
        raise MalformedRequest("the Authorization header is not one Bearer token")
    return credentials.decode("ascii")


def quoted(value: str, option: str) -> str:
    """value as a quoted-string; option names it in the error when it cannot be one."""
    if any(not " " <= character <= "~" for character in value):
        raise ConfigurationError(f"{option} must be printable ASCII")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Challenger:
    """Builds refusals for one protected resource."""

    def __init__(self, realm: str | None, scopes: Iterable[str], resource_metadata_url: str | None) -> None:
        self._before = f"realm={quoted(realm, 'realm')}" if realm is not None else ""
        self._scopes = list(scopes)
        for scope in self._scopes:
            quoted(scope, "required_scopes")
        self._after = ""
        if resource_metadata_url is not None:
            self._after = f"resource_metadata={quoted(resource_metadata_url, 'resource_metadata_url')}"

    def refuse(
        self, status: int, error: str | None = None, scopes: Iterable[str] = (), retry_after: float = 0.0
    ) -> Refusal:
        """The response with an OAuth error code, or to a request without credentials: without one (section 3.1)."""
        headers = [(b"cache-control", b"no-store")]
        body, description = b"", "Authentication is required."
        if error is not None:
            description = _DESCRIPTIONS[error]
            body = json.dumps({"error": error, "error_description": description}).encode()
            headers.append((b"content-type", b"application/json"))
        if status in (400, 401, 403):
            headers.append((b"www-authenticate", self._challenge(error, list(scopes) or self._scopes).encode()))
        if status == 503:
            headers.append((b"retry-after", str(max(1, math.ceil(retry_after))).encode()))
        headers.append((b"content-length", str(len(body)).encode()))
        return Refusal(status, headers, body, description)

    def _challenge(self, error: str | None, scopes: list[str]) -> str:
        parts = [self._before]
        if error is not None:
            parts.append(f'error="{error}"')
            parts.append(f'error_description="{_DESCRIPTIONS[error]}"')
        if scopes and error in (None, "insufficient_scope", "invalid_token"):
            parts.append(f"scope={quoted(' '.join(scopes), 'required_scopes')}")
        parts.append(self._after)
        return ("Bearer " + ", ".join(part for part in parts if part)).rstrip()
