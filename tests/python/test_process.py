"""Threads, forks, the end of the interpreter, several interpreters, and memory."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable

import pytest

import fastbearer
from fastbearer import KeyPair, RSAKeyPair, Verifier
from fastbearer.testing import JWKSServer
from helpers import run_python, source_of

Mint = Callable[..., str]


def test_threads(pairs: dict[str, KeyPair]) -> None:
    """Many threads on one verifier: every verdict is right, with and without the token cache."""
    for algorithm in ("RS256", "ES256", "EdDSA", "HS256"):
        pair = pairs[algorithm]
        good = [pair.create_token(subject=str(i)) for i in range(20)]
        bad = [token[:-8] + "AAAAAAAA" for token in good]
        for cache in (0, 16):
            verifier = Verifier(**source_of(pair), cache_size=cache)
            wrong: list[str] = []

            def work() -> None:
                for _ in range(5):
                    for i, (yes, no) in enumerate(zip(good, bad)):
                        if verifier.verify(yes).claims["sub"] != str(i):
                            wrong.append(yes)
                        try:
                            verifier.verify(no)
                            wrong.append(no)
                        except fastbearer.InvalidSignatureError:
                            pass

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert wrong == []
            assert verifier.stats()["verified"] == verifier.stats()["rejected"] == 8 * 5 * 20


def test_close_while_others_verify(rsa_key_pair: RSAKeyPair) -> None:
    token = rsa_key_pair.create_token()
    for _ in range(20):
        verifier = Verifier(public_key=rsa_key_pair.public_key, cache_size=0)
        ended: list[str] = []

        def work() -> None:
            try:
                while True:
                    verifier.verify(token)
            except ValueError as error:
                ended.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.005)
        verifier.close()
        for thread in threads:
            thread.join()
        assert ended == ["the verifier is closed"] * 4


def test_one_access_token_read_by_many_threads(verifier: Verifier, mint: Mint) -> None:
    for _ in range(50):
        access = verifier.verify(mint())
        seen: list[object] = []
        threads = [threading.Thread(target=lambda: seen.append(access.claims)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(claims is seen[0] for claims in seen)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork(jwks_server: JWKSServer, rsa_key_pair: RSAKeyPair) -> None:
    """A child goes on with what it inherited, even when the parent was in the middle of a fetch."""
    plain = Verifier(public_key=rsa_key_pair.public_key)
    fetching = Verifier(jwks_uri=jwks_server.jwks_uri)
    token = jwks_server.mint()
    plain.verify(token)
    jwks_server.hang()
    waiting = threading.Thread(target=lambda: fetching.verify(token))
    waiting.start()
    while jwks_server.hits == 0:
        time.sleep(0.01)
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                plain.verify(token)
                RSAKeyPair(private_key=rsa_key_pair.private_key).create_token()
                fetching.verify(token)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    time.sleep(0.3)
    jwks_server.recover()
    waiting.join()
    for child in children:
        deadline = time.monotonic() + 20
        pid, status = 0, 0
        while pid == 0 and time.monotonic() < deadline:
            pid, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.02)
        assert pid == child and status == 0
    assert jwks_server.hits == 4


def test_multiprocessing(rsa_key_pair: RSAKeyPair) -> None:
    code = """
import multiprocessing, sys
from fastbearer import Verifier
VERIFIER = Verifier(public_key=open(sys.argv[1]).read())
def work(token):
    return VERIFIER.verify(token)
if __name__ == "__main__":
    token = sys.argv[2]
    VERIFIER.verify(token)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map(work, [token] * 50)
    assert all(r == results[0] and r.token == token for r in results)
    print("done")
"""
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"fastbearer-{os.getpid()}.pem")
    with open(path, "w") as file:
        file.write(rsa_key_pair.public_key)
    try:
        done = run_python(code, path, rsa_key_pair.create_token())
    finally:
        os.unlink(path)
    assert done.stdout == "done\n", done.stderr


@pytest.mark.parametrize("end", ["return", "raise", "daemon", "async"])
def test_interpreter_ends_in_the_middle_of_a_fetch(jwks_server: JWKSServer, end: str) -> None:
    code = """
