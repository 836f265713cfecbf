"""Real identity providers, each a program of its own on loopback. tests/idp is for what real ones do not do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def install_oidc_provider() -> str | None:
    """Why npm oidc-provider cannot be run here, or None: it can, and its packages are as package-lock.json has them."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no node and npm"
    installed = HERE / "node_modules" / ".package-lock.json"
    wanted = HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.DEVNULL)
    return None


class Provider:
    """A provider that runs from construction to close()."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._about: dict[str, str] = json.loads(self._read())
        self.issuer = self._about["issuer"]
        #: Addresses and credentials, as the program says them.
        self.about = self._about

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for."""
        return self._about["token"]

    def token(
        self, resource: str, scope: str = "read", *, headers: dict[str, str] | None = None, client_id: str | None = None
    ) -> str:
        """An access token for this resource, by client credentials (RFC 6749 section 4.4)."""
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id or self._about["client_id"],
            "client_secret": self._about["client_secret"],
            "scope": scope,
            "resource": resource,
        }
        body = urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.token_endpoint, body, headers or {})
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
        return str(answer["access_token"])

    def revoke(self, token: str) -> None:
        """Takes a token back (RFC 7009)."""
        form = {name: self._about[name] for name in ("client_id", "client_secret")}
        body = urllib.parse.urlencode({"token": token, **form}).encode()
        with urllib.request.urlopen(self._about["revocation"], body, timeout=10) as response:
            assert response.status == 200

    def rotate(self) -> None:
        """New keys: the old ones are withdrawn."""
        assert self._process.stdin is not None
        self._process.stdin.write("rotate\n")
        self._process.stdin.flush()
        assert self._read() == "rotated\n"

    def close(self) -> None:
        """Stops it; connections are refused from then on."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def __enter__(self) -> Provider:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def oidc_provider(algorithm: str = "RS256") -> Provider:
    """npm oidc-provider; install_oidc_provider() first."""
    return Provider(["node", str(HERE / "oidc_provider.mjs"), algorithm])


def authlib_provider() -> Provider:
    """Authlib's authorization server, whose tokens are for https://api.example/mcp alone."""
    return Provider([sys.executable, "-m", "tests.providers.authlib_provider"])
