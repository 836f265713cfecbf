"""Stores: what several processes, or one process at several times, have in common.

    Issuer("https://login.example", key_store=FileKeyStore("/var/cache/my-server/keys"))

    fleet = RedisStore("rediss://:password@redis.example:6379")
    verifier = Verifier(issuers=[Issuer("https://login.example", key_store=fleet)], audience=...,
                        dpop=DPoP(replay_store=fleet), is_revoked=fleet.is_revoked)

Whoever can write to a key store gives this server keys that it trusts: a store must be as safe as the configuration.
A store of your own has the methods of KeyStore.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._file import FileKeyStore
from ._keys import KeyStore, StoredKeys

if TYPE_CHECKING:
    from ._redis import RedisStore as RedisStore

__all__ = ["FileKeyStore", "KeyStore", "RedisStore", "StoredKeys"]


def __getattr__(name: str) -> Any:
    """RedisStore, which needs the package redis, when it is first asked for."""
    if name == "RedisStore":
        from ._redis import RedisStore

        return RedisStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
