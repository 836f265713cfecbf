"""is_revoked: asked about every token that is good otherwise, and nothing is accepted while it fails."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any

import pytest

import fastbearer
from fastbearer import AccessToken, KeyPair, RevokedTokenError, StatusUnavailableError, Verifier
from fastbearer.asgi import BearerAuthMiddleware

KEYS = KeyPair.generate("ES256")
OPTIONS: dict[str, Any] = {"public_key": KEYS.public_key, "algorithms": "ES256", "audience": "a"}
DAY = 86400  # longer than a run of all tests
GOOD = KEYS.create_token("good", audience="a", expires_in_seconds=DAY, additional_claims={"jti": "1"})
GONE = KEYS.create_token("gone", audience="a", expires_in_seconds=DAY, additional_claims={"jti": "2"})


def gone(access: AccessToken) -> bool:
    return access.subject == "gone"


async def gone_async(access: AccessToken) -> bool:
    await asyncio.sleep(0)
    return access.subject == "gone"


def request_with(token: str) -> fastbearer.Request:
    return fastbearer.Request("GET", "https://api.example/", {"Authorization": f"Bearer {token}"})


#: The four ways in; those that are sync can take a hook that is.
SYNC: list[Callable[[Verifier, str], AccessToken]] = [
    lambda verifier, token: verifier.verify(token),
    lambda verifier, token: verifier.verify_request(request_with(token)),
]
ASYNC: list[Callable[[Verifier, str], AccessToken]] = [
    lambda verifier, token: asyncio.run(verifier.verify_async(token)),
    lambda verifier, token: asyncio.run(verifier.verify_request_async(request_with(token))),
]
WAYS = [(way, hook) for way in SYNC for hook in (gone,)] + [(way, hook) for way in ASYNC for hook in (gone, gone_async)]


@pytest.mark.parametrize("way, hook", WAYS)
def test_every_way_in(way: Any, hook: Any) -> None:
    """Cached or not."""
    seen: list[fastbearer.Rejection] = []
    with Verifier(**OPTIONS, is_revoked=hook, on_reject=seen.append) as verifier:
        for _ in range(3):
            assert way(verifier, GOOD).subject == "good"
            with pytest.raises(RevokedTokenError) as caught:
                way(verifier, GONE)
            error = caught.value
            assert (error.code, error.http_status, error.oauth_error) == ("token_revoked", 401, "invalid_token")
        stats = verifier.stats()
    assert stats["cache_hits"] == 4 and stats["reasons"] == {"token_revoked": 3}
    assert [rejection.code for rejection in seen] == ["token_revoked"] * 3


def test_it_is_asked_about_good_tokens_only() -> None:
    asked: list[AccessToken] = []
    with Verifier(**OPTIONS, is_revoked=lambda access: bool(asked.append(access))) as verifier:
        for token in ("a.b.c", KEYS.create_token(audience="b"), KeyPair.generate("ES256").create_token(audience="a")):
            with pytest.raises(fastbearer.InvalidTokenError):
                verifier.verify(token)
        assert asked == [] and verifier.verify(GOOD) is not None and [item.token for item in asked] == [GOOD]


def test_keys_that_are_fetched_first(jwks_server: Any) -> None:
    """The token waits for its keys, and is asked about then."""
    for way in (*SYNC, *ASYNC):
        with Verifier(jwks_uri=jwks_server.jwks_uri, audience="a", is_revoked=gone) as verifier:
            with pytest.raises(RevokedTokenError):
                way(verifier, jwks_server.mint(subject="gone", audience="a"))
            assert way(verifier, jwks_server.mint(subject="good", audience="a"))


async def fails_async(access: AccessToken) -> bool:
    raise LookupError(access.token)


def fails(access: AccessToken) -> bool:
    raise LookupError(access.token)


@pytest.mark.parametrize(
    "hook, name",
    [(fails, "LookupError"), (fails_async, "LookupError"), (lambda access: None, "TypeError"),
     (lambda access: "no", "TypeError"), (lambda access: 1 / 0, "ZeroDivisionError")],
)  # fmt: skip
def test_one_that_fails_accepts_nothing(hook: Any, name: str, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[fastbearer.Rejection] = []
    with Verifier(**OPTIONS, is_revoked=hook, on_reject=seen.append) as verifier:
        for way in ASYNC if hook is fails_async else (*SYNC, *ASYNC):
            with pytest.raises(StatusUnavailableError) as caught:
                way(verifier, GOOD)
            assert (caught.value.code, caught.value.http_status) == ("status_unavailable", 503)
            assert caught.value.oauth_error == "temporarily_unavailable" and caught.value.retry_after > 0
    assert {rejection.code for rejection in seen} == {"status_unavailable"}
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 1 and lines[0].endswith(name)  # once, and nothing of the token
    assert GOOD not in caplog.text


def test_an_async_one_is_not_called_by_verify() -> None:
    asked = []

    async def hook(access: AccessToken) -> bool:
        asked.append(access)
        return False

    with Verifier(**OPTIONS, is_revoked=hook) as verifier:
        for way in SYNC:
            with pytest.raises(fastbearer.ConfigurationError, match="is_revoked is async"):
                way(verifier, GOOD)
        assert asked == [] and verifier.stats()["verified"] == 0
    with Verifier(**OPTIONS, is_revoked=lambda access: hook(access)) as verifier:  # that it is async shows too late
        for way in SYNC:
            with pytest.raises(StatusUnavailableError):
                way(verifier, GOOD)
        assert ASYNC[0](verifier, GOOD).subject == "good"


def test_one_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastbearer._revocation.TIMEOUT", 0.05)

    async def never(access: AccessToken) -> bool:
        await asyncio.Event().wait()
        return False

    with Verifier(**OPTIONS, is_revoked=never) as verifier, pytest.raises(StatusUnavailableError):
        asyncio.run(asyncio.wait_for(verifier.verify_async(GOOD), 20))


def test_a_request_that_is_cancelled() -> None:
    """The hook is cancelled with it, and the next request is not affected."""
    ended = []

    async def slow(access: AccessToken) -> bool:
        if access.subject == "gone":
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(access.subject)
        return False

    async def main() -> None:
        with Verifier(**OPTIONS, is_revoked=slow) as verifier:
            task = asyncio.create_task(verifier.verify_async(GONE))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert ended == ["gone"] and (await verifier.verify_async(GOOD)).subject == "good"
            assert verifier.stats()["rejected"] == 0

    asyncio.run(main())


def test_without_asyncio() -> None:
    trio = pytest.importorskip("trio")

    async def hook(access: AccessToken) -> bool:
        await trio.sleep(0)
        return access.subject == "gone"

    async def main() -> None:
        with Verifier(**OPTIONS, is_revoked=hook) as verifier:
            assert (await verifier.verify_async(GOOD)).subject == "good"
            with pytest.raises(RevokedTokenError):
                await verifier.verify_async(GONE)

    trio.run(main)


def test_a_proof_is_not_remembered_for_a_revoked_token() -> None:
    """A store of proofs learns of accepted requests only."""
    client = KeyPair.generate("ES256")
    added: list[str] = []

    class Store:
        def add(self, key: str, expires_at: float) -> bool:
            added.append(key)
            return True

    token = KEYS.create_token("gone", audience="a", additional_claims={"cnf": {"jkt": client.thumbprint()}})
    url = "https://api.example/mcp"
    headers = {"Authorization": f"DPoP {token}", "DPoP": client.dpop_proof("GET", url, token)}
    verifier = Verifier(**OPTIONS, is_revoked=gone, dpop=fastbearer.DPoP(replay_store=Store()))
    with pytest.raises(RevokedTokenError):
        verifier.verify_request(fastbearer.Request("GET", url, headers))
    assert added == []


@pytest.mark.parametrize("hook", ["text", 5, object()])
def test_what_is_no_function(hook: Any) -> None:
    with pytest.raises(TypeError, match="is_revoked must be callable or None"):
        Verifier(**OPTIONS, is_revoked=hook)


def answer_of(app: Any, token: str) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "scheme": "https",
             "headers": [(b"authorization", f"Bearer {token}".encode()), (b"host", b"api.example")],
             "server": ("api.example", 443)}  # fmt: skip
    asyncio.run(app(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


@pytest.mark.parametrize("hook, status", [(gone_async, 401), (fails_async, 503)])
def test_asgi(hook: Any, status: int, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    with caplog.at_level(logging.INFO), Verifier(**OPTIONS, is_revoked=hook) as verifier:
        guarded = BearerAuthMiddleware(app, verifier=verifier)
        found, headers, body = answer_of(guarded, GONE)
    assert found == status and b"revoked" not in body
    if status == 503:
        assert headers["retry-after"] == "1" and "www-authenticate" not in headers
    else:
        assert 'error="invalid_token"' in headers["www-authenticate"]
    assert GONE not in caplog.text


def test_it_is_an_option_of_the_adapters() -> None:
    assert "is_revoked" in inspect.signature(Verifier).parameters
    from fastbearer._option_types import FastMCPOptions, VerifierOptions

    assert "is_revoked" in VerifierOptions.__annotations__ and "is_revoked" in FastMCPOptions.__annotations__
