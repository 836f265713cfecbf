/*
 * Which token a request has (RFC 6750 sections 2.1 and 2.3), in the core and in a second implementation: what the
 * adapters of this package did by themselves once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Verifier } from '../../node/index.cjs';
import { rejected } from './support/case.mjs';

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

const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/u;

/* "access_token", in any percent-encoding of it. */
function isTokenParameter(part) {
  const name = part.split('=', 1)[0].replace(/%([0-9a-f]{2})/giu, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return name === 'access_token';
}

function expected(values, query) {
  if (values.length > 1 || (query !== '' && query.split(/[&;]/u).some(isTokenParameter))) {
    return 'malformed';
  }
  const value = values[0] ?? '';
  const space = value.indexOf(' ');
  const scheme = space < 0 ? value : value.slice(0, space);
  if (scheme.toLowerCase() !== 'bearer') {
    return 'missing';
  }
  return TOKEN68.test(value.slice(scheme.length + 1)) ? 'found' : 'malformed';
}

const verifier = new Verifier({ secret: 'x'.repeat(32), audience: 'https://api.example' });
const KINDS = { token_missing: 'missing', request_malformed: 'malformed', token_malformed: 'found' };

const FORMS = {
  'node:http': (values, url) => ({
    method: 'GET',
    url,
    headers: { host: 'x' },
    rawHeaders: ['Host', 'x', ...values.flatMap((value) => ['Authorization', value])],
  }),
  parts: (values, url) => ({ url, headers: values.map((value) => ['authorization', value]) }),
};

for (const [name, form] of Object.entries(FORMS)) {
  test(`a request of ${name}: the same token, or the same refusal`, async () => {
    for (const values of VALUES) {
      for (const query of QUERIES) {
        const request = form(values, query === '' ? '/' : `/?${query}`);
        const { code } = await rejected(verifier.verifyRequest(request)); // no value is a good token
        assert.equal(KINDS[code], expected(values, query), JSON.stringify([values, query]));
      }
    }
  });
}
