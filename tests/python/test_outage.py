"""A provider that is down when it has just rotated its keys, and responses whose length nobody can know."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from fastbearer import KeyPair, KeysUnavailableError, Verifier
from helpers import run_python

#: Time passes by shift_clock, so that a minute takes none.
ROTATION = """
import asyncio, ctypes, json, logging, sys
from fastbearer import InvalidKeyError, KeyPair, KeysUnavailableError, Verifier
shift_clock = ctypes.CDLL(None).shift_clock
logging.disable(logging.CRITICAL)
failing_for, how = float(sys.argv[1]), sys.argv[2]
pairs = {"k1": KeyPair.generate("ES256")}
down, calls, clock = False, 0, 0

def respond():
    global calls
    calls += 1
    if down:
        return 503, {}, b""
    return 200, {}, json.dumps({"keys": [j for kid, pair in pairs.items() for j in pair.jwks(kid)["keys"]]})

def fetch(url, headers):
    return respond()

async def fetch_async(url, headers):
    return respond()

verifier = Verifier(jwks_uri="https://issuer.example/keys", fetch=fetch_async if how == "async" else fetch,
                    algorithms="ES256", cache_size=0)

def verify(token):
    return asyncio.run(verifier.verify_async(token)) if how == "async" else verifier.verify(token)

def wait(seconds):
    global clock
    shift_clock(seconds)
    clock += seconds

old = pairs["k1"].create_token(kid="k1")
verify(old)
pairs["k2"] = KeyPair.generate("ES256")
new = pairs["k2"].create_token(kid="k2")
down, calls, waits = True, 0, []
while clock < failing_for:
    before = calls
    try:
        verify(new)
        sys.exit("accepted without its key")
    except KeysUnavailableError as error:  # not key_not_found: the token may be good
        assert calls == before + 1, "the back-off is over, so it was tried"
        assert error.http_status == 503 and 0 < error.retry_after <= 60, error.retry_after
        waits.append(round(error.retry_after))
    try:
        verify(new)
    except KeysUnavailableError:
        assert calls == before + 1, "and not tried again before the next back-off is over"
    assert verify(old)
    wait(waits[-1] + 1)
down = False
assert verify(new).token == new and verify(old)
made_up = pairs["k2"].create_token(kid="made up")
for first in (True, False):
    before = calls
    try:
        verify(made_up)
    except InvalidKeyError as error:
        assert error.code == "key_not_found" and 0 < error.retry_after <= 30, error.retry_after
        assert str(round(error.retry_after)) in str(error), error
        assert calls - before <= first
print(waits)
"""


@pytest.mark.parametrize("how", ["sync", "async"])
@pytest.mark.parametrize(
    ("failing_for", "waits"),
    [("0.5", [1]), ("6", [1, 2, 4]), ("60", [1, 2, 4, 8, 16, 32])],
    ids=["once", "thrice", "a minute"],
)
def test_a_rotation_while_the_provider_fails(clock: str, failing_for: str, waits: list[int], how: str) -> None:
    """503 and another try after the back-off, never 401 for the interval of unknown key ids."""
    done = run_python(ROTATION, failing_for, how, LD_PRELOAD=clock)
    assert done.stdout == f"{waits}\n", done.stderr


# ---- RFC 9112 section 6.3: a response whose framing contradicts itself

CONFLICTS = [
    {"Content-Length": ["{size}", "5"]},
    {"Content-Length": ["{size}, 5"]},
    {"Content-Length": ["{size}"], "Transfer-Encoding": ["chunked"]},
    {"Transfer-Encoding": ["gzip, chunked"]},
]


def written(fields: dict[str, list[str]], body: bytes) -> list[tuple[str, str]]:
    return [(name, value.format(size=len(body))) for name, values in fields.items() for value in values]


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return KeyPair.generate("ES256")


@pytest.fixture
def raw_server() -> Iterator[Any]:
    """Serves exactly the bytes that it is given, once a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        responses: list[bytes] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(responses[-1])

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/keys", responses
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("fields", CONFLICTS, ids=str)
def test_conflicting_lengths_with_libcurl(pair: KeyPair, raw_server: Any, fields: dict[str, list[str]]) -> None:
    url, responses = raw_server
    body = json.dumps(pair.jwks("k")).encode()
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if "Transfer-Encoding" in fields else body
    head = "".join(f"{name}: {value}\r\n" for name, value in written(fields, body))
    responses.append(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head.encode() + b"\r\n" + sent)
    verifier = Verifier(jwks_uri=url, algorithms="ES256")
    with pytest.raises(KeysUnavailableError):
        verifier.refresh()
    assert verifier.keys() == [] and verifier.stats()["fetch_failures"] == 1
    responses.append(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    verifier.refresh()
    assert verifier.verify(pair.create_token(kid="k"))


@pytest.mark.parametrize("fields", CONFLICTS, ids=str)
@pytest.mark.parametrize(
    "form", [list, lambda pairs: {name: ", ".join(v for n, v in pairs if n == name) for name, _ in pairs}]
)
def test_conflicting_lengths_with_a_fetch_function(pair: KeyPair, fields: dict[str, list[str]], form: Any) -> None:
    body = json.dumps(pair.jwks("k")).encode()
    headers = form(written(fields, body))
    verifier = Verifier(
        jwks_uri="https://issuer.example/keys", fetch=lambda *_: (200, headers, body), algorithms="ES256"
    )
    with pytest.raises(KeysUnavailableError):
        verifier.refresh()
    assert verifier.keys() == []
    headers = form([("Content-Length", str(len(body)))])
    verifier.refresh()
    assert verifier.verify(pair.create_token(kid="k"))
