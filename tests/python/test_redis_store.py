"""RedisStore on a real redis-server, which is killed and paused: what a fleet shares, and what is known without it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("redis")
if shutil.which("redis-server") is None:
    pytest.skip("there is no redis-server", allow_module_level=True)

import redis

import fastbearer
from fastbearer import (
    ConfigurationError,
    DPoP,
    InvalidProofError,
    KeyPair,
    RevokedTokenError,
    StatusUnavailableError,
    Verifier,
)
from fastbearer.stores import RedisStore, StoredKeys
from fastbearer.testing import JWKSServer
from redis_servers import RedisServer

KEY = KeyPair.generate("ES256")
OPTIONS: dict[str, Any] = {"public_key": KEY.public_key, "algorithms": "ES256", "audience": "a"}
SOURCE = "s" * 43
ISSUER = "https://issuer.example"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as made:
        yield made


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """One that the test may kill."""
    with RedisServer() as made:
        yield made


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}:"


@pytest.fixture
def stores() -> Iterator[Any]:
    made: list[RedisStore] = []

    def make(server: RedisServer, prefix: str = "p:", **options: Any) -> RedisStore:
        made.append(RedisStore(server.url, prefix=prefix, **options))
        return made[-1]

    yield make
    for store in made:
        store.close()


def mint(**claims: Any) -> str:
    return KEY.create_token("alice", ISSUER, "a", additional_claims={"jti": "1", **claims})


def wait_until(condition: Any, seconds: float = 10.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.005)


def outcome(verifier: Verifier, token: str) -> str:
    try:
        verifier.verify(token)
    except fastbearer.FastBearerError as error:
        return error.code
    return "ok"


# ---- key sets


def test_key_sets_of_a_fleet(server: RedisServer, prefix: str, stores: Any) -> None:
    """One fetch, and the others need no provider."""
    with JWKSServer(KEY) as provider:
        options: dict[str, Any] = {"jwks_uri": provider.jwks_uri, "issuer": provider.issuer, "algorithms": "ES256"}
        fleet = [Verifier(**options, audience="a", key_store=stores(server, prefix)) for _ in range(5)]
        provider.hang()
        threads = [threading.Thread(target=one.verify, args=(provider.mint(audience="a"),)) for one in fleet]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        provider.recover()
        for thread in threads:
            thread.join(20)
        assert provider.hits == 1
        assert sorted((one.stats()["fetches"], one.stats()["imports"]) for one in fleet) == [(0, 1)] * 4 + [(1, 0)]
        provider.fail()
        with Verifier(**options, audience="a", key_store=stores(server, prefix)) as late:
            assert asyncio.run(late.verify_async(provider.mint(audience="a")))


def test_key_sets_without_redis(own_server: RedisServer, stores: Any, caplog: pytest.LogCaptureFixture) -> None:
    """They are fetched as without a store."""
    own_server.kill()
    with JWKSServer(KEY) as provider, Verifier(jwks_uri=provider.jwks_uri, algorithms="ES256", audience="a",
                  key_store=stores(own_server, timeout=0.5)) as verifier:  # fmt: skip
        assert verifier.verify(provider.mint(audience="a"))
    wait_until(lambda: "key store: load failed: ConnectionError" in caplog.text)


def test_load_save_claim(server: RedisServer, prefix: str, stores: Any) -> None:
    one, other = stores(server, prefix), stores(server, prefix)
    keys = StoredKeys(b"{}\n\0", "etag", None, 1.0, 2.0)
    assert one.load(SOURCE) is None
    one.save(SOURCE, keys)
    assert other.load(SOURCE) == keys
    assert one.claim(SOURCE, 60.0) and one.claim(SOURCE, 60.0) and not other.claim(SOURCE, 60.0)
    other.release(SOURCE)  # it is not its own
    assert not other.claim(SOURCE, 60.0)
    one.release(SOURCE)
    assert other.claim(SOURCE, 0.2)
    wait_until(lambda: one.claim(SOURCE, 60.0))  # the claim of a server that has died ends by itself


# ---- proofs


@pytest.mark.parametrize("is_async", [False, True])
def test_a_proof_is_good_once_in_the_fleet(server: RedisServer, prefix: str, stores: Any, is_async: bool) -> None:
    client = KeyPair.generate("ES256")
    token = mint(cnf={"jkt": client.thumbprint()})
    url = "https://api.example/mcp"
    one, other = (Verifier(**OPTIONS, dpop=DPoP(replay_store=stores(server, prefix))) for _ in range(2))

    def request(verifier: Verifier, proof: str) -> Any:
        asked = fastbearer.Request("POST", url, {"Authorization": f"DPoP {token}", "DPoP": proof})
        return asyncio.run(verifier.verify_request_async(asked)) if is_async else verifier.verify_request(asked)

    proof = client.dpop_proof("POST", url, token)
    assert request(one, proof)
    for verifier in (one, other):
        with pytest.raises(InvalidProofError) as caught:
            request(verifier, proof)
        assert caught.value.code == "proof_replayed"
    assert request(other, client.dpop_proof("POST", url, token))


def test_a_proof_is_forgotten_when_it_is_too_old(server: RedisServer, prefix: str, stores: Any) -> None:
    store = stores(server, prefix)
    assert store.add("k", time.time() + 0.2) and not store.add("k", time.time() + 0.2)
    wait_until(lambda: store.add("k", time.time() + 60))


def test_a_proof_whose_answer_was_lost_is_new(server: RedisServer, prefix: str) -> None:
    """The connection ends after Redis has written it, and before it has said so."""
    lost: list[bytes] = []

    def relay(client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", server.port)) as upstream:
            while sent := client.recv(65536):
                upstream.sendall(sent)
                answer = upstream.recv(65536)
                if b"\r\nSET\r\n" in sent and not lost:
                    lost.append(answer)
                    return
                client.sendall(answer)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=relay, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        url = server.url.replace(str(server.port), str(listener.getsockname()[1]))
        store = RedisStore(url, prefix=prefix)
        assert store.add("proof", time.time() + 60) is True
        assert lost == [b"+OK\r\n"]
        assert store.add("proof", time.time() + 60) is False
        store.close()
        listener.shutdown(socket.SHUT_RDWR)


def test_proofs_without_redis(own_server: RedisServer, stores: Any) -> None:
    client = KeyPair.generate("ES256")
    token = mint(cnf={"jkt": client.thumbprint()})
    url = "https://api.example/mcp"
    verifier = Verifier(**OPTIONS, dpop=DPoP(replay_store=stores(own_server, timeout=0.3)))
    for trouble in (own_server.pause, own_server.kill):
        trouble()
        headers = {"Authorization": f"DPoP {token}", "DPoP": client.dpop_proof("GET", url, token)}
        with pytest.raises(StatusUnavailableError):
            verifier.verify_request(fastbearer.Request("GET", url, headers))
        if trouble == own_server.pause:
            own_server.go_on()


# ---- revocations


@pytest.mark.parametrize("is_async", [False, True])
def test_one_token(server: RedisServer, prefix: str, stores: Any, is_async: bool) -> None:
    """By iss and jti, in every process, within moments, cached or not."""
    admin, member = stores(server, prefix), stores(server, prefix)
    with Verifier(**OPTIONS, is_revoked=member.is_revoked) as verifier:

        def verify(token: str) -> Any:
            return asyncio.run(verifier.verify_async(token)) if is_async else verifier.verify(token)

        token, other = mint(), mint(jti="2")
        assert verify(token) and verify(other)
        admin.revoke(ISSUER, "1")
        wait_until(lambda: outcome(verifier, token) == "token_revoked")
        with pytest.raises(RevokedTokenError):
            verify(token)
        assert verify(other) and verify(mint(iss="https://other.example"))


def test_a_subject(server: RedisServer, prefix: str, stores: Any) -> None:
    store = stores(server, prefix)
    now = int(time.time())
    with Verifier(**OPTIONS, is_revoked=store.is_revoked) as verifier:
        store.revoke_subject(ISSUER, "alice", before=now - 10)
        assert outcome(verifier, mint(iat=now - 20)) == outcome(verifier, mint(iat=now - 10)) == "token_revoked"
        assert outcome(verifier, mint(iat=now - 5)) == "ok"
        store.revoke_subject(ISSUER, "alice")
        assert outcome(verifier, mint(iat=now - 5)) == "token_revoked"
        store.revoke_subject(ISSUER, "alice", before=now - 100)  # an earlier moment takes nothing back
        assert outcome(verifier, mint(iat=now - 5)) == "token_revoked"
        assert outcome(verifier, mint(sub="bob")) == "ok"


def test_a_process_that_starts_later_knows_all(server: RedisServer, prefix: str, stores: Any) -> None:
    admin = stores(server, prefix)
    for number in range(1500):
        admin.revoke(ISSUER, f"old-{number}")
    admin.revoke_subject(ISSUER, "carol")
    with Verifier(**OPTIONS, is_revoked=stores(server, prefix).is_revoked) as verifier:
        for number in (0, 999, 1000, 1499):
            assert outcome(verifier, mint(jti=f"old-{number}")) == "token_revoked"
        carol = mint(sub="carol", iat=int(time.time()) - 5)
        assert outcome(verifier, carol) == "token_revoked" and outcome(verifier, mint()) == "ok"


def test_what_runs_out_while_all_are_read(
    server: RedisServer, prefix: str, stores: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves Redis between two pages; that hides none of those which last."""
    admin = stores(server, prefix)
    for number in range(10):
        admin.revoke(ISSUER, f"short-{number}", expires_at=time.time() + 100)
        admin.revoke(ISSUER, f"long-{number}")
    send = redis.Redis.execute_command
    pages: list[int] = []

    def send_and_remove(self: Any, *arguments: Any, **options: Any) -> Any:
        reply = send(self, *arguments, **options)
        if str(arguments[0]).endswith("RANGEBYSCORE"):
            pages.append(len(reply))
            send(self, "ZREMRANGEBYRANK", f"{prefix}revoked", 0, 4)  # as revoke does with those that have run out
        return reply

    monkeypatch.setattr("fastbearer.stores._revoked._AT_A_TIME", 6)
    monkeypatch.setattr(redis.Redis, "execute_command", send_and_remove)
    with Verifier(**OPTIONS, is_revoked=stores(server, prefix).is_revoked) as verifier:
        for number in range(10):
            assert outcome(verifier, mint(jti=f"long-{number}")) == "token_revoked"
    assert len(pages) > 1 and pages[0] == 6


