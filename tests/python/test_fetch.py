"""Custom fetch functions, sync and async, on threads and event loops."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from fastbearer import KeyPair, KeysUnavailableError, RSAKeyPair, Verifier


class Provider:
    """A fetch function, sync or async, that counts."""

    def __init__(self, pair: KeyPair, kid: str = "k") -> None:
        self.body = json.dumps(pair.jwks(kid)).encode()
        self.answer: Any = None
        self.calls: list[tuple[str, Mapping[str, str]]] = []
        self.threads: list[str] = []
        self.delay = 0.0

    def reply(self, url: str, headers: Mapping[str, str]) -> Any:
        self.calls.append((url, headers))
        self.threads.append(threading.current_thread().name)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return (200, {"ETag": '"1"'}, self.body) if self.answer is None else self.answer

    def sync(self, url: str, headers: Mapping[str, str]) -> Any:
        time.sleep(self.delay)
        return self.reply(url, headers)

    async def asynchronous(self, url: str, headers: Mapping[str, str]) -> Any:
        await asyncio.sleep(self.delay)
        return self.reply(url, headers)


@pytest.fixture
def provider(rsa_key_pair: RSAKeyPair) -> Provider:
    return Provider(rsa_key_pair)


@pytest.mark.parametrize("kind", ["sync", "asynchronous"])
@pytest.mark.parametrize("how", ["verify", "verify_async"])
def test_custom_fetch(provider: Provider, rsa_key_pair: RSAKeyPair, kind: str, how: str) -> None:
    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=getattr(provider, kind))
    token = rsa_key_pair.create_token(kid="k")
    for _ in range(2):
        access = verifier.verify(token) if how == "verify" else asyncio.run(verifier.verify_async(token))
        assert access.token == token
    ((url, headers),) = provider.calls
    assert url == "https://issuer.example/jwks" and "If-None-Match" not in headers
    on_loop = (kind, how) == ("asynchronous", "verify_async")
    assert provider.threads == ["MainThread" if on_loop else "fastbearer-keys"]
    provider.answer = (304, {}, b"")
    verifier.refresh()
    assert provider.calls[1][1]["If-None-Match"] == '"1"'
    assert verifier.stats()["last_error"] == ""


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (OSError("no route"), "OSError: no route"),
        (ValueError("at https://issuer.example/jwks?key=hidden"), "ValueError"),
        ((500, {}, b""), "500"),
        ((302, {"Location": "https://elsewhere"}, b""), "302"),
        ((200, {}, b"not json"), ""),
        ((200, {}, b'{"keys":[]}'), ""),
        ((200, {"content-encoding": "gzip"}, b"{}"), ""),
        ((200, {}, b" " * 70000), ""),
        ((200, {}), "fetch must return"),
        ("nonsense", "fetch must return"),
        (None.__class__, "fetch must return"),
        ((304, {}, b""), "304"),
    ],
)
@pytest.mark.parametrize("kind", ["sync", "asynchronous"])
def test_failed_fetches(provider: Provider, rsa_key_pair: RSAKeyPair, answer: Any, word: str, kind: str) -> None:
    provider.answer = answer
    verifier = Verifier(jwks_uri="https://issuer.example/jwks?key=hidden", fetch=getattr(provider, kind))
    with pytest.raises(KeysUnavailableError) as caught:
        verifier.refresh()
    assert word in str(caught.value) and "hidden" not in str(caught.value)
    with pytest.raises(KeysUnavailableError):
        asyncio.run(verifier.refresh_async())
    provider.answer = None
    asyncio.run(verifier.refresh_async())
    assert verifier.verify(rsa_key_pair.create_token(kid="k"))


@pytest.mark.parametrize("headers", [{"Cache-Control": "max-age=100"}, [("cache-control", "max-age=100")],
                                     [(b"Cache-Control", b"max-age=100")], None])  # fmt: skip
def test_header_forms(provider: Provider, headers: Any) -> None:
    provider.answer = (200, headers, provider.body.decode())
    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=provider.sync)
    verifier.refresh()
    assert len(verifier.keys()) == 1


def test_async_fetch_has_a_deadline(provider: Provider, rsa_key_pair: RSAKeyPair) -> None:
    provider.delay = 5.0
    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=provider.asynchronous, fetch_timeout=0.2)
    start = time.monotonic()
    with pytest.raises(KeysUnavailableError, match="within 0.2 s"):
        asyncio.run(verifier.refresh_async())
    with pytest.raises(KeysUnavailableError):
        verifier.refresh()
    assert time.monotonic() - start < 3


def test_sync_fetch_that_never_returns(provider: Provider, rsa_key_pair: RSAKeyPair) -> None:
    provider.delay = 2.5
    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=provider.sync, fetch_timeout=0.2)
    start = time.monotonic()
    with pytest.raises(KeysUnavailableError):
        verifier.verify(rsa_key_pair.create_token(kid="k"))
    assert time.monotonic() - start < 2.4


def test_cancelling_a_waiter_leaves_the_fetch(provider: Provider, rsa_key_pair: RSAKeyPair) -> None:
    provider.delay = 0.2
    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=provider.asynchronous)
    token = rsa_key_pair.create_token(kid="k")

    async def scene() -> None:
        leader = asyncio.create_task(verifier.verify_async(token))
        follower = asyncio.create_task(verifier.verify_async(token))
        await asyncio.sleep(0.05)
        leader.cancel()
        assert (await follower).token == token
        assert leader.cancelled()

    asyncio.run(scene())
    assert len(provider.calls) == 1


def test_loop_closed_in_the_middle_of_a_fetch(provider: Provider, rsa_key_pair: RSAKeyPair) -> None:
    provider.delay = 0.5
    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=provider.asynchronous)
    token = rsa_key_pair.create_token(kid="k")

    async def leave() -> None:
        task = asyncio.create_task(verifier.verify_async(token))
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(leave())  # cancels the fetch with everything else
    provider.delay = 0.0
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert verifier.verify(token)
            return
        except KeysUnavailableError as error:
            time.sleep(min(0.2, error.retry_after))
    raise AssertionError("no recovery")


def test_sync_verify_on_the_loop_that_fetches(provider: Provider, rsa_key_pair: RSAKeyPair) -> None:
    """A thread that waited for its own loop would wait for ever."""
    provider.delay = 0.2
    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=provider.asynchronous)
    token = rsa_key_pair.create_token(kid="k")

    async def scene() -> None:
        task = asyncio.create_task(verifier.verify_async(token))
        await asyncio.sleep(0.05)
        start = time.monotonic()
        with pytest.raises(KeysUnavailableError):
            verifier.verify(token)
        assert time.monotonic() - start < 1
        assert (await task).token == token

    asyncio.run(scene())


def test_trio(provider: Provider, rsa_key_pair: RSAKeyPair) -> None:
    trio = pytest.importorskip("trio")
    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=provider.sync)
    token = rsa_key_pair.create_token(kid="k")

    async def scene() -> None:
        assert (await verifier.verify_async(token)).token == token
        await verifier.refresh_async()

    trio.run(scene)
    assert len(provider.calls) == 2


def test_verifiers_with_a_url_are_freed(provider: Provider, rsa_key_pair: RSAKeyPair) -> None:
    import weakref

    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=provider.sync)
    verifier.verify(rsa_key_pair.create_token(kid="k"))
    watch, source = weakref.ref(verifier), weakref.ref(verifier._issuers.source(1))  # type: ignore[arg-type]
    del verifier
    gc.collect()
    assert watch() is None
    deadline = time.monotonic() + 2
    while source() is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert source() is None
