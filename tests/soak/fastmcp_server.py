"""The FastMCP server of the soak: fastmcp_server.py JWKS_URI ISSUER AUDIENCE. Prints its port, serves until its input
ends.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from typing import Any

import uvicorn
from fastmcp import FastMCP

from fastbearer.fastmcp import JWTVerifier, get_access_token


def application(jwks_uri: str, issuer: str, audience: str) -> Any:
    auth = JWTVerifier(
        jwks_uri=jwks_uri,
        issuer=issuer,
        audience=audience,
        algorithm="ES256",
        required_scopes=["read"],
        jwks_refresh_interval=5.0,
        fetch_timeout=2.0,
    )
    server: Any = FastMCP("soak", auth=auth)

    @server.tool()
    def whoami() -> str:
        """The verified subject."""
        token = get_access_token()
        return str(token.claims["sub"]) if token is not None else ""

    return server.http_app(path="/mcp", transport="streamable-http", stateless_http=True, json_response=True)


def main(jwks_uri: str, issuer: str, audience: str) -> None:
    logging.disable(logging.CRITICAL)  # a line for every refusal would be what is measured
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    config = uvicorn.Config(
        application(jwks_uri, issuer, audience), log_config=None, access_log=False, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)

    def stop() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=stop, daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    server.run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
