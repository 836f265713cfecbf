"""FastMCP's RSAKeyPair, with the key parsed once instead of on every token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from . import _fastmcp_host as host
from . import keys

_Upstream: Any = object if TYPE_CHECKING else host.UPSTREAM_KEY_PAIR