def test_expiry(server: RedisServer, prefix: str, stores: Any) -> None:
    """A revocation is forgotten at its end, and leaves Redis with the next one."""
    store = stores(server, prefix)
    with Verifier(**OPTIONS, is_revoked=store.is_revoked) as verifier:
        store.revoke(ISSUER, "1", expires_at=time.time() + 0.5)
        assert outcome(verifier, mint()) == "token_revoked"
        wait_until(lambda: outcome(verifier, mint()) == "ok")
        store.revoke(ISSUER, "2")
    client = redis.Redis.from_url(server.url)
    assert client.zcard(f"{prefix}revoked") == client.hlen(f"{prefix}revoked-before") == 1
    client.close()


def test_names_are_not_mixed_up(server: RedisServer, prefix: str, stores: Any) -> None:
    store = stores(server, prefix)
    odd = 'a"b,\\ü\n'
    with Verifier(**OPTIONS, is_revoked=store.is_revoked) as verifier:
        store.revoke(None, odd)
        assert outcome(verifier, mint(jti=odd)) == "ok"  # it has an iss
        no_issuer = KEY.create_token("alice", None, "a", additional_claims={"jti": "x\u00fc"})
        store.revoke(None, "x\u00fc")
        assert outcome(verifier, no_issuer) == "token_revoked"
    for arguments in ((5, "x"), (ISSUER, ""), (ISSUER, None)):
        with pytest.raises(TypeError):
            store.revoke(*arguments)


