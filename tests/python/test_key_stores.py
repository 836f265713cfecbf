"""Key stores: a server that starts without its provider, many processes and one fetch, files that are not trusted."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import fastbearer
from fastbearer import ConfigurationError, Issuer, KeyPair, KeysUnavailableError, Verifier
from fastbearer.stores import FileKeyStore, KeyStore, StoredKeys
from fastbearer.testing import JWKSServer
from helpers import run_python

KEY = KeyPair.generate("ES256")
SOURCE = "s" * 43


class MemoryStore:
    """A store that keeps count."""

    def __init__(self) -> None:
        self.held: dict[str, StoredKeys] = {}
        self.loads = self.saves = 0

    def load(self, source: str) -> StoredKeys | None:
        self.loads += 1
        return self.held.get(source)

    def save(self, source: str, keys: StoredKeys) -> None:
        self.saves += 1
        self.held[source] = keys


class AsyncStore(MemoryStore):
    async def load(self, source: str) -> StoredKeys | None:  # type: ignore[override]
        await asyncio.sleep(0)
        return super().load(source)

    async def save(self, source: str, keys: StoredKeys) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().save(source, keys)


@pytest.fixture
def server() -> Iterator[JWKSServer]:
    with JWKSServer(KEY) as made:
        yield made


def make(server: JWKSServer, store: Any, **options: Any) -> Verifier:
    return Verifier(
        jwks_uri=server.jwks_uri, issuer=server.issuer, algorithms="ES256", audience="a", key_store=store,
        **{"fetch_timeout": 5.0, **options},
    )  # fmt: skip


def wait_for(condition: Any) -> None:
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def verify(verifier: Verifier, token: str, is_async: bool) -> fastbearer.AccessToken:
    return asyncio.run(verifier.verify_async(token)) if is_async else verifier.verify(token)


@pytest.fixture(params=["memory", "file", "async"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = {"memory": MemoryStore, "file": lambda: FileKeyStore(tmp_path / "keys"), "async": AsyncStore}
    return made[request.param]()


def source_of(verifier: Verifier) -> str:
    source = verifier._native.issuers()[0]["source"]
    assert isinstance(source, str)
    return source


def stored(store: Any, source: str) -> StoredKeys | None:
    found = store.load(source)
    result: StoredKeys | None = asyncio.run(found) if hasattr(found, "__await__") else found
    return result


# ---- any store


@pytest.mark.parametrize("is_async", [False, True])
def test_a_server_that_starts_without_its_provider(server: JWKSServer, store: Any, is_async: bool) -> None:
    token = server.mint(audience="a")
    with make(server, store) as first:
        assert verify(first, token, is_async).token == token
        wait_for(lambda: stored(store, source_of(first)) is not None)
    server.fail()
    with make(server, store) as second:
        assert verify(second, token, is_async).token == token
        stats = second.stats()
    assert (stats["fetches"], stats["imports"], server.hits) == (0, 1, 1)
    assert isinstance(store, KeyStore)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_key_that_another_process_has_fetched(server: JWKSServer, is_async: bool) -> None:
    """An unknown key id is looked for in the store before the provider is asked."""
    store = MemoryStore()
    with make(server, store) as one, make(server, store) as other:
        verify(one, server.mint(audience="a"), is_async)
        verify(other, server.mint(audience="a"), is_async)
        time.sleep(1.1)  # sets that are as old as each other, as far as clocks can tell, do not replace each other
        server.rotate()
        verify(one, server.mint(audience="a"), is_async)
        wait_for(lambda: store.saves == 2)
        verify(other, server.mint(audience="a"), is_async)
        assert (one.stats()["fetches"], other.stats()["fetches"], other.stats()["imports"]) == (2, 0, 2)
    assert server.hits == 2


class Late(MemoryStore):
    """Another process saves what it has fetched, and gives its claim back, just after this one has looked."""

    def __init__(self, other: MemoryStore) -> None:
        super().__init__()
        self.other = other
        self.released = 0

    def claim(self, source: str, seconds: float) -> bool:
        self.held = dict(self.other.held)
        return True

    def release(self, source: str) -> None:
        self.released += 1


class AsyncLate(Late):
    async def load(self, source: str) -> StoredKeys | None:  # type: ignore[override]
        return super().load(source)

    async def save(self, source: str, keys: StoredKeys) -> None:  # type: ignore[override]
        super().save(source, keys)

    async def claim(self, source: str, seconds: float) -> bool:  # type: ignore[override]
        return super().claim(source, seconds)

    async def release(self, source: str) -> None:  # type: ignore[override]
        super().release(source)


@pytest.mark.parametrize("kind", [Late, AsyncLate])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_set_that_was_saved_between_a_look_and_the_claim(
    server: JWKSServer, kind: type[Late], is_async: bool
) -> None:
    store = MemoryStore()
    with make(server, store) as first:
        first.verify(server.mint(audience="a"))
        wait_for(lambda: store.saves == 1)
    late = kind(store)
    with make(server, late) as second:
        verify(second, server.mint(audience="a"), is_async)
        stats = second.stats()
    assert (stats["fetches"], stats["imports"], server.hits, late.released) == (0, 1, 1, 1)


def test_discovery_without_its_provider(server: JWKSServer) -> None:
    store = MemoryStore()
    token = server.mint(audience="a")
    options: dict[str, Any] = {"issuer": server.issuer, "algorithms": "ES256", "audience": "a", "key_store": store}
    with Verifier(**options) as first:
        first.verify(token)
        wait_for(lambda: store.saves == 1)
        (keys,) = store.held.values()
        assert keys.jwks_uri == server.jwks_uri and keys.etag is not None
    server.close()
    with Verifier(**options) as second:
        assert second.verify(token).issuer == server.issuer
        assert second.verify_request(
            fastbearer.Request("GET", "https://a.example/", {"Authorization": f"Bearer {token}"})
        )


def test_a_set_that_is_past_its_freshness(server: JWKSServer) -> None:
    """It serves only when a fetch has failed, as a set that was held would."""
    store = MemoryStore()
    token = server.mint(audience="a")
    with make(server, store) as first:
        first.verify(token)
        wait_for(lambda: store.saves == 1)
        source = source_of(first)
    old = store.held[source]
    now = time.time()
    store.held[source] = StoredKeys(old.document, old.etag, old.jwks_uri, now - 3000, now - 1000)
    with make(server, store) as second:
        assert second.verify(token) and second.stats()["fetches"] == 1
    store.held[source] = StoredKeys(old.document, old.etag, old.jwks_uri, now - 3000, now - 1000)
    server.fail()
    with make(server, store) as third:
        assert third.verify(token) and third.stats()["fetch_failures"] == 1
    store.held[source] = StoredKeys(old.document, old.etag, old.jwks_uri, now - 9000, now - 8000)
    with make(server, store) as fourth, pytest.raises(KeysUnavailableError):
        fourth.verify(token)


@pytest.mark.parametrize(
    "document", [b"", b"{}", b"no json", b'{"keys":[]}', b'{"keys":[{"kty":"oct","k":"AAAA"}]}', b"[" * 5000]
)
def test_a_set_that_is_none(server: JWKSServer, document: bytes, caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore()
    with make(server, store) as verifier:
        store.held[source_of(verifier)] = StoredKeys(document, None, None, time.time(), time.time() + 600)
        assert verifier.verify(server.mint(audience="a"))
        assert (verifier.stats()["fetches"], verifier.stats()["imports"]) == (1, 0)
    assert "key store: its key set is not used" in caplog.text


def test_no_life_is_lengthened(server: JWKSServer) -> None:
    """Whatever the store says: not fresh for longer than an hour, and not from the future."""
    store = MemoryStore()
    with make(server, store) as first:
        first.verify(server.mint(audience="a"))
        wait_for(lambda: store.saves == 1)
        source = source_of(first)
    keys = store.held[source]
    store.held[source] = StoredKeys(keys.document, None, None, time.time(), time.time() + 1e9)
    with make(server, store) as second:
        second.verify(server.mint(audience="a"))
        (key,) = second.keys()
        assert key.fresh_until is not None and key.fresh_until - time.time() < 3601
    store.held[source] = StoredKeys(keys.document, None, None, time.time() + 1e6, time.time() + 1e9)
    with make(server, store) as third:
        third.verify(server.mint(audience="a"))
        assert third.stats()["imports"] == 0


class Broken(MemoryStore):
    def load(self, source: str) -> StoredKeys | None:
        raise OSError("the store is down")

    def save(self, source: str, keys: StoredKeys) -> None:
        raise OSError("the store is down")


class Wrong(MemoryStore):
    def load(self, source: str) -> Any:
        return "a text"


@pytest.mark.parametrize("broken", [Broken(), Wrong()])
@pytest.mark.parametrize("is_async", [False, True])
def test_a_store_that_fails(server: JWKSServer, broken: Any, is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    with make(server, broken) as verifier:
        assert verify(verifier, server.mint(audience="a"), is_async)
        server.rotate()
        assert verify(verifier, server.mint(audience="a"), is_async)
    wait_for(lambda: "key store: " in caplog.text)
    assert len([record for record in caplog.records if "load failed" in record.getMessage()]) <= 1


def test_a_slow_store_blocks_no_event_loop(server: JWKSServer) -> None:
    class Slow(MemoryStore):
        def load(self, source: str) -> StoredKeys | None:
            time.sleep(0.4)
            return None

        def save(self, source: str, keys: StoredKeys) -> None:
            time.sleep(0.4)

    async def main() -> float:
        longest, last, done = 0.0, time.monotonic(), False

        async def watch() -> None:
            nonlocal longest, last
            while not done:
                await asyncio.sleep(0.005)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()

        watching = asyncio.create_task(watch())
        with make(server, Slow()) as verifier:
            tokens = [server.mint(audience="a", subject=str(number)) for number in range(20)]
            last = time.monotonic()
            await asyncio.gather(*(verifier.verify_async(token) for token in tokens))
            await asyncio.sleep(0.5)
        done = True
        await watching
        return longest

    assert asyncio.run(main()) < 0.3
    assert server.hits == 1


class Slow(MemoryStore):
    """One that takes longer than a token with an unknown key id may wait."""

    slow = False

    def load(self, source: str) -> StoredKeys | None:
        if self.slow:
            time.sleep(2.2)
        return super().load(source)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_slow_store_keeps_no_key_away(server: JWKSServer, is_async: bool) -> None:
    """What the token needs is fetched all the same, if not in time for the one that has waited for the store."""
    store = Slow()
    with make(server, store, refresh_interval=0) as verifier:
        verify(verifier, server.mint(audience="a"), is_async)
        server.rotate()
        store.slow = True
        token = server.mint(audience="a")

        def is_accepted(is_async: bool = False) -> bool:
            try:
                return verify(verifier, token, is_async).token == token
            except (fastbearer.InvalidTokenError, KeysUnavailableError):
                return False

        is_accepted(is_async)
        wait_for(lambda: server.hits == 2)
        wait_for(is_accepted)


def test_a_request_that_is_cancelled(server: JWKSServer) -> None:
    class Slow(MemoryStore):
        def load(self, source: str) -> StoredKeys | None:
            time.sleep(0.2)
            return super().load(source)

    async def main() -> None:
        store = Slow()
        with make(server, store) as verifier:
            task = asyncio.create_task(verifier.verify_async(server.mint(audience="a")))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await verifier.verify_async(server.mint(audience="a"))

    asyncio.run(main())


@pytest.mark.parametrize("value", [5, object(), "text", {"load": 1}])
def test_what_is_no_store(value: Any) -> None:
    with pytest.raises(TypeError, match="key_store must have the methods load and save"):
        Issuer("https://issuer.example", key_store=value)


def test_issuers_with_different_stores_differ() -> None:
    one, other = MemoryStore(), MemoryStore()
    issuer = Issuer("https://issuer.example", key_store=one)
    assert issuer == Issuer("https://issuer.example", key_store=one) and issuer.key_store is one
    assert issuer != Issuer("https://issuer.example", key_store=other)


@pytest.mark.parametrize("is_async", [False, True])
def test_an_explicit_refresh(server: JWKSServer, store: Any, is_async: bool) -> None:
    """It fetches, and what it brings is stored; when it fails, what was stored serves."""

    def refresh(verifier: Verifier) -> None:
        asyncio.run(verifier.refresh_async()) if is_async else verifier.refresh()

    with make(server, store) as first:
        refresh(first)
        wait_for(lambda: stored(store, source_of(first)) is not None)
        refresh(first)
    assert server.hits == 2
    server.fail()
    with make(server, store) as second:
        with pytest.raises(KeysUnavailableError):
            refresh(second)
        assert second.keys() and second.verify(server.mint(audience="a")) and second.stats()["fetches"] == 1


# ---- the form in which sets are stored


def test_bytes() -> None:
    keys = StoredKeys(b'{"keys":[]}\n', 'W/"x"', "https://a.example/jwks", 1.5, 2.5)
    assert StoredKeys.from_bytes(keys.to_bytes()) == keys
    good = keys.to_bytes()
    for data in (b"", b"{}", b"{}\n", good[:-1], good + b"x", b"\xff\n", b"[]\n", good.replace(b"1.5", b'"1"'),
                 good.replace(b'"fastbearer": 1', b'"x": 1')):  # fmt: skip
        with pytest.raises(ValueError):
            StoredKeys.from_bytes(data)


# ---- files

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files that belong to somebody else")
KEYS = StoredKeys(b"{}", None, None, 1.0, 2.0)


def test_modes(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        store = FileKeyStore(tmp_path / "a" / "b")
        store.save(SOURCE, KEYS)
        assert store.claim(SOURCE, 5.0)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "a" / "b").iterdir()} == {0o600}
    assert store.load(SOURCE) == KEYS and store.load("t" * 43) is None
    store.release(SOURCE)


def refuse_folder(folder: Path, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=f"key_store: .*{reason}"):
        FileKeyStore(folder)


def test_folders_that_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    folder.mkdir(0o700)
    for mode in (0o777, 0o770, 0o1777, 0o702):
        folder.chmod(mode)
        refuse_folder(folder, "others may write" if mode else "")
    folder.chmod(0o755)
    store = FileKeyStore(folder)
    folder.chmod(0o777)
    for call in (lambda: store.load(SOURCE), lambda: store.save(SOURCE, KEYS), lambda: store.claim(SOURCE, 1.0)):
        with pytest.raises(PermissionError, match="others may write"):
            call()
    (tmp_path / "link").symlink_to(folder)
    refuse_folder(tmp_path / "link", "")
    (tmp_path / "file").write_text("")
    refuse_folder(tmp_path / "file", "")


@AS_ROOT
def test_another_user_s_folder_and_file(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    store = FileKeyStore(folder)
    store.save(SOURCE, KEYS)
    os.chown(folder / f"{SOURCE}.keys", 65534, 65534)
    with pytest.raises(PermissionError, match="another user"):
        store.load(SOURCE)
    os.chown(folder, 65534, 65534)
    refuse_folder(folder, "another user")


def test_files_that_are_refused(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path / "keys")
    name = tmp_path / "keys" / f"{SOURCE}.keys"
    store.save(SOURCE, KEYS)
    name.chmod(0o606)
    with pytest.raises(PermissionError, match="others may write"):
        store.load(SOURCE)
    elsewhere = tmp_path / "elsewhere"
    name.rename(elsewhere)
    elsewhere.chmod(0o600)
    name.symlink_to(elsewhere)
    with pytest.raises(OSError):
        store.load(SOURCE)
    store.save(SOURCE, KEYS)  # replaces the link, and does not follow it
    assert not name.is_symlink() and store.load(SOURCE) == KEYS
    name.unlink()
    os.mkfifo(name, 0o600)
    with pytest.raises(PermissionError, match="not what it should be"):
        store.load(SOURCE)  # at once: nobody writes into it
    name.unlink()
    name.mkdir()
    with pytest.raises(OSError):
        store.load(SOURCE)


@pytest.mark.parametrize("source", ["", "../x", "a/b", "a" * 65, "a\n", "a.b", "\0", "a b"])
def test_names_that_are_none(tmp_path: Path, source: str) -> None:
    store = FileKeyStore(tmp_path)
    for call in (lambda: store.load(source), lambda: store.save(source, KEYS), lambda: store.claim(source, 1.0)):
        with pytest.raises(ValueError, match="source"):
            call()


def test_a_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there stays, and nothing is left over."""
    store = FileKeyStore(tmp_path)
    store.save(SOURCE, KEYS)

    def full(descriptor: int) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        store.save(SOURCE, StoredKeys(b"other", None, None, 1.0, 2.0))
    assert store.load(SOURCE) == KEYS and [file.name for file in tmp_path.iterdir()] == [f"{SOURCE}.keys"]


