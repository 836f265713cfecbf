"""The FastMCP server of the soak, python -m tests.soak.fastmcp_server SETTINGS, which are JSON: uvicorn with WORKERS
processes on one port. Prints the port, serves until its input ends.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from fastmcp import FastMCP

from fastbearer import DPoP, Issuer
from fastbearer.fastmcp import JWTVerifier, get_access_token
from fastbearer.stores import RedisStore

from .servers import WORKERS

SETTINGS = "FB_SOAK_SETTINGS"
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def provider(settings: dict[str, Any]) -> JWTVerifier:
    """What guards one worker; all of them share one Redis."""
    fleet = RedisStore(settings["redis"], timeout=settings["redis_timeout"], max_silence=settings["max_silence"])
    issuer = Issuer(
        settings["issuer"],
        jwks_uri=settings["jwks_uri"],
        algorithms=settings["algorithms"],
        key_store=fleet,
        refresh_interval=settings["refresh_interval"],
        fetch_timeout=2.0,
    )
    return JWTVerifier(
        issuers=[issuer],
        audience=settings["audience"],
        required_scopes=["read"],
        base_url=settings["base_url"],
        dpop=DPoP(max_age=60.0, replay_store=fleet),
        is_revoked=fleet.is_revoked,
        cache_size=settings["cache_size"],
    )


def write_state(auth: JWTVerifier, folder: Path) -> None:
    """Twice a second, for the soak: which keys this worker holds, and its counters."""
    place = folder / f"{os.getpid()}.json"
    while True:
        state = {"kids": [key.kid for key in auth.keys()], "stats": auth.stats()}
        place.with_suffix(".new").write_text(json.dumps(state))
        place.with_suffix(".new").replace(place)
        time.sleep(0.5)


def naming_worker(app: Any) -> Any:
    """Each response says which worker it is of."""
    worker = (b"worker", str(os.getpid()).encode())

    async def named(scope: MutableMapping[str, Any], receive: Any, send: Send) -> None:
        async def send_named(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), worker]}
            await send(message)

        await app(scope, receive, send_named)

    return named


def application() -> Any:
    """What each worker makes."""
    logging.disable(logging.CRITICAL)  # a line for every refusal would be what is measured
    settings = json.loads(os.environ[SETTINGS])
    auth = provider(settings)
    server: Any = FastMCP("soak", auth=auth)

    @server.tool()
    def whoami() -> str:
        """The verified subject."""
        token = get_access_token()
        return str(token.claims["sub"]) if token is not None else ""

    threading.Thread(target=write_state, args=(auth, Path(settings["folder"])), daemon=True).start()
    app = server.http_app(path="/mcp", transport="streamable-http", stateless_http=True, json_response=True)
    return naming_worker(app)


def main(settings: str) -> None:
    os.environ[SETTINGS] = settings
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)

    def stop() -> None:
        sys.stdin.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    uvicorn.run(
        "tests.soak.fastmcp_server:application",
        factory=True,
        fd=listener.fileno(),
        workers=WORKERS,
        log_config=None,
        access_log=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
        timeout_worker_healthcheck=60,  # the machine is busy: a worker that is slow is not dead
    )


if __name__ == "__main__":
    main(sys.argv[1])
