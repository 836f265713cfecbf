"""Shadow: the verifier in service answers, whatever the candidate says or does, and each difference is reported."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from typing import Any

import pytest

import fastbearer
from fastbearer import shadow
from fastbearer.shadow import Difference, Shadow
from helpers import run_python

KEYS = fastbearer.KeyPair.generate("ES256")
OPTIONS: dict[str, Any] = {"public_key": KEYS.public_key, "algorithms": "ES256"}


class Custom:
    """What frameworks call a verifier."""

    def __init__(self, answer: Any = "the result") -> None:
        self.answer = answer
        self.required_scopes = ["a"]

    async def verify_token(self, token: str) -> Any:
        await asyncio.sleep(0)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def get_middleware(self) -> list[Any]:
        return [self]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "fastbearer.shadow"]


def wait_for(condition: Any) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def ask(serving: Any, candidate: Any, token: str = "t", **options: Any) -> tuple[Any, list[Difference]]:
    """The answer of an object with verify_token, or its exception, and the differences that were found."""
    found: list[Difference] = []

    async def main() -> Any:
        made = Shadow(serving, candidate, on_difference=found.append, **options)
        try:
            answer = await made.verify_token(token)
        except Exception as error:
            answer = error
        while shadow.stats(made)["compared"] == 0:
            await asyncio.sleep(0.005)
        return answer

    return asyncio.run(asyncio.wait_for(main(), 20)), found


def test_the_answer_is_that_of_the_verifier_in_service() -> None:
    token = KEYS.create_token(audience="a", issuer="i")
    candidate = fastbearer.Verifier(**OPTIONS, audience="b")
    result = object()
    answer, found = ask(Custom(result), candidate, token)
    assert answer is result
    assert found == [Difference("accepted", None, "refused", "audience_mismatch", "aud")]
    error = LookupError("no")
    answer, found = ask(Custom(error), fastbearer.Verifier(**OPTIONS, audience="a"), token)
    assert answer is error and found == [Difference("refused", "LookupError", "accepted")]
    answer, found = ask(Custom(None), candidate, token)  # both refuse, for whatever reason
    assert answer is None and found == []


def test_results_are_compared_by_name() -> None:
    token = KEYS.create_token(scopes=["x", "y"])
    plain, other = fastbearer.Verifier(**OPTIONS), fastbearer.Verifier(**OPTIONS, client_id_claims="iss")
    _, found = ask(Custom(plain.verify(token)), other, token)
    assert found == [Difference("accepted", None, "accepted", fields=("client_id",))]
    _, found = ask(Custom(plain.verify(KEYS.create_token(scopes=["y", "x"]))), plain, token)
    assert found == []


def test_no_token_and_no_claim_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    token = KEYS.create_token(subject="a-subject", audience="an-audience", kid="a-kid")
    with caplog.at_level(logging.DEBUG):
        _, (found,) = ask(Custom(), fastbearer.Verifier(**OPTIONS, audience="mine"), token)
    assert lines(caplog) == ["in service: accepted; candidate: refused (audience_mismatch, claim aud)"]
    for secret in ("a-subject", "an-audience", "a-kid", *token.split(".")):
        assert secret not in repr(found) + caplog.text


def test_the_log_is_limited(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Any:
        made = Shadow(Custom(), fastbearer.Verifier(**OPTIONS), max_pending=1000)
        for _ in range(50):
            await made.verify_token("t")
        while shadow.stats(made)["different"] < 50:
            await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(main(), 20))
    assert lines(caplog) == ["in service: accepted; candidate: refused (token_malformed)"]


@pytest.mark.parametrize(
    "candidate, outcome, code",
    [(Custom(RuntimeError("broken")), "failed", None), (Custom(fastbearer.ConfigurationError("x")), "failed",
     "configuration_invalid"), (Custom(TimeoutError()), "timed_out", None), (lambda token: False, "refused", None),
     (Custom(fastbearer.KeysUnavailableError("x")), "unavailable", "keys_unavailable"),
     (lambda token: 1 / 0, "failed", None)],
)  # fmt: skip
def test_a_failing_candidate(candidate: Any, outcome: str, code: str | None) -> None:
    answer, found = ask(Custom(), candidate)
    assert answer == "the result"
    assert found == [Difference("accepted", None, outcome, code)]


def test_a_slow_candidate_delays_nobody_and_is_bounded() -> None:
    asked = []

    async def never(token: str) -> None:
        asked.append(token)
        await asyncio.Event().wait()

    async def main() -> None:
        found: list[Difference] = []
        made = Shadow(Custom(), never, timeout=0.5, max_pending=3, on_difference=found.append)
        for _ in range(20):
            assert await made.verify_token("t") == "the result"
        assert shadow.stats(made) == {"compared": 0, "different": 0, "skipped": 17}
        while len(found) < 3:
            await asyncio.sleep(0.01)
        assert found[0] == Difference("accepted", None, "timed_out") and len(asked) == 3
        await made.verify_token("t")
        assert shadow.stats(made)["skipped"] == 17  # there is room again

    asyncio.run(asyncio.wait_for(main(), 20))


def test_a_slow_sync_candidate_has_a_thread() -> None:
    going = threading.Event()
    made = Shadow(lambda token: "yes", lambda token: going.wait(10), max_pending=2)
    start = time.monotonic()
    assert [made("t") for _ in range(10)] == ["yes"] * 10
    assert time.monotonic() - start < 5
    assert shadow.stats(made)["skipped"] >= 7
    going.set()
    wait_for(lambda: shadow.stats(made)["compared"] >= 2)
    assert shadow.stats(made)["different"] == 0


def test_a_request_that_is_cancelled_is_not_compared() -> None:
    async def never(token: str) -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        made = Shadow(never, fastbearer.Verifier(**OPTIONS))
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(made("t"), 0.05)
        await asyncio.sleep(0.05)
        assert shadow.stats(made) == {"compared": 0, "different": 0, "skipped": 0}

    asyncio.run(main())


def test_the_shadow_is_an_instance_of_what_it_stands_for() -> None:
    serving = Custom()
    made = Shadow(serving, fastbearer.Verifier(**OPTIONS))
    assert (
        isinstance(made, Custom) and made.get_middleware() == [made] and made.required_scopes is serving.required_scopes
    )
    serving.required_scopes = ["b"]
    assert made.required_scopes == ["b"]
    made.answer = "another"
    assert serving.answer == "another" and "_shadow" not in vars(serving)
    with pytest.raises(TypeError, match="was not made by Shadow"):
        shadow.stats(serving)


def test_functions_stay_what_they_are() -> None:
    async def check(token: str) -> str:
        """Checks."""
        return token

    made = Shadow(check, lambda token: None)
    assert inspect.iscoroutinefunction(made) and made.__doc__ == "Checks." and asyncio.run(made(token="t")) == "t"
    assert not inspect.iscoroutinefunction(Shadow(lambda token: token, check))


def test_two_of_ours() -> None:
    """A new configuration beside the one in service, for tokens and for whole requests."""
    found: list[Difference] = []
    strict = fastbearer.Verifier(**OPTIONS, audience="b")
    made = Shadow(fastbearer.Verifier(**OPTIONS, audience="a"), strict, on_difference=found.append)
    token = KEYS.create_token(audience="a")
    request = fastbearer.Request("GET", "https://api.example/", {"Authorization": f"Bearer {token}"})
    assert made.audience == "a" and made.stats()["verified"] == 0
    assert made.verify(token).token == token
    wait_for(lambda: len(found) == 1)
    assert made.verify_request(request).token == token
    wait_for(lambda: len(found) == 2)
    assert asyncio.run(made.verify_async(token)).token == token
    with pytest.raises(fastbearer.InvalidTokenError):
        made.verify("a.b.c")
    wait_for(lambda: len(found) >= 2 and shadow.stats(made)["compared"] >= 3)
    assert set(found) == {Difference("accepted", None, "refused", "audience_mismatch", "aud")}
    assert strict.stats()["rejected"] >= 3


def test_a_failing_callback_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    def fails(found: Difference) -> None:
        raise RuntimeError("no")

    made = Shadow(lambda token: "yes", fastbearer.Verifier(**OPTIONS), on_difference=fails)
    for number in range(3):
        assert made("t") == "yes"
        wait_for(lambda: shadow.stats(made)["different"] > number)
    wait_for(lambda: len(caplog.records) >= 2)
    assert [record.message for record in caplog.records if record.exc_info] == [
        "on_difference failed; this is logged once"
    ]


def test_after_a_fork() -> None:
    """The child has a thread of its own for its comparisons."""
    script = """
import os, time
import fastbearer
from fastbearer import shadow
made = shadow.Shadow(lambda token: "yes", lambda token: "yes")
made("t")
while shadow.stats(made)["compared"] < 1: time.sleep(0.01)
child = os.fork()
if not child:
    made("t")
    give_up = time.monotonic() + 10
    while shadow.stats(made)["compared"] < 2 and time.monotonic() < give_up: time.sleep(0.01)
    os._exit(0 if shadow.stats(made)["compared"] == 2 else 1)
assert os.waitpid(child, 0)[1] == 0
print("done")
"""
    assert "done" in run_python(script).stdout


@pytest.mark.parametrize(
    "arguments, message",
    [({"serving": 5}, "serving must be"), ({"candidate": 5}, "candidate must be"), ({"timeout": 0}, "timeout"),
     ({"max_pending": 0}, "max_pending"), ({"on_difference": 5}, "on_difference")],
)  # fmt: skip
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        Shadow(**{"serving": Custom(), "candidate": Custom(), **arguments})
