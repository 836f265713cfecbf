/*
 * The ASGI middleware of the Python package is the twin of these adapters: same verdicts, same challenges, same texts.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const { Challenger, findToken } = require(path.join(HERE, '../../../../node/lib/challenge.cjs'));

const VALUES = [
  [],
  [''],
  ['Bearer'],
  ['Bearer '],
  ['bearer'],
  ['Bearer a.b.c'],
  ['BEARER a.b.c'],
  ['bEaReR a.b.c'],
  ['Bearer  a.b.c'],
  ['Bearer a.b.c '],
  [' Bearer a.b.c'],
  ['Bearer a b'],
  ['Bearer a,b'],
  ['Bearer a, Bearer b'],
  ['Bearer a\tb'],
  ['Bearer\ta'],
  ['Bearer a='],
  ['Bearer a=='],
  ['Bearer a=b'],
  ['Bearer ='],
  ['Bearer a\x7f'],
  ['Bearer \xe9'],
  ['Bearer a\n'],
  ['Bearer a\0'],
  ['Bearer "a"'],
  ['Bearer -._~+/'],
  ['Bearers a'],
  ['Bear a'],
  ['Basic YTpi'],
  ['Digest a="b", c="d"'],
  ['Token a'],
  ['a.b.c'],
  ['Bearer a', 'Bearer a'],
  ['Basic a', 'Bearer b'],
  ['', ''],
  ['Bearer a', ''],
];

const QUERIES = [
  '',
  'a=1',
  'access_token=x',
  'access_token',
  'access_token=',
  'a=1&access_token=x',
  'a=1;access_token=x',
  'access%5Ftoken=x',
  'access%5ftoken=x',
  '%61%63cess_token',
  'ACCESS_TOKEN=x',
  'xaccess_token=1',
  'access_token_hint=1',
  'token=x',
  'a=access_token',
  '%',
  '%zz=1',
  '%e9=1',
  'access_token%00=1',
  'access%255Ftoken=1',
  '&&;;',
  '=',
  'access_token[]=x',
  'access+token=x',
  ' access_token=x',
  'access_token =x',
];

const REALMS = [null, 'mcp', 'the "mcp"', 'back\\slash', ''];
const SCOPES = [[], ['a'], ['a', 'b:c']];
const URLS = [null, 'https://mcp.example.com/.well-known/oauth-protected-resource'];
const REFUSALS = [
  [401, null, []],
  [400, 'invalid_request', []],
  [401, 'invalid_token', []],
  [403, 'insufficient_scope', ['x', 'y']],
  [403, 'insufficient_scope', []],
  [503, 'temporarily_unavailable', []],
  [500, 'server_error', []],
];

function every() {
  const requests = VALUES.flatMap((values) => QUERIES.map((query) => ({ values, query })));
  const refusals = REALMS.flatMap((realm) =>
    SCOPES.flatMap((scopes) =>
      URLS.flatMap((url) =>
        REFUSALS.flatMap(([status, error, missing]) =>
          [0, 0.2, 29.3].map((retry_after) => ({ realm, scopes, url, status, error, missing, retry_after })),
        ),
      ),
    ),
  );
  return { requests, refusals };
}

function found({ values, query }) {
  try {
    return { token: findToken(values, query) ?? null };
  } catch (error) {
    assert.ok(error.message);
    return { malformed: true };
  }
}

function refused({ realm, scopes, url, status, error, missing, retry_after }) {
  const challenger = new Challenger({ realm: realm ?? undefined, scopes, resourceMetadataUrl: url ?? undefined });
  const answer = challenger.refuse(status, error ?? undefined, { scopes: missing, retryAfter: retry_after });
  return { ...answer, body: answer.body === '' ? null : JSON.parse(answer.body) };
}

it('finds the token, and words every refusal, as the ASGI middleware does', () => {
  const cases = every();
  const options = { input: JSON.stringify(cases), encoding: 'utf8', maxBuffer: 1 << 26 };
  const python = JSON.parse(execFileSync('python3', [path.join(HERE, 'twin.py')], options));
  assert.equal(python.found.length, cases.requests.length);
  cases.requests.forEach((request, i) => assert.deepEqual(found(request), python.found[i], JSON.stringify(request)));
  assert.equal(python.refused.length, cases.refusals.length);
  cases.refusals.forEach((refusal, i) =>
    assert.deepEqual(refused(refusal), python.refused[i], JSON.stringify(refusal)),
  );
});
