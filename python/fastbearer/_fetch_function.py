"""A fetch function of the user's: what it is, what it is given, and what it must return."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
    from typing import Any

    Headers = Mapping[str, str] | Iterable[tuple[str, str]]
    Response = tuple[int, Headers, bytes | str]
    Fetch = Callable[[str, Mapping[str, str]], Response | Awaitable[Response]]

_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE, whose module takes longer to import than this package
_ACCEPT = "application/jwk-set+json, application/json"
#: The header fields of a response that the core reads.
_FIELDS = frozenset(("age", "cache-control", "content-encoding", "content-length", "etag", "transfer-encoding"))


def is_async(function: Any) -> bool:
    """Whether a function, what a partial or method wraps, or the __call__ of an object is declared with async def."""
    return function is not None and (
        _is_coroutine_function(function) or _is_coroutine_function(type(function).__call__)
    )


def _is_coroutine_function(function: Any) -> bool:
    while hasattr(function, "func") or hasattr(function, "__func__"):
        function = function.func if hasattr(function, "func") else function.__func__
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & _CO_COROUTINE)


async def limited(awaitable: Awaitable[Any], timeout: float) -> Any:
    """The result of awaitable; TimeoutError when it takes longer."""
    import asyncio

    return await asyncio.wait_for(awaitable, timeout)


def request_headers(etag: str | None, lines: Iterable[str] = ()) -> dict[str, str]:
    """The headers to send; lines are those of the option, each "Name: value"."""
    headers = {"Accept": _ACCEPT}
    for line in lines:
        name, _, value = line.partition(": ")
        headers["Accept" if name.lower() == "accept" else name] = value
    if etag:
        headers["If-None-Match"] = etag
    return headers


def read_response(response: Any) -> tuple[int, dict[str, str], bytes]:
    """Status, the fields that the core reads, and the body. Values of a repeated field are one list (RFC 9110 5.3)."""
    status, headers, body = response
    fields = read_fields(headers, _FIELDS)
    return int(status), fields, body.encode() if isinstance(body, str) else bytes(body or b"")


def read_fields(headers: Any, names: Collection[str]) -> dict[str, str]:
    """The fields of these names, which are in lower case. Values of a repeated field are one list."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in headers.items() if hasattr(headers, "items") else headers or ():
        name = _text(raw_name).lower()
        if name in names:
            value = _text(raw_value)
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def loggable_url(url: str) -> str:
    """The URL without user, password, query and fragment."""
    scheme, separator, rest = url.partition("://")
    rest = rest.split("?", 1)[0].split("#", 1)[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
