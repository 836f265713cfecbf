"""Keys that are found by discovery and key sets of several issuers, over real HTTP: libcurl, and fetch functions."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from fastbearer import ConfigurationError, FastBearerError, Issuer, KeyPair, KeysUnavailableError, Verifier
from fastbearer.testing import JWKSServer
from helpers import AUDIENCE
from tests.idp import FAULTS, METADATA_FAULTS, IdentityProvider, Metadata

Fetched = tuple[int, Mapping[str, str], bytes]


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider(algorithms=["ES256"], issuer_path="/tenant") as made:
        yield made


@pytest.fixture
def other() -> Iterator[IdentityProvider]:
    with IdentityProvider(algorithms=["EdDSA"]) as made:
        yield made


def get(url: str, headers: Mapping[str, str]) -> Fetched:
    """A fetch function, with the standard library; no redirects."""
    import http.client
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("GET", parts.path, headers=dict(headers))
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


async def get_async(url: str, headers: Mapping[str, str]) -> Fetched:
    return await asyncio.to_thread(get, url, headers)


WAYS: dict[str, Callable[..., Any] | None] = {"libcurl": None, "sync": get, "async": get_async}


def paths(provider: IdentityProvider) -> list[str]:
    return [request.path for request in provider.log]


# ---- discovery


@pytest.mark.parametrize("fetch", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("how", ["verify", "verify_async"])
def test_an_issuer_is_a_whole_configuration(provider: IdentityProvider, fetch: Any, how: str) -> None:
    verifier = Verifier(issuer=provider.issuer, audience=AUDIENCE, algorithms="ES256", fetch=fetch)
    token = provider.mint(aud=AUDIENCE)
    access = verifier.verify(token) if how == "verify" else asyncio.run(verifier.verify_async(token))
    assert access.issuer == provider.issuer
    assert paths(provider) == ["/tenant/.well-known/openid-configuration", "/jwks"]
    [state] = verifier.stats()["issuers"]
    assert (state["jwks_uri"], state["fetches"], state["fetched"]) == (provider.jwks_uri, 1, True)
    [key] = verifier.keys()
    assert key.issuer == provider.issuer and key.fetched_at is not None and key.fresh_until is not None
    assert abs(key.fetched_at - time.time()) < 60 and key.fresh_until - key.fetched_at == pytest.approx(300, abs=1)


@pytest.mark.parametrize("fetch", WAYS.values(), ids=WAYS)
def test_documents_of_the_other_kind_are_looked_for(provider: IdentityProvider, fetch: Any) -> None:
    provider.behave_metadata(Metadata(served=("oauth",)))
    with Verifier(issuer=provider.issuer, audience=AUDIENCE, algorithms="ES256", fetch=fetch) as verifier:
        assert verifier.verify(provider.mint(aud=AUDIENCE))
    assert paths(provider)[-2:] == ["/.well-known/oauth-authorization-server/tenant", "/jwks"]


@pytest.mark.parametrize("fetch", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    "fault, text",
    [("none", "well-known"), ("wrong_issuer", "issuer"), ("no_jwks_uri", "jwks_uri"), ("jwks_uri_http", "https"),
     ("redirect", "302"), ("html", "JSON"), ("server_error", "500")],
)  # fmt: skip
def test_metadata_that_cannot_be_used(provider: IdentityProvider, fetch: Any, fault: str, text: str) -> None:
    provider.behave_metadata(METADATA_FAULTS[fault])
    verifier = Verifier(issuer=provider.issuer, audience=AUDIENCE, algorithms="ES256", fetch=fetch)
    with pytest.raises(KeysUnavailableError) as caught:
        verifier.verify(provider.mint(aud=AUDIENCE))
    assert caught.value.issuer == provider.issuer and caught.value.retry_after > 0
    [state] = verifier.stats()["issuers"]
    assert text in state["last_error"] and state["fetch_failures"] == 1
    assert "/jwks" not in paths(provider)
    provider.behave_metadata()
    verifier.refresh()
    assert verifier.verify(provider.mint(aud=AUDIENCE))


def test_one_flight_of_two_steps_for_everybody(provider: IdentityProvider) -> None:
    """Threads and coroutines share it, and the time-out is that of the whole flight."""
    verifier = Verifier(issuer=provider.issuer, audience=AUDIENCE, algorithms="ES256", fetch=get_async)
    token = provider.mint(aud=AUDIENCE)

    async def many() -> None:
        await asyncio.gather(*(verifier.verify_async(token) for _ in range(50)))

    threads = [threading.Thread(target=verifier.verify, args=(token,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    asyncio.run(many())
    for thread in threads:
        thread.join()
    assert len(provider.log) == 2 and verifier.stats()["fetches"] == 1


def test_the_time_out_is_for_both_steps(provider: IdentityProvider) -> None:
    async def slowly(url: str, headers: Mapping[str, str]) -> Fetched:
        await asyncio.sleep(0.6)
        return await get_async(url, headers)

    verifier = Verifier(issuer=provider.issuer, audience=AUDIENCE, algorithms="ES256", fetch=slowly, fetch_timeout=1.0)
    with pytest.raises(KeysUnavailableError, match="1 s"):
        asyncio.run(verifier.refresh_async())
    assert verifier.stats()["fetch_failures"] == 1


def test_a_task_that_is_cancelled_between_the_steps(provider: IdentityProvider) -> None:
    """The flight is given up without a failure, and the next token starts another."""
    reached = threading.Event()

    async def fetch(url: str, headers: Mapping[str, str]) -> Fetched:
        if url.endswith("/jwks") and not reached.is_set():
            reached.set()
            await asyncio.sleep(3600)
        return await get_async(url, headers)

    verifier = Verifier(issuer=provider.issuer, audience=AUDIENCE, algorithms="ES256", fetch=fetch)
    token = provider.mint(aud=AUDIENCE)

    async def impatient() -> None:
        task = asyncio.create_task(verifier.verify_async(token))
        while not reached.is_set():
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(impatient())
    assert asyncio.run(verifier.verify_async(token)).issuer == provider.issuer
    assert verifier.stats()["fetch_failures"] == 0


@pytest.mark.parametrize("fetch", WAYS.values(), ids=WAYS)
def test_headers_go_along(provider: IdentityProvider, fetch: Any) -> None:
    options: dict[str, Any] = {"audience": AUDIENCE, "algorithms": "ES256", "fetch": fetch}
    with Verifier(issuer=provider.issuer, headers={"X-Key": "k 1", "Accept": "a/b"}, **options) as verifier:
        assert verifier.verify(provider.mint(aud=AUDIENCE))
    assert [request.headers.get("x-key") for request in provider.log] == ["k 1", "k 1"]
    provider.forget()
    provider.behave_metadata(METADATA_FAULTS["jwks_uri_other_host"])
    with Verifier(issuer=provider.issuer, headers={"X-Key": "k 1"}, **options) as verifier:
        assert verifier.verify(provider.mint(aud=AUDIENCE))
    assert [request.headers.get("x-key") for request in provider.log] == ["k 1", None]


def test_the_key_server_for_tests_is_found(jwks_server: JWKSServer) -> None:
    verifier = Verifier(issuer=jwks_server.issuer, audience=AUDIENCE)
    assert verifier.verify(jwks_server.mint(audience=AUDIENCE)).issuer == jwks_server.issuer
    assert jwks_server.hits == 1


# ---- several issuers


def both(provider: IdentityProvider, other: IdentityProvider, fetch: Any = None, **options: Any) -> Verifier:
    return Verifier(
        issuers=[
            Issuer(provider.issuer, algorithms="ES256", fetch=fetch, **options),
            Issuer(other.issuer, algorithms="EdDSA", jwks_uri=other.jwks_uri, **options),
        ],
        audience=AUDIENCE,
    )


@pytest.mark.parametrize("fetch", WAYS.values(), ids=WAYS)
def test_only_the_keys_of_the_tokens_issuer_are_fetched(
    provider: IdentityProvider, other: IdentityProvider, fetch: Any
) -> None:
    verifier = both(provider, other, fetch)
    for code in ("issuer_mismatch", "issuer_mismatch"):
        with pytest.raises(FastBearerError) as caught:
            verifier.verify(KeyPair.generate("ES256").create_token(issuer="https://third.example", audience=AUDIENCE))
        assert caught.value.code == code
    assert not provider.log and not other.log
    assert verifier.verify(other.mint(aud=AUDIENCE)).issuer == other.issuer
    assert not provider.log and paths(other) == ["/jwks"]
    assert verifier.verify(provider.mint(aud=AUDIENCE)).issuer == provider.issuer
    assert paths(other) == ["/jwks"]
    assert [key.issuer for key in verifier.keys()] == [provider.issuer, other.issuer]


def test_an_outage_delays_only_its_own_tokens(provider: IdentityProvider, other: IdentityProvider) -> None:
    provider.behave(FAULTS["hang"])
    verifier = both(provider, other, fetch_timeout=3.0)
    good, waiting = other.mint(aud=AUDIENCE), provider.mint(aud=AUDIENCE)
    verifier.verify(good)

    async def scene() -> None:
        task = asyncio.create_task(verifier.verify_async(waiting))
        while not provider.log:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        for _ in range(100):
            await verifier.verify_async(good)
        other.rotate()
        await verifier.verify_async(other.mint(aud=AUDIENCE))
        assert time.monotonic() - began < 1.0 and not task.done()
        with pytest.raises(KeysUnavailableError) as caught:
            await task
        assert caught.value.issuer == provider.issuer

    asyncio.run(scene())
    first, second = verifier.stats()["issuers"]
    assert (first["keys_held"], first["fetch_failures"]) == (False, 1)
    assert (second["keys_held"], second["fetch_failures"], second["last_error"]) == (True, 0, "")


@pytest.mark.parametrize("fetch", WAYS.values(), ids=WAYS)
def test_refresh_fetches_all_and_names_those_that_failed(
    provider: IdentityProvider, other: IdentityProvider, fetch: Any
) -> None:
    verifier = both(provider, other, fetch)
    verifier.refresh()
    assert len(verifier.keys()) == 2
    asyncio.run(verifier.refresh_async())
    assert verifier.stats()["fetches"] == 4
    other.behave(FAULTS["unavailable"])
    with pytest.raises(KeysUnavailableError) as caught:
        verifier.refresh()
    assert f"1 of 2 key sets could not be fetched: {other.issuer}: " in str(caught.value)
    assert provider.issuer not in str(caught.value) and caught.value.retry_after > 0
    provider.behave_metadata(METADATA_FAULTS["none"])
    provider.behave(FAULTS["unavailable"])
    with pytest.raises(KeysUnavailableError, match="2 of 2 key sets") as caught:
        asyncio.run(verifier.refresh_async())
    assert provider.issuer in str(caught.value) and other.issuer in str(caught.value)
    assert verifier.verify(provider.mint(aud=AUDIENCE)) and verifier.verify(other.mint(aud=AUDIENCE))


def test_refresh_does_so_at_the_same_time(provider: IdentityProvider, other: IdentityProvider) -> None:
    meeting = threading.Barrier(2, timeout=5)

    def fetch(url: str, headers: Mapping[str, str]) -> Fetched:
        meeting.wait()
        return get(url, headers)

    issuers = [
        Issuer(idp.issuer, jwks_uri=idp.jwks_uri, algorithms=["ES256", "EdDSA"], fetch=fetch)
        for idp in (provider, other)
    ]
    Verifier(issuers=issuers, audience=AUDIENCE).refresh()


def test_static_issuers_have_nothing_to_refresh(provider: IdentityProvider) -> None:
    static = Issuer("https://static.example", secret="s" * 32, algorithms="HS256")
    verifier = Verifier(issuers=[static, Issuer(provider.issuer, algorithms="ES256")], audience=AUDIENCE)
    verifier.refresh()
    assert len(provider.log) == 2 and len(verifier.keys()) == 2
    with pytest.raises(ConfigurationError, match="have keys to fetch"):
        Verifier(issuers=[static], audience=AUDIENCE).refresh()
    verifier.close()
    for call in (verifier.refresh, verifier.keys, verifier.stats):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_a_verifier_may_be_closed_during_a_fetch(provider: IdentityProvider) -> None:
    """Of static and fetched issuers together, whose key sets no other verifier can share."""
    entered, go = threading.Event(), threading.Event()

    def fetch(url: str, headers: Mapping[str, str]) -> Fetched:
        entered.set()
        go.wait(10)
        return get(url, headers)

    static = Issuer("https://static.example", secret="s" * 32, algorithms="HS256")
    verifier = Verifier(issuers=[static, Issuer(provider.issuer, algorithms="ES256", fetch=fetch)], audience=AUDIENCE)
    outcome: list[Exception] = []

    def verify() -> None:
        try:
            verifier.verify(provider.mint(aud=AUDIENCE))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=verify)
    thread.start()
    assert entered.wait(10)
    verifier.close()
    go.set()
    thread.join(10)
    assert [type(error) for error in outcome] == [ValueError]


def test_a_rotation_concerns_one_issuer(provider: IdentityProvider, other: IdentityProvider) -> None:
    """The same kid with both, and each has a new key after a while."""
    verifier = both(provider, other)
    tokens = [provider.mint(aud=AUDIENCE), other.mint(aud=AUDIENCE)]
    for token in tokens * 2:
        verifier.verify(token)
    provider.rotate()
    verifier.verify(provider.mint(aud=AUDIENCE))
    with pytest.raises(FastBearerError) as caught:
        verifier.verify(tokens[0])
    assert caught.value.code == "key_not_found" and caught.value.issuer == provider.issuer
    assert verifier.verify(tokens[1])
    assert verifier.stats()["issuers"][1]["fetches"] == 1
    json.dumps(verifier.stats())
