"""Async fetch functions on event loops that end: one loop per request, as asyncio.run and async_to_sync make them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from fastbearer import AccessToken, KeyPair, KeysUnavailableError, Verifier
from helpers import run_python


class Provider:
    """An async fetch function that takes its time, and keys that may be added."""

    def __init__(self) -> None:
        self.pairs = {"k1": KeyPair.generate("ES256")}
        self.delay = 0.1
        self.calls = 0
        self.loops: list[asyncio.AbstractEventLoop] = []

    async def fetch(self, url: str, headers: Mapping[str, str]) -> Any:
        self.calls += 1
        self.loops.append(asyncio.get_running_loop())
        await asyncio.sleep(self.delay)
        keys = [jwk for kid, pair in self.pairs.items() for jwk in pair.jwks(kid)["keys"]]
        return 200, {}, json.dumps({"keys": keys})

    def rotate(self) -> str:
        """Adds a key; a token that is signed with it."""
        self.pairs["k2"] = KeyPair.generate("ES256")
        return self.token("k2")

    def token(self, kid: str = "k1") -> str:
        return self.pairs[kid].create_token(kid=kid)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def verifier(provider: Provider) -> Verifier:
    return Verifier(
        jwks_uri="https://issuer.example/jwks", fetch=provider.fetch, algorithms="ES256", cache_size=0, fetch_timeout=20
    )


def request(verifier: Verifier, token: str) -> AccessToken:
    """One request with a loop of its own."""
    return asyncio.run(verifier.verify_async(token))


def give_up(verifier: Verifier, token: str, after: float) -> None:
    """One request that is cancelled; its loop ends, and takes the fetch with it."""

    async def scene() -> None:
        task = asyncio.ensure_future(verifier.verify_async(token))
        await asyncio.sleep(after)
        task.cancel()

    asyncio.run(scene())


def without_failure(verifier: Verifier) -> bool:
    stats = verifier.stats()
    return stats["fetch_failures"] == 0 and stats["last_error"] == ""


@pytest.mark.parametrize("after", [0, 0.03], ids=["before its first step", "in the middle"])
@pytest.mark.parametrize("how", ["coroutine", "thread"])
def test_a_fetch_that_went_with_its_loop_is_no_failure(
    provider: Provider, verifier: Verifier, after: float, how: str
) -> None:
    """The next request fetches at once."""
    give_up(verifier, provider.token(), after)
    start = time.monotonic()
    assert request(verifier, provider.token()) if how == "coroutine" else verifier.verify(provider.token())
    assert time.monotonic() - start < 5 and without_failure(verifier)


def test_a_rotation_is_followed_after_a_fetch_was_abandoned(provider: Provider, verifier: Verifier) -> None:
    """The abandoned fetch for the new key does not use up what is allowed for unknown key ids."""
    request(verifier, provider.token())
    token = provider.rotate()
    for _ in range(3):
        give_up(verifier, token, 0.03)
    assert request(verifier, token).token == token and without_failure(verifier)
    assert verifier.verify(provider.token("k1"))


@pytest.mark.parametrize("how", ["coroutine", "thread"])
def test_who_waits_for_an_abandoned_fetch_starts_another(provider: Provider, verifier: Verifier, how: str) -> None:
    provider.delay = 0.3
    token, results = provider.token(), []

    def wait() -> None:
        results.append(request(verifier, token) if how == "coroutine" else verifier.verify(token))

    leaving = threading.Thread(target=give_up, args=(verifier, token, 0.2))
    waiting = threading.Thread(target=wait)
    leaving.start()
    while provider.calls == 0:
        time.sleep(0.005)
    waiting.start()
    leaving.join()
    waiting.join(timeout=5)
    assert [access.token for access in results] == [token]
    assert provider.calls == 2 and without_failure(verifier)


def test_a_loop_that_is_closed_without_cancelling_its_tasks(provider: Provider, verifier: Verifier) -> None:
    token, loop, results = provider.token(), asyncio.new_event_loop(), []
    task = loop.create_task(verifier.verify_async(token))
    loop.run_until_complete(asyncio.sleep(0.03))
    waiting = threading.Thread(target=lambda: results.append(verifier.verify(token)))
    waiting.start()
    time.sleep(0.05)
    loop.close()
    waiting.join(timeout=5)
    assert [access.token for access in results] == [token] and without_failure(verifier)
    del task


AHEAD = """
import asyncio, ctypes, json, time
from fastbearer import KeyPair, Verifier
pair, begun, completed = KeyPair.generate("ES256"), 0, 0
token = pair.create_token(kid="k", expires_in_seconds=9999)

async def fetch(url, headers):
    global begun, completed
    begun += 1
    await asyncio.sleep(0.1)
    completed += 1
    return 200, {"Cache-Control": "max-age=600"}, json.dumps(pair.jwks("k"))

verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=fetch, algorithms="ES256", cache_size=0)
asyncio.run(verifier.verify_async(token))
ctypes.CDLL(None).shift_clock(580)  # fresh for 20 s still, and due for a refresh
for _ in range(5):
    asyncio.run(verifier.verify_async(token))
end = time.monotonic() + 20
while verifier._issuers.source(1)._flights and time.monotonic() < end:
    asyncio.run(asyncio.sleep(0.01))  # time.sleep would wait for the moved clock
for _ in range(5):
    asyncio.run(verifier.verify_async(token))
ctypes.CDLL(None).shift_clock(30)  # beyond what the first fetch brought
stats = verifier.stats()
# The one that its loop cut off has begun on some versions of asyncio, and on others has not.
print(begun <= 3, completed, stats["fetch_failures"], stats["keys_fresh"])
"""


def test_refreshing_ahead_moves_to_a_thread_when_loops_end(clock: str) -> None:
    """Each request would begin a fetch that the end of its loop cuts off."""
    done = run_python(AHEAD, LD_PRELOAD=clock)
    assert done.stdout == "True 2 0 True\n", done.stdout + done.stderr


def test_a_fetch_function_that_cancels_itself_fails(verifier: Verifier, provider: Provider) -> None:
    """It is not tried again and again."""

    async def cancelled(url: str, headers: Mapping[str, str]) -> Any:
        provider.calls += 1
        raise asyncio.CancelledError

    verifier = Verifier(jwks_uri="https://issuer.example/jwks", fetch=cancelled, algorithms="ES256")
    for verify in (request, Verifier.verify):
        with pytest.raises(KeysUnavailableError):
            verify(verifier, provider.token())
    assert provider.calls <= 3


def test_many_loops_at_a_time(provider: Provider, verifier: Verifier) -> None:
    """Eight threads with a loop per request each, half of the requests cancelled; tokens of a new key too."""
    tokens, wrong = [provider.token(), provider.rotate()], []

    def work(seed: int) -> None:
        for i in range(12):
            token = tokens[(i + seed) % 2]
            try:
                if (i + seed) % 3 == 0:
                    give_up(verifier, token, 0.01)
                else:
                    request(verifier, token)
            except KeysUnavailableError:
                pass  # two seconds were not enough for a fetch that others abandoned again and again
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and without_failure(verifier)
    assert [request(verifier, token).token for token in tokens] == tokens
