/*
 * The verified-token cache: no sequence of calls may make a cached token less safe than an uncached one. The reference
 * is a verifier of the same policy without a cache. All of this runs a second time against an addon in whose
 * cache the hashes of all tokens collide.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COLLIDING = process.env.FASTBEARER_COLLIDING; // where that addon lies
const { KeyPair, Verifier } = await import(pathToFileURL(path.join(COLLIDING ?? ROOT, 'node/index.cjs')).href);

const NOW = 1_800_000_000;
const ISSUER = 'https://issuer.example';
const pairs = Object.fromEntries(
  ['RS256', 'ES256', 'EdDSA', 'HS256'].map((name) => [name, KeyPair.generateSync(name)]),
);
const sourceOf = (name) =>
  name === 'HS256'
    ? { secret: pairs[name].secret, algorithms: name }
    : { publicKey: pairs[name].publicKey, algorithms: name };
const mint = (name, options = {}) =>
  pairs[name].createToken({ subject: 'alice', issuer: ISSUER, now: NOW, ...options });
const split = (token) => [token.slice(0, token.lastIndexOf('.')), token.slice(token.lastIndexOf('.') + 1)];

/* Two verifiers of one policy, with a cache and without, whose answers must be one. */
class Both {
  constructor({ cacheSize = 1024, ...options }) {
    this.cached = new Verifier({ ...options, cacheSize });
    this.plain = new Verifier({ ...options, cacheSize: 0 });
  }

  /* The code of the refusal, "ok" otherwise. */
  verdictOf(token, now = NOW + 1) {
    const [answer, expected] = [this.cached, this.plain].map((verifier) => {
      try {
        return { code: 'ok', access: verifier.verifySync(token, { now }) };
      } catch ({ code, message, claim, kid }) {
        return { code, message, claim, kid };
      }
    });
    assert.deepEqual(answer, expected);
    return answer.code;
  }

  get hits() {
    return this.cached.stats().cacheHits;
  }

  get entries() {
    return this.cached.stats().cacheEntries;
  }
}

/* Of equal length, with an equal start, and what the token is a start of. */
function forgeries(token, step = 5) {
  const forged = [
    token.slice(0, -1),
    token.slice(0, token.length / 2),
    '',
    ...['A', 'AAAA', '=', '.', ' '].map((tail) => token + tail),
  ];
  for (let at = 0; at < token.length; at += step) {
    forged.push(token.slice(0, at) + (token[at] === 'Q' ? 'R' : 'Q') + token.slice(at + 1));
  }
  return forged;
}

for (const name of Object.keys(pairs)) {
  test(`accept, then forge: ${name}`, () => {
    const both = new Both(sourceOf(name));
    const [one, two] = ['1', '2'].map((jti) => mint(name, { additionalClaims: { jti } }));
    const [[first, signature], [second, another]] = [split(one), split(two)];
    assert.deepEqual([both.verdictOf(one), both.verdictOf(two)], ['ok', 'ok']);
    assert.deepEqual(
      [both.verdictOf(`${first}.${another}`), both.verdictOf(`${second}.${signature}`)],
      ['signature_invalid', 'signature_invalid'],
    );
    for (const forged of forgeries(one)) {
      assert.notEqual(both.verdictOf(forged), 'ok');
    }
    const before = both.hits;
    assert.deepEqual([both.verdictOf(one), both.verdictOf(two), both.entries, both.hits], ['ok', 'ok', 2, before + 2]);
  });
}

test('the clock goes on and back', () => {
  for (const [leeway, clockSkew] of [
    [0, 0],
    [2.5, 0],
    [1, 3.5],
  ]) {
    const both = new Both({ ...sourceOf('HS256'), leeway, clockSkew, cacheSize: 2 });
    const tokens = [
      { exp: NOW + 10, nbf: NOW - 10, iat: NOW - 20 },
      { exp: NOW + 10.5, nbf: NOW + 0.5 },
      { exp: NOW + 20 },
    ].map((additionalClaims) => mint('HS256', { additionalClaims, kid: 'k' }));
    const seen = new Set();
    let state = 12345;
    for (let i = 0; i < 3000; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      seen.add(both.verdictOf(tokens[state % 3], NOW - 30 + ((state >>> 8) % 240) / 4));
    }
    assert.deepEqual([...seen].sort(), ['ok', 'token_expired', 'token_issued_in_future', 'token_not_yet_valid']);
    assert.ok(both.hits > 100);
  }
});

test('expiry ends an entry', () => {
  const both = new Both(sourceOf('HS256'));
  const token = mint('HS256', { expiresInSeconds: 10 });
  assert.deepEqual(
    [both.verdictOf(token, NOW + 9.9), both.verdictOf(token, NOW + 9.9), both.entries, both.hits],
    ['ok', 'ok', 1, 1],
  );
  assert.deepEqual([both.verdictOf(token, NOW + 10), both.entries], ['token_expired', 0]);
  assert.deepEqual([both.verdictOf(token, NOW + 9.9), both.entries, both.hits], ['ok', 1, 1]);
});

test('one token and many policies', () => {
  const token = mint('ES256', { scopes: ['read'], kid: 'k' });
  const policies = [
    [{}, 'ok'],
    [{ issuer: 'https://other.example' }, 'issuer_mismatch'],
    [{ audience: 'https://other.example' }, 'aud_missing'],
    [{ requiredScopes: ['write'] }, 'insufficient_scope'],
    [{ requiredClaims: ['email'] }, 'claim_missing'],
    [{ maxTokenBytes: token.length - 1 }, 'token_too_large'],
  ].map(([policy, expected]) => [new Both({ ...sourceOf('ES256'), ...policy }), expected]);
  for (let round = 0; round < 3; round++) {
    for (const [both, expected] of policies) {
      assert.deepEqual([both.verdictOf(token), both.entries], [expected, expected === 'ok' ? 1 : 0]);
    }
  }
});

