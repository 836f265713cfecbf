"""Metrics and spans as OpenTelemetry and Prometheus collect them, and what a verifier says of its health."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

import pytest

import fastbearer
from fastbearer import Health, Issuer, KeyPair, KeysUnavailableError, StatusUnavailableError, Verifier, telemetry
from fastbearer.introspection import Introspector
from fastbearer.stores import StoredKeys
from fastbearer.testing import JWKSServer
from helpers import run_python

KEY = KeyPair.generate("ES256")


@pytest.fixture
def verifier(jwks_server: JWKSServer) -> Any:
    """One that has accepted two tokens of three, and refused some that are nobody's."""
    issuers = [Issuer(jwks_server.issuer, jwks_uri=jwks_server.jwks_uri),
               Issuer("https://other.example", public_key=KEY.public_key, algorithms="ES256")]  # fmt: skip
    with Verifier(issuers=issuers, audience="a") as made:
        token = jwks_server.mint(audience="a")
        made.verify(token)
        made.verify(token)
        for bad in (jwks_server.mint(audience="b"), "garbage", jwks_server.mint(issuer="https://evil.example")):
            with pytest.raises(fastbearer.InvalidTokenError):
                made.verify(bad)
        yield made


def expected(issuer: str) -> dict[tuple[str, ...], float]:
    """Of the verifications: issuer, outcome, reason."""
    return {
        (issuer, "accepted", ""): 2, (issuer, "refused", "audience_mismatch"): 1,
        ("https://other.example", "accepted", ""): 0, ("", "refused", "token_malformed"): 1,
        ("", "refused", "issuer_mismatch"): 1,
    }  # fmt: skip


# ---- OpenTelemetry


def collected(reader: Any) -> dict[str, list[tuple[dict[str, Any], float]]]:
    data = reader.get_metrics_data()
    if data is None:
        return {}
    return {
        metric.name: [(dict(point.attributes), point.value) for point in metric.data.data_points]
        for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics
    }  # fmt: skip


