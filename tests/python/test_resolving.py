"""resolve_issuer: who an unknown issuer is, asked once for all tokens that wait, from threads and event loops."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from fastbearer import FastBearerError, Issuer, KeyPair, KeysUnavailableError, Rejection, Verifier
from fastbearer import _resolver as resolver
from fastbearer.testing import JWKSServer
from helpers import AUDIENCE, run_python, source_of

ONE, TWO = "https://one.example", "https://two.example"


class Directory:
    """What the user has: a table, a function over it, and a note of what was asked."""

    def __init__(self, pair: KeyPair, *known: str) -> None:
        self.pair, self.known, self.asked = pair, set(known), []  # type: ignore[var-annotated]

    def find(self, iss: str) -> Issuer | None:
        self.asked.append(iss)
        return Issuer(iss, **source_of(self.pair)) if iss in self.known else None

    async def find_async(self, iss: str) -> Issuer | None:
        await asyncio.sleep(0.05)
        return self.find(iss)

    def mint(self, iss: str, **options: Any) -> str:
        return self.pair.create_token(issuer=iss, audience=AUDIENCE, **options)


@pytest.fixture
def directory(pairs: dict[str, KeyPair]) -> Directory:
    return Directory(pairs["ES256"], ONE, TWO)


def code_of(verifier: Verifier, token: str) -> str:
    try:
        verifier.verify(token)
    except FastBearerError as error:
        return error.code
    return "ok"


@pytest.mark.parametrize("kind", ["find", "find_async"])
def test_once_for_each_issuer(directory: Directory, kind: str) -> None:
    verifier = Verifier(resolve_issuer=getattr(directory, kind), audience=AUDIENCE)
    for _ in range(3):
        assert verifier.verify(directory.mint(ONE)).issuer == ONE
        assert verifier.verify(directory.mint(TWO)).issuer == TWO
        assert code_of(verifier, directory.mint("https://three.example")) == "issuer_mismatch"
        assert code_of(verifier, KeyPair.generate("ES256").create_token(issuer=ONE)) == "signature_invalid"
    assert directory.asked == [ONE, TWO, "https://three.example"]
    stats = verifier.stats()
    assert stats["unknown_issuers"] == 1 and [state["added"] for state in stats["issuers"]] == [True, True]
    assert [key.issuer for key in verifier.keys()] == [ONE, TWO]


@pytest.mark.parametrize("kind", ["find", "find_async"])
def test_one_call_for_all_that_wait(directory: Directory, kind: str) -> None:
    """Threads, and coroutines of a loop, with tokens that differ."""
    verifier = Verifier(resolve_issuer=getattr(directory, kind), audience=AUDIENCE, cache_size=0)
    tokens = [directory.mint(ONE, subject=str(n)) for n in range(20)]

    async def scene() -> None:
        await asyncio.gather(*(verifier.verify_async(token) for token in tokens))

    threads = [threading.Thread(target=verifier.verify, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    asyncio.run(scene())
    for thread in threads:
        thread.join()
    assert directory.asked == [ONE] and verifier.stats()["verified"] == 40


def test_under_trio(directory: Directory) -> None:
    trio = pytest.importorskip("trio")
    verifier = Verifier(resolve_issuer=directory.find_async, audience=AUDIENCE)

    async def scene() -> None:
        assert (await verifier.verify_async(directory.mint(ONE))).issuer == ONE

    trio.run(scene)
    assert directory.asked == [ONE]


def test_a_loop_is_not_blocked_by_a_function_that_is_not_async(directory: Directory) -> None:
    asked, go = threading.Event(), threading.Event()

    def slow(iss: str) -> Issuer | None:
        asked.set()
        go.wait(10)
        return directory.find(iss)

    verifier = Verifier(resolve_issuer=slow, audience=AUDIENCE)

    async def scene() -> None:
        task = asyncio.create_task(verifier.verify_async(directory.mint(ONE)))
        while not asked.is_set():
            await asyncio.sleep(0.01)
        assert not task.done()
        go.set()
        assert (await task).issuer == ONE

    asyncio.run(scene())


def test_a_loop_that_ends_leaves_the_question_to_another(directory: Directory) -> None:
    entered = 0

    async def find(iss: str) -> Issuer | None:
        nonlocal entered
        entered += 1
        if entered == 1:
            await asyncio.sleep(3600)
        return directory.find(iss)

    verifier = Verifier(resolve_issuer=find, audience=AUDIENCE)

    async def impatient() -> None:
        asyncio.ensure_future(verifier.verify_async(directory.mint(ONE)))  # noqa: RUF006
        while not entered:
            await asyncio.sleep(0.01)

    asyncio.run(impatient())
    assert asyncio.run(verifier.verify_async(directory.mint(ONE))).issuer == ONE


def test_beside_configured_issuers(directory: Directory, pairs: dict[str, KeyPair]) -> None:
    configured = Issuer(TWO, **source_of(pairs["HS256"]))
    verifier = Verifier(issuers=[configured], resolve_issuer=directory.find, audience=AUDIENCE)
    assert verifier.verify(pairs["HS256"].create_token(issuer=TWO, audience=AUDIENCE))
    assert directory.asked == [] and verifier.verify(directory.mint(ONE))
    assert directory.asked == [ONE] and code_of(verifier, directory.mint(TWO)) == "algorithm_not_allowed"
    flat = Verifier(issuer=TWO, **source_of(pairs["HS256"]), resolve_issuer=directory.find, audience=AUDIENCE)
    assert flat.verify(directory.mint(ONE)) and flat.verify(pairs["HS256"].create_token(issuer=TWO, audience=AUDIENCE))
    assert repr(flat).startswith("<fastbearer.Verifier secret") and flat.issuer == TWO


def test_the_issuers_own_keys_are_fetched(jwks_server: JWKSServer) -> None:
    """With its own fetch function, and refreshed with all others."""
    urls: list[str] = []

    async def fetch(url: str, headers: Any) -> tuple[int, dict[str, str], bytes]:
        import json

        urls.append(url)
        return 200, {}, json.dumps(jwks_server.document).encode()

    def find(iss: str) -> Issuer | None:
        return Issuer(iss, jwks_uri=f"{iss}/keys", fetch=fetch)

    verifier = Verifier(resolve_issuer=find, audience=AUDIENCE)
    for iss in (ONE, TWO, ONE):
        assert verifier.verify(jwks_server.mint(issuer=iss, audience=AUDIENCE)).issuer == iss
    assert urls == [f"{ONE}/keys", f"{TWO}/keys"]
    verifier.refresh()
    asyncio.run(verifier.refresh_async())
    assert sorted(urls) == [f"{ONE}/keys"] * 3 + [f"{TWO}/keys"] * 3


def test_those_that_were_used_least_recently_make_room(pairs: dict[str, KeyPair]) -> None:
    pair, names = pairs["HS256"], [f"https://{n}.example" for n in range(30)]
    directory = Directory(pair, *names)
    verifier = Verifier(resolve_issuer=directory.find, max_issuers=3, audience=AUDIENCE)
    for name in names:
        assert verifier.verify(directory.mint(name)).issuer == name
    stats = verifier.stats()
    assert [state["issuer"] for state in stats["issuers"]] == names[-3:] and stats["issuer_evictions"] == 27
    assert len(verifier._issuers._resolved) <= 6 and len(verifier._issuers._names) <= 6
    assert verifier.verify(directory.mint(names[0])) and directory.asked == [*names, names[0]]


# ---- what goes wrong


@pytest.mark.parametrize(
    "answer",
    [RuntimeError("the database is down"), "no issuer", Issuer(TWO, secret="s" * 32), Issuer(ONE, secret="short"),
     Issuer([ONE, TWO], secret="s" * 32), Issuer(secret="s" * 32), Issuer(ONE, secret="s" * 32, scope_claims="/~2")],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("how", ["sync", "async"])
def test_an_answer_that_cannot_be_used(
    directory: Directory, answer: Any, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Concerns that token only: 503, and a line in the log, once."""
    seen: list[Rejection] = []
    bad = True

    def find(iss: str) -> Any:
        if iss == TWO or not bad:
            return directory.find(iss)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def find_async(iss: str) -> Any:
        return find(iss)

    function = find if how == "sync" else find_async
    verifier = Verifier(resolve_issuer=function, audience=AUDIENCE, on_reject=seen.append)
    for _ in range(3):
        with pytest.raises(KeysUnavailableError) as caught:
            asyncio.run(verifier.verify_async(directory.mint(ONE)))
        assert caught.value.http_status == 503 and caught.value.issuer is None
        assert verifier.verify(directory.mint(TWO))
    assert [rejection.code for rejection in seen] == ["keys_unavailable"] * 3
    lines = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(lines) == 1 and lines[0].getMessage().startswith("resolve_issuer failed")
    assert ONE not in caplog.text
    bad = False
    assert verifier.verify(directory.mint(ONE))