test('a result that was changed changes no other', () => {
  const verifier = new Verifier(sourceOf('HS256'));
  const token = mint('HS256', {
    scopes: ['read'],
    audience: 'https://api.example/mcp',
    additionalClaims: { deep: { list: [1, { a: 2 }] } },
  });
  const verify = () => verifier.verifySync(token, { now: NOW });
  const untouched = verify();
  const expected = structuredClone(untouched.claims);
  for (let i = 0; i < 4; i++) {
    const access = verify();
    assert.deepEqual(access, untouched);
    access.claims.deep.list[1].a = 'changed';
    access.claims.deep.list.push('more');
    access.claims.admin = true;
    delete access.claims.scope;
    access.scopes.push('write');
    access.resource.pathname = '/other';
    access.extra.more = 1;
  }
  assert.deepEqual(
    [untouched.claims, untouched.scopes, untouched.resource.href],
    [expected, ['read'], 'https://api.example/mcp'],
  );
  assert.deepEqual([verify().claims, verifier.stats().cacheHits], [expected, 5]);
});

test('tokens of 64 KiB', () => {
  const both = new Both({ ...sourceOf('HS256'), maxTokenBytes: 65536 });
  const [one, two] = ['a', 'b'].map((c) =>
    mint('HS256', { additionalClaims: { fill: 'x'.repeat(24000) + c + 'x'.repeat(24000) } }),
  );
  assert.ok(one.length > 64000 && one.length <= 65536);
  for (let i = 0; i < 2; i++) {
    assert.deepEqual([both.verdictOf(one), both.verdictOf(two)], ['ok', 'ok']);
    assert.equal(both.verdictOf(`${split(one)[0]}.${split(two)[1]}`), 'signature_invalid');
  }
  for (const forged of forgeries(one, 4999)) {
    assert.notEqual(both.verdictOf(forged), 'ok');
  }
  assert.deepEqual([both.entries, both.hits], [2, 2]);
});

test('a cache of one', () => {
  const both = new Both({ ...sourceOf('HS256'), cacheSize: 1 });
  const [one, two] = ['1', '2'].map((jti) => mint('HS256', { additionalClaims: { jti } }));
  for (let i = 0; i < 5; i++) {
    assert.deepEqual([both.verdictOf(one), both.verdictOf(one), both.verdictOf(two)], ['ok', 'ok', 'ok']);
    assert.equal(both.verdictOf(`${split(one)[0]}.${split(two)[1]}`), 'signature_invalid');
  }
  const { cacheEntries, cacheHits, cacheEvictions } = both.cached.stats();
  assert.deepEqual([cacheEntries, cacheHits, cacheEvictions], [1, 5, 9]);
});

test('keys change between calls', async () => {
  const [old, next] = [pairs.ES256, KeyPair.generateSync('ES256')];
  let served = old;
  const verifier = new Verifier({
    jwksUri: 'https://issuer.example/jwks',
    algorithms: 'ES256',
    fetch: async () => new Response(JSON.stringify(served.jwks('k'))),
  });
  const token = old.createToken({ kid: 'k' });
  const verify = () =>
    verifier.verify(token).then(
      () => 'ok',
      ({ code }) => code,
    );
  assert.deepEqual([await verify(), await verify(), verifier.stats().cacheHits], ['ok', 'ok', 1]);
  await verifier.refresh(); // the same keys
  assert.deepEqual([await verify(), verifier.stats().cacheHits], ['ok', 2]);
  served = next;
  await verifier.refresh();
  assert.deepEqual(
    [await verify(), await verify(), verifier.stats().cacheEntries],
    ['signature_invalid', 'signature_invalid', 0],
  );
  served = old;
  const many = [verify(), verifier.refresh().then(verify), verify()]; // some before, some after
  assert.deepEqual(await Promise.all(many), ['signature_invalid', 'ok', 'signature_invalid']);
  assert.deepEqual([await verify(), verifier.stats().cacheHits], ['ok', 3]);
  verifier.close();
});

test('which addon this is', () => {
  // Tokens whose hashes collide all fall into one of the eight parts of a cache, and the others stay empty.
  const verifier = new Verifier({ ...sourceOf('HS256'), cacheSize: 256 });
  for (let n = 0; n < 200; n++) {
    verifier.verifySync(mint('HS256', { additionalClaims: { jti: String(n) } }), { now: NOW });
  }
  const { cacheEntries } = verifier.stats();
  assert.ok(COLLIDING === undefined ? cacheEntries > 100 : cacheEntries === 256 / 8, `${cacheEntries}`);
});

test('all of this with an addon in which all hashes collide', { skip: COLLIDING !== undefined }, () => {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-'));
  after(() => rmSync(copy, { recursive: true }));
  for (const name of ['core', 'bindings/node', 'node', 'CMakeLists.txt', 'package.json']) {
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  }
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  execFileSync(process.execPath, ['bindings/node/build.cjs', '-DCMAKE_C_FLAGS=-DFB_CACHE_COLLIDE'], {
    cwd: copy,
    stdio: 'ignore',
  });
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const done = spawnSync(process.execPath, ['--test', fileURLToPath(import.meta.url)], {
    env: { ...env, FASTBEARER_COLLIDING: copy },
    encoding: 'utf8',
  });
  assert.equal(done.status, 0, done.stdout);
});
