"""A real FastMCP server for the end-to-end measurement: server_fastmcp.py none|host|fastbearer TOKENS.json

One tool, streamable HTTP without sessions, on a free loopback port, which is printed. Ends when its standard input
does.
"""

import json
import os
import socket
import sys
import threading

import uvicorn
from fastmcp import FastMCP

ISSUER, AUDIENCE = "https://issuer.example", "https://api.example/mcp"


def guard(how, key):
    if how == "none":
        return None
    if how == "host":
        from fastmcp.server.auth.providers.jwt import JWTVerifier
    else:
        from fastbearer.fastmcp import JWTVerifier
    return JWTVerifier(
        public_key=key, issuer=ISSUER, audience=AUDIENCE, algorithm="RS256", required_scopes=["tools:read"]
    )


def main():
    how, path = sys.argv[1:]
    with open(path) as file:
        server = FastMCP("bench", auth=guard(how, json.load(file)["RS256"]["key"]))

    @server.tool
    def add(a: int, b: int) -> int:
        return a + b

    # Of a socket that does not say TCP asyncio does not turn Nagle's algorithm off, and each call waits for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    app = server.http_app(path="/mcp", stateless_http=True, json_response=True)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listener])


main()
