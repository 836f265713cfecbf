"""The servers: their processes, what those measure, and what clients have seen of them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .worker import Worker

ROOT = Path(__file__).resolve().parents[2]
#: With little room for what V8 has not collected yet, so that its memory is what it holds.
NODE = ("node", "--expose-gc", "--max-semi-space-size=2", str(ROOT / "tests/node/hosts/soak.mjs"))
#: glibc keeps what was freed, in an arena for each thread. Like this a process holds little but what it uses: without,
#: the unguarded server of the SDK swings between 70 and 110 MiB.
MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536"}
#: Of the FastMCP server.
WORKERS = 4
BODY = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
).encode()


@dataclass(frozen=True)
class Kind:
    """What can be asked of a server."""

    command: tuple[str, ...]
    workers: int = 1
    proofs: bool = False  # it accepts tokens that are bound by DPoP


KINDS = {
    "fastmcp": Kind((sys.executable, "-m", "tests.soak.fastmcp_server"), WORKERS, proofs=True),
    "node-sdk": Kind((*NODE, "sdk")),
    "node-express": Kind((*NODE, "express"), proofs=True),
}


class Server:
    """One server, of one process or several."""

    def __init__(self, name: str, settings: dict[str, Any]) -> None:
        self.name, self.kind = name, KINDS[name]
        self._folder = tempfile.TemporaryDirectory(prefix="soak-")
        self.process = subprocess.Popen(
            [*self.kind.command, json.dumps({**settings, "folder": self._folder.name})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **MALLOC, "PYTHONPATH": str(ROOT), "NODE_NO_WARNINGS": "1"},
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        self.workers: dict[int, Worker] = {}
        self.lock = threading.Lock()
        self.good: Counter[str] = Counter()
        self.hostile: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()
        self.retried = 0
        self.latencies: list[float] = []
        self.final_states: dict[int, Any] = {}

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    # ---- the processes

    def states(self) -> dict[int, Any]:
        """What each process has written about itself last."""
        return {int(file.stem): json.loads(file.read_text()) for file in Path(self._folder.name).glob("*.json")}

    def wait_until_ready(self) -> None:
        give_up = time.monotonic() + 180
        while len(self.states()) < self.kind.workers:
            if time.monotonic() > give_up or self.process.poll() is not None:
                raise RuntimeError(f"{self.name} did not start")
            time.sleep(0.1)

    def sample(self) -> None:
        for pid in self.states():
            worker = self.workers.setdefault(pid, Worker(pid))
            if not worker.gone:
                worker.sample()

    @property
    def alive(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if not worker.gone]

    @property
    def restarts(self) -> int:
        return len(self.workers) - self.kind.workers

    def hold(self, kid: str, present: bool) -> bool:
        """Whether all processes hold this key, or none does."""
        states = self.states()
        return all((kid in states[worker.pid]["kids"]) == present for worker in self.alive)

    def stop(self) -> bool:
        """Whether it was there to the end, and ended when it was told to."""
        alive = self.process.poll() is None
        self.final_states = self.states()
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            alive = False
        self._folder.cleanup()
        return alive


@dataclass(frozen=True)
class Response:
    """What a client needs to know of one."""

    status: int
    body: bytes
    worker: int
    challenge: str


def send(connection: http.client.HTTPConnection, token: str, proof: str | None = None, scheme: str = "Bearer") -> None:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Authorization": f"{scheme} {token}",
    }
    if proof is not None:
        headers["DPoP"] = proof
    connection.request("POST", "/mcp", BODY, headers)


def receive(connection: http.client.HTTPConnection) -> Response:
    answer = connection.getresponse()
    body = answer.read()
    if answer.will_close:
        connection.close()  # http.client opens it again
    worker = int(answer.headers.get("worker") or 0)
    return Response(answer.status, body, worker, answer.headers.get("WWW-Authenticate") or "")


def ask(
    connection: http.client.HTTPConnection, token: str, proof: str | None = None, scheme: str = "Bearer"
) -> Response:
    send(connection, token, proof, scheme)
    return receive(connection)
