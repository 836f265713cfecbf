"""What verifiers do, for OpenTelemetry and Prometheus, which are imported when they are asked for.

    from fastbearer import telemetry

    telemetry.measure(verifier)                                    # OpenTelemetry metrics
    telemetry.trace()                                              # and spans, of fetches and introspection alone
    prometheus_client.REGISTRY.register(telemetry.PrometheusCollector(verifier))

Counters live in the core and are read when somebody collects them: a verification costs what it did. Nothing of a token
is in a metric or span but the identifier of the configured or resolved issuer and the reason of a refusal.
"""

from __future__ import annotations

import contextlib
import math
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from . import _flight, _native
from .errors import FastBearerError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PrometheusCollector", "measure", "trace"]

_COUNTER, _GAUGE = "counter", "gauge"

#: Name, kind, unit, what it is. Prometheus writes the dots as underscores.
_METRICS = (
    ("fastbearer.verifications", _COUNTER, "{token}", "Tokens that were verified, by outcome, reason and issuer"),
    ("fastbearer.cache.lookups", _COUNTER, "{lookup}", "Tokens that the cache held or did not hold"),
    ("fastbearer.cache.evictions", _COUNTER, "{token}", "Cached tokens that made room for others"),
    ("fastbearer.cache.entries", _GAUGE, "{token}", "Tokens that are cached"),
    ("fastbearer.cache.size", _GAUGE, "By", "Bytes that the cached tokens occupy"),
    ("fastbearer.key_set.fetches", _COUNTER, "{fetch}", "Fetches of key sets, by outcome and issuer"),
    ("fastbearer.key_set.fetch.time", _COUNTER, "s", "Seconds that all fetches of key sets took together"),
    ("fastbearer.key_set.imports", _COUNTER, "{key_set}", "Key sets that came from a store"),
    ("fastbearer.key_set.age", _GAUGE, "s", "Seconds since the keys were fetched or confirmed"),
    ("fastbearer.introspections", _COUNTER, "{response}", "Introspection responses that were evaluated"),
    ("fastbearer.replay.evictions", _COUNTER, "{proof}", "DPoP proofs that were forgotten for want of room"),
    ("fastbearer.health", _GAUGE, "1", "0 ready, 1 degraded, 2 not ready, by issuer"),
)
_HEALTH = {"ready": 0, "degraded": 1, "not_ready": 2}

_Values = list[tuple[dict[str, str], float]]


def _read(name: str, verifier: Any) -> dict[str, _Values]:
    """The values of all metrics of one verifier, each with its attributes; none of one that is closed."""
    try:
        stats = verifier.stats()
    except ValueError:
        return {}
    if not stats:  # a provider that has verified nothing yet
        return {}
    of = {"verifier": name}
    values: dict[str, _Values] = {
        "fastbearer.cache.lookups": [
            ({**of, "outcome": "hit"}, stats["cache_hits"]), ({**of, "outcome": "miss"}, stats["cache_misses"])
        ],
        "fastbearer.cache.evictions": [(of, stats["cache_evictions"])],
        "fastbearer.cache.entries": [(of, stats["cache_entries"])],
        "fastbearer.cache.size": [(of, stats["cache_bytes"])],
        "fastbearer.introspections": [(of, stats["introspections"])],
        "fastbearer.replay.evictions": [(of, stats["replay_evictions"])],
        "fastbearer.verifications": _verifications(of, stats),
    }  # fmt: skip
    for metric, _, _, _ in _METRICS:
        values.setdefault(metric, [])
    for state in stats["issuers"]:
        _add_issuer(values, {**of, "issuer": state["issuer"] or ""}, state)
    return values


def _verifications(of: dict[str, str], stats: Mapping[str, Any]) -> _Values:
    """By issuer, and those that were refused before it was known whose they are."""
    found: _Values = []
    nobody = dict(stats["reasons"])
    for state in stats["issuers"]:
        about = {**of, "issuer": state["issuer"] or ""}
        found.append(({**about, "outcome": "accepted", "reason": ""}, state["verified"]))
        for reason, count in state["reasons"].items():
            found.append(({**about, "outcome": "refused", "reason": reason}, count))
            nobody[reason] = nobody.get(reason, 0) - count
    about = {**of, "issuer": ""}
    for reason, count in nobody.items():
        if count > 0:
            found.append(({**about, "outcome": "refused", "reason": reason}, count))
    return _summed(found)


def _summed(values: _Values) -> _Values:
    """One value for each set of attributes: an issuer may have no identifier, as what is nobody's has none."""
    sums: dict[tuple[tuple[str, str], ...], float] = {}
    for attributes, value in values:
        key = tuple(attributes.items())
        sums[key] = sums.get(key, 0) + value
    return [(dict(key), value) for key, value in sums.items()]