def test_more_than_there_is_room_for(
    server: RedisServer, prefix: str, stores: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """None is forgotten: nothing is accepted."""
    admin, small = stores(server, prefix), stores(server, prefix, max_revocations=5)
    for number in range(8):
        admin.revoke(ISSUER, str(number))
    with Verifier(**OPTIONS, is_revoked=small.is_revoked) as verifier:
        assert outcome(verifier, mint(jti="no")) == "status_unavailable"
    assert "more revocations than max_revocations" in caplog.text


def test_what_was_missed_is_read_again(server: RedisServer, prefix: str, stores: Any) -> None:
    """Of the stream, entries may be gone before they were read."""
    admin, member = stores(server, prefix), stores(server, prefix)
    client = redis.Redis.from_url(server.url)
    with Verifier(**OPTIONS, is_revoked=member.is_revoked) as verifier:
        assert outcome(verifier, mint()) == "ok"
        client.pipeline().incr(f"{prefix}revoked-count").zadd(
            f"{prefix}revoked", {f'["jti", "{ISSUER}", "1"]': time.time() + 60}
        ).execute()  # as one that was trimmed away
        admin.revoke(ISSUER, "another")
        wait_until(lambda: outcome(verifier, mint()) == "token_revoked")
    client.close()


# ---- Redis goes away


def test_refuse_when_redis_is_killed(own_server: RedisServer, stores: Any, caplog: pytest.LogCaptureFixture) -> None:
    """With a small max_silence: good requests until then, none after it, and all again when it is back."""
    store = stores(own_server, max_silence=1.0, timeout=0.5)
    with Verifier(**OPTIONS, is_revoked=store.is_revoked) as verifier:
        token, gone = mint(), mint(jti="gone")
        assert outcome(verifier, token) == "ok"
        store.revoke(ISSUER, "gone")
        own_server.kill()
        killed = time.monotonic()
        seen = set()
        while time.monotonic() < killed + 2.0:
            assert outcome(verifier, gone) in ("token_revoked", "status_unavailable")
            seen.add((outcome(verifier, token), time.monotonic() - killed > 1.05))
            time.sleep(0.01)
        assert ("status_unavailable", True) in seen and ("ok", True) not in seen and ("ok", False) in seen
        own_server.start()
        wait_until(lambda: outcome(verifier, token) == "ok")
        assert outcome(verifier, gone) == "token_revoked"  # the server came back without it; this process knows it
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("revocations:")]
    assert len(lines) == 2 and "is away" in lines[0] and "is back" in lines[1]


