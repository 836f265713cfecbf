"""Stores: what several processes, or one process at several times, have in common.

    Issuer("https://login.example", key_store=FileKeyStore("/var/cache/my-server/keys"))

Whoever can write to a key store gives this server keys that it trusts: a store must be as safe as the configuration.
A store of your own has the methods of KeyStore.
"""

from __future__ import annotations

from ._file import FileKeyStore
from ._keys import KeyStore, StoredKeys

__all__ = ["FileKeyStore", "KeyStore", "StoredKeys"]
