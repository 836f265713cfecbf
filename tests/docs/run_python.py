"""Runs the Python blocks of a page in one namespace: run_python.py BLOCKS.json writes a list of what each printed.

Blocks do not reach a network: what they configure is fetched when a token comes. A server that a block makes must
refuse a request without a token.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
import sys
import types
from typing import Any


def path_of(text: str) -> tuple[str, str]:
    """Method and path of the first route that a block declares."""
    found = re.search(r"@\w+\.(get|post)\(\"([^\"]+)\"", text) or re.search(r"@(get|post)\(\"([^\"]+)\"", text)
    if found:
        return found[1].upper(), found[2]
    route = re.search(r"Route\(\"([^\"]+)\"", text)
    return ("POST", route[1]) if route else ("GET", "/")


async def refusal(app: Any, method: str, path: str) -> tuple[int, str]:
    """The answer of an ASGI application to a request without a token."""
    import httpx

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        headers = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        response = await client.request(method, path, headers=headers, content=b"{}" if method == "POST" else None)
    return response.status_code, response.headers.get("www-authenticate", "")


def guarded(namespace: dict[str, Any], before: dict[str, Any], text: str) -> list[str]:
    """What is wrong with the servers that a block made."""
    wrong = []
    for name in ("app", "mcp"):
        server = namespace.get(name)
        if server is None or server is before.get(name):
            continue
        method, path = path_of(text)
        if name == "mcp":
            if getattr(server, "auth", None) is None:
                continue
            server, method, path = server.http_app(), "POST", "/mcp"
        elif hasattr(server, "routes") and any(getattr(route, "path", "") == "/mcp" for route in server.routes):
            method, path = "POST", "/mcp"
        if not asyncio.iscoroutinefunction(getattr(server, "__call__", None)) and not hasattr(server, "asgi"):  # noqa: B004
            continue
        status, challenge = asyncio.run(refusal(server, method, path))
        if status != 401 and not challenge.startswith(("Bearer", "DPoP")):
            wrong.append(f"{name} answers {status} to {method} {path} without a token")
    return wrong


def main() -> None:
    blocks = json.loads(sys.stdin.read())
    # Frameworks look up annotations in the module that a function says it is of.
    sys.modules["page"] = module = types.ModuleType("page")
    namespace = vars(module)
    results = []
    for block in blocks:
        before, printed = dict(namespace), io.StringIO()
        source = "\n" * block["line"] + block["text"]
        with contextlib.redirect_stdout(printed):
            exec(compile(source, block["page"], "exec"), namespace)
            wrong = guarded(namespace, before, block["text"])
        if wrong:
            raise SystemExit(f"{block['page']}:{block['line']}: {'; '.join(wrong)}")
        results.append(printed.getvalue())
    print(json.dumps(results))


if __name__ == "__main__":
    main()
