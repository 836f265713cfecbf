"""Real Redis servers for tests: with a password, with TLS, and such as can be killed and paused."""

from __future__ import annotations

import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

PASSWORD = "a password that only tests have"


class RedisServer:
    """redis-server on a loopback port of its own.

    Args:
        tls: speak TLS alone, with the certificate, key and authority in this folder (server.pem, server.key, ca.pem).
        durable: what was acknowledged outlives kill; by default it starts empty each time.
    """

    def __init__(self, tls: Path | None = None, *, durable: bool = False) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = tempfile.TemporaryDirectory(prefix="redis-")
        self._tls = tls
        self._persistence = ["--appendonly", "yes", "--appendfsync", "always"] if durable else ["--appendonly", "no"]
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """With user and password."""
        scheme = "redis" if self._tls is None else "rediss"
        return f"{scheme}://:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it."""
        command = ["redis-server", "--requirepass", PASSWORD, "--save", "", *self._persistence, "--bind", "127.0.0.1",
                   "--dir", self._folder.name]  # fmt: skip
        if self._tls is None:
            command += ["--port", str(self.port)]
        else:
            command += ["--port", "0", "--tls-port", str(self.port), "--tls-cert-file", str(self._tls / "server.pem"),
                        "--tls-key-file", str(self._tls / "server.key"), "--tls-auth-clients", "no",
                        "--tls-ca-cert-file", str(self._tls / "ca.pem")]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        give_up = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > give_up or self._process.poll() is not None:
                    raise RuntimeError("redis-server did not start") from None
                time.sleep(0.02)

    def kill(self) -> None:
        """Ends it at once; connections are refused."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Connections stay, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After a pause."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Ends it for good."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        self.kill()
        self._folder.cleanup()

    def __enter__(self) -> RedisServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