@pytest.mark.parametrize(
    "error, identifier, text",
    [
        (RuntimeError("the database is down"), ONE, "RuntimeError: the database is down"),
        (LookupError(f"no tenant at {ONE}"), ONE, "LookupError: no tenant at (the issuer)"),
        (OSError("cannot resolve one.example"), ONE, "OSError"),
        (KeyError("evil-tenant"), "https://login.example/evil-tenant/v2.0", "KeyError"),
        (ValueError("a\nforged line"), ONE, "ValueError"),
        (ValueError(), ONE, "ValueError"),
        (ValueError("x" * 500), ONE, "ValueError: " + "x" * 200),
    ],
    ids=repr,
)
def test_what_is_said_of_an_exception(error: Exception, identifier: str, text: str) -> None:
    assert resolver.describe(identifier, error) == text


def test_many_different_exceptions_are_a_bounded_number_of_lines(
    directory: Directory, caplog: pytest.LogCaptureFixture
) -> None:
    count = 0

    def find(iss: str) -> Issuer | None:
        nonlocal count
        count += 1
        raise RuntimeError(f"failure {count}")

    verifier = Verifier(resolve_issuer=find, audience=AUDIENCE)
    for _ in range(100):
        assert code_of(verifier, directory.mint(ONE)) == "keys_unavailable"
    assert count == 100 and len(caplog.records) == 32


