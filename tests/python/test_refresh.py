"""Key sets behind a URL, fetched by libcurl over real sockets."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import pytest

import fastbearer
from fastbearer import KeyPair, KeysUnavailableError, RSAKeyPair, Verifier
from fastbearer._key_source import KeySource
from fastbearer.testing import JWKSServer


@pytest.fixture(scope="module")
def other() -> KeyPair:
    return RSAKeyPair.generate()


def code_of(function: Callable[[], object]) -> str:
    with pytest.raises(fastbearer.FastBearerError) as caught:
        function()
    return caught.value.code


# ---- libcurl


def test_first_use_fetches_once(jwks_server: JWKSServer) -> None:
    with Verifier(jwks_uri=jwks_server.jwks_uri, issuer=jwks_server.issuer) as verifier:
        assert verifier.keys() == [] and verifier.jwks_uri == jwks_server.jwks_uri
        for _ in range(3):
            assert verifier.verify(jwks_server.mint()).claims["iss"] == jwks_server.issuer
        assert jwks_server.hits == 1
        assert [key.kid for key in verifier.keys()] == ["key-1"]
        stats = verifier.stats()
        assert stats["fetches"] == 1 and stats["keys_fresh"] is True and stats["generation"] == 1


def test_what_is_wrong_without_keys_needs_no_fetch(jwks_server: JWKSServer) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    assert code_of(lambda: verifier.verify("x")) == "token_malformed"
    assert jwks_server.hits == 0


def test_refresh(jwks_server: JWKSServer) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    verifier.refresh()
    assert [key.kid for key in verifier.keys()] == ["key-1"]
    asyncio.run(verifier.refresh_async())
    assert jwks_server.hits == 2
    jwks_server.fail(500)
    with pytest.raises(KeysUnavailableError, match="500") as caught:
        verifier.refresh()
    assert caught.value.http_status == 503 and caught.value.retry_after >= 0
    assert verifier.verify(jwks_server.mint())


@pytest.mark.parametrize("interval", [0, 0.001])
def test_one_token_costs_one_fetch(jwks_server: JWKSServer, interval: float) -> None:
    """However short the interval: the set was fetched for this very key id, and it is not there."""
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri, refresh_interval=interval)
    verifier.refresh()
    assert code_of(lambda: verifier.verify(jwks_server.mint(kid="a"))) == "key_not_found"
    assert jwks_server.hits == 2
    time.sleep(0.01)
    with pytest.raises(fastbearer.InvalidKeyError) as caught:
        asyncio.run(verifier.verify_async(jwks_server.mint(kid="b")))
    assert caught.value.kid == "b" and jwks_server.hits == 3
    time.sleep(0.01)
    jwks_server.rotate()
    assert verifier.verify(jwks_server.mint()) and jwks_server.hits == 4


def test_rotation(jwks_server: JWKSServer, other: KeyPair) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    old = jwks_server.mint()
    assert verifier.verify(old) and verifier.verify(old)
    jwks_server.rotate(key=other)
    assert verifier.verify(jwks_server.mint())
    assert code_of(lambda: verifier.verify(old)) == "key_not_found"
    assert jwks_server.hits == 2


def test_random_kids_cost_one_fetch(jwks_server: JWKSServer) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    verifier.verify(jwks_server.mint())
    for i in range(200):
        assert code_of(lambda i=i: verifier.verify(jwks_server.mint(kid=f"made up {i}"))) == "key_not_found"
    assert jwks_server.hits == 2


def test_threads_share_the_first_fetch(jwks_server: JWKSServer) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    token = jwks_server.mint()
    jwks_server.hang()
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(verifier.verify(token).client_id)) for _ in range(32)]
    for thread in threads:
        thread.start()
    while jwks_server.hits == 0:
        time.sleep(0.01)
    time.sleep(0.1)
    jwks_server.recover()
    for thread in threads:
        thread.join()
    assert results == ["fastmcp-user"] * 32
    assert jwks_server.hits == 1


def test_coroutines_share_the_first_fetch_and_the_loop_goes_on(jwks_server: JWKSServer) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    token = jwks_server.mint()

    async def scene() -> int:
        jwks_server.hang()
        tasks = [asyncio.create_task(verifier.verify_async(token)) for _ in range(50)]
        ticks = 0
        for _ in range(20):
            await asyncio.sleep(0.01)
            ticks += 1
        tasks[0].cancel()
        jwks_server.recover()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert all(getattr(result, "client_id", None) == "fastmcp-user" for result in results[1:])
        return ticks

    assert asyncio.run(scene()) == 20
    assert jwks_server.hits == 1


def test_several_loops(jwks_server: JWKSServer) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    token = jwks_server.mint()
    jwks_server.hang()
    results: list[str] = []

    def loop() -> None:
        results.append(asyncio.run(verifier.verify_async(token)).client_id)

    threads = [threading.Thread(target=loop) for _ in range(6)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    jwks_server.recover()
    for thread in threads:
        thread.join()
    assert len(results) == 6 and jwks_server.hits == 1


def test_a_loop_that_ends_first(jwks_server: JWKSServer) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    token = jwks_server.mint()
    jwks_server.hang()

    async def give_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(verifier.verify_async(token), 0.1)

    asyncio.run(give_up())
    jwks_server.recover()
    assert verifier.verify(token)
    assert jwks_server.hits == 1


def test_known_keys_never_wait(jwks_server: JWKSServer, other: KeyPair) -> None:
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri, cache_size=0)
    good = jwks_server.mint()
    verifier.verify(good)
    jwks_server.hang()
    stranger = threading.Thread(target=lambda: code_of(lambda: verifier.verify(jwks_server.mint(kid="new"))))
    stranger.start()
    while jwks_server.hits < 2:
        time.sleep(0.01)
    slowest = 0.0
    for _ in range(200):
        start = time.perf_counter()
        verifier.verify(good)
        slowest = max(slowest, time.perf_counter() - start)
    assert stranger.is_alive() and slowest < 1.0
    jwks_server.recover()
    stranger.join()


def test_provider_down_and_back(jwks_server: JWKSServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    jwks_server.fail(503)
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri + "?secret=hidden")
    token = jwks_server.mint()
    seen: list[str] = []
    for _ in range(5):
        with pytest.raises(KeysUnavailableError) as caught:
            verifier.verify(token)
        assert caught.value.code == "keys_unavailable" and 0 <= caught.value.retry_after <= 60
        seen.append(str(caught.value))
    assert jwks_server.hits == 1  # the others were told to come back later
    jwks_server.recover()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            verifier.verify(token)
            break
        except KeysUnavailableError:
            time.sleep(0.1)
    assert verifier.verify(token)
    records = [r for r in caplog.records if r.name == "fastbearer.keys" and jwks_server.issuer in r.getMessage()]
    assert [record.levelname for record in records] == ["WARNING", "WARNING"]
    first, second = (record.getMessage() for record in records)
    assert jwks_server.jwks_uri in first and "503" in first and "no keys are held" in first
    assert "again" in second
    assert "hidden" not in caplog.text and token not in caplog.text


def test_nobody_listens() -> None:
    verifier = Verifier(jwks_uri="http://127.0.0.1:1/jwks", fetch_timeout=2)
    with pytest.raises(KeysUnavailableError):
        verifier.refresh()
    assert "onnect" in verifier.stats()["last_error"]
    assert verifier.stats()["fetch_failures"] == 1


def test_background_refresh(jwks_server: JWKSServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the core says that a refresh is due, one is started, and the request does not wait for it."""
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri)
    token = jwks_server.mint()
    verifier.verify(token)

    class Due:
        """The native verifier, with a refresh that is due once."""

        calls = 0

        def refresh_due(self, access: fastbearer.AccessToken) -> int:
            assert access.token == token
            Due.calls += 1
            return int(Due.calls == 1)

    started: list[tuple[object, ...]] = []

    def start(self: KeySource, reason: int, request: int, *, loop: object, awaited: bool) -> None:
        assert request == 0 and not awaited
        started.append((reason, loop))

    monkeypatch.setattr(KeySource, "start", start)
    verifier._native = Due()  # type: ignore[assignment]
    for _ in range(10):
        verifier.verify(token)
    assert Due.calls == 10 and started == [(fastbearer._native.REFRESH_AHEAD, None)]
    Due.calls = 0

    async def scene() -> None:
        await verifier.verify_async(token)
        await verifier.verify_async(token)
        assert started[1:] == [(fastbearer._native.REFRESH_AHEAD, asyncio.get_running_loop())]

    asyncio.run(scene())


def test_derived_verifiers_share_keys(jwks_server: JWKSServer) -> None:
    first = Verifier(jwks_uri=jwks_server.jwks_uri, issuer="https://wrong", required_scopes=["a"])
    second = first._with_policy(issuer=jwks_server.issuer)
    assert code_of(lambda: first.verify(jwks_server.mint())) == "issuer_mismatch"
    assert code_of(lambda: second.verify(jwks_server.mint())) == "insufficient_scope"
    first.close()
    jwks_server.rotate()
    assert second.verify(jwks_server.mint(scopes=["a"]))
    assert jwks_server.hits == 2
    third = second._with_policy(required_scopes=None)
    second.close()
    assert third.verify(jwks_server.mint()) and jwks_server.hits == 2
