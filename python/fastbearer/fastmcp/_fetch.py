"""Fetches a key set with the HTTP client of the installed FastMCP, within limits.

Given a URL and headers, returns (status, headers, body). It never follows a redirect, never decodes a body, never
reads more than max_bytes and never takes longer than timeout in total, whatever the server does. A client of the
caller is used as it is, with its proxies, certificates and transports, and left open.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import anyio

from . import _installed as installed

Fetched = tuple[int, Mapping[str, str], bytes]

_CONNECT_SECONDS = 3.0


class FetchError(Exception):
    """The key set could not be had; the text says why, for the log."""


async def fetch(
    url: str,
    headers: Mapping[str, str],
    *,
    client: Any = None,
    ssrf_safe: bool = False,
    timeout: float = 10.0,
    max_bytes: int = 65536,
    ca_file: str | None = None,
    trust_env: bool = True,
) -> Fetched:
    """One GET, limited as the module says."""
    wanted = {"Accept": "application/json, application/jwk-set+json", "Accept-Encoding": "identity", **headers}
    try:
        with anyio.fail_after(timeout):
            if ssrf_safe:
                return await _public_only(url, wanted, timeout, max_bytes)
            return await _get(url, wanted, client, timeout, max_bytes, ca_file, trust_env)
    except TimeoutError:
        raise FetchError(f"no complete response within {timeout:g} s") from None


async def _get(
    url: str,
    headers: Mapping[str, str],
    client: Any,
    timeout: float,
    max_bytes: int,
    ca_file: str | None,
    trust_env: bool,
) -> Fetched:
    http = installed.http_module()
    limits = http.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS))
    async with contextlib.AsyncExitStack() as stack:
        if client is None:
            options: dict[str, Any] = {"timeout": limits, "trust_env": trust_env}
            if ca_file is not None:
                import ssl

                options["verify"] = ssl.create_default_context(cafile=ca_file)
            client = await stack.enter_async_context(http.AsyncClient(**options))
        try:
            request = client.build_request("GET", url, headers=dict(headers), timeout=limits)
            response = await client.send(request, stream=True, follow_redirects=False)
            stack.push_async_callback(response.aclose)
            return response.status_code, response.headers, await _read(response, max_bytes)
        except http.HTTPError as error:
            raise FetchError(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error


async def _read(response: Any, max_bytes: int) -> bytes:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if response.status_code != 200 or encoding not in ("", "identity"):
        return b""  # refused by its status or its header; not a byte of it is needed
    body = bytearray()
    # With no encoding in force this yields the bytes as they arrive; aiter_raw would fail under httpx.MockTransport.
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > max_bytes:
            raise FetchError(f"more than {max_bytes} bytes")
    return bytes(body)


async def _public_only(url: str, headers: Mapping[str, str], timeout: float, max_bytes: int) -> Fetched:
    limits = {"max_size": max_bytes, "timeout": timeout, "overall_timeout": timeout}
    try:
        if installed.ssrf_safe_fetch_response is None:
            return 200, {}, await installed.ssrf_safe_fetch(url, **limits)
        response = await installed.ssrf_safe_fetch_response(
            url, request_headers=headers, allowed_status_codes={200, 304}, **limits
        )
        return response.status_code, response.headers, response.content
    except Exception as error:
        raise FetchError(str(error)) from error
