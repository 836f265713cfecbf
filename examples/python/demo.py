"""A FastMCP server guarded by fastbearer, and a client that knocks: `make demo`.

Shows what is refused, what the server's log says about it, and what a tool sees of a good token.
"""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import fastmcp
import uvicorn
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport

import fastbearer
from fastbearer.fastmcp import BearerAuthProvider, RSAKeyPair, get_access_token

ISSUER = "https://issuer.example.com"
AUDIENCE = "https://mcp.example.com/mcp"


class Notes(logging.Handler):
    """Keeps what fastbearer logs, to print it beside what the client saw."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def guarded_server(keys: RSAKeyPair) -> FastMCP:
    """The twenty lines that a user writes."""
    auth = BearerAuthProvider(
        public_key=keys.public_key,
        issuer=ISSUER,
        audience=AUDIENCE,
        required_scopes=["tools:call"],
    )
    server = FastMCP("demo", auth=auth)

    @server.tool()
    def whoami() -> dict[str, Any]:
        """What the server knows about the caller."""
        token = get_access_token()
        return {"client_id": token.client_id, "scopes": token.scopes, "expires_at": token.expires_at}

    return server


def start(app: Any) -> tuple[uvicorn.Server, str]:
    """Serves app on a free loopback port, in a thread."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    )
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return server, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"


async def call(url: str, token: str | None) -> dict[str, Any]:
    """One tool call with the real client."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with Client(StreamableHttpTransport(url, headers=headers)) as client:
        result = await client.call_tool("whoami", {})
        answer: dict[str, Any] = json.loads(getattr(result, "content", result)[0].text)
        return answer


def refusal(url: str, token: str | None) -> str:
    """Status and challenge of a refused request, as any HTTP client sees them."""
    import http.client
    from urllib.parse import urlsplit

    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection.request("POST", "/mcp", b"{}", headers)
    response = connection.getresponse()
    challenge = response.getheader("www-authenticate") or "(no challenge)"
    connection.close()
    return f"{response.status}  {challenge if len(challenge) < 60 else challenge[:57] + '...'}"


def microseconds(work: Callable[[], object], rounds: int = 2000) -> float:
    """What one call costs, the best of five runs."""
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(rounds):
            work()
        best = min(best, time.perf_counter() - started)
    return best / rounds * 1e6


def main() -> None:
    """Prints the ten lines."""
    notes = Notes()
    log = logging.getLogger("fastbearer")
    log.setLevel(logging.INFO)
    log.addHandler(notes)
    log.propagate = False
    for name in ("fastmcp", "FastMCP"):
        logging.getLogger(name).setLevel(logging.ERROR)  # it writes a line for every refusal

    keys = RSAKeyPair.generate()

    def mint(**changes: Any) -> str:
        claims = {"subject": "alice", "issuer": ISSUER, "audience": AUDIENCE, "scopes": ["tools:call"]}
        return keys.create_token(**{**claims, **changes})

    server, url = start(guarded_server(keys).http_app(path="/mcp", transport="streamable-http"))
    print(f"FastMCP {fastmcp.__version__} guarded by fastbearer {fastbearer.__version__} at {url}")
    print(f"no token         -> {refusal(url, None)}")
    print(f"garbage          -> {refusal(url, 'garbage')}")
    print(f"wrong audience   -> {refusal(url, mint(audience='https://other.example.com'))}")
    print(f"   server log    :  {notes.lines[-1]}")
    print(f"missing scope    -> {refusal(url, mint(scopes=['other']))}")
    token = mint()
    seen = asyncio.run(call(url, token))
    assert seen["client_id"] == "alice" and seen["scopes"] == ["tools:call"]
    print(f"good token       -> whoami() = {json.dumps(seen)}")

    verifier = fastbearer.Verifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE, cache_size=0)
    cached = fastbearer.Verifier(public_key=keys.public_key, issuer=ISSUER, audience=AUDIENCE)
    print(f"one verification :  {microseconds(lambda: verifier.verify(token)):.1f} us, RS256 and all checks")
    print(f"   cached        :  {microseconds(lambda: cached.verify(token)):.1f} us, from the verified-token cache")
    server.should_exit = True
    print("done")


if __name__ == "__main__":
    main()
