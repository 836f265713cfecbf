"""What needs no verifier: reading a token without verifying it, and what is running."""

from __future__ import annotations

from . import _native
from ._records import Unverified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def decode_unverified(token: str | bytes | bytearray | memoryview) -> Unverified:
    """The header and claims of a token that nobody has verified. For people and tools, never for a decision: anybody
    can write what stands there. DecodeError when it is not even a token.
    """
    import json

    header, claims = _native.decode_unverified(token)
    return Unverified(json.loads(header), json.loads(claims))


def versions() -> dict[str, Any]:
    """What is running: ``fastbearer``, ``openssl``, ``jansson`` and ``curl`` are version numbers. ``built_in`` is True
    where these libraries are parts of the wheel, as in the published ones: then a fault in one of them is mended by a
    newer version of this package, else by the system's update.
    """
    return _native.versions()
