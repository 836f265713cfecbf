"""The hosts that the adapters are tested on, and what each one is made of.

A host is a virtual environment under .cache/hosts. Versions are pinned: a host that changes under the tests explains
nothing. "normal" hosts run with every `make test`, the others with `make test-matrix`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Host:
    """One environment: what is installed in it, and which tests speak to it."""

    name: str
    kind: str  # "fastmcp", "sdk", "asgi", "wsgi", "peers" or "types"
    requirements: tuple[str, ...]
    normal: bool = False


TOOLS = ("pytest==9.2.0",)

ASGI = (
    "starlette==1.10.0", "fastapi==0.165.0", "litestar==2.25.0", "uvicorn==0.54.0", "httpx==0.28.1", "websockets",
    "requests_oauth2client==1.8.0",
)  # fmt: skip

WSGI = ("Flask==3.1.3", "Django==5.2.19", "djangorestframework==3.18.3", "gunicorn==27.0.1")

# pyright, and the node that runs it, come as wheels.
TYPES = (
    "fastmcp==4.2.3", "mcp==2.3.0", "fastapi==0.165.0", "redis==8.1.0", "mypy==2.4.1", "pyright[nodejs]==1.1.414",
)  # fmt: skip

HOSTS = (
    # FastMCP 2.6 to 2.9 call an interface that mcp 1.10 changed, and their settings do not load with newer pydantic.
    Host("fastmcp-2.6.1", "fastmcp", ("fastmcp==2.6.1", "mcp==1.9.4", "pydantic<2.12"), normal=True),
    Host("fastmcp-2.9.2", "fastmcp", ("fastmcp==2.9.2", "mcp==1.9.4", "pydantic<2.12")),
    Host("fastmcp-2.10.6", "fastmcp", ("fastmcp==2.10.6", "mcp==1.10.1", "pydantic<2.12")),
    Host("fastmcp-2.11.3", "fastmcp", ("fastmcp==2.11.3", "mcp==1.12.4", "pydantic<2.12")),
    Host("fastmcp-2.12.5", "fastmcp", ("fastmcp==2.12.5", "pydantic<2.12")),
    Host("fastmcp-2.13.3", "fastmcp", ("fastmcp==2.13.3",)),
    Host("fastmcp-2.14.7", "fastmcp", ("fastmcp==2.14.7",), normal=True),
    Host("fastmcp-3.0.2", "fastmcp", ("fastmcp==3.0.2",)),
    Host("fastmcp-3.4.11", "fastmcp", ("fastmcp==3.4.11",), normal=True),
    Host("fastmcp-4.1.7", "fastmcp", ("fastmcp==4.1.7",)),
    Host("fastmcp-4.2.3", "fastmcp", ("fastmcp==4.2.3",), normal=True),
    Host("mcp-1.9.4", "sdk", ("mcp==1.9.4", "pydantic<2.12", "cryptography")),
    Host("mcp-1.16.0", "sdk", ("mcp==1.16.0", "pydantic<2.12", "cryptography")),
    Host("mcp-1.30.0", "sdk", ("mcp==1.30.0",), normal=True),
    Host("mcp-2.0.1", "sdk", ("mcp==2.0.1",)),
    Host("mcp-2.3.0", "sdk", ("mcp==2.3.0",), normal=True),
    Host("asgi", "asgi", (*ASGI, "gunicorn==27.0.1", "uvicorn-worker==0.4.0"), normal=True),
    Host("wsgi", "wsgi", WSGI, normal=True),
    Host("peers", "peers", ("PyJWT[crypto]==2.15.1", "joserfc==1.8.0"), normal=True),
    Host("types", "types", TYPES, normal=True),
)

#: What FastMCP's own tests of its auth need (fastmcp_tests.py).
FASTMCP_TESTS = Host(
    "fastmcp-tests", "fastmcp",
    ("fastmcp[azure]==4.2.3", "inline-snapshot==0.36.1", "dirty-equals==0.11", "opentelemetry-sdk==1.45.2",
     "pytest-asyncio==1.5.0", "pytest-timeout==2.4.0"),
)  # fmt: skip


def chosen(names: list[str], everything: bool) -> list[Host]:
    """The hosts that a command line asks for."""
    unknown = set(names) - {host.name for host in HOSTS}
    if unknown:
        raise SystemExit(f"no such host: {', '.join(sorted(unknown))}; there are {', '.join(h.name for h in HOSTS)}")
    return [host for host in HOSTS if (host.name in names if names else everything or host.normal)]
