"""The client's certificate in a header that a proxy sets (RFC 8705), because it has ended the TLS connection.

The header is only as good as the proxy: one that does not remove what clients send in it lets everybody claim any
certificate. Only the escapes are undone here; the core reads the certificate.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, cast
from urllib.parse import unquote_to_bytes

from ._headers import header_name
from ._records import _Record
from .errors import ConfigurationError

# What the core takes for a certificate that cannot be read.
_UNREADABLE = b""

_RFC_9440 = re.compile(rb":([A-Za-z0-9+/]+)={0,2}:")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_XFCC_PAIR = re.compile(rb'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)(;|\Z)')


def _rfc_9440(value: bytes) -> bytes:
    """RFC 9440 section 2.1: a byte sequence of RFC 8941, whose padding may be missing (section 4.2.7)."""
    found = _RFC_9440.fullmatch(value)
    try:
        return _UNREADABLE if found is None else base64.b64decode(found[1] + b"=" * (-len(found[1]) % 4))
    except binascii.Error:
        return _UNREADABLE


def _nginx(value: bytes) -> bytes:
    """nginx's $ssl_client_escaped_cert, and any other PEM with percent-encoding."""
    return _UNREADABLE if _BAD_ESCAPE.search(value) else unquote_to_bytes(value)


def _xfcc(value: bytes) -> bytes | None:
    """Envoy's X-Forwarded-Client-Cert: Key=Value;Key=Value. Several elements, with a comma between them, come from
    several proxies, and none of them is known to be the client's.
    """
    certificates, at = [], 0
    while at < len(value):
        pair = _XFCC_PAIR.match(value, at)
        if pair is None:
            return _UNREADABLE
        if pair[1].lower() == b"cert":
            certificates.append(pair[2].strip(b'"'))
        at = pair.end()
    if len(certificates) > 1:
        return _UNREADABLE
    return _nginx(certificates[0]) if certificates else None


_FORMATS: dict[str, Callable[[bytes], bytes | None]] = {"rfc9440": _rfc_9440, "xfcc": _xfcc, "nginx": _nginx}


class ClientCertificateHeader(_Record):
    """The header in which a proxy that ends TLS hands over the client's certificate. Immutable.

    The proxy must remove this header from what clients send, always: a client that can set it shows any certificate
    without having its key.

    Args:
        name: of the header, in any case: "Client-Cert".
        format: how the proxy writes it. "rfc9440": the Client-Cert of RFC 9440. "xfcc": Envoy's X-Forwarded-Client-Cert
            with ``Cert``, of one hop. "nginx": $ssl_client_escaped_cert, or another PEM with percent-encoding.
    """

    __slots__ = ("name", "format")
    name: str
    format: Literal["rfc9440", "xfcc", "nginx"]

    def __init__(self, name: str, format: Literal["rfc9440", "xfcc", "nginx"]) -> None:
        header_name("client_certificate_header.name", name)
        if not isinstance(format, str) or format not in _FORMATS:
            raise ConfigurationError(f"client_certificate_header.format must be one of {', '.join(_FORMATS)}")
        self._fill(name, format)

    def _certificate_in(self, headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
        """As the core takes it; None when the proxy has seen no certificate."""
        wanted = self.name.lower().encode()
        values = [value.strip() for name, value in headers if name.lower() == wanted]
        if len(values) > 1:
            return _UNREADABLE
        return _FORMATS[self.format](values[0]) if values and values[0] else None


def as_certificate_header(
    given: ClientCertificateHeader | Mapping[str, str] | None,
) -> ClientCertificateHeader | None:
    """What an adapter is given, as the class."""
    if isinstance(given, Mapping):
        members = dict(given)
        unknown = members.keys() - {"name", "format"}
        if unknown:
            raise ConfigurationError(f"client_certificate_header has no member {min(unknown, key=str)!r}")
        return ClientCertificateHeader(members.get("name", ""), cast("Literal['rfc9440']", members.get("format")))
    if given is not None and not isinstance(given, ClientCertificateHeader):
        raise ConfigurationError(
            "client_certificate_header must be a ClientCertificateHeader, or its name and format as a mapping, "
            f"not {type(given).__name__}"
        )
    return given
