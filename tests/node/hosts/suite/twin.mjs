/*
 * The ASGI middleware of the Python package is the twin of these adapters: same challenges, same texts. Which token a
 * request has is the core's to say for both.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const { Challenger } = require(path.join(HERE, '../../../../node/lib/challenge.cjs'));

const REALMS = [null, 'mcp', 'the "mcp"', 'back\\slash', ''];
const SCOPES = [[], ['a'], ['a', 'b:c']];
const URLS = [null, 'https://mcp.example.com/.well-known/oauth-protected-resource'];
const DPOP = [null, { algorithms: ['ES256', 'EdDSA'], required: false }, { algorithms: ['RS256'], required: true }];
const REFUSALS = [
  [401, null, []],
  [400, 'invalid_request', []],
  [401, 'invalid_token', []],
  [401, 'invalid_dpop_proof', []],
  [401, 'use_dpop_nonce', []],
  [403, 'insufficient_scope', ['x', 'y']],
  [403, 'insufficient_scope', []],
  [503, 'temporarily_unavailable', []],
  [500, 'server_error', []],
];
const WAITS = [0, 0.2, 29.3];

/* Every one of them with every other. */
const product = (lists) =>
  lists.reduce((rows, values) => rows.flatMap((row) => values.map((value) => [...row, value])), [[]]);

function refused([realm, scopes, url, dpop, [status, error, missing], retryAfter]) {
  const options = { realm: realm ?? undefined, scopes, resourceMetadataUrl: url ?? undefined, dpop: dpop ?? undefined };
  const answer = new Challenger(options).refuse(status, error ?? undefined, { scopes: missing, retryAfter });
  return { ...answer, body: answer.body === '' ? null : JSON.parse(answer.body) };
}

it('words every refusal as the ASGI middleware does', () => {
  const cases = product([REALMS, SCOPES, URLS, DPOP, REFUSALS, WAITS]);
  const options = { input: JSON.stringify(cases), encoding: 'utf8', maxBuffer: 1 << 26 };
  const python = JSON.parse(execFileSync('python3', [path.join(HERE, 'twin.py')], options));
  assert.equal(python.length, cases.length);
  cases.forEach((one, i) => assert.deepEqual(refused(one), python[i], JSON.stringify(one)));
});
