/* The counters of verifiers as the SDK of OpenTelemetry and prom-client collect them, and spans around fetches. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { context, metrics, trace as otelTrace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { AggregationTemporality, MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { KeyPair, Verifier } from 'fastbearer';
import { Introspector } from 'fastbearer/introspection';
import { measure, PrometheusCollector, trace } from 'fastbearer/telemetry';
import { JWKSServer } from 'fastbearer/testing';
import prometheus from 'prom-client';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PAIR = KeyPair.generateSync('ES256');
const OTHER = 'https://other.example';

class Reader extends MetricReader {
  async onShutdown() {}

  async onForceFlush() {}

  /* Pairs of attributes and value, by the name of the metric. */
  async values() {
    const { resourceMetrics, errors } = await this.collect();
    assert.deepEqual(errors, []);
    const metrics = resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
    return new Map(
      metrics
        .filter(({ dataPoints }) => dataPoints.length > 0)
        .map(({ descriptor, dataPoints }) => [
          descriptor.name,
          dataPoints.map(({ attributes, value }) => [attributes, value]),
        ]),
    );
  }
}

let server;
before(async () => {
  server = await JWKSServer.start();
});
after(() => server.close());

const quietly = (promise) => promise.catch(() => {});

/* One that has accepted two tokens of three, and refused some that are nobody's. */
async function used() {
  const verifier = new Verifier({
    issuers: [
      { issuer: server.issuer, jwksUri: server.jwksUri },
      { issuer: OTHER, publicKey: PAIR.publicKey, algorithms: 'ES256' },
    ],
    audience: 'a',
  });
  const token = server.mint({ audience: 'a' });
  await verifier.verify(token);
  await verifier.verify(token);
  await quietly(verifier.verify(server.mint({ audience: 'b' })));
  await quietly(verifier.verify('garbage'));
  await quietly(verifier.verify(server.mint({ issuer: 'https://evil.example' })));
  return verifier;
}

/* Issuer, outcome, reason, count. */
const VERIFICATIONS = () =>
  [
    [server.issuer, 'accepted', '', 2],
    [server.issuer, 'refused', 'audience_mismatch', 1],
    [OTHER, 'accepted', '', 0],
    ['', 'refused', 'token_malformed', 1],
    ['', 'refused', 'issuer_mismatch', 1],
  ].sort();

const rowsOf = (values) =>
  values.map(([{ issuer, outcome, reason }, value]) => [issuer, outcome, reason, value]).sort();

/* What Python calls them: name, kind, unit and description. */
function pythonsMetrics() {
  const program = 'import json; from fastbearer import telemetry; print(json.dumps(telemetry._METRICS))';
  const root = path.join(HERE, '..', '..', '..', '..');
  const python = process.env.FB_PYTHON ?? path.join(root, '.venv/bin/python');
  return JSON.parse(execFileSync(python, ['-c', program], { cwd: root, encoding: 'utf8' }));
}

