/* No memory: each allocation that a verification makes in the addon fails in turn. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { INDEX, node } from './support/case.mjs';
import { ROOT } from './support/idp.mjs';

const PROGRAM = `
  const assert = require('node:assert/strict');
  const fs = require('node:fs');
  const { BearerError, KeyPair, Verifier } = require(${INDEX});
  const file = fs.openSync(process.env.FB_FAILING, 'r+');
  const number = new BigInt64Array(1);
  const arm = (count) => { number[0] = BigInt(count); fs.writeSync(file, number, 0, 8, 0); };
  const armed = () => { fs.readSync(file, number, 0, 8, 0); return number[0] >= 0n; };
  for (const algorithm of ['RS256', 'ES256', 'EdDSA', 'HS256']) {
    const pair = KeyPair.generateSync(algorithm);
    const key = algorithm === 'HS256' ? { secret: pair.secret } : { publicKey: pair.publicKey };
    const token = pair.createToken({ scopes: 'abcdefghijkl'.split('') });
    new Verifier({ ...key, algorithms: algorithm }).verifySync(token); // what a first call makes for the whole process
    const codes = {};
    for (let count = 0, left = false; !left; count++) {
      const verifier = new Verifier({ ...key, algorithms: algorithm });
      let code = 'accepted';
      arm(count);
      try {
        verifier.verifySync(token);
      } catch (error) {
        code = error instanceof BearerError ? error.code : String(error);
      }
      left = armed();
      arm(-1);
      codes[code] = (codes[code] ?? 0) + 1;
      assert.ok(!left || code === 'accepted', code);
      assert.equal(verifier.verifySync(token).token, token); // what failed once works the next time
      verifier.close();
    }
    console.log(JSON.stringify({ algorithm, codes }));
  }`;

/* Its lines; whatever failed in it, the program has come to its end. */
function run(program, context) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-memory-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const library = path.join(folder, 'failing_malloc.so');
  execFileSync('cc', [
    '-shared',
    '-fPIC',
    '-O1',
    '-o',
    library,
    path.join(ROOT, 'tests/node/support/failing_malloc.c'),
  ]);
  const counter = path.join(folder, 'left');
  writeFileSync(counter, new BigInt64Array([-1n]));
  const done = node(program, { env: { LD_PRELOAD: library, FB_FAILING: counter }, timeout: 600_000 });
  assert.equal(done.status, 0, done.stdout + done.stderr);
  context.diagnostic(done.stdout.trim().replaceAll('\n', ' '));
  return done.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/* The rest of what the addon does. Afterwards the same objects do it again. */