def _add_issuer(values: dict[str, _Values], about: dict[str, str], state: Mapping[str, Any]) -> None:
    values["fastbearer.health"].append((about, _HEALTH.get(state["health"], 2)))
    if not state["fetched"]:
        return
    failed = state["fetch_failures"]
    values["fastbearer.key_set.fetches"] += [
        ({**about, "outcome": "success"}, max(0, state["fetches"] - failed)), ({**about, "outcome": "failure"}, failed)
    ]  # fmt: skip
    values["fastbearer.key_set.fetch.time"].append((about, state["fetch_seconds"]))
    values["fastbearer.key_set.imports"].append((about, state["imports"]))
    if math.isfinite(state["key_age"]):
        values["fastbearer.key_set.age"].append((about, state["key_age"]))


# ---- OpenTelemetry


def measure(verifier: Any, *, name: str = "default", meter_provider: Any = None) -> None:
    """Has OpenTelemetry collect the counters of a verifier: a Verifier, or an adapter that has ``stats``.

    Args:
        verifier: it is not kept alive, and gives no values when it is closed.
        name: what the attribute ``verifier`` says, to tell several of one process apart.
        meter_provider: None: the global one.
    """
    metrics = _import("opentelemetry.metrics", "opentelemetry")
    provider = metrics.get_meter_provider() if meter_provider is None else meter_provider
    meter = provider.get_meter("fastbearer", _native.version)
    reference = weakref.ref(verifier)

    def reader(metric: str) -> Callable[[Any], Iterable[Any]]:
        def read(_: Any) -> Iterator[Any]:
            target = reference()
            for attributes, value in _read(name, target).get(metric, ()) if target is not None else ():
                yield metrics.Observation(value, attributes)

        return read

    for metric, kind, unit, description in _METRICS:
        create = meter.create_observable_counter if kind == _COUNTER else meter.create_observable_gauge
        create(metric, [reader(metric)], unit=unit, description=description)


def trace(*, tracer_provider: Any = None) -> None:
    """Makes OpenTelemetry spans around every fetch of keys and every introspection of this process, as children of the
    request that they are done for. Verifications make none.

    Args:
        tracer_provider: None: the global one.
    """
    opentelemetry = _import("opentelemetry.trace", "opentelemetry")
    provider = opentelemetry.get_tracer_provider() if tracer_provider is None else tracer_provider
    tracer = provider.get_tracer("fastbearer", _native.version)

    @contextlib.contextmanager
    def around(what: str, issuer: str | None, url: str | None) -> Iterator[None]:
        given = {"url.full": url, "fastbearer.issuer": issuer}
        attributes = {name: value for name, value in given.items() if value is not None}
        with tracer.start_as_current_span(
            f"fastbearer {what}", kind=opentelemetry.SpanKind.CLIENT, attributes=attributes, record_exception=False,
            set_status_on_exception=False,
        ) as span:  # fmt: skip
            try:
                yield
            except Exception as error:
                known = isinstance(error, FastBearerError)
                span.set_attribute("error.type", error.code if isinstance(error, FastBearerError) else "exception")
                span.set_status(opentelemetry.Status(opentelemetry.StatusCode.ERROR, str(error) if known else None))
                raise

    _flight.around = around


# ---- Prometheus


class PrometheusCollector:
    """Gives prometheus_client the counters of verifiers: ``REGISTRY.register(PrometheusCollector(verifier))``.

    Args:
        verifiers: one, or several by name, which the label ``verifier`` says. They are not kept alive.
    """

    def __init__(self, verifiers: Any) -> None:
        named = verifiers if isinstance(verifiers, Mapping) else {"default": verifiers}
        self._verifiers = {str(name): weakref.ref(verifier) for name, verifier in named.items()}
        self._core = _import("prometheus_client.core", "prometheus")

    def describe(self) -> list[Any]:
        """Nothing: it is not read when it is registered."""
        return []

    def collect(self) -> Iterator[Any]:
        """The metrics as they are now."""
        found: dict[str, _Values] = {}
        for name, reference in self._verifiers.items():
            verifier = reference()
            for metric, values in _read(name, verifier).items() if verifier is not None else ():
                found.setdefault(metric, []).extend(values)
        for metric, kind, unit, description in _METRICS:
            family = self._family(metric, kind, unit, description, found.get(metric, []))
            if family is not None:
                yield family

    def _family(self, metric: str, kind: str, unit: str, description: str, values: _Values) -> Any:
        if not values:
            return None
        units = {"s": "_seconds", "By": "_bytes"}
        labels = list(values[0][0])
        make = self._core.CounterMetricFamily if kind == _COUNTER else self._core.GaugeMetricFamily
        family = make(metric.replace(".", "_") + units.get(unit, ""), description, labels=labels)
        for attributes, value in values:
            family.add_metric([attributes[label] for label in labels], value)
        return family


def _import(module: str, extra: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"this needs {module.partition('.')[0]}: pip install fastbearer[{extra}]") from error