describe('OpenTelemetry metrics', () => {
  it('are read from the core when they are collected', async () => {
    const reader = new Reader();
    const provider = new MeterProvider({ readers: [reader] });
    const verifier = await used();
    measure(verifier, { name: 'api', meterProvider: provider });
    const found = await reader.values();
    assert.deepEqual(rowsOf(found.get('fastbearer.verifications')), VERIFICATIONS());
    const names = new Set([...found.values()].flat().map(([attributes]) => attributes.verifier));
    assert.deepEqual([...names], ['api']);
    const byOutcome = (metric) => Object.fromEntries(found.get(metric).map(([{ outcome }, value]) => [outcome, value]));
    assert.equal(byOutcome('fastbearer.cache.lookups').hit, 1);
    assert.deepEqual(byOutcome('fastbearer.key_set.fetches'), { success: 1, failure: 0 });
    const [[about, seconds]] = found.get('fastbearer.key_set.fetch.time');
    assert.ok(seconds > 0 && seconds < 10);
    assert.deepEqual(about, { verifier: 'api', issuer: server.issuer });
    assert.deepEqual(
      found.get('fastbearer.health').map(([{ issuer }, value]) => [issuer, value]),
      [
        [server.issuer, 0],
        [OTHER, 0],
      ],
    );
    await verifier.verify(server.mint({ audience: 'a', subject: 'x' }));
    const again = rowsOf((await reader.values()).get('fastbearer.verifications'));
    assert.ok(again.some((row) => JSON.stringify(row) === JSON.stringify([server.issuer, 'accepted', '', 3])));
    await provider.shutdown();
  });

  it('end with the verifier', async () => {
    // Cumulative readers repeat what was observed last.
    const reader = new Reader({ aggregationTemporalitySelector: () => AggregationTemporality.DELTA });
    const provider = new MeterProvider({ readers: [reader] });
    const verifier = await used();
    measure(verifier, { meterProvider: provider });
    assert.equal((await reader.values()).size, 12);
    verifier.close();
    assert.equal((await reader.values()).size, 0);
    await provider.shutdown();
  });

  it('are of the global provider unless another is given', async () => {
    const reader = new Reader();
    const provider = new MeterProvider({ readers: [reader] });
    metrics.setGlobalMeterProvider(provider);
    measure(await used());
    assert.equal((await reader.values()).get('fastbearer.cache.entries')[0][1], 1);
    metrics.disable();
    await provider.shutdown();
  });

  it('are those of Python: name, kind, unit and description', async () => {
    const reader = new Reader();
    const provider = new MeterProvider({ readers: [reader] });
    const verifier = await used();
    measure(verifier, { meterProvider: provider });
    const { resourceMetrics } = await reader.collect();
    const kinds = { OBSERVABLE_COUNTER: 'counter', OBSERVABLE_GAUGE: 'gauge' };
    const ours = resourceMetrics.scopeMetrics[0].metrics.map(({ descriptor }) => [
      descriptor.name,
      kinds[descriptor.type],
      descriptor.unit,
      descriptor.description,
    ]);
    assert.deepEqual(ours, pythonsMetrics());
    assert.equal(resourceMetrics.scopeMetrics[0].scope.name, 'fastbearer');
    await provider.shutdown();
  });

  it('keep no verifier alive', async () => {
    const program = `
      import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
      import { Verifier } from 'fastbearer';
      import { measure } from 'fastbearer/telemetry';
      class Reader extends MetricReader { async onShutdown() {} async onForceFlush() {} }
      const reader = new Reader({ aggregationTemporalitySelector: () => 0 });
      const provider = new MeterProvider({ readers: [reader] });
      const count = async () =>
        (await reader.collect()).resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics)
          .flatMap(({ dataPoints }) => dataPoints).length;
      (() => measure(new Verifier({ secret: 's'.repeat(32), audience: 'a' }), { meterProvider: provider }))();
      const before = await count();
      await new Promise((resolve) => setTimeout(resolve, 10));
      gc();
      console.log(before > 0, await count());`;
    const flags = ['--expose-gc', '--input-type=module', '-e', program];
    assert.equal(execFileSync(process.execPath, flags, { cwd: HERE, encoding: 'utf8' }), 'true 0\n');
  });

  it('refuse what cannot be measured', () => {
    assert.throws(() => measure({}), { code: 'ERR_CONFIGURATION', message: /^verifier must be a Verifier/u });
    assert.throws(() => measure(new Verifier({ secret: 's'.repeat(32), audience: 'a' }), { meter: 1 }), /no member/u);
    const wrong = { meterProvider: {} };
    assert.throws(() => measure(new Verifier({ secret: 's'.repeat(32), audience: 'a' }), wrong), /^.*meterProvider/u);
    assert.throws(() => trace({ tracerProvider: {} }), /tracerProvider/u);
  });
});