def test_refuse_when_redis_is_paused(own_server: RedisServer, stores: Any) -> None:
    """A server that accepts connections and says nothing is away, too."""
    store = stores(own_server, max_silence=1.0, timeout=0.5)
    with Verifier(**OPTIONS, is_revoked=store.is_revoked) as verifier:
        assert outcome(verifier, mint()) == "ok"
        own_server.pause()
        wait_until(lambda: outcome(verifier, mint()) == "status_unavailable", 3.0)
        own_server.go_on()
        wait_until(lambda: outcome(verifier, mint()) == "ok")


def test_go_on_with_what_is_known(own_server: RedisServer, stores: Any) -> None:
    """With a large max_silence no good request is lost, and what was revoked before stays revoked."""
    store = stores(own_server, max_silence=60.0, timeout=0.5)
    with Verifier(**OPTIONS, is_revoked=store.is_revoked) as verifier:
        assert outcome(verifier, mint()) == "ok"
        store.revoke(ISSUER, "gone")
        own_server.kill()
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            assert (outcome(verifier, mint()), outcome(verifier, mint(jti="gone"))) == ("ok", "token_revoked")
            time.sleep(0.01)
        with pytest.raises(redis.exceptions.RedisError):
            store.revoke(ISSUER, "1")  # who revokes is told that nobody knows
        assert outcome(verifier, mint()) == "ok"


@pytest.mark.parametrize("is_async", [False, True])
def test_a_start_without_redis(own_server: RedisServer, stores: Any, is_async: bool) -> None:
    """Whatever max_silence: nothing is known yet."""
    own_server.kill()
    store = stores(own_server, max_silence=1.0, timeout=0.3)
    with Verifier(**OPTIONS, is_revoked=store.is_revoked) as verifier:

        def verify() -> Any:
            return asyncio.run(verifier.verify_async(mint())) if is_async else verifier.verify(mint())

        with pytest.raises(StatusUnavailableError):
            verify()
        own_server.start()
        wait_until(lambda: outcome(verifier, mint()) == "ok")
        assert verify()


