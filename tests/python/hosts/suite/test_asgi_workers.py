"""Worker processes that die in the middle of a fetch, and servers that are killed: what comes after them works at
once."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support import request

from fastbearer.testing import JWKSServer

WORKERS = 2
UVICORN = ["uvicorn", "apps.workers:app", "--log-level", "critical", "--timeout-graceful-shutdown", "1"]
GUNICORN = [
    "gunicorn",
    "apps.workers:app",
    "--log-level",
    "critical",
    "--graceful-timeout",
    "1",
    "-k",
    "uvicorn_worker.UvicornWorker",
]
SERVERS = {"uvicorn": UVICORN, "gunicorn": GUNICORN, "gunicorn-preload": [*GUNICORN, "--preload"]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Server:
    def __init__(self, name: str, provider: JWKSServer) -> None:
        self.port = free_port()
        where = ["--bind", f"127.0.0.1:{self.port}"] if name.startswith("gunicorn") else ["--port", str(self.port)]
        self.command = [sys.executable, "-m", *SERVERS[name], *where, "--workers", str(WORKERS)]
        self.environment = {**os.environ, "JWKS_URI": provider.jwks_uri, "WARM": "1" if "preload" in name else ""}
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command, cwd=Path(__file__).parent, env=self.environment, start_new_session=True
        )

    def ask(self, token: str) -> tuple[int, int]:
        """Status, and which process answered; (0, 0) when none did."""
        try:
            answer = request(f"http://127.0.0.1:{self.port}/who", token)
            return answer.status, json.loads(answer.body)["pid"] if answer.status == 200 else 0
        except (OSError, ValueError):
            return 0, 0

    def wait_for(self, token: str, seconds: float = 60.0) -> int:
        """Until the token is accepted; by whom."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            status, pid = self.ask(token)
            if status == 200:
                return pid
            time.sleep(0.1)
        raise AssertionError("the token is not accepted")

    def workers(self) -> list[int]:
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        found = [int(pid) for task in tasks for pid in task.read_text().split()]
        return [pid for pid in found if "resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_text()]

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(params=SERVERS)
def served(request, keys):
    with JWKSServer(keys) as provider:
        server = Server(request.param, provider)
        try:
            yield server, provider
        finally:
            provider.recover()
            server.kill()


def in_the_middle_of_a_fetch(server: Server, provider: JWKSServer) -> threading.Thread:
    """A new key is signed with, and the provider hangs: returns when a worker is waiting for it."""
    provider.rotate(keep=True)
    provider.hang()
    before = provider.hits
    client = threading.Thread(target=server.ask, args=(provider.mint(),))
    client.start()
    end = time.monotonic() + 30
    while provider.hits == before:
        assert time.monotonic() < end, "no worker fetches"
        time.sleep(0.05)
    return client


def test_workers_killed_in_the_middle_of_a_fetch(served):
    server, provider = served
    old = provider.mint()
    server.wait_for(old)
    time.sleep(1.1)  # the verifier's refresh_interval
    client = in_the_middle_of_a_fetch(server, provider)
    killed = server.workers()
    assert killed
    for pid in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    client.join(30)
    provider.recover()
    # The server makes new workers; those accept the new key as well as the old one.
    assert server.wait_for(provider.mint()) not in killed
    assert server.wait_for(old) not in killed


def test_the_server_killed_and_started_again(served):
    server, provider = served
    server.wait_for(provider.mint())
    time.sleep(1.1)
    client = in_the_middle_of_a_fetch(server, provider)
    server.kill()
    client.join(30)
    provider.recover()
    server.start()
    server.wait_for(provider.mint())


def test_told_to_end_in_the_middle_of_a_fetch(served):
    """It ends within the fetch's time-out and the server's own grace, and nothing that the fetch keeps holds it."""
    server, provider = served
    server.wait_for(provider.mint())
    time.sleep(1.1)
    client = in_the_middle_of_a_fetch(server, provider)
    server.process.send_signal(signal.SIGTERM)
    try:
        server.process.wait(timeout=60)
    finally:
        provider.recover()
    client.join(30)
    assert server.workers() == []


def test_forked_after_threads(keys):
    """With --preload the parent has fetched, with a thread of its own, before it forks: workers need no fetch more."""
    with JWKSServer(keys) as provider:
        server = Server("gunicorn-preload", provider)
        try:
            seen = {server.wait_for(provider.mint()) for _ in range(20)}
            assert provider.hits == 1 and server.process.pid not in seen
        finally:
            server.kill()
