"""Key sets behind a URL: FastMCP's own client fetches, the engine decides, and FastMCP's hooks and attributes work."""

import asyncio
import logging
import threading
import time
from unittest.mock import AsyncMock, patch

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support import AUDIENCE, ISSUER, KEYS, OTHER_KEYS, Minter, run

import fastbearer
from fastbearer.fastmcp import BearerAuthProvider, JWTVerifier
from fastbearer.fastmcp import _installed as host
from tests.idp import IdentityProvider, SigningKey

http = host.http_module()


def published(pair, kid):
    return SigningKey("RS256", kid, load_pem_private_key(pair.private_key.get_secret_value().encode(), None))


K1, K2 = published(KEYS, "k1"), published(OTHER_KEYS, "k2")


@pytest.fixture
def issuer():
    with IdentityProvider(keys=[K1]) as provider:
        yield provider


@pytest.fixture
def provider(issuer):
    return verifier_for(issuer)


def verifier_for(issuer, kind=JWTVerifier, **options):
    return kind(**{"jwks_uri": issuer.jwks_uri, "issuer": ISSUER, "audience": AUDIENCE, **options})


def good(provider, token):
    return run(provider.verify_token(token)) is not None


# --- fetching ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [BearerAuthProvider, JWTVerifier])
def test_one_fetch_serves_many_tokens(kind, issuer, mint):
    provider = verifier_for(issuer, kind)
    assert issuer.requests == 0  # nothing before the first token
    for number in range(5):
        assert good(provider, mint(kid="k1", subject=f"user-{number}"))
    assert good(provider, mint())  # no kid, and one key
    assert issuer.requests == 1
    sent = {name.lower(): value for name, value in issuer.log[0].headers.items()}
    assert sent["accept-encoding"] == "identity" and http.__name__ in sent["user-agent"]


def test_foreign_keys_do_not_pass(provider, other_keys):
    assert not good(provider, Minter(other_keys)(kid="k1"))


def test_unknown_kid(provider, issuer, mint):
    assert good(provider, mint(kid="k1"))
    for number in range(300):
        assert not good(provider, mint(kid=f"unknown-{number}"))
    assert issuer.requests <= 2
    assert good(provider, mint(kid="k1"))


def test_rotation(provider, issuer, mint, other_keys):
    assert good(provider, mint(kid="k1"))
    issuer.keys = [K2]
    assert good(provider, Minter(other_keys)(kid="k2"))
    assert not good(provider, mint(kid="k1"))
    assert issuer.requests == 2


def test_several_keys(provider, issuer, mint, other_keys):
    issuer.keys = [SigningKey("EdDSA", "ed"), K1, K2]
    issuer.behave(broken_keys=True)
    assert good(provider, mint(kid="k1")) and good(provider, Minter(other_keys)(kid="k2"))
    assert not good(provider, mint(kid="ed")) and not good(provider, mint(kid="broken-2"))
    assert not good(provider, mint())  # no kid, and two keys that fit


def test_many_tasks_share_a_fetch(provider, issuer, mint):
    issuer.behave(header_delay=0.2)

    async def all_at_once():
        return await asyncio.gather(*(provider.verify_token(mint(kid="k1")) for _ in range(50)))

    assert all(access is not None for access in run(all_at_once()))
    assert issuer.requests == 1


def test_loops_in_many_threads_share_a_fetch(provider, issuer, mint):
    start, results = threading.Barrier(8), []
    token = mint(kid="k1")

    def work():
        start.wait()
        results.append(good(provider, token))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert results == [True] * 8
    assert issuer.requests == 1


def test_cancelling_one_request_does_not_fail_the_others(provider, issuer, mint):
    issuer.behave(header_delay=0.3)

    async def scenario():
        first = asyncio.create_task(provider.verify_token(mint(kid="k1")))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(provider.verify_token(mint(kid="k1")))
        await asyncio.sleep(0.05)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert run(scenario()) is not None