describe('OpenTelemetry spans', () => {
  const memory = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  before(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace({ tracerProvider: provider });
  });
  beforeEach(() => memory.reset());
  after(() => {
    context.disable();
    otelTrace.disable();
  });

  it('are made of a fetch, below the request that it is done for, and not of verifications', async () => {
    const verifier = new Verifier({ jwksUri: server.jwksUri, issuer: server.issuer, audience: 'a' });
    const tracer = provider.getTracer('test');
    for (let i = 0; i < 3; i++) {
      await tracer.startActiveSpan('request', async (span) => {
        await verifier.verify(server.mint({ audience: 'a', subject: `${i}` }));
        span.end();
      });
    }
    const spans = memory.getFinishedSpans();
    assert.deepEqual(spans.map(({ name }) => name).sort(), ['fastbearer fetch keys', ...Array(3).fill('request')]);
    const fetched = spans.find(({ name }) => name !== 'request');
    assert.deepEqual(fetched.attributes, { 'url.full': server.jwksUri, 'fastbearer.issuer': server.issuer });
    assert.deepEqual([fetched.kind, fetched.status.code], [2, 0]);
    const requests = spans.filter(({ name }) => name === 'request').map((span) => span.spanContext().spanId);
    assert.ok(requests.includes(fetched.parentSpanContext.spanId));
  });

  it('say what failed, and nothing of a token', async () => {
    const failing = await JWKSServer.start();
    failing.fail();
    const jwksUri = `${failing.jwksUri}?key=secret`;
    await quietly(new Verifier({ jwksUri, audience: 'a' }).verify(failing.mint({ audience: 'a' })));
    await failing.close();
    const endpoint = 'http://127.0.0.1:9/i?key=secret';
    const introspector = new Introspector({ endpoint, clientId: 'c', clientSecret: 'secret' });
    const issuer = 'https://i.example';
    const options = { publicKey: PAIR.publicKey, algorithms: 'ES256', issuer, audience: 'a', introspector };
    await quietly(new Verifier(options).verify('the-token'));
    const [fetched, asked] = memory.getFinishedSpans();
    assert.deepEqual(
      [fetched.name, fetched.attributes['error.type'], fetched.status.code],
      ['fastbearer fetch keys', 'keys_unavailable', 2],
    );
    assert.deepEqual(
      [asked.name, asked.attributes['error.type'], asked.status.code],
      ['fastbearer introspect', 'status_unavailable', 2],
    );
    assert.equal(asked.attributes['url.full'], 'http://127.0.0.1:9/i');
    assert.equal(asked.attributes['fastbearer.issuer'], issuer);
    const text = JSON.stringify([fetched, asked].map(({ attributes, status, events }) => [attributes, status, events]));
    assert.ok(!text.includes('secret') && !text.includes('the-token'), text);
  });

  it('surround an introspection', async () => {
    const fetch = async () => new Response(JSON.stringify({ active: true, aud: 'a', exp: Date.now() }));
    const introspector = new Introspector({ endpoint: 'https://i.example/i', clientId: 'c', fetch });
    const options = { publicKey: PAIR.publicKey, algorithms: 'ES256', issuer: 'https://i.example', audience: 'a' };
    const verifier = new Verifier({ ...options, introspector });
    await verifier.verify('t');
    await verifier.verify('t');
    assert.deepEqual(
      memory.getFinishedSpans().map(({ name, status }) => [name, status.code]),
      [['fastbearer introspect', 0]],
    );
  });
});

describe('prom-client', () => {
  it('gets the metrics under the names of Python', async () => {
    const registry = new prometheus.Registry();
    const verifier = await used();
    const other = new Verifier({ publicKey: PAIR.publicKey, algorithms: 'ES256', audience: 'a' });
    new PrometheusCollector({ api: verifier, other }, { registry });
    const text = await registry.metrics();
    const sample = (name, labels) => {
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      const line = text.split('\n').find((one) => one.startsWith(`${name}{`) && wanted.every((it) => one.includes(it)));
      return line === undefined ? undefined : Number(line.split(' ').at(-1));
    };
    for (const [issuer, outcome, reason, count] of VERIFICATIONS()) {
      const labels = { verifier: 'api', issuer, outcome, reason };
      assert.equal(sample('fastbearer_verifications_total', labels), count, JSON.stringify(labels));
    }
    assert.equal(sample('fastbearer_cache_lookups_total', { verifier: 'api', outcome: 'hit' }), 1);
    const fetched = { verifier: 'api', issuer: server.issuer };
    assert.equal(sample('fastbearer_key_set_fetches_total', { ...fetched, outcome: 'success' }), 1);
    assert.ok(sample('fastbearer_key_set_age_seconds', fetched) > 0);
    assert.ok(sample('fastbearer_key_set_fetch_time_seconds_total', fetched) > 0);
    assert.equal(sample('fastbearer_health', fetched), 0);
    assert.equal(sample('fastbearer_cache_size_bytes', { verifier: 'other' }), 0);
    assert.equal(text.split('# HELP fastbearer_').length - 1, pythonsMetrics().length);
    assert.equal(await registry.metrics().then((again) => again.split('\n').length), text.split('\n').length);
    verifier.close();
    const later = await registry.metrics();
    assert.ok(!later.includes('verifier="api"') && later.includes('verifier="other"'));
  });

  it('has the global registry by default, and takes one collector', async () => {
    const verifier = await used();
    const collector = new PrometheusCollector(verifier);
    assert.ok(collector instanceof PrometheusCollector);
    assert.match(await prometheus.register.metrics(), /fastbearer_cache_entries\{verifier="default"\} 1/u);
    assert.throws(() => new PrometheusCollector(verifier), /already been registered/u);
    prometheus.register.clear();
    assert.throws(() => new PrometheusCollector({ a: {} }), { code: 'ERR_CONFIGURATION' });
    assert.throws(() => new PrometheusCollector(verifier, { registry: {} }), /registry must be/u);
  });
});