@pytest.mark.parametrize("iss", [None, 7, "", "x" * 600], ids=repr)
def test_an_iss_that_is_nobodys_is_not_asked_about(directory: Directory, iss: Any) -> None:
    verifier = Verifier(resolve_issuer=directory.find, audience=AUDIENCE)
    claims = {} if iss is None else {"iss": iss}
    token = directory.pair.create_token(issuer=None, audience=AUDIENCE, additional_claims=claims)
    assert code_of(verifier, token) in ("iss_missing", "iss_invalid", "issuer_mismatch")
    assert directory.asked in ([], [""])


def test_a_function_that_never_returns(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps its thread, and no token for longer than the time-out; the next token asks again."""
    monkeypatch.setattr(resolver, "TIMEOUT", 0.2)
    monkeypatch.setattr("fastbearer._flight.GRACE", 0.1)
    forever, entered = threading.Event(), 0

    def find(iss: str) -> Issuer | None:
        nonlocal entered
        entered += 1
        if entered == 1:
            forever.wait(30)
        return directory.find(iss)

    verifier = Verifier(resolve_issuer=find, audience=AUDIENCE)
    assert code_of(verifier, directory.mint(ONE)) == "keys_unavailable"
    time.sleep(0.2)
    assert verifier.verify(directory.mint(ONE)).issuer == ONE and entered == 2
    forever.set()
    assert verifier.verify(directory.mint(ONE)).issuer == ONE


def test_an_async_function_is_cancelled_at_the_time_out(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resolver, "TIMEOUT", 0.2)

    async def find(iss: str) -> Issuer | None:
        await asyncio.sleep(3600)
        return None

    verifier = Verifier(resolve_issuer=find, audience=AUDIENCE)
    for verify in (verifier.verify, lambda token: asyncio.run(verifier.verify_async(token))):
        with pytest.raises(KeysUnavailableError):
            verify(directory.mint(ONE))
    assert "TimeoutError" in caplog.text


def test_a_verifier_may_be_closed_while_it_asks(directory: Directory) -> None:
    entered, go = threading.Event(), threading.Event()
    outcome: list[Exception] = []

    def find(iss: str) -> Issuer | None:
        entered.set()
        go.wait(10)
        return directory.find(iss)

    verifier = Verifier(resolve_issuer=find, audience=AUDIENCE)

    def verify() -> None:
        try:
            verifier.verify(directory.mint(ONE))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=verify)
    thread.start()
    assert entered.wait(10)
    verifier.close()
    go.set()
    thread.join(10)
    assert [type(error) for error in outcome] == [ValueError]


def test_a_function_that_verifies_a_token_of_the_issuer_that_it_is_asked_about(directory: Directory) -> None:
    """Nobody waits for himself."""
    inner: list[str] = []

    def find(iss: str) -> Issuer | None:
        inner.append(code_of(verifier, directory.mint(ONE)))
        return directory.find(iss)

    verifier = Verifier(resolve_issuer=find, audience=AUDIENCE)
    assert verifier.verify(directory.mint(ONE)).issuer == ONE
    assert inner == ["keys_unavailable"]


def test_one_warning_for_resolved_issuers_too(directory: Directory, caplog: pytest.LogCaptureFixture) -> None:
    verifier = Verifier(resolve_issuer=directory.find)
    assert not caplog.records
    for iss in (ONE, TWO):
        verifier.verify(directory.mint(iss))
    assert len(caplog.records) == 1 and "of a resolved issuer that were issued for other services" in caplog.text
    assert ONE not in caplog.text


def test_in_a_child_of_a_fork() -> None:
    code = """
import os, sys, threading, time
from fastbearer import Issuer, KeyPair, Verifier
pair = KeyPair.generate("ES256")
stuck = threading.Event()
parent = os.getpid()
def find(iss):
    if os.getpid() == parent:
        stuck.wait(60)
    return Issuer(iss, public_key=pair.public_key, algorithms="ES256", audience="a")
verifier = Verifier(resolve_issuer=find)
token = pair.create_token(issuer="https://one.example", audience="a")
threading.Thread(target=verifier.verify, args=(token,), daemon=True).start()
time.sleep(0.3)
child = os.fork()
if child == 0:
    os._exit(verifier.verify(token).issuer != "https://one.example")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stuck.set()
"""
    done = run_python(code)
    assert done.stdout == "0\n", done.stderr


def test_a_function_is_what_is_called(directory: Directory) -> None:
    """Also an object with an async __call__, or a partial of an async function."""
    from functools import partial

    class Find:
        async def __call__(self, iss: str) -> Issuer | None:
            return directory.find(iss)

    functions: list[Callable[..., Any]] = [Find(), partial(directory.find_async), lambda iss: directory.find_async(iss)]
    for function in functions:
        verifier = Verifier(resolve_issuer=function, audience=AUDIENCE)
        assert asyncio.run(verifier.verify_async(directory.mint(ONE))).issuer == ONE
        assert verifier.verify(directory.mint(TWO)).issuer == TWO
