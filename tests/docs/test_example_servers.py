"""The servers of examples/, each as its README starts it, with an identity provider on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from blocks import ROOT

from fastbearer import KeyPair
from fastbearer.testing import JWKSServer

EXAMPLES = ROOT / "examples"
MODULES = ROOT / "tests/node/hosts/node_modules"
AUDIENCE = "https://api.example"
REDIS = shutil.which("redis-server") or shutil.which("valkey-server")
PING = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_notes", "arguments": {}}}
MCP = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}

needs_node = pytest.mark.skipif(not MODULES.is_dir(), reason="no Node hosts: node tests/node/hosts/setup.mjs")


@pytest.fixture
def provider() -> Iterator[JWKSServer]:
    with JWKSServer() as server:
        yield server


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(command: list[Any], folder: Path, port: int, **environment: str) -> Iterator[Path]:
    """The program, serving on port; gives the file with what it prints."""
    log = ROOT / "build-docs/examples" / f"{folder.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        program = subprocess.Popen(
            [str(part) for part in command], cwd=folder, stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, "PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        )  # fmt: skip
        try:
            for _ in range(600):
                assert program.poll() is None, log.read_text()
                with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
                    break
                time.sleep(0.05)
            yield log
        finally:
            program.send_signal(signal.SIGTERM)
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()


def uvicorn(name: str, port: int, **environment: str) -> Any:
    command = [sys.executable, "-m", "uvicorn", "server:app", "--port", port]
    return running(command, EXAMPLES / name, port, **environment)


def bearer(token: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {token}"}


def test_fastapi(provider: JWKSServer) -> None:
    port = free_port()
    site = f"http://127.0.0.1:{port}"
    with (
        uvicorn("fastapi", port, ISSUER=provider.issuer, AUDIENCE=AUDIENCE) as log,
        httpx.Client(base_url=site) as client,
    ):  # examples/fastapi/server.py
        assert client.get("/health").json() == {"keys": True}
        assert client.get("/who").status_code == 401
        mint = provider.mint
        assert client.get("/who", headers=bearer(mint(audience=AUDIENCE, subject="alice"))).json() == {
            "client": "alice"
        }
        assert client.get("/reports", headers=bearer(mint(audience=AUDIENCE))).status_code == 403
        assert client.get("/reports", headers=bearer(mint(audience=AUDIENCE, scopes=["reports:write"]))).is_success
        assert client.get("/who", headers=bearer(mint(audience="other"))).status_code == 401
    assert (
        f"audience_mismatch: the token's aud names none of the accepted audiences; kid 'key-1'; expected {AUDIENCE}"
        in (log.read_text())
    )


def test_tenants(provider: JWKSServer, tmp_path: Path) -> None:
    port, table = free_port(), tmp_path / "tenants.json"
    table.write_text(json.dumps({provider.issuer: {"name": "acme", "audience": AUDIENCE}}))
    with JWKSServer() as stranger, uvicorn("tenants", port, TENANTS=str(table)):  # examples/tenants/server.py
        address = f"http://127.0.0.1:{port}/who"
        good = httpx.get(address, headers=bearer(provider.mint(audience=AUDIENCE, subject="alice")))
        assert good.json() == {"tenant": "acme", "client": "alice"}
        assert httpx.get(address, headers=bearer(stranger.mint(audience=AUDIENCE))).status_code == 401


def test_dpop(provider: JWKSServer, tmp_path: Path) -> None:
    port, key = free_port(), KeyPair.generate("ES256")
    (tmp_path / "client.private.pem").write_text(key.private_key.get_secret_value())
    token = provider.mint(audience=AUDIENCE, subject="alice", additional_claims={"cnf": {"jkt": key.thumbprint()}})
    with uvicorn("dpop", port, ISSUER=provider.issuer, AUDIENCE=AUDIENCE):  # examples/dpop/server.py
        address = f"http://127.0.0.1:{port}/who"
        client = [sys.executable, EXAMPLES / "dpop/client.py", address, token, tmp_path / "client.private.pem"]
        done = subprocess.run(client, capture_output=True, text=True)  # examples/dpop/client.py
        assert done.stdout.startswith('200 {"client":"alice"'), done.stdout + done.stderr
        stolen = httpx.get(address, headers=bearer(token))
        assert (stolen.status_code, stolen.headers["www-authenticate"][:5]) == (401, "DPoP ")


def answers_of_mcp(address: str, good: str, poor: str) -> list[int]:
    """Without a token, with one that lacks the scope, with one that has it."""
    tokens = [{}, bearer(poor), bearer(good)]
    return [httpx.post(address, json=PING, headers={**MCP, **token}).status_code for token in tokens]


def test_mcp_sdk_python(provider: JWKSServer) -> None:
    port = free_port()
    resource = f"http://127.0.0.1:{port}/mcp"
    folder = EXAMPLES / "mcp-sdk-python"  # examples/mcp-sdk-python/server.py
    with running([sys.executable, "server.py"], folder, port, ISSUER=provider.issuer):
        poor, good = provider.mint(audience=resource), provider.mint(audience=resource, scopes=["admin"])
        without, lacks, has = answers_of_mcp(resource, good, poor)
        assert (without, lacks) == (401, 403) and has not in (401, 403)
        document = httpx.get(f"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/mcp").json()
        assert document["authorization_servers"] == [provider.issuer]


def test_fastmcp_with_any_issuer(provider: JWKSServer) -> None:
    port = free_port()
    resource = f"http://127.0.0.1:{port}/mcp"
    folder = EXAMPLES / "fastmcp-keycloak"  # examples/fastmcp-keycloak/server.py
    with running([sys.executable, "server.py"], folder, port, ISSUER=provider.issuer):
        poor, good = provider.mint(audience=resource), provider.mint(audience=resource, scopes=["mcp:tools"])
        without, lacks, has = answers_of_mcp(resource, good, poor)
        assert (without, lacks) == (401, 401) and has not in (401, 403)
        document = httpx.get(f"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/mcp").json()
        assert [url.rstrip("/") for url in document["authorization_servers"]] == [provider.issuer]


def test_the_realm_of_keycloak_fits_the_server() -> None:
    """What Compose starts is not started here: its files must name what the server asks for."""
    realm = json.loads((EXAMPLES / "fastmcp-keycloak/realm.json").read_text())
    scope = realm["clientScopes"][0]
    source = (EXAMPLES / "fastmcp-keycloak/server.py").read_text()
    assert f'required_scopes=["{scope["name"]}"]' in source
    assert scope["protocolMappers"][0]["config"]["included.custom.audience"] == "http://127.0.0.1:8000/mcp"
    assert f"/realms/{realm['realm']}" in source


# ---- TypeScript


def compiled(name: str) -> Path:
    """The server as JavaScript, type-checked, in a folder where it finds its packages."""
    place = ROOT / "build-docs/examples" / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    (place / "node_modules").symlink_to(MODULES)
    (place / "package.json").write_text('{"type": "module"}')
    shutil.copy(EXAMPLES / name / "server.ts", place)
    options = ["--module", "node16", "--target", "es2022", "--strict", "--skipLibCheck", "--types", "node"]
    done = subprocess.run(
        ["node", MODULES / "typescript/bin/tsc", *options, "server.ts"], cwd=place, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    return place


@needs_node
def test_express_typescript(provider: JWKSServer) -> None:
    port, folder = free_port(), compiled("express-typescript")  # examples/express-typescript/server.ts
    site = f"http://127.0.0.1:{port}"
    with (
        running(["node", "server.js"], folder, port, ISSUER=provider.issuer, AUDIENCE=AUDIENCE) as log,
        httpx.Client(base_url=site) as client,
    ):
        assert client.get("/health").json() == {"keys": True}
        assert client.get("/who").status_code == 401
        token = provider.mint(audience=AUDIENCE, subject="alice", additional_claims={"tenant": "acme"})
        assert client.get("/who", headers=bearer(token)).json() == {"client": "alice", "tenant": "acme"}
        assert client.get("/reports", headers=bearer(token)).status_code == 403
        granted = provider.mint(audience=AUDIENCE, subject="alice", scopes=["reports:read"])
        assert client.get("/reports", headers=bearer(granted)).json() == {"for": "alice"}
    assert "refused insufficient_scope" in log.read_text()


@needs_node
def test_mcp_sdk_typescript(provider: JWKSServer) -> None:
    port, folder = free_port(), compiled("mcp-sdk-typescript")  # examples/mcp-sdk-typescript/server.ts
    resource = f"http://127.0.0.1:{port}/mcp"
    with running(["node", "server.js"], folder, port, ISSUER=provider.issuer):
        poor, good = provider.mint(audience=resource), provider.mint(audience=resource, scopes=["mcp:tools"])
        without, lacks, has = answers_of_mcp(resource, good, poor)
        assert (without, lacks) == (401, 403) and has not in (401, 403)


@needs_node
@pytest.mark.skipif(REDIS is None, reason="no Redis or Valkey server")
def test_fleet_redis(provider: JWKSServer, tmp_path: Path) -> None:
    """Two servers of Python and one of Node."""
    ports, key = [free_port() for _ in range(4)], KeyPair.generate("ES256")
    store = [REDIS, "--port", ports[0], "--save", "", "--appendonly", "no"]
    shared = {"ISSUER": provider.issuer, "AUDIENCE": AUDIENCE, "REDIS": f"redis://127.0.0.1:{ports[0]}",
              "BASE_URL": "https://api.example"}  # fmt: skip
    with running(store, tmp_path, ports[0]), ExitStack() as stack:
        for port in ports[1:3]:
            stack.enter_context(uvicorn("fleet-redis", port, **shared))  # examples/fleet-redis/server.py
        folder = compiled("fleet-redis")  # examples/fleet-redis/server.ts
        stack.enter_context(running(["node", "server.js"], folder, ports[3], **shared))
        servers = [f"http://127.0.0.1:{port}" for port in ports[1:]]

        def statuses(**headers: str) -> list[int]:
            return [httpx.get(f"{server}/who", headers=headers).status_code for server in servers]

        for jti, at in (("7", servers[0]), ("8", servers[2])):
            token = bearer(provider.mint(audience=AUDIENCE, subject="alice", additional_claims={"jti": jti}))
            assert statuses(**token) == [200, 200, 200]
            assert httpx.post(f"{at}/logout", headers=token).json() == {"revoked": True}
            deadline = time.monotonic() + 10
            while statuses(**token) != [401, 401, 401]:
                assert time.monotonic() < deadline
        assert provider.hits == 1
        bound = provider.mint(audience=AUDIENCE, additional_claims={"cnf": {"jkt": key.thumbprint()}})
        proof = key.dpop_proof("GET", "https://api.example/who", access_token=bound)
        assert statuses(**bearer(bound, "DPoP"), DPoP=proof) == [200, 401, 401]


NEXT = ROOT / "tests/docs/node"


@needs_node
@pytest.mark.skipif(not (NEXT / "node_modules/next").is_dir(), reason="no Next.js: (cd tests/docs/node && npm ci)")
def test_next(provider: JWKSServer) -> None:
    """Built and started as a user does, with the package from its tarball."""
    port, site = free_port(), NEXT / "site"
    shutil.rmtree(NEXT / "node_modules/fastbearer", ignore_errors=True)
    shutil.copytree(MODULES / "fastbearer", NEXT / "node_modules/fastbearer", symlinks=True)
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(EXAMPLES / "next", site)  # examples/next/next.config.mjs
    program = ["node", NEXT / "node_modules/next/dist/bin/next"]
    quiet = {**os.environ, "NEXT_TELEMETRY_DISABLED": "1"}
    done = subprocess.run([*program, "build"], cwd=site, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    start = [*program, "start", "--port", port]
    with (
        running(start, site, port, NEXT_TELEMETRY_DISABLED="1", ISSUER=provider.issuer, AUDIENCE=AUDIENCE),
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):  # examples/next/app/who/route.ts
        missing = client.get("/who")
        assert (missing.status_code, missing.headers["www-authenticate"]) == (401, 'Bearer scope="read"')
        mint = provider.mint
        assert client.get("/who", headers=bearer(mint(audience=AUDIENCE))).status_code == 403
        assert client.get("/who", headers=bearer(mint(audience="other", scopes=["read"]))).status_code == 401
        good = client.get("/who", headers=bearer(mint(audience=AUDIENCE, subject="alice", scopes=["read"])))
        assert good.json() == {"client": "alice", "path": "/who"}


@pytest.mark.parametrize("readme", sorted(EXAMPLES.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_a_readme_is_short(readme: Path) -> None:
    assert len(readme.read_text().splitlines()) <= 15
