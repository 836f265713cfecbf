"""What a fleet of servers has in common, in Redis or Valkey: key sets, DPoP proofs, revocations."""

from __future__ import annotations

import os
import secrets
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from .._fetch_function import loggable_url
from ..errors import ConfigurationError
from ._keys import StoredKeys
from ._revoked import Revoked

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .._native import AccessToken

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.retry import Retry
except ImportError as _error:
    raise ImportError("RedisStore needs the package redis: pip install fastbearer[redis]") from _error

__all__ = ["RedisStore"]

#: Seconds for which a key set is kept: longer than any verifier would use it.
_KEYS_KEPT = 86400
#: What is kept of the stream of revocations; who has missed more reads all of them anew.
_STREAM_LENGTH = 10000

#: Releases a claim that is still the caller's; one that has expired may be somebody else's by now.
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"

#: One revocation: into the set of all of them, which is rid of what has run out, and onto the stream with a number, by
#: which those who follow it see whether they have missed one. A later end or moment replaces an earlier one only.
_REVOKE = """
local member, moment, ends = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local before = redis.call('hget', KEYS[2], member)
if before and tonumber(before) > moment then moment = tonumber(before) end
redis.call('hset', KEYS[2], member, string.format('%.6f', moment))
local held = redis.call('zscore', KEYS[1], member)
if held and tonumber(held) > ends then ends = tonumber(held) end
redis.call('zadd', KEYS[1], ends, member)
for _, old in ipairs(redis.call('zrangebyscore', KEYS[1], '-inf', '(' .. ARGV[4], 'limit', 0, 100)) do
    redis.call('zrem', KEYS[1], old)
    redis.call('hdel', KEYS[2], old)
end
local number = redis.call('incr', KEYS[4])
redis.call('xadd', KEYS[3], 'maxlen', '~', ARGV[5], '*', 'number', number, 'member', member,
           'moment', string.format('%.6f', moment), 'ends', string.format('%.6f', ends))
return number
"""


_STORES: weakref.WeakSet[RedisStore] = weakref.WeakSet()