def test_metrics(verifier: Verifier, jwks_server: JWKSServer) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.metrics")
    reader = pytest.importorskip("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
    provider = sdk.MeterProvider(metric_readers=[reader])
    telemetry.measure(verifier, name="api", meter_provider=provider)
    found = collected(reader)
    assert {
        (about["issuer"], about["outcome"], about["reason"]): value
        for about, value in found["fastbearer.verifications"]
    } == expected(jwks_server.issuer)
    assert {about["verifier"] for values in found.values() for about, _ in values} == {"api"}
    lookups = {about["outcome"]: value for about, value in found["fastbearer.cache.lookups"]}
    assert lookups["hit"] == 1
    fetches = {about["outcome"]: value for about, value in found["fastbearer.key_set.fetches"]}
    assert fetches == {"success": 1, "failure": 0}
    ((about, seconds),) = found["fastbearer.key_set.fetch.time"]
    assert 0 < seconds < 10 and about["issuer"] == jwks_server.issuer
    assert {about["issuer"]: value for about, value in found["fastbearer.health"]} == {
        jwks_server.issuer: 0, "https://other.example": 0
    }  # fmt: skip
    verifier.verify(jwks_server.mint(audience="a", subject="x"))
    again = collected(reader)["fastbearer.verifications"]
    assert ({"verifier": "api", "issuer": jwks_server.issuer, "outcome": "accepted", "reason": ""}, 3) in again
    verifier.close()
    assert collected(reader) == {}
    provider.shutdown()


def test_no_verifier_is_kept_alive() -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.metrics")
    reader = pytest.importorskip("opentelemetry.sdk.metrics.export").InMemoryMetricReader()
    provider = sdk.MeterProvider(metric_readers=[reader])
    verifier = Verifier(public_key=KEY.public_key, algorithms="ES256", audience="a")
    telemetry.measure(verifier, meter_provider=provider)
    assert collected(reader)
    del verifier
    gc.collect()
    assert collected(reader) == {}
    provider.shutdown()


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What an exporter gets, and the tracer of the requests."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    provider = sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(memory))
    monkeypatch.setattr("fastbearer._flight.around", None)
    telemetry.trace(tracer_provider=provider)
    yield memory, provider.get_tracer("test")
    provider.shutdown()


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("by_hand", [False, True])
def test_spans_of_fetches(spans: Any, jwks_server: JWKSServer, is_async: bool, by_hand: bool) -> None:
    """One for the fetch, below the request that it is done for; none for verifications."""
    memory, tracer = spans

    async def fetch(url: str, headers: Any) -> Any:
        await asyncio.sleep(0)
        return 200, {}, json.dumps(jwks_server.document)

    options: dict[str, Any] = {"fetch": fetch} if by_hand else {}
    with Verifier(jwks_uri=jwks_server.jwks_uri, issuer=jwks_server.issuer, audience="a", **options) as verifier:
        for number in range(3):
            token = jwks_server.mint(audience="a", subject=str(number))
            with tracer.start_as_current_span("request"):
                asyncio.run(verifier.verify_async(token)) if is_async else verifier.verify(token)
    made = {span.name: span for span in memory.get_finished_spans()}
    assert [span.name for span in memory.get_finished_spans()].count("fastbearer fetch keys") == 1
    span = made["fastbearer fetch keys"]
    assert span.attributes == {"fastbearer.issuer": jwks_server.issuer, "url.full": jwks_server.jwks_uri}
    assert span.parent is not None and span.kind.name == "CLIENT" and span.status.is_ok
    parents = {finished.context.span_id for finished in memory.get_finished_spans() if finished.name == "request"}
    assert span.parent.span_id in parents


def test_spans_of_what_fails(spans: Any, jwks_server: JWKSServer) -> None:
    memory, _ = spans
    jwks_server.fail()
    verifier = Verifier(jwks_uri=jwks_server.jwks_uri + "?key=secret", audience="a")
    with pytest.raises(KeysUnavailableError):
        verifier.verify(jwks_server.mint(audience="a"))
    introspector = Introspector("http://127.0.0.1:9/i?key=secret", "c", "secret")
    options: dict[str, Any] = {"public_key": KEY.public_key, "algorithms": "ES256", "issuer": "https://i.example"}
    verifier = Verifier(**options, audience="a", introspector=introspector)
    with pytest.raises(StatusUnavailableError):
        verifier.verify("the-token")
    fetch, ask = memory.get_finished_spans()
    assert (fetch.name, fetch.attributes["error.type"]) == ("fastbearer fetch keys", "keys_unavailable")
    assert (ask.name, ask.attributes["error.type"]) == ("fastbearer introspect", "status_unavailable")
    assert not fetch.status.is_ok and not ask.status.is_ok
    assert ask.attributes["url.full"] == "http://127.0.0.1:9/i"
    text = fetch.to_json() + ask.to_json()
    assert "secret" not in text and "the-token" not in text


# ---- Prometheus


def test_prometheus(verifier: Verifier, jwks_server: JWKSServer) -> None:
    prometheus = pytest.importorskip("prometheus_client")
    registry = prometheus.CollectorRegistry()
    other = Verifier(public_key=KEY.public_key, algorithms="ES256", audience="a")
    registry.register(telemetry.PrometheusCollector({"api": verifier, "other": other}))

    def value(name: str, **labels: str) -> float | None:
        found: float | None = registry.get_sample_value(name, labels)
        return found

    for (issuer, outcome, reason), count in expected(jwks_server.issuer).items():
        labels = {"verifier": "api", "issuer": issuer, "outcome": outcome, "reason": reason}
        assert value("fastbearer_verifications_total", **labels) == count
    assert value("fastbearer_cache_lookups_total", verifier="api", outcome="hit") == 1
    fetched = {"verifier": "api", "issuer": jwks_server.issuer}
    assert value("fastbearer_key_set_fetches_total", **fetched, outcome="success") == 1
    assert (value("fastbearer_key_set_age_seconds", **fetched) or 0) > 0
    assert value("fastbearer_health", **fetched) == 0
    text = prometheus.generate_latest(registry).decode()
    assert text.count("# HELP fastbearer_") == len(telemetry._METRICS)
    verifier.close()
    assert value("fastbearer_cache_entries", verifier="api") is None
    assert value("fastbearer_cache_entries", verifier="other") == 0


def test_neither_is_imported_unasked() -> None:
    script = """
import sys
sys.modules["opentelemetry"] = sys.modules["prometheus_client"] = None
import fastbearer
from fastbearer import telemetry
verifier = fastbearer.Verifier(secret="s" * 32, audience="a")
for call, extra in ((telemetry.measure, "opentelemetry"), (telemetry.PrometheusCollector, "prometheus")):
    try:
        call(verifier)
    except ImportError as error:
        assert f"fastbearer[{extra}]" in str(error), error
    else:
        raise AssertionError(extra)
print("done")
"""
    assert run_python(script).stdout == "done\n"


# ---- health


def test_health_of_fetched_keys(jwks_server: JWKSServer) -> None:
    with Verifier(jwks_uri=jwks_server.jwks_uri, issuer=jwks_server.issuer, audience="a") as verifier:
        health = verifier.health()
        assert (health.status, health.ready) == ("not_ready", False)
        assert health.problems == (f"{jwks_server.issuer}: no keys have been fetched yet",)
        verifier.refresh()
        assert verifier.health() == Health("ready", (), {jwks_server.issuer: "ready"}) and verifier.health().ready
        assert jwks_server.hits == 1  # it asks nobody


def test_health_of_keys_that_are_past_their_freshness(jwks_server: JWKSServer) -> None:
    import time

    document = json.dumps(jwks_server.document).encode()

    class Store:
        def load(self, source: str) -> StoredKeys:
            return StoredKeys(document, None, None, time.time() - 2000, time.time() - 1000)

        def save(self, source: str, keys: StoredKeys) -> None:
            pass

    jwks_server.fail()
    with Verifier(jwks_uri=jwks_server.jwks_uri, audience="a", key_store=Store()) as verifier:
        verifier.verify(jwks_server.mint(audience="a"))
        health = verifier.health()
        assert health.status == "degraded" and health.ready and len(health.problems) == 1


def test_health_of_several_issuers(jwks_server: JWKSServer) -> None:
    issuers = [Issuer(jwks_server.issuer, jwks_uri=jwks_server.jwks_uri),
               Issuer("https://other.example", public_key=KEY.public_key, algorithms="ES256")]  # fmt: skip
    with Verifier(issuers=issuers, audience="a") as verifier:
        health = verifier.health()
        assert health.status == "degraded"
        assert health.issuers == {jwks_server.issuer: "not_ready", "https://other.example": "ready"}


def test_health_of_introspection() -> None:
    introspector = Introspector("http://127.0.0.1:9/i?key=secret", "c", "secret", jwts=True)
    with Verifier(issuer="https://i.example", audience="a", introspector=introspector) as verifier:
        assert verifier.health().status == "ready"
        with pytest.raises(StatusUnavailableError):
            verifier.verify(KEY.create_token(issuer="https://i.example"))
        health = verifier.health()
        assert health.status == "degraded" and health.issuers == {"https://i.example": "degraded"}
        assert health.problems == ("the introspection endpoint http://127.0.0.1:9/i fails",)


def test_health_of_revocations() -> None:
    class Revocations:
        known = True

        def revocation_problem(self) -> str | None:
            return None if self.known else "nobody knows"

        def is_revoked(self, access: fastbearer.AccessToken) -> bool:
            return False

    store = Revocations()
    options: dict[str, Any] = {"public_key": KEY.public_key, "algorithms": "ES256", "audience": "a"}
    with Verifier(**options, is_revoked=store.is_revoked) as verifier:
        assert verifier.health().status == "ready"
        store.known = False
        assert verifier.health().problems == ("nobody knows",) and not verifier.health().ready
    with Verifier(**options, is_revoked=lambda access: False) as verifier:
        assert verifier.health().ready
