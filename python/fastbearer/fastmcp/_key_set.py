"""The key set of a FastMCP provider as FastMCP's own verifier presents it to tests and subclasses.

The verifier holds the keys. This is the surface that people use beside it: _jwks_cache, _jwks_cache_time, _cache_ttl
(readable, and obeyed when they are written), _fetch_jwks (overridable, mockable), _get_jwks_key and
_get_verification_key (overridable, and callable through super()).
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..errors import KeysUnavailableError
from ..verifier import decode_unverified
from . import _fetch
from . import _installed as installed

DEFAULT_MAX_AGE = 3600.0


def _is_metadata(body: bytes) -> bool:
    """Whether this is the document that says where the keys are, the first step of discovery."""
    try:
        return "jwks_uri" in json.loads(body)
    except (ValueError, TypeError):
        return False


class KeySetMixin:
    """Mixed into our JWTVerifier, which provides the attributes and the abstract methods."""

    jwks_uri: str | None
    discover: bool
    public_key: Any
    logger: Any
    _ready: bool = False
    _jwks_seed: dict[str, Any] | None = None
    _jwks_document: bytes | None = None
    _jwks_fetched_at: float = 0.0
    _jwks_max_age: float = DEFAULT_MAX_AGE
    _jwks_hook_fetched_at: float | None = None
    _jwks_expired: bool = False
    _jwks_refreshing: int = 0

    @property
    def _has_key_set(self) -> bool:
        """Whether keys are fetched, from a URL that is given or found by discovery. A public_key that is written
        afterwards comes first, as in FastMCP.
        """
        return bool(self.jwks_uri or self.discover) and not self.public_key

    @property
    def _jwks_seeded(self) -> bool:
        return bool(self._jwks_seed)

    @property
    def _jwks_cache(self) -> dict[str, Any]:
        """kid -> PEM of the keys that are held; "_default" for one without a kid."""
        if self._jwks_seed:
            return self._jwks_seed
        keys: dict[str, Any] = {}
        try:
            entries = json.loads(self._jwks_document or b"{}").get("keys", [])
        except (ValueError, AttributeError):
            return keys
        for jwk in entries if isinstance(entries, list) else ():
            try:
                keys[jwk.get("kid") or "_default"] = installed.jwk_to_pem(jwk)
            except Exception as error:
                self.logger.debug("skipping an unusable key of the set: %s", type(error).__name__)
        return keys

    @_jwks_cache.setter
    def _jwks_cache(self, keys: dict[str, Any]) -> None:
        self._jwks_seed = keys
        if self._ready:
            self._jwks_expired = self._jwks_expired or not keys
            self._invalidate()

    @property
    def _jwks_cache_time(self) -> float:
        """When the keys came, on the monotonic clock; 0 before the first time."""
        return self._jwks_fetched_at

    @_jwks_cache_time.setter
    def _jwks_cache_time(self, moment: float) -> None:
        if not self._ready:
            return
        self._jwks_fetched_at = moment
        # FastMCP counted this on the wall clock once, and on the monotonic clock since 3.4.10.
        now = time.time() if moment > 1e9 else time.monotonic()
        if moment <= 0 or now - moment >= self._jwks_max_age:
            self._jwks_expired = True
            self._invalidate()

    @property
    def _cache_ttl(self) -> float:
        """The longest time that keys are used without being fetched again; the verifier itself fetches earlier."""
        return self._jwks_max_age

    @_cache_ttl.setter
    def _cache_ttl(self, seconds: float) -> None:
        self._jwks_max_age = seconds
        if self._ready:
            self._invalidate()

    def _invalidate(self) -> None:
        raise NotImplementedError

    async def _refresh_keys(self) -> KeysUnavailableError | None:
        raise NotImplementedError

    def _fetch_limits(self) -> dict[str, Any]:
        raise NotImplementedError

    def _overrides(self, name: str) -> bool:
        raise NotImplementedError

    def _fetch_function(
        self,
    ) -> Callable[[str, Mapping[str, str]], Awaitable[tuple[int, Mapping[str, str], bytes]]] | None:
        """What the verifier fetches its key set with; None leaves it to libcurl."""
        limits = self._fetch_limits()
        if limits["ssrf_safe"] and installed.ssrf_safe_fetch is None and not self._overrides("_fetch_jwks"):
            return None

        async def fetch(url: str, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
            response: tuple[int, Mapping[str, str], bytes]
            if self._overrides("_fetch_jwks"):
                response = (200, {}, json.dumps(await self._fetch_jwks()).encode())
            else:
                response = await _fetch.fetch(url, headers, **self._fetch_limits())
            if response[0] == 200 and not (self.discover and _is_metadata(response[2])):
                self._jwks_document, self._jwks_fetched_at = response[2], time.monotonic()
            return response

        return fetch

    async def _fetch_jwks(self) -> dict[str, Any]:
        """Fetches the key set document. Override it to get the keys from elsewhere."""
        if not self.jwks_uri:
            raise ValueError("JWKS URI not configured")
        status, _, body = await _fetch.fetch(self.jwks_uri, {}, **self._fetch_limits())
        if status != 200:
            raise ValueError(f"Failed to fetch JWKS: HTTP {status}")
        document = json.loads(body)
        if not isinstance(document, dict):
            raise ValueError("Failed to process JWKS: not an object")
        return document

    async def _get_verification_key(self, token: str) -> Any:
        """The key that a token is to be verified with. Override it to choose another; return PEM text or a JWK."""
        if self.public_key:
            return self.public_key
        try:
            kid = decode_unverified(token).header.get("kid")
            return await self._get_jwks_key(kid if isinstance(kid, str) else None)
        except Exception as error:
            raise ValueError(f"Failed to extract key ID from token: {error}") from error

    async def _get_jwks_key(self, kid: str | None) -> Any:
        """The key with this id out of the set, fetched when it is not held; without an id, the only key."""
        if not (self.jwks_uri or self.discover):
            raise ValueError("JWKS URI not configured")
        key, failure = self._held_key(kid), None
        if key is None and (self._jwks_refreshing or self._may_fetch()):
            self._jwks_refreshing += 1  # who comes while keys are on their way waits for them, too
            try:
                failure = await self._refresh_keys()
            finally:
                self._jwks_refreshing -= 1
            key = self._held_key(kid)
        if key is not None:
            return key
        if failure is not None:
            raise ValueError(f"Failed to fetch JWKS: {failure}") from failure
        if kid:
            raise ValueError(f"Key ID '{kid}' not found in JWKS")
        count = len(self._jwks_cache)
        raise ValueError("Multiple keys in JWKS but no key ID (kid) in token" if count else "No keys found in JWKS")

    def _held_key(self, kid: str | None) -> Any:
        if (
            not self._jwks_seed
            and time.monotonic() - self._jwks_fetched_at >= self._jwks_max_age
            and self._may_fetch(False)
        ):
            return None
        keys = self._jwks_cache
        if kid:
            return keys.get(kid)
        return next(iter(keys.values())) if len(keys) == 1 else None

    def _may_fetch(self, note: bool = True) -> bool:
        """Whether a fetch for a hook is allowed now: at the interval that the verifier keeps for itself."""
        now = time.monotonic()
        allowed = self._jwks_hook_fetched_at is None or now - self._jwks_hook_fetched_at >= self._jwks_refresh_interval
        if allowed and note:
            self._jwks_hook_fetched_at = now
        return allowed

    _jwks_refresh_interval: float = 30.0
