/* What fastbearer/telemetry does without the packages that it can serve; with them: tests/node/hosts/suite. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';

import { node } from './support/case.mjs';
import { ROOT } from './support/idp.mjs';

test('neither OpenTelemetry nor prom-client is loaded unasked, and what is missing is named', () => {
  const program = `
    const Module = require('node:module');
    const load = Module._load;
    Module._load = (name, ...rest) => {
      if (name === '@opentelemetry/api' || name === 'prom-client') {
        throw Object.assign(new Error('not here'), { code: 'MODULE_NOT_FOUND' });
      }
      return load(name, ...rest);
    };
    const { measure, PrometheusCollector, trace } = require(${JSON.stringify(path.join(ROOT, 'node/telemetry.cjs'))});
    const { Verifier } = require(${JSON.stringify(path.join(ROOT, 'node/index.cjs'))});
    const verifier = new Verifier({ secret: 's'.repeat(32), audience: 'a' });
    for (const call of [() => measure(verifier), () => trace(), () => new PrometheusCollector(verifier)]) {
      try { call(); } catch (error) { console.log(error.code, error.message); }
    }`;
  const needs = (name) => `MODULE_NOT_FOUND fastbearer/telemetry needs ${name} for this: npm install ${name}\n`;
  const expected = needs('@opentelemetry/api').repeat(2) + needs('prom-client');
  assert.equal(node(program).stdout, expected);
});
