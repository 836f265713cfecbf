"""Tokens, a real server on a loopback port, and a plain HTTP client, for the tests of every host."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import fastbearer

ISSUER = "https://issuer.example.com"
AUDIENCE = "https://mcp.example.com/mcp"
SCOPES = ["tools:call"]

KEYS = fastbearer.RSAKeyPair.generate()
OTHER_KEYS = fastbearer.RSAKeyPair.generate()


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine, in a loop of its own."""
    return asyncio.run(coroutine)


class Misconfigured(fastbearer.Verifier):
    """A verifier whose configuration turns out to be wrong when the first token comes."""

    async def verify_async(self, token: Any, *, now: float | None = None) -> Any:
        return self.verify(token, now=float("nan"))

    async def verify_request_async(self, request: Any, *, now: float | None = None) -> Any:
        return self.verify_request(request, now=float("nan"))


class Minter:
    """Mints tokens that pass, and tokens that differ in what a test says."""

    def __init__(self, keys: Any) -> None:
        self.keys = keys

    def __call__(self, **changes: Any) -> str:
        arguments = {"subject": "alice", "issuer": ISSUER, "audience": AUDIENCE, "scopes": SCOPES}
        return self.keys.create_token(**{**arguments, **changes})


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def nested_header() -> str:
    """Unsigned, with a header nested 2000 deep: FastMCP 3 and 4 answered 500 to it."""
    header = '{"alg":"RS256","typ":"JWT","x":' + "[" * 2000 + "]" * 2000 + "}"
    return ".".join((b64(header.encode()), b64(b'{"sub":"alice"}'), b64(b"\0" * 256)))


@dataclass(frozen=True)
class Case:
    """One request: the token that it carries (None: none), and the status that it must get."""

    name: str
    token: Callable[[], str | None]
    status: int

    def __str__(self) -> str:
        return self.name


def cases(missing_scope: int) -> list[Case]:
    """The requests that every host has to answer. A missing scope is the one thing that hosts answer differently."""
    mint = Minter(KEYS)
    return [
        Case("good", mint, 200),
        Case("none", lambda: None, 401),
        Case("garbage", lambda: "not-a-token", 401),
        Case("expired", lambda: mint(expires_in_seconds=-60), 401),
        Case("wrong-issuer", lambda: mint(issuer="https://evil.example.com"), 401),
        Case("wrong-audience", lambda: mint(audience="https://other.example.com/mcp"), 401),
        Case("bad-signature", lambda: Minter(OTHER_KEYS)(), 401),
        Case("missing-scope", lambda: mint(scopes=["something:else"]), missing_scope),
        Case("nested-header", nested_header, 401),
        Case("exp-infinity", lambda: mint(additional_claims={"exp": float("inf")}), 401),
        Case("not-yet-valid", lambda: mint(additional_claims={"nbf": int(time.time()) + 3600}), 401),
    ]


@contextlib.contextmanager
def serving(app: Any) -> Iterator[str]:
    """Runs an ASGI application on uvicorn and a free loopback port; yields its origin."""
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    give_up = time.monotonic() + 20
    while not server.started:
        if not thread.is_alive() or time.monotonic() > give_up:
            raise RuntimeError("the server did not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-03-26",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}


def request(
    url: str, token: str | None = None, method: str = "GET", headers: list[tuple[str, str]] = [], data: bytes = b"",
    waits: bool = False,
) -> Answer:  # fmt: skip
    """One plain HTTP request. The body of an event stream is waited for only when it is said that it ends."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        connection.putrequest(method, parts.path + (f"?{parts.query}" if parts.query else ""))
        if token is not None:
            connection.putheader("Authorization", f"Bearer {token}")
        for name, value in headers:
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        response = connection.getresponse()
        stream = not waits and response.getheader("content-type", "").startswith("text/event-stream")
        return Answer(
            response.status, {k.lower(): v for k, v in response.getheaders()}, b"" if stream else response.read()
        )
    finally:
        connection.close()


def knock(origin: str, transport: str, token: str | None) -> Answer:
    """The first request of an MCP client on one of the two transports."""
    if transport == "sse":
        return request(f"{origin}/sse", token, headers=[("Accept", "text/event-stream")])
    accept = [("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json")]
    answer = request(f"{origin}/mcp", token, "POST", accept, json.dumps(INITIALIZE).encode())
    if answer.status == 307:  # FastMCP 2.6 serves /mcp/ alone
        answer = request(answer.headers["location"], token, "POST", accept, json.dumps(INITIALIZE).encode())
    return answer


def text_of(result: Any) -> Any:
    """The JSON value that a tool returned, whatever the client makes of a result."""
    content = getattr(result, "content", result)
    return json.loads(content[0].text)


def every_kind_of_token(mint: Minter, other_keys: Any) -> list[str]:
    """Tokens that are refused for many reasons, and one that is not, each with a subject of its own."""
    secret = {"subject": "a-very-special-subject"}
    return [
        mint(**secret), mint(**secret, expires_in_seconds=-5), mint(**secret, issuer="https://evil.example.com"),
        mint(**secret, audience="x"), mint(**secret, scopes=["special-scope"]), Minter(other_keys)(**secret),
        "not-a-token-at-all", mint(**secret, kid="kid-of-the-token"),
        mint(**secret, additional_claims={"nbf": 99999999999}),
        mint(**secret, additional_claims={"aud": ["special", 5]}),
    ]  # fmt: skip


def assert_no_token_in(text: str, tokens: list[str]) -> None:
    """Neither a token, nor its payload or signature, nor what an unverified payload says.

    What the one claim held that a verified token was refused for stands behind "got" and nowhere else.
    """
    for token in tokens:
        for part in (token, *token.split(".")[1:]):
            assert part not in text
    text = re.sub(r"; got [^;\n]*", "", text)
    assert "evil" not in text and "special" not in text


async def mcp_streams(stack: contextlib.AsyncExitStack, url: str, headers: dict[str, str]) -> Any:
    """What a ClientSession of the MCP SDK reads and writes, over streamable HTTP, in either major version."""
    from mcp.client import streamable_http

    if hasattr(streamable_http, "streamablehttp_client"):
        return await stack.enter_async_context(streamable_http.streamablehttp_client(url, headers=headers))
    import httpx2

    client = await stack.enter_async_context(httpx2.AsyncClient(headers=headers))
    return await stack.enter_async_context(streamable_http.streamable_http_client(url, http_client=client))
