"""Code that runs in the middle of ours on the same thread: finalizers, callbacks of the collector, signal handlers."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from helpers import run_python

LOOKALIKES = """
import sys
from fastbearer import _native

class Name(str):  # equal to others as text, another key of a dict
    __hash__ = object.__hash__
    def __eq__(self, other):
        return self is other

try:
    _native.Verifier(**{Name("audiences"): ("x",) for _ in range(int(sys.argv[1]))})
except TypeError as error:
    print(error)
"""

SAME_FIELD = """
import gc
from fastbearer import KeyPair, Verifier
pair = KeyPair.generate("HS256")
verifier = Verifier(secret=pair.secret, algorithms="HS256", cache_size=0)
token = pair.create_token(additional_claims={"mark": "here", "a": [[[1]]] * 50})
current, inside, hits = None, False, 0

def ask(phase, info):
    global inside, hits
    if phase == "start" and current is not None and not inside:
        inside = True
        current.claims
        hits += 1
        inside = False

gc.callbacks.append(ask)
for _ in range(200):
    access = verifier.verify(token)
    gc.set_threshold(1)
    current = access
    assert access.claims is access.claims and access.claims["mark"] == "here"
    gc.set_threshold(0)
    current = access = None
gc.collect()
print(hits > 100, sum(type(o) is dict and o.get("mark") == "here" for o in gc.get_objects()))
"""

VERIFY_AGAIN = """
import faulthandler, gc, logging, signal, sys, threading, time
from fastbearer import KeyPair, KeysUnavailableError, Verifier
logging.disable(logging.CRITICAL)
faulthandler.dump_traceback_later(40, exit=True)
token = KeyPair.generate("ES256").create_token(kid="k")
inside, main_thread = False, threading.get_ident()
def fetch(url, headers):
    raise RuntimeError("down")
verifier = Verifier(jwks_uri="https://issuer.example/keys", fetch=fetch, algorithms="ES256")

def refresh(*_):
    global inside
    # Another thread may be interrupted where threading holds the lock that a fetch's thread needs to start.
    if not inside and threading.get_ident() == main_thread:
        inside = True
        try:
            verifier.refresh()
        except KeysUnavailableError:
            pass
        inside = False

if sys.argv[1] == "collector":
    gc.callbacks.append(lambda phase, info: refresh())
    gc.set_threshold(1)
else:
    signal.signal(signal.SIGALRM, refresh)
    signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
start, rounds = time.monotonic(), 0
while time.monotonic() < start + (2 if rounds > 10 else 30):  # a busy machine needs longer for some rounds
    try:
        verifier.refresh()
    except KeysUnavailableError:
        rounds += 1
signal.setitimer(signal.ITIMER_REAL, 0)
gc.callbacks.clear()
print(rounds > 10)
"""


def output_of(code: str, *arguments: str) -> str:
    done: subprocess.CompletedProcess[str] = run_python(code, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_option_is_taken_once() -> None:
    """However many keywords there are that are equal as text."""
    assert output_of(LOOKALIKES, "300") == "audiences was given twice\n"


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the collector runs between bytecodes only")
def test_a_field_that_is_asked_for_while_it_is_made() -> None:
    """Nothing is lost when the collector's callback reads the same field of the same token."""
    assert output_of(SAME_FIELD) == "True 0\n"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
@pytest.mark.parametrize("by", ["collector", "signal"])
def test_fetching_in_the_middle_of_fetching(by: str) -> None:
    """A handler may ask for keys wherever it interrupts the same thread doing that."""
    assert output_of(VERIFY_AGAIN, by) == "True\n"