def test_what_a_crash_has_left_is_removed(tmp_path: Path) -> None:
    store = FileKeyStore(tmp_path)
    for name, age in (("old", 100), ("new", 0)):
        left = tmp_path / f".{SOURCE}.keys.{name}"
        left.write_text("half")
        os.utime(left, (time.time() - age, time.time() - age))
    store.save(SOURCE, KEYS)
    assert {file.name for file in tmp_path.iterdir()} == {f".{SOURCE}.keys.new", f"{SOURCE}.keys"}


# ---- many processes

WORKER = """
import sys, time
from fastbearer import Verifier
from fastbearer.stores import FileKeyStore
folder, jwks_uri, issuer, token, start, *refresh = sys.argv[1:]
verifier = Verifier(jwks_uri=jwks_uri, issuer=issuer, algorithms="ES256", audience="a",
                    key_store=FileKeyStore(folder), fetch_timeout=20.0)
time.sleep(max(0.0, float(start) - time.time()))
if refresh:
    verifier.refresh()
verifier.verify(token)
print(verifier.stats()["fetches"], verifier.stats()["imports"])
"""


def start_worker(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(fastbearer.__file__).parent.parent)}
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("how", [(), ("refresh",)], ids=["first-token", "refresh"])
def test_many_processes_fetch_once(server: JWKSServer, tmp_path: Path, how: tuple[str, ...]) -> None:
    """They start while the provider takes a second; one asks it, the others wait for what that one brings."""
    server.hang()
    token, start = server.mint(audience="a"), str(time.time() + 1.5)
    workers = [start_worker(str(tmp_path), server.jwks_uri, server.issuer, token, start, *how) for _ in range(6)]
    time.sleep(3.0)
    server.recover()
    outcomes = [worker.communicate(timeout=60)[0].split() for worker in workers]
    assert sorted(outcomes) == [["0", "1"]] * 5 + [["1", "0"]]
    assert server.hits == 1


