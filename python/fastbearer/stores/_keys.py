"""A key set as it is stored, and what a store of key sets must do."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any, Protocol, runtime_checkable

from .._records import _Record

#: The largest key set that an issuer's max_jwks_bytes allows.
_MOST = 16 << 20
_FORM = 1


class StoredKeys(_Record):
    """A key set as it was fetched. The verifier that it is given to evaluates it as it does a response, and grants it
    no longer life than the rest of what the provider said.

    Attributes:
        document: the JWK set, to the byte.
        etag: the response's ETag, or None.
        jwks_uri: with discovery, where the metadata said that it is; else None.
        fetched_at: when it was fetched or last confirmed, in seconds since the epoch.
        fresh_until: until when it is fresh, in seconds since the epoch.
    """

    __slots__ = ("document", "etag", "jwks_uri", "fetched_at", "fresh_until")
    document: bytes
    etag: str | None
    jwks_uri: str | None
    fetched_at: float
    fresh_until: float

    def __init__(
        self, document: bytes, etag: str | None, jwks_uri: str | None, fetched_at: float, fresh_until: float
    ) -> None:
        self._fill(document, etag, jwks_uri, fetched_at, fresh_until)

    def to_bytes(self) -> bytes:
        """One value for stores that hold bytes: a line of JSON, then the document."""
        head = {
            "fastbearer": _FORM, "etag": self.etag, "jwks_uri": self.jwks_uri, "fetched_at": self.fetched_at,
            "fresh_until": self.fresh_until, "bytes": len(self.document),
        }  # fmt: skip
        return json.dumps(head).encode() + b"\n" + self.document

    @classmethod
    def from_bytes(cls, data: bytes) -> StoredKeys:
        """What to_bytes made; ValueError for anything else."""
        line, newline, document = data.partition(b"\n")
        if not newline or len(data) > _MOST + 4096:
            raise ValueError("not a stored key set")
        head = json.loads(line)
        if not isinstance(head, dict) or head.get("fastbearer") != _FORM or head.get("bytes") != len(document):
            raise ValueError("not a stored key set, or not all of it")
        return cls(document, _text(head, "etag"), _text(head, "jwks_uri"), _time(head, "fetched_at"),
                   _time(head, "fresh_until"))  # fmt: skip


def _text(head: dict[str, Any], name: str) -> str | None:
    value = head.get(name)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is not text")
    return value


def _time(head: dict[str, Any], name: str) -> float:
    value = head.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} is not a time")
    return float(value)


@runtime_checkable
class KeyStore(Protocol):
    """Keeps key sets for other processes and for later. Methods may be async; sync ones are called on threads.

    ``source`` names what a set was fetched from: 43 characters of A-Z, a-z, 0-9, "-" and "_", out of which no URL can
    be read. An exception is logged, and the keys are fetched as without a store.

    A store may have two methods more, so that one of many processes fetches: ``claim(source, seconds) -> bool``,
    whether this one is to fetch (False while another has claimed that, for at most ``seconds``), and
    ``release(source)``, when it has saved what it fetched, or has failed.
    """

    def load(self, source: str, /) -> StoredKeys | Awaitable[StoredKeys | None] | None:
        """The set that was saved last, or None."""

    def save(self, source: str, keys: StoredKeys, /) -> Awaitable[None] | None:
        """Keeps a set in place of the one before."""
