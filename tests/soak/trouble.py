"""What happens to the fleet meanwhile: keys rotate, the provider misbehaves, tokens are revoked, Redis goes away."""

from __future__ import annotations

import random
import time
from collections import Counter
from typing import Any

import redis

from fastbearer.stores import RedisStore
from tests.idp import FAULTS, IdentityProvider, SigningKey
from tests.python.redis_servers import RedisServer

from .clients import Site
from .servers import Server, ask
from .tokens import Tokens

#: What the servers are told of Redis: how long they wait for it, and go on without it. It is away for shorter.
REDIS_TIMEOUT = 1.0
MAX_SILENCE = 10.0
#: Seconds after which everything that waited for Redis has been answered, and every connection made anew.
BACK = 2 * REDIS_TIMEOUT + 1.0
FAULT_SECONDS = 4.0
#: Seconds within which all servers know a key set: they fetch it for the unknown keys of hostile tokens.
KEYS_KNOWN = 30.0
# What says good things slowly or in another form is no fault to this test, nor is what only TLS can do.
PLAIN_FAULTS = [name for name, fault in FAULTS.items() if fault.certificate == "good" and not fault.tls_version]


class Rotation:
    """As a provider does it: publish, wait, sign with the new key, wait, withdraw the old one. And faults."""

    def __init__(self, site: Site, provider: IdentityProvider, servers: list[Server]) -> None:
        self.site, self.provider, self.servers = site, provider, servers
        self.random = random.Random(1)
        self.faults: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    def run(self) -> None:
        while not self.site.over.is_set():
            algorithm = self.random.choice(list(self.site.keys))
            old = self.site.keys[algorithm]
            new = self.provider.rotate(overlap=True, algorithm=algorithm)
            if not self.wait_until_known(new, present=True):
                continue
            self.site.keys[algorithm] = new
            self.misbehave()
            self.provider.withdraw(old.kid)
            if self.wait_until_known(old, present=False):
                self.site.withdrawn.append(old)

    def misbehave(self) -> None:
        fault = self.random.choice(PLAIN_FAULTS)
        self.faults[fault] += 1
        self.provider.misbehave(fault)
        self.site.over.wait(FAULT_SECONDS)
        self.provider.behave()

    def wait_until_known(self, key: SigningKey, *, present: bool) -> bool:
        give_up = time.monotonic() + KEYS_KNOWN
        while not all(server.hold(key.kid, present) for server in self.servers):
            if self.site.over.wait(0.1):
                return False
            if time.monotonic() > give_up:
                late = [server.name for server in self.servers if not server.hold(key.kid, present)]
                self.wrong[f"a {'new' if present else 'withdrawn'} key, not known after 30 s: {', '.join(late)}"] += 1
                return False
        return True


class Revoker:
    """Revokes tokens that are in use, and sees how soon each process of the fleet refuses them."""

    def __init__(self, site: Site, url: str, servers: list[Server]) -> None:
        self.site, self.servers = site, servers
        self.store = RedisStore(url, timeout=REDIS_TIMEOUT)
        self.tokens = Tokens(site.issuer, site.keys, "revoker")
        self.delays: list[float] = []
        self.revoked: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    def run(self) -> None:
        while not self.site.over.wait(0.5):
            if self.tokens.random.random() < 0.7:
                self.revoke_token()
            else:
                self.revoke_subject()
        self.store.close()

    def revoke_token(self) -> None:
        claims = self.tokens.claims()
        token = self.tokens.key().token(claims)
        self.use(token)
        if self.tell(lambda: self.store.revoke(self.site.issuer, claims["jti"], expires_at=claims["exp"])):
            self.revoked["token"] += 1
            self.watch(token, "a revoked token")

    def revoke_subject(self) -> None:
        claims = self.tokens.claims()
        token = self.tokens.key().token(claims)
        self.use(token)
        before = time.time()
        if not self.tell(
            lambda: self.store.revoke_subject(
                self.site.issuer, claims["sub"], before=before, expires_at=claims["exp"] + 1
            )
        ):
            return
        self.revoked["subject"] += 1
        self.watch(token, "a token of a revoked subject")
        self.site.over.wait(max(0.0, int(before) + 1.05 - time.time()))
        self.site.returned.append(claims["sub"])

    def use(self, token: str) -> None:
        """So that it is cached where it is to be refused."""
        for server in self.servers:
            connection = server.connect()
            for _ in range(2 * server.kind.workers):
                status = ask(connection, token).status
                connection.close()
                if status != 200:
                    self.wrong[f"a token before it is revoked: status {status}"] += 1

    def tell(self, revoke: Any) -> bool:
        while not self.site.over.is_set():
            try:
                revoke()
                return True
            except (redis.RedisError, OSError):
                self.site.over.wait(0.2)
        return False

    def watch(self, token: str, kind: str) -> None:
        """Until each process has refused it, and none has accepted it since."""
        told = time.monotonic()
        accepted = told
        refused: Counter[tuple[str, int]] = Counter()
        wanted = {(server.name, worker.pid) for server in self.servers for worker in server.alive}
        while not self.site.over.is_set() and not all(refused[worker] >= 2 for worker in wanted):
            for server in self.servers:
                asked = time.monotonic()
                response = ask(server.connect(), token)
                if response.status == 200:
                    accepted = asked
                    refused.clear()
                else:
                    refused[server.name, response.worker] += 1
            if time.monotonic() - told > MAX_SILENCE:
                break
        self.delays.append(accepted - told)
        if accepted - told > MAX_SILENCE:
            self.wrong[f"{kind}: accepted {accepted - told:.1f} s later"] += 1
        self.site.revoked.append((token, kind))


class RedisTrouble:
    """Redis is paused, killed and started again with what it had acknowledged, or drops all its clients."""

    def __init__(self, site: Site, server: RedisServer) -> None:
        self.site, self.server = site, server
        self.random = random.Random(2)
        self.troubles: Counter[str] = Counter()
        self.longest = 0.0  # seconds, which must stay well below MAX_SILENCE

    def run(self) -> None:
        while not self.site.over.wait(self.random.uniform(5.0, 12.0)):
            begin = time.monotonic()
            self.site.outages.append((begin, float("inf")))
            trouble = self.random.choice((self.pause, self.kill, self.drop))
            self.troubles[trouble.__name__] += 1
            trouble()
            self.longest = max(self.longest, time.monotonic() - begin)
            self.site.outages[-1] = (begin, time.monotonic() + BACK)

    def pause(self) -> None:
        self.server.pause()
        time.sleep(self.random.uniform(0.2, 3.0))
        self.server.go_on()

    def kill(self) -> None:
        self.server.kill()
        time.sleep(self.random.uniform(0.0, 3.0))
        self.server.start()

    def drop(self) -> None:
        with redis.Redis.from_url(self.server.url) as client:
            client.execute_command("CLIENT", "KILL", "TYPE", "normal")