WITHOUT_END = ["slow_header", "slow_body", "trickle", "hang"]
FAULTS = ["reset", "reset_body", "close", "short_body", "long_body", "endless_body", "endless_header", "large_body",
          "large_chunked", "bomb", "gzip", "deflate", "redirect", "redirect_308", "created", "no_content", "partial",
          "not_modified", "not_found", "too_many", "server_error", "html", "empty_body", "empty_set", "array",
          "cut_json",
          "keys_object", "http09", "not_http"]  # fmt: skip


@pytest.mark.parametrize("fault", WITHOUT_END + FAULTS)
def test_a_provider_that_misbehaves(fault, issuer, mint, caplog):
    """The time-out ends what has no end of its own; what has one, the limits end long before it."""
    provider = verifier_for(issuer, fetch_timeout=1.5 if fault in WITHOUT_END else 60.0, jwks_refresh_interval=0)
    issuer.misbehave(fault)
    assert not good(provider, mint(kid="k1"))
    assert issuer.requests <= 1, "a redirect was followed, or a fetch repeated"
    assert provider.stats()["fetches"] == 1
    assert ("no complete response within" in caplog.text) == (fault in WITHOUT_END)
    assert [record.levelno for record in caplog.records if "fetch failed" in record.getMessage()] == [logging.WARNING]


@pytest.mark.parametrize("fault", ["hang", "server_error"])
def test_recovery(fault, issuer, mint, caplog):
    provider = verifier_for(issuer, fetch_timeout=1.5 if fault == "hang" else 60.0)
    issuer.misbehave(fault)
    assert not good(provider, mint(kid="k1"))
    issuer.behave()
    give_up = time.monotonic() + 60  # the back-off after one failure is a second; a busy machine may fail some more
    while not good(provider, mint(kid="k1")):
        assert time.monotonic() < give_up
        time.sleep(0.1)
    assert "fetched again" in caplog.text


@pytest.mark.parametrize("certificate", ["good", "expired", "wrong_host", "unknown_ca", "self_signed"])
def test_tls(certificate, mint):
    with IdentityProvider(tls=True, keys=[K1], host="localhost") as issuer:
        issuer.behave(certificate=certificate)
        assert good(verifier_for(issuer, ca_file=issuer.ca_file), mint(kid="k1")) is (certificate == "good")
        assert not good(verifier_for(issuer), mint(kid="k1"))  # nobody else knows that authority


def test_held_keys_survive_a_dead_provider(provider, issuer, mint):
    assert good(provider, mint(kid="k1"))
    issuer.misbehave("server_error")
    assert not good(provider, mint(kid="new"))
    assert good(provider, mint(kid="k1"))


def test_known_keys_do_not_wait_for_a_fetch(issuer, mint):
    provider = verifier_for(issuer, fetch_timeout=3.0)
    assert good(provider, mint(kid="k1"))
    issuer.misbehave("hang")

    async def scenario():
        waiting = asyncio.create_task(provider.verify_token(mint(kid="new")))
        await asyncio.sleep(0.1)
        access = await provider.verify_token(mint(kid="k1"))
        assert not waiting.done()
        waiting.cancel()
        return access

    assert run(scenario()) is not None


# --- the client -------------------------------------------------------------------------------------------------------


def test_a_client_of_the_caller(issuer, mint, keys):
    seen = []

    def handle(request):
        seen.append(request)
        return http.Response(200, json=keys.jwks("k1"))

    async def scenario():
        client = http.AsyncClient(transport=http.MockTransport(handle), headers={"x-own": "1"}, follow_redirects=True)
        provider = JWTVerifier(jwks_uri="https://issuer.example.com/jwks", http_client=client)
        assert provider._http_client is client
        access = await provider.verify_token(mint(kid="k1"))
        assert not client.is_closed
        return access

    assert run(scenario()) is not None
    assert len(seen) == 1 and seen[0].headers["x-own"] == "1" and seen[0].headers["accept-encoding"] == "identity"


def test_a_transport_that_tests_replace(mint, keys, monkeypatch):
    """What pytest-httpx does: answer inside the transport of any client."""

    async def handle(self, request):
        return http.Response(200, json=keys.jwks("k1"), request=request)

    monkeypatch.setattr(http.AsyncHTTPTransport, "handle_async_request", handle)
    assert good(JWTVerifier(jwks_uri="https://issuer.example.com/jwks"), mint(kid="k1"))


