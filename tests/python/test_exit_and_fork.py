"""What other threads may be doing when the process ends or forks. OpenSSL has locks and an exit handler of its own,
which know nothing of our threads.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import pytest

from fastbearer.testing import JWKSServer
from helpers import run_python

BUSY_DAEMONS = """
import sys, threading, time
first, work, delay, url, ca = sys.argv[1:]
if first == "ssl":
    import ssl, hashlib
    ssl.create_default_context(); hashlib.sha256(b"")  # OpenSSL is in use, its exit handler is registered
from fastbearer import KeyPair, KeysUnavailableError, Verifier, _native
for_us = {"required_claims": {"sub": "fastmcp-user"}}
pair = KeyPair.generate("ES256")

def generate():
    KeyPair.generate("RS256")

def construct():
    with Verifier(public_key=pair.public_key, algorithms="ES256", **for_us) as verifier:
        verifier.verify(pair.create_token())

verifiers = [(Verifier(public_key=p.public_key, algorithms=a, cache_size=0, **for_us), p.create_token())
             for a in ("ES384", "EdDSA", "RS256") for p in [KeyPair.generate(a)]] if work == "verify" else []

def verify():
    for verifier, token in verifiers:
        verifier.verify(token)

if work.startswith("fetch"):
    fetching = Verifier(jwks_uri=url, ca_file=ca or None, algorithms="ES256", **for_us)

def fetch():
    fetching.refresh()

def loop(function):
    while True:
        function()

if work == "fetch ahead":  # a thread of the library alone
    fetching._issuers.source(1).start(_native.REFRESH_EXPLICIT, 0)
else:
    for _ in range(3):
        threading.Thread(target=loop, args=(globals()[work],), daemon=True).start()
time.sleep(float(delay))
"""


def exits_cleanly(first: str, work: str, rounds: int, url: str = "", ca: str = "", delay: float = 0.05) -> None:
    for _ in range(rounds):
        done = run_python(BUSY_DAEMONS, first, work, str(random.random() * delay), url, ca)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("first", ["fastbearer", "ssl"])
@pytest.mark.parametrize(("work", "rounds"), [("generate", 12), ("construct", 12), ("verify", 4)])
def test_exit_while_daemon_threads_work(first: str, work: str, rounds: int) -> None:
    """Whatever daemon threads are doing, the process ends with its exit code and not in a segmentation fault."""
    exits_cleanly(first, work, rounds)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="threads that ask for the GIL stay where they are")
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc here")
def test_daemon_threads_that_wait_for_the_gil_end_before_the_interpreter_is_freed() -> None:
    """They came back from the library before the interpreter began to end, and look into it when it is freed."""
    code = """
import ctypes, sys, threading, time
from fastbearer import KeyPair
libc = ctypes.CDLL(None)
libc.strdup.restype = ctypes.c_void_p
count_threads = libc.strdup(b"ls /proc/$PPID/task | wc -l")
assert libc.__cxa_atexit(libc.system, ctypes.c_void_p(count_threads), None) == 0  # exit() calls it
sys.setswitchinterval(1)  # a thread that asks looks only then whether the interpreter is ending

def loop():
    while True:
        KeyPair.generate("ES256")

for _ in range(3):
    threading.Thread(target=loop, daemon=True).start()
time.sleep(0.1)
until = time.monotonic() + 0.5
while time.monotonic() < until:  # with the GIL, which all of them ask for meanwhile
    pass
"""
    done = run_python(code)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "1", "")


def test_exit_waits_for_a_thread_of_the_library_that_is_just_starting(jwks_server: JWKSServer) -> None:
    """One that first runs when the interpreter has been freed would look into it."""
    code = """
import atexit, sys, threading, time
late = []
# Handlers run in reverse order, so this one is the last.
atexit.register(lambda: print([thread.ident is not None for thread in late]))
from fastbearer import Verifier

class Late(threading.Thread):
    def _bootstrap(self):
        if self.name == "fastbearer-keys":
            late.append(self)
            time.sleep(0.5)
        super()._bootstrap()

threading.Thread = Late
verifier = Verifier(jwks_uri=sys.argv[1], algorithms="ES256", required_claims={"sub": "fastmcp-user"})
threading.Thread(target=verifier.refresh, daemon=True).start()
while not late:
    time.sleep(0.01)
"""
    done = run_python(code, jwks_server.jwks_uri)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[True]\n", "")


@pytest.mark.parametrize("work", ["fetch", "fetch ahead"])
def test_exit_while_keys_are_fetched(work: str) -> None:
    pytest.importorskip("cryptography")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from tests.idp import IdentityProvider

    with IdentityProvider(tls=True, algorithms=("ES256",) * 20) as idp:
        for first in ("fastbearer", "ssl"):
            exits_cleanly(first, work, 15, idp.jwks_uri, idp.ca_file, delay=0.025)


@pytest.mark.parametrize("work", ["fetch", "fetch ahead"])
def test_exit_does_not_wait_for_a_provider_that_hangs(jwks_server: JWKSServer, work: str) -> None:
    jwks_server.hang()
    start = time.monotonic()
    exits_cleanly("ssl", work, 3, jwks_server.jwks_uri, delay=0.5)
    assert time.monotonic() - start < 9  # the fetches alone would take ten seconds each


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_may_construct_while_threads_of_its_parent_did() -> None:
    """A lock of OpenSSL that another thread holds at the fork would stay locked in the child for ever."""
    code = """
import os, sys, threading, time
from fastbearer import KeyPair, Verifier
pairs = [KeyPair.generate(a) for a in ("ES256", "EdDSA", "ES384", "RS256")]
tokens = [pair.create_token() for pair in pairs]

def construct():
    for pair, token in zip(pairs, tokens):
        with Verifier(public_key=pair.public_key, algorithms=pair.algorithm, cache_size=0,
                      required_claims={"sub": "fastmcp-user"}) as verifier:
            verifier.verify(token)

def loop():
    while True:
        construct()

for _ in range(4):
    threading.Thread(target=loop, daemon=True).start()
for _ in range(300):
    child = os.fork()
    if child == 0:
        construct()
        os._exit(0)
    deadline = time.monotonic() + 30  # for each: a busy machine makes all of them slow
    pid = status = 0
    while pid == 0 and time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.001)
    if pid == 0:
        os.kill(child, 9)
        sys.exit("a child hangs")
    assert status == 0, status
print("done")
"""
    done = run_python(code, timeout=600)
    assert done.stdout == "done\n", done.stderr
