/* Verifying: results, errors, the hook, the end. What is accepted is the vectors' business. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import util from 'node:util';

import {
  BearerError,
  ConfigurationError,
  decodeUnverified,
  getAccessToken,
  KeyPair,
  RSAKeyPair,
  requireAccessToken,
  Verifier,
} from '../../node/index.cjs';
import { AUDIENCE, good, INDEX, ISSUER, node, PAIR, rejected, thrown } from './support/case.mjs';

const KEY = { publicKey: PAIR.publicKey, issuer: ISSUER, audience: AUDIENCE };
const SECRET = 'MARK3R-in-every-claim-of-a-bad-token';

test('an access token', async () => {
  const verifier = new Verifier({ ...KEY, audience: ['other', AUDIENCE] });
  const token = good({
    subject: 's',
    scopes: ['a', 'b'],
    now: 1000,
    expiresInSeconds: 50.5,
    additionalClaims: { deep: { list: [1, null] } },
  });
  const access = verifier.verifySync(token, { now: 1001 });
  assert.deepEqual(Object.keys(access), [
    'token',
    'issuer',
    'clientId',
    'scopes',
    'expiresAt',
    'subject',
    'claims',
    'confirmation',
    'extra',
  ]);
  assert.deepEqual(
    { ...access },
    {
      token,
      issuer: ISSUER,
      clientId: 's',
      scopes: ['a', 'b'],
      expiresAt: 1050,
      subject: 's',
      claims: { sub: 's', iss: ISSUER, iat: 1000, exp: 1050.5, aud: AUDIENCE, scope: 'a b', deep: { list: [1, null] } },
      confirmation: undefined,
      extra: { claims: access.claims },
    },
  );
  assert.deepEqual(access.resource, new URL(AUDIENCE));
  assert.equal(access.resource, access.resource); // one, however often it is read
  assert.deepEqual(await verifier.verify(token, { now: 1001 }), access);
  const info = await verifier.verifyAccessToken(good()); // plain data for the SDKs
  assert.deepEqual({ ...info }, { ...verifier.verifySync(good()), resource: new URL(AUDIENCE) });
});

test('what a token does not say', () => {
  const verifier = new Verifier({ publicKey: PAIR.publicKey, requireExp: false });
  const access = verifier.verifySync(PAIR.sign('{"alg":"RS256"}', '{}'));
  assert.deepEqual(
    [access.clientId, access.scopes, access.expiresAt, access.subject, access.resource],
    ['unknown', [], undefined, undefined, undefined],
  );
});

test('text beyond ASCII, long lists and odd audiences', () => {
  const verifier = new Verifier({ publicKey: PAIR.publicKey });
  for (const subject of ['Zoë', '日本', '🙂', 'a\u0000b'.replace('\u0000', '\u0001'), '\u2028', '"\\/']) {
    const access = verifier.verifySync(good({ subject, scopes: ['é', 'x'] }));
    assert.deepEqual(
      [access.subject, access.clientId, access.scopes, access.claims.sub],
      [subject, subject, ['é', 'x'], subject],
    );
  }
  const scopes = Array.from({ length: 300 }, (_, i) => `scope-${i}`);
  assert.deepEqual(verifier.verifySync(good({ scopes })).scopes, scopes);
  assert.equal(verifier.verifySync(good({ audience: 'https://[broken' })).resource, undefined);
  assert.equal(verifier.verifySync(good({ audience: 'no URL' })).resource, undefined);
  assert.equal(verifier.verifySync(good({ audience: ['https://a.example', 'https://b.example'] })).resource, undefined);
});

test('results of one token are independent, however often it comes', () => {
  const verifier = new Verifier(KEY);
  const token = good({
    scopes: ['a'],
    additionalClaims: { list: [1, { deep: [2] }], object: { inner: {} }, nothing: null },
  });
  const expected = structuredClone(verifier.verifySync(token).claims);
  for (let i = 0; i < 5; i++) {
    const access = verifier.verifySync(token);
    assert.deepEqual(
      [access.scopes, access.claims, access.extra.claims, access.resource.href, access.clientId],
      [['a'], expected, expected, AUDIENCE, 'fastmcp-user'],
    );
    access.scopes.push('admin');
    access.claims.list.push(2);
    access.claims.list[1].deep.push(3);
    access.claims.object.inner.admin = true;
    access.claims.sub = 'root';
    access.claims.more = 1;
    access.resource.pathname = '/elsewhere';
    access.clientId = 'root';
  }
  assert.equal(verifier.stats().cacheHits, 5);
});

test('many tokens in turn, more than are kept, each with its own result', () => {
  for (const cacheSize of [0, 1, 3, 1024]) {
    const pair = KeyPair.generateSync('HS256');
    const verifier = new Verifier({ secret: pair.secret, cacheSize });
    const tokens = Array.from({ length: 1500 }, (_, i) => [
      `s${i % 700}`,
      pair.createToken({ subject: `s${i % 700}`, scopes: [`x${i}`] }),
    ]);
    for (let round = 0; round < 4; round++) {
      for (const [i, [subject, token]] of tokens.entries()) {
        const access = verifier.verifySync(token);
        assert.ok(
          access.subject === subject &&
            access.claims.sub === subject &&
            access.scopes[0] === `x${i}` &&
            access.token === token,
        );
      }
    }
  }
});

test('numbers are what JSON.parse makes of them, and __proto__ is a claim', () => {
  const verifier = new Verifier({ publicKey: PAIR.publicKey, requireExp: false });
  const text = '{"big":12345678901234567890,"small":1e-400,"__proto__":{"admin":true},"sub":"x"}';
  const token = PAIR.sign('{"alg":"RS256"}', text);
  for (let i = 0; i < 4; i++) {
    const { claims } = verifier.verifySync(token);
    assert.deepEqual(claims, JSON.parse(text));
    assert.deepEqual([claims.admin, Object.hasOwn(claims, '__proto__')], [undefined, true]);
  }
});

// ---- refusals

const REFUSED = [
  ['token_malformed', 401, 'invalid_token', 'x', {}],
  ['token_malformed', 401, 'invalid_token', '', {}],
  ['token_malformed', 401, 'invalid_token', ` ${good()}`, {}],
  ['token_malformed', 401, 'invalid_token', `${good()}\n`, {}],
  ['token_malformed', 401, 'invalid_token', `${good()}\u0141`, {}],
  ['token_malformed', 401, 'invalid_token', good().replace(/^e/u, '\u0165'), {}], // U+0165 cut to eight bits is "e"
  ['token_malformed', 401, 'invalid_token', `${good()}\ud800`, {}],
  ['token_malformed', 401, 'invalid_token', `\u0000${good()}`, {}],
  ['token_too_large', 401, 'invalid_token', 'x'.repeat(16385), {}],
  ['token_too_large', 401, 'invalid_token', 'x'.repeat(1 << 20), { maxTokenBytes: 65536 }],
  ['token_too_large', 401, 'invalid_token', '\u{1F642}'.repeat(40000), { maxTokenBytes: 65536 }],
  ['signature_invalid', 401, 'invalid_token', good().replace(/\.[^.]{8}([^.]*)$/u, '.AAAAAAAA$1'), {}],
  ['algorithm_not_allowed', 401, 'invalid_token', good(), { algorithms: 'PS256' }],
  ['token_expired', 401, 'invalid_token', good({ expiresInSeconds: -1 }), {}, { claim: 'exp' }],
  ['token_not_yet_valid', 401, 'invalid_token', good({ additionalClaims: { nbf: 1e10 } }), {}, { claim: 'nbf' }],
  ['issuer_mismatch', 401, 'invalid_token', good({ issuer: SECRET }), {}, { claim: 'iss' }],
  ['audience_mismatch', 401, 'invalid_token', good({ audience: SECRET }), {}, { claim: 'aud' }],
  ['claim_missing', 401, 'invalid_token', good(), { requiredClaims: ['jti'] }, { claim: 'jti' }],
  [
    'insufficient_scope',
    403,
    'insufficient_scope',
    good({ scopes: ['b', SECRET] }),
    { requiredScopes: ['a', 'b', 'c'] },
    { missing: ['a', 'c'] },
  ],
];

for (const [code, status, oauthError, token, options, details = {}] of REFUSED) {
  test(`refused: ${code} ${JSON.stringify(token.slice(0, 12))}`, async () => {
    const seen = [];
    const verifier = new Verifier({ ...KEY, ...options, onReject: (rejection) => seen.push(rejection) });
    const error = thrown(() => verifier.verifySync(token));
    assert.ok(error instanceof BearerError && error instanceof Error);
    const { claim, missing } = error;
    assert.deepEqual(
      { code: error.code, status: error.status, oauthError: error.oauthError },
      { code, status, oauthError },
    );
    assert.deepEqual({ claim, missing }, { missing: undefined, ...details, claim: details.claim ?? claim });
    const second = await rejected(verifier.verify(token));
    assert.equal(second.code, code);
    assert.equal(verifier.stats().reasons[code], 2);
    const rejectionOf = ({ message, claim, kid, issuer, expected, actual }) => ({
      code,
      message,
      claim,
      kid,
      issuer,
      expected,
      actual,
    });
    assert.deepEqual(seen, [rejectionOf(error), rejectionOf(second)]);
    const withoutValues = seen.map((rejection) => ({ ...rejection, actual: undefined })); // that one is for logs
    for (const text of [
      util.inspect(error, { showHidden: true }),
      JSON.stringify(error),
      String(error.stack),
      JSON.stringify(withoutValues),
    ]) {
      assert.ok(!text.includes(SECRET) && (token.length < 100 || !text.includes(token.slice(10, 60))), text);
    }
  });
}

test('what was expected and found, of verified claims only', async () => {
  const seen = [];
  const verifier = new Verifier({ ...KEY, onReject: (rejection) => seen.push(rejection) });
  const other = new Verifier({
    ...KEY,
    publicKey: RSAKeyPair.generateSync().publicKey,
    onReject: (rejection) => seen.push(rejection),
  });
  const cases = [
    [good({ audience: ['https://other.example', 'é\n'] }), AUDIENCE, 'https://other.example'],
    [good({ issuer: 'https://elsewhere.example' }), ISSUER, 'https://elsewhere.example'],
    [good({ issuer: 'x'.repeat(500) }), ISSUER, 'x'.repeat(100)],
  ];
  for (const [token, expected, actual] of cases) {
    const error = await rejected(verifier.verify(token));
    assert.ok(error.expected.includes(expected) && error.actual.includes(actual), `${error.expected} ${error.actual}`);
    assert.match(error.expected + error.actual, /^[ -~]*$/u);
    assert.ok(error.expected.length <= 120 && error.actual.length <= 120);
    const { expected: one, actual: two } = seen.at(-1);
    assert.deepEqual([one, two], [error.expected, error.actual]);
    const face = await rejected(verifier.verifyAccessToken(token));
    assert.deepEqual([face.expected, face.actual], [error.expected, error.actual]);
    const forged = await rejected(other.verify(token)); // nothing of it is verified
    assert.deepEqual(
      [forged.code, forged.expected, forged.actual, seen.at(-1).actual],
      ['signature_invalid', undefined, undefined, undefined],
    );
  }
});

test('the MCP SDKs get an OAuth error', async () => {
  const verifier = new Verifier({ ...KEY, requiredScopes: ['a'] });
  const invalid = await rejected(verifier.verifyAccessToken('x'));
  assert.deepEqual([invalid.code, invalid.reason, invalid.status], ['invalid_token', 'token_malformed', 401]);
  assert.deepEqual(invalid.toResponseObject(), {
    error: 'invalid_token',
    error_description: 'The access token is invalid or has expired.',
  });
  assert.ok(invalid[Symbol.for('mcp.sdk.errorBrands')].has('mcp.OAuthError'));
  const scope = await rejected(verifier.verifyAccessToken(good()));
  assert.deepEqual(
    [scope.code, scope.reason, scope.status, scope.missing],
    ['insufficient_scope', 'insufficient_scope', 403, ['a']],
  );
  const unavailable = new Verifier({
    jwksUri: 'https://x/',
    fetch: async () => {
      throw new Error('down');
    },
  });
  const error = await rejected(unavailable.verifyAccessToken(good()));
  assert.deepEqual([error.code, error.reason, error.status], ['invalid_token', 'keys_unavailable', 503]);
});

test('the key id that was asked for is there for logs, and is not printed with the error', () => {
  const verifier = new Verifier({ jwks: PAIR.jwks('k') });
  const error = thrown(() => verifier.verifySync(good({ kid: `other\n${SECRET}` })));
  assert.deepEqual([error.code, error.kid], ['key_not_found', `other?${SECRET}`]);
  assert.ok(!util.inspect(error).includes(SECRET) && !JSON.stringify(error).includes(SECRET));
});

test('a token and a time of the wrong type', async () => {
  const verifier = new Verifier(KEY);
  for (const token of [undefined, null, 1, Buffer.from('x'), {}]) {
    assert.match(thrown(() => verifier.verifySync(token)).message, /^token must be a string, not /u);
    assert.ok((await rejected(verifier.verify(token))) instanceof ConfigurationError);
  }
  for (const now of [NaN, Infinity, '1', null]) {
    assert.equal(thrown(() => verifier.verifySync(good(), { now })).message, 'now must be a finite number of seconds');
  }
  assert.match(thrown(() => verifier.verifySync(good(), { nou: 1 })).message, /did you mean 'now'/u);
  assert.ok(verifier.verifySync(good(), {}) && verifier.verifySync(good(), { now: undefined }));
});

test('a hook that throws is reported once and changes nothing', () => {
  const done = node(`
    const { Verifier } = require(${INDEX});
    const verifier = new Verifier({ secret: 'x'.repeat(32), onReject: () => { throw new Error('hook'); } });
    for (let i = 0; i < 3; i++) try { verifier.verifySync('x'); } catch (error) { console.log(error.code); }`);
  assert.equal(done.stdout, 'token_malformed\n'.repeat(3));
  assert.equal(done.stderr.match(/onReject failed \(further failures are not reported\): Error: hook/gu).length, 1);
});

test('a hook that fails in any way, at once or later, ends no process', () => {
  const hooks = [
    'async () => { throw new Error("later"); }',
    '() => ({ then(_, reject) { reject("thenable"); } })',
    '() => { throw undefined; }',
    '() => ({ get then() { throw new Error("getter"); } })',
    '() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; }',
    '() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy; }',
    '() => { throw Object.create(null); }',
    'async () => { throw Symbol("x"); }',
  ];
  for (const hook of hooks) {
    const done = node(`
      const { Verifier } = require(${INDEX});
      const verifier = new Verifier({ secret: 'x'.repeat(32), onReject: ${hook} });
      for (let i = 0; i < 3; i++) verifier.verify('x').catch((error) => console.log(error.code));
      setTimeout(() => console.log('alive'), 20);`);
    assert.deepEqual([done.status, done.stdout], [0, `${'token_malformed\n'.repeat(3)}alive\n`], hook + done.stderr);
    assert.equal(
      done.stderr.match(/onReject failed \(further failures are not reported\)/gu)?.length,
      1,
      hook + done.stderr,
    );
  }
});

test('printing a result shows neither the token nor its claims', () => {
  const access = new Verifier(KEY).verifySync(good({ additionalClaims: { email: SECRET } }));
  const text = util.inspect({ access }, { depth: 9 });
  assert.ok(text.includes('fastmcp-user') && !text.includes(SECRET) && !text.includes(access.token), text);
});

test('verify answers in the same turn of the event loop', async () => {
  const verifier = new Verifier({ ...KEY, cacheSize: 0 });
  const order = [];
  setImmediate(() => order.push('immediate'));
  const done = verifier.verify(good()).then(() => order.push('verified'));
  await done;
  await new Promise(setImmediate);
  assert.deepEqual(order, ['verified', 'immediate']);
});

test('keys and stats', () => {
  const verifier = new Verifier({ jwks: { keys: [...PAIR.jwks('k').keys, { kty: 'new', kid: 'n' }] } });
  const [first, second] = verifier.keys();
  assert.deepEqual(
    [first.kid, first.kty, first.alg, first.bits, first.usable, first.problem],
    ['k', 'RSA', 'RS256', 2048, true, undefined],
  );
  assert.deepEqual([second.kid, second.usable, typeof second.problem], ['n', false, 'string']);
  verifier.verifySync(good());
  verifier.verifySync(good());
  thrown(() => verifier.verifySync('x'));
  const stats = verifier.stats();
  assert.deepEqual(
    [stats.verified, stats.rejected, stats.reasons, stats.keysHeld, stats.lastError],
    [2, 1, { token_malformed: 1 }, true, undefined],
  );
});

test('closing', async () => {
  const verifier = new Verifier(KEY);
  verifier.close();
  verifier.close();
  for (const call of [() => verifier.verifySync(good()), () => verifier.keys(), () => verifier.stats()]) {
    assert.deepEqual([thrown(call).code, thrown(call).message], ['ERR_VERIFIER_CLOSED', 'the verifier is closed']);
  }
  assert.equal((await rejected(verifier.verify(good()))).code, 'ERR_VERIFIER_CLOSED');
  const other = new Verifier({ jwksUri: 'https://x.example/' });
  other[Symbol.dispose]();
  assert.equal((await rejected(other.refresh())).code, 'ERR_VERIFIER_CLOSED');
  assert.ok((await rejected(new Verifier(KEY).refresh())) instanceof ConfigurationError);
});

test('requireAccessToken throws where there is none', () => {
  const error = thrown(requireAccessToken);
  assert.deepEqual([error.code, error.status, getAccessToken()], ['ERR_NO_ACCESS_TOKEN', 500, undefined]);
});

test('decodeUnverified', () => {
  const pair = KeyPair.generateSync('ES256');
  assert.deepEqual(decodeUnverified(pair.createToken({ kid: 'k', now: 5, issuer: null })), {
    header: { typ: 'JWT', alg: 'ES256', kid: 'k' },
    claims: { sub: 'fastmcp-user', iat: 5, exp: 3605 },
  });
  assert.equal(thrown(() => decodeUnverified('x.y')).code, 'token_malformed');
  assert.ok(thrown(() => decodeUnverified(1)) instanceof ConfigurationError);
});