def test_a_process_that_dies_with_the_claim(server: JWKSServer, tmp_path: Path) -> None:
    """The next one fetches at once."""
    server.hang()
    token = server.mint(audience="a")
    worker = start_worker(str(tmp_path), server.jwks_uri, server.issuer, token, "0")
    wait_for(lambda: server.hits == 1)
    store = FileKeyStore(tmp_path)
    with make(server, store) as verifier:
        source = source_of(verifier)
        assert store.claim(source, 5.0) is False
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        if worker.stdout is not None:
            worker.stdout.close()
        server.recover()
        assert verifier.verify(token) and verifier.stats()["fetches"] == 1


def test_a_claim_is_given_back(server: JWKSServer, tmp_path: Path) -> None:
    """After a fetch, whether it has failed or not; and by the child of a fork, which never had it."""
    store, other = FileKeyStore(tmp_path), FileKeyStore(tmp_path)
    with make(server, store) as verifier:
        source = source_of(verifier)
        server.fail()
        with pytest.raises(KeysUnavailableError):
            verifier.verify(server.mint(audience="a"))
        wait_for(lambda: other.claim(source, 1.0))
        other.release(source)
    script = f"""
import os, sys
from fastbearer.stores import FileKeyStore
store = FileKeyStore({str(tmp_path)!r})
assert store.claim("x", 1.0)
read, write = os.pipe()
ready, say = os.pipe()
child = os.fork()
if not child:
    os.write(say, b"x")
    os.read(read, 1)  # as long as the parent wants
    os._exit(0)
os.read(ready, 1)
store.release("x")
assert FileKeyStore({str(tmp_path)!r}).claim("x", 1.0), "the child still has it"
os.write(write, b"x")
os.waitpid(child, 0)
print("done")
"""
    assert run_python(script).stdout == "done\n"


def test_a_fetch_that_nobody_needs_after_all(server: JWKSServer, tmp_path: Path) -> None:
    """A claim that led to no fetch does not keep others from theirs."""
    store, other = FileKeyStore(tmp_path), FileKeyStore(tmp_path)

    async def main() -> None:
        with make(server, store) as verifier:
            source = source_of(verifier)
            task = asyncio.create_task(verifier.verify_async(server.mint(audience="a")))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            for _ in range(500):
                if other.claim(source, 1.0):
                    return
                await asyncio.sleep(0.02)
            raise AssertionError("it is still claimed")

    asyncio.run(main())