import asyncio, sys, threading, time
from fastbearer import Verifier
url, token, end = sys.argv[1:]
verifier = Verifier(jwks_uri=url, audience="fastmcp", fetch_timeout=600)
if end == "daemon":
    threading.Thread(target=verifier.verify, args=(token,), daemon=True).start()
    time.sleep(0.3)
elif end == "async":
    async def main():
        task = asyncio.create_task(verifier.verify_async(token))
        await asyncio.sleep(0.3)
    asyncio.run(main())
else:
    from fastbearer import _native
    verifier._issuers.source(1).start(_native.REFRESH_AHEAD if end == "return" else _native.REFRESH_EXPLICIT)
    time.sleep(0.3)
    if end == "raise":
        raise SystemExit(7)
"""
    jwks_server.hang()
    for _ in range(3):
        done = run_python(code, jwks_server.jwks_uri, jwks_server.mint(), end)  # is given a tenth of the fetch's time
        assert done.returncode == (7 if end == "raise" else 0), done.stderr
        assert done.stderr == ""
    assert jwks_server.hits == 3


def test_interrupt_while_waiting(jwks_server: JWKSServer) -> None:
    """Ctrl-C ends a wait for keys at once."""
    code = """
import signal, sys, threading, os
from fastbearer import Verifier
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    Verifier(jwks_uri=sys.argv[1], fetch_timeout=600).verify(sys.argv[2])
except KeyboardInterrupt:
    print("interrupted")
"""
    jwks_server.hang()
    done = run_python(code, jwks_server.jwks_uri, jwks_server.mint())
    assert done.stdout == "interrupted\n", done.stderr


@pytest.mark.skipif(sys.version_info < (3, 12), reason="isolated interpreters came with 3.12")
def test_several_interpreters(rsa_key_pair: RSAKeyPair) -> None:
    code = """
import sys
try:
    import _interpreters as interpreters
    make = lambda: interpreters.create("isolated")
    run = lambda i, code: interpreters.run_string(i, code)
except ImportError:
    import _xxsubinterpreters as interpreters
    make = lambda: interpreters.create(isolated=True)
    run = lambda i, code: interpreters.run_string(i, code)
import threading
work = '''
import sys
sys.path[:0] = %r
from fastbearer import Verifier, KeyPair, DecodeError
pair = KeyPair.generate("ES256")
verifier = Verifier(public_key=pair.public_key, algorithms="ES256")
token = pair.create_token(scopes=["a"])
for _ in range(200):
    assert verifier.verify(token).claims["scope"] == "a"
    try:
        verifier.verify("x")
    except DecodeError:
        pass
''' % (sys.path,)
exec(work)
failures = []
def one():
    interpreter = make()
    for _ in range(2):
        failed = run(interpreter, work)
        if failed is not None:
            failures.append(failed)
    interpreters.destroy(interpreter)
