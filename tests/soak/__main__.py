"""A fleet for some minutes: python -m tests.soak MINUTES [SERVER...]

Four workers of a FastMCP server and two Node servers, which share a Redis; a provider that rotates its keys and
misbehaves; tokens that are revoked while they are used; clients with proofs of possession, and used proofs on other
servers; a Redis that is paused and killed. Half of all requests are hostile. It fails when one good request was
refused, one hostile one was accepted, a process died, or memory, open files or threads grew. SERVER is a name of
servers.KINDS; all by default. Times are those that a client sees on a machine that the clients keep busy as well.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable

from tests.idp import IdentityProvider
from tests.python.redis_servers import RedisServer

from . import report
from .clients import Client, Site
from .servers import KINDS, Server
from .tokens import AUDIENCE
from .trouble import MAX_SILENCE, REDIS_TIMEOUT, RedisTrouble, Revoker, Rotation

ALGORITHMS = ("ES256", "RS256", "EdDSA")
CLIENTS = 2  # for each process


class Soak:
    """All of it."""

    def __init__(self, provider: IdentityProvider, redis: RedisServer, names: list[str]) -> None:
        settings = {
            "issuer": provider.issuer,
            "jwks_uri": provider.jwks_uri,
            "audience": AUDIENCE,
            "algorithms": ALGORITHMS,
            "base_url": AUDIENCE.removesuffix("/mcp"),
            "redis": redis.url,
            "redis_timeout": REDIS_TIMEOUT,
            "max_silence": MAX_SILENCE,
            "refresh_interval": 5.0,
            "cache_size": 256,  # it is full before memory is looked at
        }
        self.servers = [Server(name, settings) for name in names]
        self.site = Site(provider.issuer, {key.algorithm: key for key in provider.keys})
        self.rotation = Rotation(self.site, provider, self.servers)
        self.revoker = Revoker(self.site, redis.url, self.servers)
        self.redis = RedisTrouble(self.site, redis)
        self.found: list[str] = []

    def start(self, part: Callable[[], None]) -> threading.Thread:
        def guarded() -> None:
            try:
                part()
            except Exception as error:
                traceback.print_exc()
                self.found.append(f"a part of the soak failed: {error!r}")

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread

    def run(self, minutes: float) -> None:
        for server in self.servers:
            server.wait_until_ready()
            server.sample()
        clients = [
            Client(self.site, server, number)
            for server in self.servers
            for number in range(CLIENTS * server.kind.workers)
        ]
        parts = [client.run for client in clients] + [self.rotation.run, self.revoker.run, self.redis.run]
        threads = [self.start(part) for part in parts]
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            time.sleep(1.0)
            for server in self.servers:
                server.sample()
        self.site.over.set()
        for thread in threads:
            thread.join(timeout=30)
            if thread.is_alive():
                self.found.append("a client did not end")

    def stop(self) -> None:
        for server in self.servers:
            if not server.stop():
                self.found.append(f"{server.name}: died, or did not end when it was told to")

    def judge(self) -> list[str]:
        """What is wrong."""
        found = [*self.found]
        found += [f"{server.name}: {what}" for server in self.servers for what in report.faults(server)]
        for part in (self.rotation, self.revoker):
            found += [f"{count} x {what}" for what, count in part.wrong.most_common()]
        if sum(server.kind.workers for server in self.servers if server.kind.proofs) > 1 and not self.site.across:
            found.append("no used proof came to another process")
        return found

    def describe(self) -> str:
        delays = sorted(self.revoker.delays) or [0.0]
        middle = delays[len(delays) // 2] * 1e3
        revoked = ", ".join(f"{count} x {what}" for what, count in self.revoker.revoked.items())
        trouble = ", ".join(f"{count} x {what}" for what, count in self.redis.troubles.items())
        lines = [
            report.requests(self.servers),
            "",
            report.memory(self.servers),
            "",
            f"rotations with a fault: {self.rotation.faults.total()} ({', '.join(sorted(self.rotation.faults))})",
            f"revocations: {revoked}; accepted after that for {middle:.0f} ms (p50), {delays[-1] * 1e3:.0f} ms (most)",
            f"Redis: {trouble}, away for {self.redis.longest:.1f} s (most)",
            f"used proofs that another process refused: {self.site.across}",
        ]
        return "\n".join(lines)


def main(minutes: float, names: list[str]) -> int:
    unknown = set(names) - set(KINDS)
    if unknown:
        sys.exit(f"no such server: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    with IdentityProvider(algorithms=ALGORITHMS) as provider, RedisServer(durable=True) as redis:
        soak = Soak(provider, redis, names or list(KINDS))
        try:
            soak.run(minutes)
        finally:
            soak.stop()
    print(soak.describe())
    found = soak.judge()
    for what in found:
        print(f"WRONG: {what}")
    print("failed" if found else "passed")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