def test_under_load(own_server: RedisServer, stores: Any) -> None:
    """Threads verify while tokens are revoked and the server is paused and killed: no revoked token is accepted later
    than max_silence allows, and good ones are refused with 503 alone, and only while Redis is away.
    """
    silence = 1.0
    members = [stores(own_server, max_silence=silence, timeout=0.5) for _ in range(3)]
    admin = stores(own_server, timeout=0.5)
    verifiers = [Verifier(**OPTIONS, is_revoked=member.is_revoked) for member in members]
    revoked_at: dict[str, float] = {}
    tokens = {str(number): mint(jti=str(number)) for number in range(60)}
    wrong: list[str] = []
    lost = 0
    away = threading.Event()
    stop = threading.Event()

    def work(verifier: Verifier) -> None:
        nonlocal lost
        number = 0
        while not stop.is_set():
            number = (number + 7) % 60
            jti, begun = str(number), time.monotonic()
            found = outcome(verifier, tokens[jti])
            known = revoked_at.get(jti)
            if found == "ok" and known is not None and begun - known > silence + 0.2:
                wrong.append(f"{jti} accepted {begun - known} s after it was revoked")
            if found == "status_unavailable":
                lost += 1
                if not away.is_set():
                    wrong.append("refused while Redis was there")
            elif found not in ("ok", "token_revoked") or (found == "token_revoked" and number >= 30):
                wrong.append(f"{jti}: {found}")
            time.sleep(0.001)

    for verifier in verifiers:
        assert outcome(verifier, tokens["59"]) == "ok"
    threads = [threading.Thread(target=work, args=(verifier,)) for verifier in verifiers for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(30):
        if number in (10, 20):
            away.set()
            (own_server.pause if number == 10 else own_server.kill)()
            time.sleep(1.5)
            (own_server.go_on if number == 10 else own_server.start)()
            wait_until(lambda: all(outcome(verifier, tokens["59"]) == "ok" for verifier in verifiers))
            away.clear()
        admin.revoke(ISSUER, str(number))
        revoked_at[str(number)] = time.monotonic()
        time.sleep(0.02)
    time.sleep(silence + 0.3)
    stop.set()
    for thread in threads:
        thread.join(10)
    assert wrong == [] and lost > 0
    for verifier in verifiers:
        assert {outcome(verifier, tokens[str(number)]) for number in range(20, 30)} == {"token_revoked"}


def test_after_a_fork(server: RedisServer, prefix: str, stores: Any) -> None:
    """The child follows by itself."""
    store = stores(server, prefix)
    with Verifier(**OPTIONS, is_revoked=store.is_revoked) as verifier:
        assert outcome(verifier, mint()) == "ok"
        store.revoke(ISSUER, "1")
        child = os.fork()
        if not child:
            found = (outcome(verifier, mint()), outcome(verifier, mint(jti="2")))
            os._exit(0 if found == ("token_revoked", "ok") else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_a_claim_is_not_inherited(server: RedisServer, prefix: str, stores: Any) -> None:
    """Or the workers of one parent would all fetch."""
    store = stores(server, prefix)
    assert store.claim(SOURCE, 60.0)
    child = os.fork()
    if not child:
        os._exit(1 if store.claim(SOURCE, 60.0) else 0)
    assert os.waitpid(child, 0)[1] == 0
    assert store.claim(SOURCE, 60.0)


def test_a_look_up_is_cheap(server: RedisServer, prefix: str, stores: Any) -> None:
    """It asks nobody: Redis gets no command for it."""
    store = stores(server, prefix)
    access = Verifier(**OPTIONS).verify(mint())
    assert not store.is_revoked(access)
    client = redis.Redis.from_url(server.url)
    before = client.info("stats")["total_commands_processed"]
    for _ in range(5000):
        assert store.is_revoked(access) is False
    assert client.info("stats")["total_commands_processed"] - before < 100
    client.close()


# ---- how it is reached


def test_tls_and_passwords(tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    from tests.idp.certificates import Certificates

    certificates = Certificates(tmp_path)
    certificates.context("good")  # writes good.pem, with the key
    for name in ("server.pem", "server.key"):
        shutil.copy(tmp_path / "good.pem", tmp_path / name)
    keys = StoredKeys(b"{}", None, None, 1.0, 2.0)
    with RedisServer(tls=tmp_path) as server:
        store = RedisStore(server.url, ca_file=str(tmp_path / "ca.pem"))
        store.save(SOURCE, keys)
        assert store.load(SOURCE) == keys
        store.close()
        for url, options, error in (
            (server.url, {}, redis.exceptions.ConnectionError),  # an authority that nobody knows
            (server.url.replace("password", "passport"), {"ca_file": str(tmp_path / "ca.pem")},
             redis.exceptions.AuthenticationError),
        ):  # fmt: skip
            store = RedisStore(url, **options)
            with pytest.raises(error):
                store.load(SOURCE)
            store.close()


@pytest.mark.parametrize(
    "arguments, message",
    [({"url": "nowhere"}, "url"), ({"url": 5}, "url"), ({"url": "http://x"}, "url"), ({"timeout": 0.0}, "timeout"),
     ({"max_silence": 0.5}, "max_silence"), ({"max_silence": "1"}, "max_silence"),
     ({"max_revocations": 0}, "max_revocations"), ({"revocation_seconds": float("nan")}, "revocation_seconds")],
)  # fmt: skip
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RedisStore(**{"url": "redis://127.0.0.1", **arguments})


def test_the_password_stays_where_it_is() -> None:
    import pickle

    store = RedisStore("redis://user:very-secret@127.0.0.1:1/0?x=1")
    assert "secret" not in repr(store) and "user" not in repr(store)
    with pytest.raises(TypeError):
        pickle.dumps(store)