threads = [threading.Thread(target=one) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
exec(work)
print(failures or "done")
"""
    done = run_python(code)
    assert done.stdout == "done\n", done.stdout + done.stderr


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this build of Python has a GIL")
def test_the_gil_stays_off(rsa_key_pair: RSAKeyPair) -> None:
    """An extension that does not declare that it can do without would switch the GIL on for the whole process."""
    code = """
import sys, warnings
warnings.simplefilter("error")
import fastbearer
pair = fastbearer.KeyPair.generate("ES256")
fastbearer.Verifier(public_key=pair.public_key, algorithms="ES256").verify(pair.create_token())
print(sys._is_gil_enabled())
"""
    done = run_python(code)
    assert done.stdout == "False\n", done.stderr


def test_threads_while_keys_rotate(jwks_server: JWKSServer) -> None:
    """Readers of tokens, counters and keys while a writer replaces the set: nothing is refused but withdrawn keys."""
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri, refresh_interval=0, cache_size=8)
    verifier.refresh()
    first, over = jwks_server.mint(), threading.Event()
    trouble: list[Exception] = []

    def work() -> None:
        while not over.is_set():
            try:
                for _ in range(20):
                    verifier.verify(first).claims  # noqa: B018
                assert verifier.keys() and verifier.stats()["keys_held"]
            except Exception as error:
                trouble.append(error)
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    second = KeyPair.generate("RS256")
    for _ in range(15):
        jwks_server.rotate(keep=True, key=second)
        verifier.refresh()
        verifier.verify(jwks_server.mint())
    over.set()
    for thread in threads:
        thread.join()
    assert trouble == []
    jwks_server.rotate()
    verifier.refresh()
    with pytest.raises(fastbearer.InvalidKeyError):
        verifier.verify(first)


def test_memory_is_flat(pairs: dict[str, KeyPair]) -> None:
    code = """
import gc, itertools, resource, sys
from fastbearer import InvalidTokenError, KeyPair, Verifier
pair = KeyPair.generate("HS256")
numbers = itertools.count()  # no token comes twice, so that the cache does not begin to keep claims of some
without_cache = Verifier(secret=pair.secret, cache_size=0, required_scopes=["a"])
verifiers = [without_cache, Verifier(secret=pair.secret, cache_size=64)]
def work(rounds):
    for i in itertools.islice(numbers, rounds):
        claims = {f"n{i}": {"x": [i, 1.5, "y" * 50]}}
        token = pair.create_token(subject=str(i), scopes=["a", "b"], additional_claims=claims)
        for verifier in verifiers:
            access = verifier.verify(token)
            assert access.claims["sub"] == str(i) and access.scopes and access.client_id and access.subject
            repr(access)
            for bad in (token[:-3], token + "A", "x", b"\\xff", "\\ud800", pair.create_token()):
                try:
                    verifier.verify(bad)
                except InvalidTokenError as error:
                    str(error), error.code
        if i % 50 == 0:
            Verifier(secret=pair.secret).close()
            KeyPair(private_key=pair.secret, algorithm="HS256")
def used():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
work(3000)
before, objects = used(), len(gc.get_objects())
work(12000)
print(used() - before, len(gc.get_objects()) - objects)
"""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("needs /proc")
    done = run_python(code, timeout=240)
    assert done.returncode == 0, done.stderr
    grown, objects = map(int, done.stdout.split())
    assert grown < 2_000_000 and objects < 100, done.stdout


def test_reference_counts(verifier: Verifier, mint: Mint) -> None:
    token = mint(scopes=["a"])
    now = 1.5
    watched: list[object] = [token, now, verifier, fastbearer.AccessToken, fastbearer.DecodeError]
    verifier.verify(token).claims  # noqa: B018

    def counts() -> list[int]:
        return [sys.getrefcount(thing) for thing in watched]

    before = counts()
    for _ in range(1000):
        access = verifier.verify(token)
        access.claims, access.scopes, access.resource, access.expires_at, access.expires_at_datetime, repr(access)
        for bad in ("x", token[:-5], b"x"):
            try:
                verifier.verify(bad)
            except fastbearer.DecodeError:
                pass
        try:
            verifier.verify(token, now=now)
        except fastbearer.ImmatureSignatureError:
            pass
        try:
            verifier.verify(None)  # type: ignore[arg-type]
        except TypeError:
            pass
    del access
    after = counts()
    assert all(abs(a - b) < 20 for a, b in zip(after, before)), (before, after)


def test_openssl_error_queue_stays_clean(verifier: Verifier, mint: Mint) -> None:
    """Python's ssl reads the same queue: what a failed verification leaves there would surface in somebody's TLS."""
    token = mint()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for bad in (token[:-10] + "AAAAAAAAAA", "x.y.z", "a.b.c"):
        with pytest.raises(fastbearer.InvalidTokenError):
            verifier.verify(bad)
        with pytest.raises(fastbearer.ConfigurationError):
            Verifier(public_key="-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n")
        with pytest.raises(fastbearer.ConfigurationError):
            KeyPair(private_key="-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n")
        # An empty read on a memory BIO is "want read"; with an error in the queue it would be that error.
        tls = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()


@pytest.mark.skipif(sys.platform != "linux", reason="reads an ELF file")
def test_exports_one_symbol() -> None:
    try:
        done = subprocess.run(
            ["nm", "-D", "--defined-only", fastbearer._native.__file__], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("no nm")
    names = [line.split()[-1] for line in done.stdout.splitlines()]
    assert names == ["PyInit__native"]