const OTHERS = `
  const assert = require('node:assert/strict');
  const fs = require('node:fs');
  const path = require('node:path');
  const { BearerError, ConfigurationError, KeyPair, Verifier, decodeUnverified } = require(${INDEX});
  const file = fs.openSync(process.env.FB_FAILING, 'r+');
  const number = new BigInt64Array(1);
  const arm = (count) => { number[0] = BigInt(count); fs.writeSync(file, number, 0, 8, 0); };
  const armed = () => { fs.readSync(file, number, 0, 8, 0); return number[0] >= 0n; };
  const many = (count) => Array.from({ length: count }, (_, i) => 'scope-é-' + i);
  const pair = KeyPair.generateSync('HS256');
  const options = { secret: pair.secret, algorithms: 'HS256', requiredScopes: many(3) };
  const verifier = new Verifier(options);
  const token = pair.createToken({ subject: 'José', scopes: many(200), additionalClaims: { list: many(40) } });
  const document = JSON.stringify(KeyPair.generateSync('ES256').jwks('k'));
  const remote = new Verifier({ jwksUri: 'https://issuer.example/jwks', algorithms: 'ES256', fetch: async () => new Response(document) });
  const several = {
    issuers: [{ issuer: 'a', secret: pair.secret, requiredClaims: { list: many(3) } }, { issuer: ['b', 'é'], jwks: document, algorithms: 'ES256' }],
    audience: 'x', scopeHierarchy: { [many(1)[0]]: ['é', 'b'] }, requiredClaims: ['iss', 'list'],
  };
  const ofA = pair.createToken({ issuer: 'a', audience: 'x', scopes: many(200), additionalClaims: { list: many(40) } });
  const tenants = new Verifier({ audience: 'x', resolveIssuer: (issuer) => ({ issuer, secret: pair.secret }), maxIssuers: 1 });
  const discovering = { issuer: 'https://issuer.example', algorithms: 'ES256', headers: { a: 'b' },
    fetch: async (url) => new Response(url.endsWith('/keys') ? document : '{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/keys"}') };
  let tenant = 0;
  const client = KeyPair.generateSync('ES256');
  const bound = pair.createToken({ audience: 'x', scopes: ['é'], additionalClaims: { cnf: { jkt: client.thumbprint() } } });
  const prove = () => client.dpopProof('GET', 'https://x/', { accessToken: bound });
  const sent = (dpop) => ({ method: 'GET', url: 'https://x/', headers: { authorization: 'DPoP ' + bound, dpop } });
  const taking = { secret: pair.secret, audience: 'x', scopeHierarchy: { a: ['b'] } };
  const proven = new Verifier({ ...taking, dpop: { nonceSecret: 'x'.repeat(32), replayStore: { add: () => true } } });
  const alone = new Verifier({ ...taking, dpop: { algorithms: ["ES256"] } });
  const native = require(path.join(path.dirname(${INDEX}), 'lib', 'native.cjs'));
  const { constants, signals } = native;
  const said = (failure) => {
    if (signals[constants.STATUS] !== constants.OK) throw new BearerError('', { code: failure?.code ?? 'out_of_memory' });
  };
  const madeOf = (issuer, revocations) => {
    const made = native.create({}, [{ issuer: ['x'], ...issuer }], undefined, revocations);
    said(made);
    return made;
  };
  const fetching = () => madeOf({ jwks_uri: 'https://x/keys', algorithms: ['ES256'] });
  const ofX = client.createToken({ issuer: 'x', kid: 'k', subject: 'José', additionalClaims: { jti: 'é' } });
  const setOfX = JSON.stringify(client.jwks('k'));
  const told = { active: true, exp: Date.now() / 1000 + 3600, sub: 'José' };
  const signedResponse = client.createToken({ issuer: 'x', audience: 'server', kid: 'k', typ: 'token-introspection+jwt', additionalClaims: { token_introspection: told } });
  const cases = {
    rules: () => {
      const policy = native.createRpcPolicy({ anonymous: ['ping'], tool_scopes: [['delete_é*', ['a', 'b']]], prompt_scopes: [['*', ['c']]] });
      said(policy);
      const scopes = native.describeRpcPolicy(policy)?.scopes;
      if (scopes === undefined) said();
      assert.deepEqual(scopes, ['a', 'b', 'c']);
      const body = JSON.stringify({ method: 'tools/call', params: { name: 'delete_é', ...many(40) } });
      const answer = native.checkRpc(policy, Buffer.from(body));
      said(answer);
      assert.deepEqual(answer.scopes, ['a', 'b']);
      said(native.checkRpcHeaders(policy, ['content-type', 'application/json', 'content-length', '9']));
    },
    stored: () => {
      const [first, second] = [fetching(), fetching()];
      const fetched = { status: 200, body: setOfX, etag: '"é"', cacheControl: 'max-age=600' };
      said(native.refreshComplete(first, 1, native.refreshBegin(first, 1, constants.REFRESH_EXPLICIT, 0n).ticket, fetched));
      const stored = native.exportKeys(first, 1);
      said(stored);
      said(native.importKeys(second, 1, stored));
      native.verify(second, ofX, NaN);
      said(native.verify(second, ofX, NaN));
      const seen = native.health(second);
      said(seen);
      assert.equal(seen.health, 'ready');
    },
    introspected: () => {
      const isJwt = native.tokenIsJwt(ofX + 'é'.repeat(3000));
      said(isJwt);
      assert.equal(isJwt, true);
      const made = madeOf({ introspection: 'all' });
      const response = JSON.stringify({ active: true, exp: Date.now() / 1000 + 60, sub: 'José', scope: many(40).map((_, i) => 's' + i).join(' ') });
      said(native.verifyIntrospected(made, 'opaque', NaN, { issuer: 1, response, reuseFor: 30 }));
    },
    introspectedByAJwt: () => {
      const made = madeOf({ introspection: 'all', introspection_audience: 'server', jwks: setOfX, algorithms: ['ES256'] });
      const contentType = 'application/token-introspection+jwt';
      said(native.verifyIntrospected(made, 'opaque', NaN, { issuer: 1, response: signedResponse, reuseFor: 30, contentType }, 0n));
    },
    revoked: () => {
      const set = native.createRevocations(10);
      said(set);
      const made = madeOf({ jwks: setOfX, algorithms: ['ES256'] }, set);
      said(native.verify(made, ofX, NaN));
      said(native.revoke(set, { issuer: 'x', jti: 'é' }));
      const refused = native.verify(made, ofX, NaN);
      if (refused.code !== 'token_revoked') said(refused);
      assert.equal(native.describeRevocations(set).tokens, 1);
    },
    several: () => {
      const fresh = new Verifier(several);
      for (let i = 0; i < 3; i++) {
        const access = fresh.verifySync(ofA);
        assert.ok(access.hasScope('b') && access.hasScope('é') && !access.hasScope('none'));
      }
      assert.equal(fresh.stats().issuers.length, 2);
      try { fresh.verifySync(ofA + 'A'); } catch (error) { if (error.code === 'signature_invalid') assert.equal(error.issuer, 'a'); else throw error; }
    },
    resolved: async () => {
      const token = pair.createToken({ issuer: 'tenant' + (tenant++ % 3), audience: 'x' });
      assert.equal((await tenants.verify(token)).token, token);
    },
    discovered: () => new Verifier(discovering).refresh(),
    uncached: () => new Verifier({ ...options, cacheSize: 0 }).verifySync(token),
    kept: () => { const fresh = new Verifier(options); for (let i = 0; i < 3; i++) assert.equal(fresh.verifySync(token).subject, 'José'); },
    refused: () => { try { verifier.verifySync('x.y.z'); } catch (error) { assert.equal(error.code, 'token_malformed'); } },
    create: () => new Verifier(options), mint: () => pair.createToken({ scopes: many(20) }), sign: () => pair.sign('{"alg":"HS256"}', '{}'),
    load: () => new KeyPair({ privateKey: pair.secret, algorithm: 'HS256' }), generateSync: () => KeyPair.generateSync('HS256'),
    generate: () => KeyPair.generate('HS256'), decode: () => decodeUnverified(token), keys: () => verifier.keys(), stats: () => verifier.stats(),
    refresh: () => remote.refresh(), prove, thumbprint: () => client.thumbprint(),
    proven: async () => assert.equal((await alone.verifyRequest(sent(prove()))).token, bound),
    nonce: async () => {
      try {
        await proven.verifyRequest(sent(prove()));
      } catch (error) {
        if (error.code !== 'proof_nonce_required') throw error;
      }
      const nonce = proven.dpopNonce();
      if (nonce === undefined) throw new BearerError('no nonce', { code: 'out_of_memory' });
      const dpop = client.dpopProof('GET', 'https://x/', { accessToken: bound, nonce });
      assert.equal((await proven.verifyRequest(sent(dpop))).token, bound);
    },
    certificate: async () => {
      const { code } = await verifier.verifyRequest({ headers: [['authorization', 'Bearer x.y.z']], clientCertificate: new Uint8Array(9) }).catch((error) => error);
      if (code !== 'token_malformed') throw new BearerError('', { code });
    },
  };
  (async () => {
    process.removeAllListeners('warning');
    for (const [name, work] of Object.entries(cases)) {
      await work(); // what a first call makes for the whole process
      const codes = {};
      for (let count = 0, left = false; !left; count++) {
        let code = 'done';
        arm(count);
        try {
          await work();
        } catch (error) {
          code = error instanceof BearerError || error instanceof ConfigurationError ? error.code : error.stack;
        }
        left = armed();
        arm(-1);
        codes[code] = (codes[code] ?? 0) + 1;
        await work(); // what failed once works the next time
      }
      console.log(JSON.stringify({ name, codes }));
    }
  })();`;

test('each allocation of everything else fails in turn', (context) => {
  const lines = run(OTHERS, context);
  assert.equal(lines.length, 26);
  for (const { name, codes } of lines) {
    const others = Object.keys(codes).filter(
      (code) => !['done', 'out_of_memory', 'internal_error', 'signature_invalid', 'keys_unavailable'].includes(code),
    );
    assert.deepEqual(others, [], name);
    assert.ok(codes.done >= 1, name);
  }
});

test('each allocation of a verification fails in turn', (context) => {
  const lines = run(PROGRAM, context);
  assert.equal(lines.length, 4);
  for (const { algorithm, codes } of lines) {
    assert.ok(codes.out_of_memory >= 3 && codes.accepted >= 1, `${algorithm}: ${JSON.stringify(codes)}`);
    // OpenSSL 3.0 does not always say that it was memory that failed: then the token is refused all the same.
    const others = Object.keys(codes).filter(
      (code) => !['accepted', 'out_of_memory', 'signature_invalid', 'internal_error'].includes(code),
    );
    assert.deepEqual(others, [], algorithm);
  }
});