def test_plain_http_is_for_loopback(mint, caplog):
    provider = JWTVerifier(jwks_uri="https://issuer.example.com/jwks")
    provider.jwks_uri = "http://issuer.example.com/jwks"
    with pytest.raises(fastbearer.ConfigurationError, match="jwks_uri"):
        good(provider, mint(kid="k1"))
    assert [r.levelno for r in caplog.records if "jwks_uri" in r.getMessage()] == [logging.WARNING]


def test_ssrf_safe(issuer, mint, caplog):
    """A loopback address is refused before anything is sent, and that is the reason, not a wrong option."""
    provider = verifier_for(issuer, ssrf_safe=True)
    assert not good(provider, mint(kid="k1")) and issuer.requests == 0
    assert "configuration_invalid" not in caplog.text and "fetch failed" in caplog.text


def test_ssrf_safe_lets_public_addresses_through(mint, monkeypatch):
    ssrf = pytest.importorskip("fastmcp.server.auth.ssrf")
    monkeypatch.setattr(ssrf, "is_ip_allowed", lambda address: True)  # as if loopback were public
    with IdentityProvider(tls=True, keys=[K1], host="localhost") as issuer:
        monkeypatch.setenv("SSL_CERT_FILE", str(issuer.ca_file))
        assert good(verifier_for(issuer, ssrf_safe=True), mint(kid="k1")) and issuer.requests == 1


# --- attributes and hooks ---------------------------------------------------------------------------------------------


def test_a_new_policy_keeps_the_keys(provider, issuer, mint):
    assert good(provider, mint(kid="k1"))
    provider.audience = "https://new.example.com"
    provider.required_scopes = ["tools:call"]
    assert not good(provider, mint(kid="k1"))
    assert good(provider, mint(kid="k1", audience="https://new.example.com"))
    assert issuer.requests == 1


def test_a_new_uri_has_new_keys(provider, issuer, mint, other_keys):
    assert good(provider, mint(kid="k1"))
    with IdentityProvider(keys=[published(OTHER_KEYS, "k1")]) as second:
        provider.jwks_uri = second.jwks_uri
        assert not good(provider, mint(kid="k1"))
        assert good(provider, Minter(other_keys)(kid="k1"))
        assert second.requests == 1


def test_fetch_jwks_mocked_and_the_clock_turned_back(mint, keys, other_keys):
    """The way people test rotation against FastMCP's verifier."""
    provider = JWTVerifier(jwks_uri="https://issuer.example.com/jwks")
    old, new = mint(kid="k1"), Minter(other_keys)(kid="k2")
    with patch.object(provider, "_fetch_jwks", AsyncMock(return_value=keys.jwks("k1"))) as fetch:
        assert good(provider, old) and good(provider, old)
        assert fetch.await_count == 1
    provider._jwks_cache_time = 0.0
    with patch.object(provider, "_fetch_jwks", AsyncMock(return_value=other_keys.jwks("k2"))):
        assert not good(provider, old)
        assert good(provider, new)


def test_fetch_jwks_overridden(issuer, mint, keys):
    class Own(JWTVerifier):
        async def _fetch_jwks(self):
            document = await super()._fetch_jwks()
            return {"keys": [{**key, "kid": "renamed"} for key in document["keys"]]}

    provider = Own(jwks_uri=issuer.jwks_uri)
    assert good(provider, mint(kid="renamed")) and not good(provider, mint(kid="k1"))


def test_fetch_jwks_that_fails(mint):
    provider = JWTVerifier(jwks_uri="https://issuer.example.com/jwks")
    for failure in (ValueError("no"), OSError("no"), TimeoutError()):
        with patch.object(provider, "_fetch_jwks", AsyncMock(side_effect=failure)):
            assert not good(provider, mint(kid="k1"))


