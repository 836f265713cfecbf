"""How an answer can go wrong. A Behaviour is one way to answer; FAULTS gives the usual ones a name.

Metadata does the same for the documents of discovery, with METADATA_FAULTS.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Behaviour:
    """All defaults together: a provider that does everything right."""

    status: int = 200
    reason: str = ""
    body: bytes | None = None  # in place of the key set
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()  # in addition
    cache_control: str | None = "max-age=300"
    age: str | None = None
    etag: bool = True  # send one, and answer 304 when it comes back
    always_304: bool = False
    date_skew: float = 0.0  # seconds that the Date header is off

    # Time. Everything that waits ends when the behaviour changes or the provider stops.
    header_delay: float = 0.0
    body_delay: float = 0.0
    trickle: float = 0.0  # seconds between two bytes of the body
    hang: bool = False  # read the request, never answer
    no_handshake: bool = False  # accept the connection, then nothing; with TLS not even a handshake

    # Bytes on the wire.
    reset: str = ""  # "request": RST in place of an answer; "body": in the middle of the body
    close: bool = False  # end the connection in place of an answer
    length: str = "{length}"  # the Content-Length, {length} is the true one
    declare: int = 0  # added to Content-Length: above 0 the body ends early, below it goes on
    endless: bool = False  # a body that never ends, in chunks
    endless_header: bool = False
    chunked: bool = False
    encoding: str = ""  # Content-Encoding: gzip, deflate; the body really is encoded
    transfer_encoding: str = ""  # "gzip": encoded as a transfer coding
    padding: int = 0  # white space in the document, so that it is this many bytes longer
    raw: bytes | None = None  # the whole answer, then the end of the connection

    # The key set.
    empty_set: bool = False
    broken_keys: bool = False  # unusable ones before and behind the good ones
    private_keys: bool = False  # with the private members

    # TLS. A change ends the connections that are open.
    certificate: str = "good"  # expired, not_yet_valid, wrong_host, unknown_ca, self_signed, changed
    tls_version: str = ""  # "1.1": nothing newer


def behaviour_of(fields: Mapping[str, Any]) -> Behaviour:
    """From JSON: text for bytes, lists for tuples."""
    values = dict(fields)
    for name in ("body", "raw"):
        if isinstance(values.get(name), str):
            values[name] = values[name].encode()
    if "headers" in values:
        pairs = values["headers"].items() if isinstance(values["headers"], Mapping) else values["headers"]
        values["headers"] = tuple((str(name), str(value)) for name, value in pairs)
    return Behaviour(**values)


@dataclasses.dataclass(frozen=True)
class Metadata:
    """The documents of discovery; all defaults together: all of them are there, and right."""

    members: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # {base}: ours; None: left out
    served: tuple[str, ...] = ("openid", "oauth", "inserted")  # RFC 8414 section 5; "inserted": openid before the path
    behaviour: Behaviour = dataclasses.field(default_factory=Behaviour)


def metadata_of(fields: Mapping[str, Any]) -> Metadata:
    """From JSON."""
    values = dict(fields)
    if "served" in values:
        values["served"] = tuple(values["served"])
    if "behaviour" in values:
        values["behaviour"] = behaviour_of(values["behaviour"])
    return Metadata(**values)


HTML = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"

FAULTS: dict[str, Behaviour] = {
    "slow_header": Behaviour(header_delay=3600.0),
    "late_header": Behaviour(header_delay=0.4),
    "two_seconds": Behaviour(header_delay=2.0),
    "slow_body": Behaviour(body_delay=3600.0),
    "trickle": Behaviour(trickle=0.2),
    "hang": Behaviour(hang=True),
    "no_handshake": Behaviour(no_handshake=True),
    "reset": Behaviour(reset="request"),
    "reset_body": Behaviour(reset="body"),
    "close": Behaviour(close=True),
    "short_body": Behaviour(declare=100),
    "long_body": Behaviour(declare=-100),
    "endless_body": Behaviour(endless=True),
    "endless_header": Behaviour(endless_header=True),
    "large_field": Behaviour(headers=(("Age", "1" * 600),)),
    "large_body": Behaviour(padding=1 << 20),
    "large_chunked": Behaviour(padding=1 << 20, chunked=True),
    "bomb": Behaviour(encoding="gzip", padding=200 << 20),
    "transfer_bomb": Behaviour(transfer_encoding="gzip", padding=200 << 20),
    "gzip": Behaviour(encoding="gzip"),
    "deflate": Behaviour(encoding="deflate"),
    "redirect": Behaviour(status=302, body=b""),  # to /elsewhere, which has a good key set
    "redirect_308": Behaviour(status=308, body=b""),
    "created": Behaviour(status=201),
    "no_content": Behaviour(status=204, body=b""),
    "partial": Behaviour(status=206),
    "not_modified": Behaviour(always_304=True),
    "not_found": Behaviour(status=404),
    "too_many": Behaviour(status=429, headers=(("Retry-After", "3600"),)),
    "server_error": Behaviour(status=500),
    "unavailable": Behaviour(status=503, body=b""),
    "html": Behaviour(body=HTML, content_type="text/html"),
    "empty_body": Behaviour(body=b""),
    "empty_set": Behaviour(empty_set=True),
    "array": Behaviour(body=b"[]"),
    "cut_json": Behaviour(body=b'{"keys":[{"kty":"RSA"'),
    "keys_object": Behaviour(body=b'{"keys":{}}'),
    "duplicate_keys": Behaviour(body=b'{"keys":[],"keys":[]}'),
    "broken_keys": Behaviour(broken_keys=True),
    "text_type": Behaviour(content_type="text/plain"),
    "same_lengths": Behaviour(headers=(("Content-Length", "{length}"),)),
    "two_lengths": Behaviour(headers=(("Content-Length", "20"),)),
    "two_lengths_in_one": Behaviour(length="20, {length}"),
    "length_and_chunks": Behaviour(chunked=True, headers=(("Content-Length", "20"),)),
    "repeated_field": Behaviour(headers=(("Cache-Control", "no-transform"),)),
    "skewed_date": Behaviour(date_skew=-86400.0 * 365),
    "http09": Behaviour(raw=b'{"keys":[]}'),
    "not_http": Behaviour(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
    "expired": Behaviour(certificate="expired"),
    "not_yet_valid": Behaviour(certificate="not_yet_valid"),
    "wrong_host": Behaviour(certificate="wrong_host"),
    "unknown_ca": Behaviour(certificate="unknown_ca"),
    "self_signed": Behaviour(certificate="self_signed"),
    "changed": Behaviour(certificate="changed"),
    "old_tls": Behaviour(tls_version="1.1"),
}

METADATA_FAULTS: dict[str, Metadata] = {
    "none": Metadata(served=()),
    "only_openid": Metadata(served=("openid",)),
    "only_oauth": Metadata(served=("oauth",)),
    "only_inserted": Metadata(served=("inserted",)),
    "wrong_issuer": Metadata(members={"issuer": "https://elsewhere.example"}),
    "slash_issuer": Metadata(members={"issuer": "{issuer}/"}),
    "no_issuer": Metadata(members={"issuer": None}),
    "no_jwks_uri": Metadata(members={"jwks_uri": None}),
    "jwks_uri_number": Metadata(members={"jwks_uri": 7}),
    "jwks_uri_http": Metadata(members={"jwks_uri": "http://issuer.example/jwks"}),
    "jwks_uri_private": Metadata(members={"jwks_uri": "{scheme}://127.0.0.2:{port}/jwks"}),
    "jwks_uri_password": Metadata(members={"jwks_uri": "https://user:password@issuer.example/jwks"}),
    "jwks_uri_changed": Metadata(members={"jwks_uri": "{base}/elsewhere"}),  # which has a good key set
    "jwks_uri_other_host": Metadata(members={"jwks_uri": "{scheme}://localhost:{port}/jwks"}),
    "jwks_uri_missing": Metadata(members={"jwks_uri": "{base}/nowhere"}),
    **{
        name: Metadata(behaviour=FAULTS[name])
        for name in (
            "redirect", "redirect_308", "server_error", "unavailable", "too_many", "not_found", "created", "html",
            "empty_body", "array", "gzip", "large_body", "large_chunked", "endless_body", "bomb", "hang",
            "late_header", "two_seconds", "trickle", "reset", "short_body", "close",
        )
    },
    "cut_json": Metadata(behaviour=Behaviour(body=b'{"issuer":"https://')),
    "duplicates": Metadata(behaviour=Behaviour(body=b'{"issuer":"a","issuer":"b"}')),
}  # fmt: skip
