/* Several issuers in one verifier: whose token it is, what each one's own options change, and who is told what. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import util from 'node:util';
import { bearerAuth } from '../../node/fetch.cjs';
import { ConfigurationError, KeyPair, Verifier } from '../../node/index.cjs';
import { AUDIENCE, INDEX, node, rejected, thrown } from './support/case.mjs';

const [A, B] = ['https://a.example', 'https://b.example/'];
const EC = KeyPair.generateSync('ES256');
const HS = KeyPair.generateSync('HS256');
const OTHER = KeyPair.generateSync('ES256');

const OF_A = Object.freeze({ issuer: A, jwks: EC.jwks('k'), algorithms: 'ES256' });
const OF_B = Object.freeze({ issuer: B, secret: HS.secret });
const BOTH = Object.freeze({ issuers: Object.freeze([OF_A, OF_B]), audience: AUDIENCE });

const ofA = (more = {}) => EC.createToken({ issuer: A, audience: AUDIENCE, kid: 'k', ...more });
const ofB = (more = {}) => HS.createToken({ issuer: B, audience: AUDIENCE, ...more });

// ---- whose token

test('each issuer is served with its own key and algorithm', async () => {
  const verifier = new Verifier(BOTH);
  for (const [token, issuer] of [
    [ofA(), A],
    [ofB(), B],
  ]) {
    for (let i = 0; i < 3; i++) {
      const access = await verifier.verify(token);
      assert.equal(access.issuer, issuer);
      assert.ok(Object.hasOwn({ ...access }, 'issuer'));
      assert.match(util.inspect(access), new RegExp(`issuer: '${issuer}'`, 'u'));
    }
  }
  assert.deepEqual(verifier.issuer, [A, B]);
  assert.equal(verifier.jwksUri, undefined);
  assert.match(util.inspect(verifier), /^Verifier \{ jwks, secret, issuer: /u);
});

const CROSSED = [
  ['the key of another issuer', 'signature_invalid', A, OTHER.createToken({ issuer: A, audience: AUDIENCE, kid: 'k' })],
  ['its algorithm', 'algorithm_not_allowed', A, HS.createToken({ issuer: A, audience: AUDIENCE })],
  ['the other way round', 'algorithm_not_allowed', B, EC.createToken({ issuer: B, audience: AUDIENCE, kid: 'k' })],
  ['nobody knows it', 'issuer_mismatch', undefined, ofA({ issuer: 'https://c.example' })],
  ['without iss', 'iss_missing', undefined, ofA({ issuer: null })],
  ['iss of another type', 'iss_invalid', undefined, ofA({ issuer: null, additionalClaims: { iss: [A] } })],
];

for (const [name, code, issuer, token] of CROSSED) {
  test(`refused: ${name}`, async () => {
    const seen = [];
    const verifier = new Verifier({ ...BOTH, onReject: (rejection) => seen.push(rejection) });
    verifier.verifySync(ofA()); // what is cached helps nobody else
    const error = thrown(() => verifier.verifySync(token));
    assert.deepEqual([error.code, error.issuer, seen[0].issuer], [code, issuer, issuer]);
    const face = await rejected(verifier.verifyAccessToken(token));
    assert.deepEqual([face.reason, face.issuer, face.actual], [code, issuer, undefined]);
  });
}

test('stats and keys tell issuers apart', () => {
  const verifier = new Verifier(BOTH);
  verifier.verifySync(ofA());
  verifier.verifySync(ofB());
  thrown(() => verifier.verifySync(ofB({ audience: 'x' })));
  thrown(() => verifier.verifySync(ofA({ issuer: 'x' })));
  const { issuers, verified, rejected: refused } = verifier.stats();
  assert.deepEqual([verified, refused], [2, 2]);
  assert.deepEqual(issuers[0], {
    issuer: A,
    fetched: false,
    added: false,
    jwksUri: undefined,
    verified: 1,
    rejected: 0,
    fetches: 0,
    fetchFailures: 0,
    generation: issuers[0].generation,
    keysHeld: true,
    keysFresh: true,
    retryAfter: 0,
    unknownKidRetryAfter: 0,
    lastError: undefined,
    reasons: {},
    fetchSeconds: 0,
    imports: 0,
    keyAge: 0,
    freshFor: Infinity,
    source: undefined,
    introspection: undefined,
    health: 'ready',
    problem: undefined,
  });
  assert.deepEqual(issuers[1].reasons, { audience_mismatch: 1 });
  assert.deepEqual([issuers.length, issuers[1].issuer, issuers[1].verified, issuers[1].rejected], [2, B, 1, 1]);
  assert.deepEqual(
    verifier.keys().map(({ issuer, kty, fetchedAt, freshUntil }) => [issuer, kty, fetchedAt, freshUntil]),
    [
      [A, 'EC', undefined, undefined],
      [B, 'oct', undefined, undefined],
    ],
  );
});

test('health is that of all issuers, and says why', () => {
  assert.deepEqual(new Verifier(BOTH).health().issuers.length, 2);
  assert.equal(new Verifier(BOTH).health().status, 'ready');
  const verifier = new Verifier({
    issuers: [OF_A, { issuer: B, jwksUri: 'https://b.example/jwks' }],
    audience: AUDIENCE,
  });
  const { status, issuers } = verifier.health();
  assert.deepEqual([status, issuers[0].health, issuers[1].health], ['degraded', 'ready', 'not_ready']);
  assert.deepEqual([issuers[0].problem, issuers[1].problem], [undefined, 'no keys have been fetched yet']);
  verifier.close();
  assert.throws(() => verifier.health(), { code: 'ERR_VERIFIER_CLOSED' });
});

test('an issuer of one verifier is told in a refusal, too; without an identifier there is none', () => {
  const flat = { jwks: EC.jwks('k'), algorithms: 'ES256', audience: 'x' };
  assert.equal(thrown(() => new Verifier({ ...flat, issuer: A }).verifySync(ofA())).issuer, A);
  assert.ok(!('issuer' in thrown(() => new Verifier(flat).verifySync(ofA()))));
});

test('a template is one issuer for all tenants, and the claim says which', () => {
  const template = 'https://login.example/{tid}/v2.0';
  const verifier = new Verifier({ ...OF_A, issuer: template, audience: AUDIENCE });
  const of = (iss, tid) => ofA({ issuer: iss, additionalClaims: tid === undefined ? {} : { tid } });
  assert.equal(verifier.verifySync(of('https://login.example/t1/v2.0', 't1')).issuer, 'https://login.example/t1/v2.0');
  for (const token of [
    of('https://login.example/t1/v2.0', 't2'),
    of('https://login.example/t1/v2.0'),
    of('https://login.example/../v2.0', '..'),
    of('https://login.example/t1/x/v2.0', 't1/x'),
  ]) {
    const error = thrown(() => verifier.verifySync(token));
    assert.deepEqual([error.code, error.issuer], ['issuer_mismatch', template]);
  }
});

// ---- what an issuer says itself

test('what an issuer says replaces what the verifier says', () => {
  const own = {
    audience: 'b',
    tokenType: 'any',
    scopeClaims: '/realm/roles',
    clientIdClaims: ['/a/b', 'azp'],
    requiredClaims: { use: ['access', 1] },
  };
  const verifier = new Verifier({ issuers: [OF_A, { ...OF_B, ...own }], audience: AUDIENCE, requiredClaims: 'sub' });
  const claims = { realm: { roles: ['r'] }, a: { b: 'client' }, use: 1 };
  const access = verifier.verifySync(ofB({ audience: 'b', subject: null, typ: 'odd', additionalClaims: claims }));
  assert.deepEqual([access.scopes, access.clientId], [['r'], 'client']);
  assert.equal(thrown(() => verifier.verifySync(ofB())).code, 'audience_mismatch');
  assert.equal(thrown(() => verifier.verifySync(ofA({ subject: null }))).code, 'claim_missing');
  assert.equal(thrown(() => verifier.verifySync(ofA({ typ: 'odd' }))).code, 'token_type_not_allowed');
});

test('an empty list of an issuer is none', () => {
  const verifier = new Verifier({
    issuers: [OF_A, { ...OF_B, audience: [], requiredClaims: [] }],
    audience: AUDIENCE,
    requiredClaims: 'jti',
  });
  assert.equal(verifier.verifySync(ofB({ audience: 'anything' })).issuer, B);
  assert.equal(thrown(() => verifier.verifySync(ofA())).code, 'claim_missing');
});

// ---- claims with values

const FLAT = { secret: HS.secret, audience: AUDIENCE };

test('claims with values: absent and different are two reasons', () => {
  const verifier = new Verifier({ ...FLAT, requiredClaims: { token_use: 'access', '/app/id': ['a', 7, true] } });
  const of = (additionalClaims) => ofB({ additionalClaims });
  for (const id of ['a', 7, 7.0, true, ['x', 'a']]) {
    assert.ok(verifier.verifySync(of({ token_use: 'access', app: { id } })));
  }
  for (const [claims, code, claim] of [
    [{ app: { id: 'a' } }, 'claim_missing', 'token_use'],
    [{ token_use: 'id', app: { id: 'a' } }, 'claim_mismatch', 'token_use'],
    [{ token_use: 'access', app: { id: '7' } }, 'claim_mismatch', '/app/id'],
    [{ token_use: 'access', app: {} }, 'claim_missing', '/app/id'],
  ]) {
    const error = thrown(() => verifier.verifySync(of(claims)));
    assert.deepEqual([error.code, error.claim, error.status], [code, claim, 401]);
    assert.equal(error.oauthError, 'invalid_token');
  }
  const error = thrown(() => verifier.verifySync(of({ token_use: 'id' })));
  assert.match(`${error.expected} / ${error.actual}`, /access.* \/ .*id/u);
});

test('clockSkew is for nbf and iat, leeway for exp as well', () => {
  const now = 1_000_000;
  const at = (options, additionalClaims) =>
    thrownCode(() => new Verifier({ ...FLAT, ...options }).verifySync(ofB({ now, additionalClaims }), { now }));
  assert.equal(at({}, { nbf: now + 30 }), undefined);
  assert.equal(at({}, { nbf: now + 31 }), 'token_not_yet_valid');
  assert.equal(at({ clockSkew: 0 }, { iat: now + 1 }), 'token_issued_in_future');
  assert.equal(at({ clockSkew: 60 }, { exp: now - 1 }), 'token_expired');
  assert.equal(at({ clockSkew: 0, leeway: 5 }, { iat: now + 5, exp: now - 4 }), undefined);
});

function thrownCode(call) {
  try {
    call();
    return undefined;
  } catch (error) {
    return error.code;
  }
}

// ---- scopes

test('mergeScopeClaims', () => {
  const token = ofB({ scopes: ['a', 'b'], additionalClaims: { permissions: ['b', 'c'] } });
  const options = { ...FLAT, scopeClaims: ['scope', 'permissions'] };
  assert.deepEqual(new Verifier(options).verifySync(token).scopes, ['a', 'b']);
  assert.deepEqual(new Verifier({ ...options, mergeScopeClaims: true }).verifySync(token).scopes, ['a', 'b', 'c']);
});

test('a scope that includes others: hasScope, required scopes, and what a route requires', async () => {
  const verifier = new Verifier({
    ...FLAT,
    scopeHierarchy: { admin: ['write'], write: ['read'], lone: [] },
    requiredScopes: 'read',
  });
  const token = ofB({ scopes: ['admin', 'x'] });
  for (let i = 0; i < 3; i++) {
    const access = await verifier.verify(token); // the third time from what is kept
    assert.deepEqual(access.scopes, ['admin', 'x']);
    assert.deepEqual(
      ['admin', 'write', 'read', 'x', 'lone', ''].map((scope) => access.hasScope(scope)),
      [true, true, true, true, false, false],
    );
    assert.ok(!Object.keys(access).includes('hasScope'));
    structuredClone({ ...access, resource: undefined }); // no function among its members
  }
  assert.deepEqual(thrown(() => verifier.verifySync(ofB({ scopes: ['lone'] }))).missing, ['read']);
  const served = async (requiredScopes, scopes) => {
    const handler = bearerAuth({ verifier, requiredScopes }, () => new Response('fine'));
    const authorization = `Bearer ${ofB({ scopes })}`;
    return (await handler(new Request('https://x.example/', { headers: { authorization } }))).status;
  };
  assert.equal(await served('write', ['admin']), 200);
  assert.equal(await served('write', ['read']), 403);
  assert.equal(verifier.stats().reasons.insufficient_scope, 2);
  verifier.close();
});

test('hasScope without a hierarchy is what was granted', () => {
  const access = new Verifier(FLAT).verifySync(ofB({ scopes: ['a'] }));
  assert.deepEqual([access.hasScope('a'), access.hasScope('b')], [true, false]);
});

test("a route's refusal says whose token it was", async () => {
  const seen = [];
  const verifier = new Verifier({ ...BOTH, onReject: (rejection) => seen.push(rejection) });
  const handler = bearerAuth({ verifier, requiredScopes: 'x' }, () => new Response());
  for (let i = 0; i < 3; i++) {
    const headers = { authorization: `Bearer ${ofB()}` };
    assert.equal((await handler(new Request('https://x.example/', { headers }))).status, 403);
  }
  assert.deepEqual(
    seen.map(({ code, issuer }) => [code, issuer]),
    Array(3).fill(['insufficient_scope', B]),
  );
});

test('results outlive their verifier, and are freed', () => {
  const done = node(
    `const { KeyPair, Verifier } = require(${INDEX});
     const pair = KeyPair.generateSync('HS256');
     const token = pair.createToken({ audience: 'a', scopes: ['admin'] });
     const round = () => {
       const verifier = new Verifier({ secret: pair.secret, audience: 'a', scopeHierarchy: { admin: ['read'] } });
       const held = Array.from({ length: 500 }, () => verifier.verifySync(token));
       verifier.close();
       return held.every((access) => access.hasScope('read') && !access.hasScope('write'));
     };
     const settle = async () => { for (let i = 0; i < 4; i++) { gc(); await new Promise(setImmediate); } return process.memoryUsage().rss; };
     (async () => {
       for (let i = 0; i < 20; i++) { if (!round()) throw new Error('no'); await settle(); }
       const before = await settle();
       for (let i = 0; i < 60; i++) { round(); await settle(); }
       console.log(((await settle()) - before) >> 20);
     })();`,
    { flags: ['--expose-gc'] },
  );
  assert.equal(done.status, 0, done.stderr);
  assert.ok(Number(done.stdout) < 8, `30 000 results left ${done.stdout} MiB behind`);
});

// ---- options

const KEY = { issuer: A, jwks: EC.jwks('k'), algorithms: 'ES256' };
const WRONG = [
  [{ issuers: OF_A }, 'issuers must be an array of objects, not Object'],
  [{ issuers: [OF_A, null] }, 'issuers[1] must be an object, not null'],
  [{ issuers: [OF_A], issuer: A }, 'issuers and issuer exclude each other: issuer belongs to one of issuers'],
  [{ issuers: [OF_A], ssrfSafe: true }, 'issuers and ssrfSafe exclude each other: ssrfSafe belongs to one of issuers'],
  [{ issuers: [{ ...OF_A, audiance: 'x' }] }, "issuers[0] has no member 'audiance'; did you mean 'audience'?"],
  [{ issuers: [{ ...OF_A, jwks_uri: 'x' }] }, "issuers[0] has no member 'jwks_uri'; did you mean 'jwksUri'?"],
  [{ issuers: [{ ...OF_A, leeway: 1 }] }, "issuers[0] has no member 'leeway'"],
  [{ issuers: [{ ...OF_A, issuer: 7 }] }, 'issuers[0]: issuer must be a string or an array of strings, not number'],
  [{ issuers: [OF_A, { ...OF_B, fetch() {}, ssrfSafe: true }] }, /^issuers\[1\]: ssrfSafe .* combined with fetch$/u],
  [{ issuers: [] }, /issuer/u],
  [{ issuers: [OF_A, { ...OF_B, issuer: A }] }, /issuer/u],
  [{ issuers: [OF_A, { secret: HS.secret }] }, /issuer/u],
  [{ issuers: [{ ...OF_A, issuer: 'https://a.example/{x}{y}' }] }, /issuer/u],
  [{ ...KEY, resolveIssuer: 1 }, 'resolveIssuer must be a function, not number'],
  [{ ...KEY, maxIssuers: 0, resolveIssuer() {} }, 'maxIssuers must be 1 to 100000'],
  [{ ...KEY, clockSkew: -1 }, 'clockSkew must be between 0 and 86400 seconds'],
  [{ ...KEY, clockSkew: '1' }, 'clockSkew must be a number of seconds, not string'],
  [{ ...KEY, mergeScopeClaims: 1 }, 'mergeScopeClaims must be true or false, not number'],
  [{ ...KEY, scopeHierarchy: ['a'] }, 'scopeHierarchy must be an object of scopes and arrays of scopes, not an array'],
  [{ ...KEY, scopeHierarchy: { a: 'b' } }, 'scopeHierarchy["a"] must be an array of strings, not string'],
  [{ ...KEY, scopeHierarchy: { a: ['b'], b: ['a'] } }, /^scopeHierarchy/u],
  [{ ...KEY, requiredClaims: { a: null } }, /^requiredClaims\["a"\] must be .*, not null$/u],
  [{ ...KEY, requiredClaims: { a: undefined } }, /^requiredClaims\["a"\] must be .*, not undefined$/u],
  [{ ...KEY, requiredClaims: { a: [1, NaN] } }, /^requiredClaims\["a"\] must be .*, not number$/u],
  [{ ...KEY, requiredClaims: { a: ['x', undefined] } }, /^requiredClaims\["a"\] must be .*, not undefined$/u],
  [{ ...KEY, requiredClaims: { a: [{}] } }, /^requiredClaims\["a"\] must be .*, not Object$/u],
  [{ ...KEY, requiredClaims: { a: [] } }, /^requiredClaims/u],
  [{ ...KEY, requiredClaims: { '/~2': 1 } }, /^requiredClaims/u],
  [{ ...KEY, requiredClaims: 7 }, /^requiredClaims must be a string, an array of strings or an object/u],
  [{ ...KEY, scopeClaims: '/a~' }, /^scopeClaims/u],
  [{ jwksUri: 'https://x/', headers: ['a: b'] }, 'headers must be an object of header fields, not an array'],
  [{ jwksUri: 'https://x/', headers: { 'X-A': 1 } }, 'headers["X-A"] must be a string, not number'],
  [{ jwksUri: 'https://x/', headers: { 'X: A': 'b' } }, 'headers must not hold a field name with a colon'],
  [{ jwksUri: 'https://x/', headers: { 'X-A': 'b\r\nX-B: c' } }, /^headers/u],
  [{ jwksUri: 'https://x/', headers: { Host: 'evil.example' } }, /^headers/u],
  [{ issuer: 'http://a.example' }, /^the issuer needs jwksUri; for discovery .* https:/u],
  [{ issuer: ['https://a.example', 'https://b.example'] }, /issuer|jwksUri/u],
  [{ issuer: 'https://a.example/{tid}' }, /issuer|jwksUri/u],
];

for (const [options, message] of WRONG) {
  test(`refused: ${util.inspect(options, { breakLength: Infinity, maxStringLength: 24, depth: 3 })}`, () => {
    const error = thrown(() => new Verifier({ audience: AUDIENCE, ...options }));
    assert.ok(error instanceof ConfigurationError && error instanceof TypeError, String(error));
    typeof message === 'string' ? assert.equal(error.message, message) : assert.match(error.message, message);
    assert.doesNotMatch(error.message.replace(/'.*'/u, ''), /[a-z]_[a-z]/u, 'a name of the core');
  });
}

// ---- the warning

const UNSAFE = "{ secret: 'x'.repeat(32), issuer: 'https://a.example' }";
const WARNED = [
  [UNSAFE, true],
  ["{ secret: 'x'.repeat(32), requiredClaims: ['azp'] }", true],
  ["{ secret: 'x'.repeat(32), audience: 'a' }", false],
  ["{ secret: 'x'.repeat(32), requiredClaims: { azp: 'me' } }", false],
  [`{ issuers: [${UNSAFE}, { secret: 'y'.repeat(32), issuer: 'b' }, { secret: 'y'.repeat(32), issuer: 'c' }] }`, true],
  [`{ audience: 'a', issuers: [{ ...${UNSAFE}, audience: [] }] }`, true],
  [`{ issuers: [{ ...${UNSAFE}, audience: 'a' }] }`, false],
  [`{ issuers: [{ ...${UNSAFE}, requiredClaims: { client_id: 'a' } }] }`, false],
];

test('accepting tokens that were issued for others is warned of, once a construction', () => {
  for (const [options, isWarned] of WARNED) {
    const done = node(`const { BearerAuthProvider, Verifier } = require(${INDEX});
      process.on('warning', ({ name, code, message }) => console.log(JSON.stringify([name, code, message])));
      new Verifier(${options}); new BearerAuthProvider(${options});`);
    const warnings = done.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    assert.equal(warnings.length, isWarned ? 2 : 0, options);
    for (const [name, code, message] of warnings) {
      assert.deepEqual([name, code], ['FastBearerWarning', 'FASTBEARER_AUDIENCE']);
      assert.match(message, /audience/u);
    }
  }
});