def test_get_jwks_key_overridden(mint, keys, other_keys):
    class Own(JWTVerifier):
        async def _get_jwks_key(self, kid):
            if kid == "k1":
                return keys.public_key
            raise ValueError("no such key")

    provider = Own(jwks_uri="https://issuer.example.com/jwks", issuer=ISSUER)
    assert good(provider, mint(kid="k1")) and not good(provider, mint(kid="k2"))
    assert not good(provider, Minter(other_keys)(kid="k1"))


def test_super_of_get_verification_key(issuer, mint, keys):
    class Own(JWTVerifier):
        async def _get_verification_key(self, token):
            key = await super()._get_verification_key(token)
            assert "BEGIN PUBLIC KEY" in key
            return key

    provider = Own(jwks_uri=issuer.jwks_uri, issuer=ISSUER, audience=AUDIENCE)
    assert good(provider, mint(kid="k1")) and good(provider, mint()) and not good(provider, mint(kid="x"))
    for number in range(50):
        assert not good(provider, mint(kid=f"unknown-{number}"))
    assert issuer.requests == 1


def test_many_tasks_share_a_fetch_for_a_hook(issuer, mint):
    """Who comes while keys are on their way waits for them; there is no refusal of good tokens at a cold start."""

    class Own(JWTVerifier):
        async def _get_verification_key(self, token):
            return await super()._get_verification_key(token)

    provider = Own(jwks_uri=issuer.jwks_uri, issuer=ISSUER, audience=AUDIENCE)
    issuer.behave(header_delay=0.2)

    async def all_at_once():
        return await asyncio.gather(*(provider.load_access_token(mint(kid="k1")) for _ in range(8)))

    assert all(access is not None for access in run(all_at_once()))
    assert issuer.requests == 1


def test_why_a_hook_gets_no_key(issuer):
    """In FastMCP's words, which people's subclasses and tests look for."""
    provider = verifier_for(issuer, jwks_refresh_interval=0)
    issuer.behave(status=500)
    for kid in ("k1", None):
        with pytest.raises(ValueError, match="^Failed to fetch JWKS: "):
            run(provider._get_jwks_key(kid))
    issuer.behave()
    assert "BEGIN PUBLIC KEY" in run(provider._get_jwks_key("k1"))
    with pytest.raises(ValueError, match="^Key ID 'x' not found in JWKS$"):
        run(provider._get_jwks_key("x"))


def test_a_key_that_is_written_beside_a_url_comes_first(issuer, mint, other_keys):
    """As in FastMCP, whose tests and users put a key of their own into a preset's verifier."""
    provider = verifier_for(issuer)
    assert good(provider, mint(kid="k1")) and issuer.requests == 1
    provider.public_key = other_keys.public_key
    assert good(provider, Minter(other_keys)(kid="k1")) and not good(provider, mint(kid="k1"))
    provider.public_key = None
    assert good(provider, mint(kid="k1")) and not good(provider, Minter(other_keys)(kid="k1"))


def test_keys_put_into_the_cache(mint, keys, other_keys):
    provider = JWTVerifier(jwks_uri="https://issuer.example.com/jwks")
    provider._jwks_cache = {"k1": keys.public_key}
    provider._jwks_cache_time = time.time()
    assert good(provider, mint(kid="k1")) and good(provider, mint())
    assert not good(provider, Minter(other_keys)(kid="k1"))


def test_the_cache_can_be_read(provider, issuer, mint):
    assert provider._jwks_cache == {} and provider._jwks_cache_time == 0
    assert good(provider, mint(kid="k1"))
    assert list(provider._jwks_cache) == ["k1"] and "BEGIN PUBLIC KEY" in provider._jwks_cache["k1"]
    assert 0 <= time.monotonic() - provider._jwks_cache_time < 60


def test_a_shorter_ttl(issuer, mint, keys, other_keys):
    provider = verifier_for(issuer, jwks_refresh_interval=0)
    provider._cache_ttl = 0.2
    assert good(provider, mint(kid="k1"))
    issuer.keys = [published(OTHER_KEYS, "k1")]
    time.sleep(0.3)
    assert not good(provider, mint(kid="k1")) and good(provider, Minter(other_keys)(kid="k1"))
