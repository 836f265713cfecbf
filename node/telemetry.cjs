/*
 * What verifiers do, for OpenTelemetry and Prometheus, which are loaded when they are asked for:
 *
 *     measure(verifier); // OpenTelemetry metrics
 *     trace(); // and spans, of fetches and introspection alone
 *     new PrometheusCollector(verifier); // prom-client
 */
'use strict';

const { assertKnownKeys, mapping, optional, text, typeError } = require('./lib/checks.cjs');
const { BearerError } = require('./lib/errors.cjs');
const { COUNTER, METRICS, attributesOf, read } = require('./lib/metrics.cjs');
const { versions } = require('./lib/native.cjs');
const { setSurround } = require('./lib/spans.cjs');

const SCOPE = ['fastbearer', versions.fastbearer];

function load(module) {
  try {
    return require(module);
  } catch (error) {
    const message = `fastbearer/telemetry needs ${module} for this: npm install ${module}`;
    throw Object.assign(new Error(message, { cause: error }), { code: 'MODULE_NOT_FOUND' });
  }
}

/* Not kept alive by what reads it. */
function referenceTo(name, verifier) {
  if (typeof verifier?.stats !== 'function') {
    throw typeError(name, 'a Verifier, or an object with stats()', verifier);
  }
  return new WeakRef(verifier);
}

function withMethod(method) {
  return (name, value) => {
    if (typeof value?.[method] !== 'function') {
      throw typeError(name, `an object with ${method}()`, value);
    }
    return value;
  };
}

// ---- OpenTelemetry

function measure(verifier, options = {}) {
  assertKnownKeys('options', options, ['name', 'meterProvider']);
  const name = optional(text, 'name', options.name) ?? 'default';
  const reference = referenceTo('verifier', verifier);
  const given = optional(withMethod('getMeter'), 'meterProvider', options.meterProvider);
  const meter = (given ?? load('@opentelemetry/api').metrics.getMeterProvider()).getMeter(...SCOPE);
  const instruments = METRICS.map(({ name: metric, kind, unit, description }) => {
    const make = kind === COUNTER ? 'createObservableCounter' : 'createObservableGauge';
    return [metric, meter[make](metric, { unit, description })];
  });
  const observe = (result) => {
    const values = read(name, reference.deref());
    for (const [metric, instrument] of instruments) {
      for (const [attributes, value] of values.get(metric) ?? []) {
        result.observe(instrument, value, attributes);
      }
    }
  };
  meter.addBatchObservableCallback(
    observe,
    instruments.map(([, instrument]) => instrument),
  );
}

function trace(options = {}) {
  assertKnownKeys('options', options, ['tracerProvider']);
  const given = optional(withMethod('getTracer'), 'tracerProvider', options.tracerProvider);
  const api = load('@opentelemetry/api');
  const tracer = (given ?? api.trace.getTracerProvider()).getTracer(...SCOPE);
  setSurround(({ what, issuer, url }, work) => {
    const attributes = Object.fromEntries(
      Object.entries({ 'url.full': url, 'fastbearer.issuer': issuer }).filter(([, value]) => value !== undefined),
    );
    return tracer.startActiveSpan(`fastbearer ${what}`, { kind: api.SpanKind.CLIENT, attributes }, async (span) => {
      try {
        return await work();
      } catch (error) {
        const { code, message } = error instanceof BearerError ? error : { code: 'exception' };
        span.setAttribute('error.type', code);
        span.setStatus({ code: api.SpanStatusCode.ERROR, message });
        throw error;
      } finally {
        span.end();
      }
    });
  });
}

// ---- Prometheus

const UNITS = Object.freeze({ s: '_seconds', By: '_bytes' });

/* As the conventions of Prometheus want them. */
function prometheusName({ name, kind, unit }) {
  return name.replaceAll('.', '_') + (UNITS[unit] ?? '') + (kind === COUNTER ? '_total' : '');
}

class PrometheusCollector {
  #references;
  #found; // what all metrics of one collection have in common

  constructor(verifiers, options = {}) {
    assertKnownKeys('options', options, ['registry']);
    const isOne = typeof verifiers?.stats === 'function';
    const named = isOne ? [['default', verifiers]] : mapping('verifiers', 'a Verifier, or several by name', verifiers);
    this.#references = named.map(([name, one]) => [name, referenceTo(`verifiers[${JSON.stringify(name)}]`, one)]);
    const registry = optional(withMethod('registerMetric'), 'registry', options.registry);
    const client = load('prom-client');
    for (const metric of METRICS) {
      this.#register(client, registry ?? client.register, metric);
    }
  }

  #register(client, registry, metric) {
    const values = () => this.#values(metric.name);
    const Kind = metric.kind === COUNTER ? client.Counter : client.Gauge;
    new Kind({
      name: prometheusName(metric),
      help: metric.description,
      labelNames: attributesOf(metric.name),
      registers: [registry],
      collect() {
        this.reset();
        for (const [labels, value] of values()) {
          this.inc(labels, value);
        }
      },
    });
  }

  #values(metric) {
    if (this.#found === undefined) {
      this.#found = this.#references.map(([name, reference]) => read(name, reference.deref()));
      queueMicrotask(() => {
        this.#found = undefined;
      });
    }
    return this.#found.flatMap((values) => values.get(metric) ?? []);
  }
}

module.exports = { PrometheusCollector, measure, trace };
