"""Requests: what a proof of possession is checked against.

access = verifier.verify_request(Request("POST", "https://api.example/mcp", headers))
"""

from __future__ import annotations

from ._records import _Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Protocol, TypeAlias

    Text: TypeAlias = str | bytes

    class HeaderItems(Protocol):
        """A mapping, or what a framework has in place of one."""

        def items(self) -> Iterable[tuple[Text, Text]]:
            """Name and value of each header."""


__all__ = ["Request"]


class Request(_Record):
    """One request as the client has made it. Immutable. It holds a credential, so not all of it is printed.

    Args:
        method: as it came: "POST".
        url: absolute, as the client sees it. Behind a proxy that is another URL than the server sees: take the public
            scheme and host from your configuration, never from a header that a client can set. Only DPoP needs it;
            without DPoP it may be a path with the query, or None.
        headers: a mapping, or pairs of name and value, as they came: a header that occurs twice is two pairs.
        client_certificate: what the client has shown in the TLS handshake, as DER or as one PEM block; None: nothing.
            From a header only when a proxy sets it and removes what clients send.
        token_header: the name of another header than Authorization that holds the token and nothing else, where a proxy
            puts it ("Cf-Access-Jwt-Assertion"). Authorization is not read then, and there is no DPoP.

    All text may be str or bytes.
    """

    __slots__ = ("method", "url", "headers", "client_certificate", "token_header")
    method: Text
    url: Text | None
    headers: tuple[tuple[Text, Text], ...]
    client_certificate: Text | None
    token_header: Text | None

    def __init__(
        self,
        method: Text,
        url: Text | None,
        headers: HeaderItems | Iterable[tuple[Text, Text]],
        client_certificate: Text | bytearray | memoryview | None = None,
        token_header: Text | None = None,
    ) -> None:
        if isinstance(client_certificate, (bytearray, memoryview)):
            client_certificate = bytes(client_certificate)
        if not isinstance(method, (str, bytes)):
            raise TypeError(f"method must be str or bytes, not {type(method).__name__}")
        others = (("url", url), ("client_certificate", client_certificate), ("token_header", token_header))
        for name, value in others:
            if not (value is None or isinstance(value, (str, bytes))):
                raise TypeError(f"{name} must be str, bytes or None, not {type(value).__name__}")
        self._fill(method, url, _pairs(headers), client_certificate, token_header)

    def _parts(self) -> tuple[Any, ...]:
        """As the core takes it."""
        return self.method, self.url, self.headers, self.client_certificate, self.token_header

    def __repr__(self) -> str:
        certificate = "" if self.client_certificate is None else ", with a client certificate"
        return f"<fastbearer.Request with {len(self.headers)} headers{certificate}>"


def _pairs(headers: Any) -> tuple[tuple[Text, Text], ...]:
    if isinstance(headers, (str, bytes)) or not (hasattr(headers, "items") or hasattr(headers, "__iter__")):
        raise TypeError(f"headers must be a mapping or pairs, not {type(headers).__name__}")
    pairs = []
    for item in headers.items() if hasattr(headers, "items") else headers:
        if isinstance(item, (str, bytes)) or len(item) != 2:
            raise TypeError("headers must be a mapping, or pairs of name and value")
        name, value = item
        if not isinstance(name, (str, bytes)) or not isinstance(value, (str, bytes)):
            raise TypeError("the names and values of headers must be str or bytes")
        pairs.append((name, value))
    return tuple(pairs)