class RedisStore:
    """Key sets, DPoP proofs and revocations for all servers that share a Redis or Valkey. Safe for any number of
    threads and event loops, and for the child of a fork.

        fleet = RedisStore("rediss://:password@redis.example:6379", ca_file="/etc/ssl/redis.pem")
        Issuer("https://login.example", key_store=fleet)
        DPoP(replay_store=fleet)
        Verifier(..., is_revoked=fleet.is_revoked)
        fleet.revoke("https://login.example", "the jti of a token")

    Revocations are pushed: each process holds all of them, filled when it first looks and kept current by a stream, so
    that a token is looked up in well under a microsecond. While there is no word from Redis for longer than
    ``max_silence``, whether a token has been revoked is not known, and requests get 503. So a small ``max_silence``
    refuses when Redis is away, and a large one goes on with what is known, for that long and no longer.

    Args:
        url: redis://, rediss:// (TLS) or unix://, with user and password. Whoever can write there decides which keys
            these servers trust.
        prefix: what all keys begin with; servers with the same prefix share everything.
        timeout: seconds for a connection and for an answer.
        max_silence: seconds for which what is known of revocations counts while there is no word from Redis; then
            requests get 503. At least 1.
        revocation_seconds: how long a revocation is kept that comes without ``expires_at``: longer than any token
            lives.
        max_revocations: how many are held. When there are more, requests get 503 rather than forget one.
        ca_file: a PEM file of the authorities to trust for rediss://; by default the system's.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str = "fastbearer:",
        timeout: float = 2.0,
        max_silence: float = 3.0,
        revocation_seconds: float = 86400.0,
        max_revocations: int = 1_000_000,
        ca_file: str | None = None,
    ) -> None:
        if not isinstance(url, str) or "://" not in url:
            raise ConfigurationError("url must be redis://, rediss:// or unix://")
        numbers = {
            "timeout": (timeout, 0.01), "max_silence": (max_silence, 1.0), "max_revocations": (max_revocations, 1),
            "revocation_seconds": (revocation_seconds, 1.0),
        }  # fmt: skip
        for name, (value, least) in numbers.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
                raise ConfigurationError(f"{name} must be a number, at least {least:g}")
        options: dict[str, Any] = {} if ca_file is None else {"ssl_ca_certs": ca_file}
        try:
            self._redis = redis.Redis.from_url(
                url, socket_timeout=timeout, socket_connect_timeout=timeout,
                # A connection that was closed while it was idle; what timed out is not tried again.
                retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)), **options,
            )  # fmt: skip
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"url: {error}") from None
        self._url = loggable_url(url)
        self._prefix = prefix
        self._timeout = float(timeout)
        self._revocation_seconds = float(revocation_seconds)
        self._max_silence = float(max_silence)
        self._claims: dict[str, str] = {}
        self._release = self._redis.register_script(_RELEASE)
        self._revoke = self._redis.register_script(_REVOKE)
        self._make_lock = threading.Lock()
        self._max_revocations = int(max_revocations)
        self._revoked: Revoked | None = None
        _STORES.add(self)

    def _key(self, kind: str, name: str = "") -> str:
        return f"{self._prefix}{kind}{':' if name else ''}{name}"

    def __repr__(self) -> str:
        return f"<fastbearer.stores.RedisStore {self._url} {self._prefix!r}>"

    def __reduce__(self) -> str:
        raise TypeError("a RedisStore cannot be pickled, since it holds a password: make one in each process")

    def close(self) -> None:
        """Closes the connections, and stops following revocations."""
        revoked, self._revoked = self._revoked, None
        if revoked is not None:
            revoked.stop()
        self._redis.close()

    # ---- key sets

    def load(self, source: str) -> StoredKeys | None:
        """The key set that any server saved last, or None."""
        data: Any = self._redis.get(self._key("keys", source))
        return None if data is None else StoredKeys.from_bytes(data)

    def save(self, source: str, keys: StoredKeys) -> None:
        """Keeps a key set for all servers."""
        self._redis.set(self._key("keys", source), keys.to_bytes(), ex=_KEYS_KEPT)

    def claim(self, source: str, seconds: float) -> bool:
        """Whether this server is to fetch; the claim ends with release, or by itself."""
        mine = self._claims.setdefault(source, secrets.token_hex(16))
        key = self._key("fetching", source)
        if self._redis.set(key, mine, nx=True, px=max(1, int(seconds * 1000))):
            return True
        held: Any = self._redis.get(key)
        return bool(held == mine.encode())

    def release(self, source: str) -> None:
        """Ends this server's claim."""
        mine = self._claims.pop(source, None)
        if mine is not None:
            self._release(keys=[self._key("fetching", source)], args=[mine])

    # ---- proofs

    def add(self, key: str, expires_at: float) -> bool:
        """Remembers a DPoP proof for all servers; whether it is new."""
        left = max(1, int((expires_at - time.time()) * 1000) + 1)
        name, mine = self._key("proof", key), secrets.token_bytes(12)
        if self._redis.set(name, mine, nx=True, px=left):
            return True
        # Where a connection ended before the answer came, the command was sent once more and met what it had written.
        return bool(self._redis.get(name) == mine)

    # ---- revocations

    def revoke(self, issuer: str | None, jti: str, *, expires_at: float | None = None) -> None:
        """Revokes one token, everywhere, by its ``iss`` and ``jti``.

        Args:
            issuer: ``iss`` of the token; None for one without.
            jti: its ``jti``.
            expires_at: until when to hold that, in seconds since the epoch: when the token expires.
        """
        self._add("jti", issuer, jti, 0.0, expires_at)

    def revoke_subject(
        self, issuer: str | None, sub: str, *, before: float | None = None, expires_at: float | None = None
    ) -> None:
        """Revokes all tokens of a subject that were issued at or before a moment, and those without ``iat``.

        Args:
            issuer: ``iss`` of the tokens; None for those without.
            sub: their ``sub``.
            before: seconds since the epoch; None: now.
            expires_at: until when to hold that: when the last of them expires.
        """
        self._add("sub", issuer, sub, time.time() if before is None else float(before), expires_at)

    def _add(self, kind: str, issuer: str | None, name: str, moment: float, expires_at: float | None) -> None:
        if not isinstance(name, str) or not name or not (issuer is None or isinstance(issuer, str)):
            raise TypeError(f"issuer must be str or None, and {kind} a str that is not empty")
        now = time.time()
        ends = now + self._revocation_seconds if expires_at is None else float(expires_at)
        import json

        member = json.dumps([kind, issuer, name])
        self._revoke(
            keys=self._revocation_keys(),
            args=[member, f"{moment:.6f}", f"{ends:.6f}", f"{now:.6f}", _STREAM_LENGTH],
        )  # fmt: skip
        if self._revoked is not None:
            self._revoked.add(member, moment, ends)

    def _revocation_keys(self) -> list[str]:
        return [self._key("revoked"), self._key("revoked-before"), self._key("revocations"), self._key("revoked-count")]

    def is_revoked(self, access: AccessToken) -> bool | Awaitable[bool]:
        """For ``Verifier(is_revoked=...)``: whether a token has been revoked. It raises when that is not known.

        Answers at once, but for the first time: then it waits until all revocations are there.
        """
        revoked = self._revoked
        if revoked is not None and time.monotonic() <= revoked.known_until:
            return revoked.look_up(access, None)
        return self._follow().holds(access)

    def revocation_problem(self) -> str | None:
        """Why it is not known now what has been revoked; None when it is, or nobody has asked yet."""
        revoked = self._revoked
        return None if revoked is None or time.monotonic() <= revoked.known_until else revoked.problem()

    def _follow(self) -> Revoked:
        with self._make_lock:
            revoked = self._revoked
            if revoked is None:
                revoked = Revoked(
                    self._redis, self._revocation_keys(), self._timeout, self._max_silence, self._max_revocations
                )
                self._revoked = revoked
        return revoked

    def _forget(self) -> None:
        """In the child of a fork: the thread that follows revocations is not here, and the claims are the parent's."""
        self._make_lock = threading.Lock()
        self._revoked = None
        self._claims = {}


def _after_fork() -> None:
    for store in list(_STORES):
        store._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
