"""FastMCP's RSAKeyPair, with the key parsed once instead of with every token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from .. import keys
from . import _installed as installed

if TYPE_CHECKING:
    from fastmcp.server.auth.providers.jwt import RSAKeyPair as _Upstream
    from typing_extensions import Self
else:
    _Upstream = installed.UPSTREAM_KEY_PAIR


class RSAKeyPair(_Upstream):
    """An RSA key pair for tests and tools; private_key is a pydantic SecretStr, as in FastMCP."""

    private_key: SecretStr
    public_key: str
    _loaded: keys.RSAKeyPair | None = None

    @classmethod
    def generate(cls, bits: int = 2048) -> Self:
        """A new pair; e is 65537."""
        loaded = keys.RSAKeyPair.generate(bits)
        pair = cls(private_key=SecretStr(loaded.private_key.get_secret_value()), public_key=str(loaded.public_key))
        object.__setattr__(pair, "_loaded", loaded)  # the dataclass is frozen, and this is not part of its value
        return pair

    def create_token(
        self,
        subject: str = "fastmcp-user",
        issuer: str = "https://fastmcp.example.com",
        audience: str | Sequence[str] | None = None,
        scopes: Sequence[str] | None = None,
        expires_in_seconds: int = 3600,
        additional_claims: Mapping[str, Any] | None = None,
        kid: str | None = None,
    ) -> str:
        """Mints an RS256 token with these claims; additional_claims override the others."""
        return self._key().create_token(
            subject=subject,
            issuer=issuer,
            audience=audience,
            scopes=scopes,
            expires_in_seconds=expires_in_seconds,
            additional_claims=additional_claims,
            kid=kid,
        )

    def jwks(self, kid: str | None = None) -> dict[str, Any]:
        """The key set document with the public key."""
        return self._key().jwks(kid)

    def _key(self) -> keys.RSAKeyPair:
        loaded = self._loaded
        if loaded is None:
            loaded = keys.RSAKeyPair(private_key=self.private_key)
            object.__setattr__(self, "_loaded", loaded)
        return loaded
