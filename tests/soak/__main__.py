"""Real servers, good and hostile tokens at full speed, keys that rotate, a provider that misbehaves: python -m
tests.soak MINUTES [SERVER...]

SERVER is fastmcp or node; both by default. Fails when one good request was refused or one hostile one got through.
Latencies are those of the good requests as a client sees them, on a machine that the clients keep busy as well.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.idp import FAULTS, IdentityProvider, SigningKey

from .tokens import AUDIENCE, Tokens

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 4  # for each server
HOSTILE = 0.5  # of all requests
FAULT_SECONDS = 4.0
BODY = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
).encode()
# What says good things slowly or in another form is no fault to this test, nor is what only TLS can do.
PLAIN_FAULTS = [name for name, fault in FAULTS.items() if fault.certificate == "good" and not fault.tls_version]


class Server:
    """One server process, and what its clients have seen of it."""

    def __init__(self, name: str, command: list[str], provider: IdentityProvider) -> None:
        self.name, self.provider = name, provider
        self.query = f"?{name}"
        self.process = subprocess.Popen(
            [*command, provider.jwks_uri + self.query, provider.issuer, AUDIENCE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.good = self.hostile = 0
        self.wrong: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.memory: list[tuple[float, int]] = []
        self.lock = threading.Lock()

    def fetches(self) -> int:
        return sum(request.path.endswith(self.query) for request in list(self.provider.log))

    def sample_memory(self) -> None:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        self.memory.append((time.monotonic(), pages * os.sysconf("SC_PAGE_SIZE")))

    def slope(self) -> float:
        """KiB a minute, by least squares over the last two thirds: what comes before is warming up."""
        rest = self.memory[len(self.memory) // 3 :]
        if len(rest) < 3:
            return 0.0
        return statistics.linear_regression(*zip(*rest)).slope * 60 / 1024

    def stop(self) -> bool:
        """Whether it was there to the end, and ended when it was told to."""
        alive = self.process.poll() is None
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return False
        return alive

    def report(self) -> str:
        times = sorted(self.latencies)
        p50, p99 = (times[int(len(times) * share)] * 1e3 for share in (0.5, 0.99)) if times else (0.0, 0.0)
        refused = sum(n for what, n in self.wrong.items() if what.startswith("good"))
        return (
            f"{self.name}: {self.good} good requests, {refused} refused;"
            f" {self.hostile} hostile, {sum(self.wrong.values()) - refused} accepted or without an answer;"
            f" p50 {p50:.1f} ms, p99 {p99:.1f} ms; {self.fetches()} fetches;"
            f" memory {self.memory[-1][1] >> 20} MiB, {self.slope():+.0f} KiB a minute"
        )


class Soak:
    """The keys and the clock that all clients share."""

    def __init__(self, provider: IdentityProvider) -> None:
        self.provider = provider
        self.current: SigningKey = provider.keys[-1]
        self.withdrawn: SigningKey | None = None
        self.over = threading.Event()

    def client(self, server: Server, seed: int) -> None:
        tokens, connection = Tokens(self.provider.issuer, seed), None
        while not self.over.is_set():
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            hostile = tokens.random.random() < HOSTILE
            try:
                (self.try_hostile if hostile else self.try_good)(server, connection, tokens)
            except (OSError, http.client.HTTPException) as error:
                # Node ends the connection when a header is too long for it, maybe before all of it has been sent.
                refused = hostile and isinstance(error, (ConnectionError, http.client.RemoteDisconnected))
                with server.lock:
                    server.hostile += refused
                    if not refused and not self.over.is_set():
                        server.wrong[f"{'hostile' if hostile else 'good'}: {type(error).__name__}"] += 1
                connection.close()
                connection = None

    @staticmethod
    def ask(connection: http.client.HTTPConnection, token: str) -> tuple[int, bytes]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {token}",
        }
        connection.request("POST", "/mcp", BODY, headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.will_close:
            connection.close()  # http.client opens it again
        return answer.status, body

    def try_good(self, server: Server, connection: http.client.HTTPConnection, tokens: Tokens) -> None:
        token, subject = tokens.good(self.current)
        started = time.perf_counter()
        status, body = self.ask(connection, token)
        took = time.perf_counter() - started
        with server.lock:
            server.good += 1
            server.latencies.append(took)
            if status != 200 or subject.encode() not in body:
                server.wrong[f"good: status {status}"] += 1

    def try_hostile(self, server: Server, connection: http.client.HTTPConnection, tokens: Tokens) -> None:
        token, kind = tokens.hostile(self.current, self.withdrawn)
        status, _ = self.ask(connection, token)
        with server.lock:
            server.hostile += 1
            if status not in (400, 401, 403, 431, 503):
                server.wrong[f"{kind}: status {status}"] += 1

    def wait_for_fetches(self, servers: list[Server]) -> bool:
        """Until each server has asked the provider once more; false when the soak ends before."""
        before = [server.fetches() for server in servers]
        while any(server.fetches() == count for server, count in zip(servers, before)):
            if self.over.wait(0.1):
                return False
        return not self.over.wait(1.0)  # and has read the answer

    def rotate(self, servers: list[Server], r: random.Random) -> Counter[str]:
        """As a provider does it: publish, wait, sign with the new key, wait, withdraw the old one."""
        met: Counter[str] = Counter()
        while not self.over.is_set():
            old = self.current
            new = self.provider.rotate(overlap=True)
            if not self.wait_for_fetches(servers):
                break
            self.current = new
            fault = r.choice(PLAIN_FAULTS)
            met[fault] += 1
            self.provider.misbehave(fault)
            self.over.wait(FAULT_SECONDS)
            self.provider.behave()
            self.provider.withdraw(old.kid)
            if not self.wait_for_fetches(servers):
                break
            self.withdrawn = old
        return met


COMMANDS = {
    "fastmcp": [sys.executable, "-m", "tests.soak.fastmcp_server"],
    "node": ["node", str(ROOT / "tests/node/hosts/soak.mjs")],
}


def start(target: Callable[..., Any], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=arguments, daemon=True)
    thread.start()
    return thread


def main(minutes: float, names: list[str]) -> int:
    with IdentityProvider(algorithms=("ES256",)) as provider:
        servers = [Server(name, command, provider) for name, command in COMMANDS.items() if not names or name in names]
        soak = Soak(provider)
        met: Counter[str] = Counter()
        threads = [start(soak.client, server, seed) for server in servers for seed in range(CLIENTS)]
        threads.append(start(lambda: met.update(soak.rotate(servers, random.Random(1)))))
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            for server in servers:
                server.sample_memory()
            time.sleep(1.0)
        soak.over.set()
        for thread in threads:
            thread.join(timeout=30)
        lived = [server.stop() for server in servers]
    print(f"{sum(met.values())} rotations, and these faults of the provider: {', '.join(sorted(met)) or 'none'}")
    for server, alive in zip(servers, lived):
        print(server.report())
        for what, count in server.wrong.most_common():
            print(f"    {count} x {what}")
        if not alive:
            print(f"    {server.name} died, or did not end when told to")
    return int(
        not servers
        or any(server.wrong or server.good == 0 or server.hostile == 0 for server in servers)
        or not all(lived)
    )


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
