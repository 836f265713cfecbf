/*
 * What is kept of a token for the next time: it counts within cacheBytes, shows in stats() and goes with its entry in
 * the cache. Measured on V8's heap, in processes of their own.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { KeyPair, Verifier } from '../../node/index.cjs';
import { INDEX, node } from './support/case.mjs';

const MIB = 1 << 20;
const PAIR = KeyPair.generateSync('HS256');
const SHAPES = `
  const list = (count, make) => Array.from({ length: count }, (_, k) => make(k));
  const shapes = {
    strings: (i) => ({ big: String(i).padStart(6, '0').repeat(4000) }), texts: (i) => ({ list: list(800, (k) => 'g' + i + '-' + k) }),
    numbers: (i) => ({ list: list(2000, (k) => k + 0.5 + i) }), names: (i) => Object.fromEntries(list(500, (k) => ['k' + i + '_' + k, 1])),
    objects: (i) => ({ list: list(300, (k) => ({ ['a' + i + '_' + k]: 1 })) }), empty: () => ({ list: list(1500, () => ({})) }),
    deep: () => ({ list: list(100, () => JSON.parse('['.repeat(20) + ']'.repeat(20))) }), cyrillic: (i) => ({ text: 'ж'.repeat(2000) + i }),
    small: (i) => ({ email: 'alice' + i + '@example.com', groups: ['a' + i, 'b'] }),
  };`;
const PROGRAM = `
  const { KeyPair, Verifier } = require(${INDEX});
  const pair = KeyPair.generateSync('HS256');
  const heap = async () => { for (let i = 0; i < 6; i++) { gc(); await new Promise(setImmediate); } return process.memoryUsage().heapUsed; };
  const tokensOf = (count, shape) => Array.from({ length: count }, (_, i) => pair.createToken({ subject: 's' + i, additionalClaims: shape(i) }));
  const open = (options) => new Verifier({ secret: pair.secret, maxTokenBytes: 65536, ...options });
  ${SHAPES}
  (async () => {`;

function measure(body) {
  const done = node(`${PROGRAM}${body}})();`, { flags: ['--expose-gc'] });
  assert.equal(done.status, 0, done.stderr);
  return JSON.parse(done.stdout);
}

test('large claims stay within cacheBytes, however often they come', () => {
  const { held, grew, left } = measure(`
    const verifier = open({ cacheBytes: ${4 * MIB} });
    const tokens = tokensOf(1000, shapes.strings);
    const before = await heap();
    for (let round = 0; round < 3; round++) for (const token of tokens) { verifier.verifySync(token); verifier.verifySync(token); }
    const held = verifier.stats().cacheBytes;
    const grew = await heap() - before;
    verifier.close();
    console.log(JSON.stringify({ held, grew, left: await heap() - before }));`);
  assert.ok(held > MIB && held <= 4 * MIB, `${held} bytes in stats()`);
  assert.ok(grew < 6 * MIB, `the heap grew by ${grew} bytes`);
  assert.ok(left < MIB, `${left} bytes are left after close()`);
});

test('the bytes that are charged for it cover what it occupies', () => {
  const results = measure(`
    const results = {};
    for (const [name, shape] of Object.entries(shapes)) {
      const verifier = open({ cacheBytes: ${1024 * MIB} });
      const tokens = tokensOf(200, shape);
      for (const token of tokens) verifier.verifySync(token);
      const [heap0, bytes0] = [await heap(), verifier.stats().cacheBytes];
      for (const token of tokens) verifier.verifySync(token);
      const [heap1, bytes1] = [await heap(), verifier.stats().cacheBytes];
      results[name] = [heap1 - heap0, bytes1 - bytes0];
      verifier.close();
    }
    console.log(JSON.stringify(results));`);
  for (const [name, [heap, bytes]] of Object.entries(results)) {
    assert.ok(bytes > 0 && heap < bytes * 1.2, `${name}: ${heap} bytes of heap, ${bytes} in stats()`);
  }
});

test('it goes with its entry: at rotation, at eviction, with a verifier that nobody holds', () => {
  const { rotated, evicted, dropped } = measure(`
    let served = KeyPair.generateSync('ES256');
    const fetch = async () => new Response(JSON.stringify(served.jwks('k')));
    const verifier = new Verifier({ jwksUri: 'https://issuer.example/jwks', algorithms: 'ES256', fetch, maxTokenBytes: 65536 });
    await verifier.refresh();
    const tokens = Array.from({ length: 200 }, (_, i) => served.createToken({ kid: 'k', additionalClaims: shapes.texts(i) }));
    const before = await heap();
    const twice = (one, all) => { for (let i = 0; i < 2; i++) for (const token of all) one.verifySync(token); };
    twice(verifier, tokens);
    const full = await heap();
    served = KeyPair.generateSync('ES256');
    await verifier.refresh();
    for (const token of tokens) try { verifier.verifySync(token); } catch (error) { if (error.code !== 'signature_invalid') throw error; }
    const rotated = [full - before, await heap() - before, verifier.stats().cacheBytes];
    const small = open({ cacheSize: 1 });
    const two = tokensOf(200, shapes.texts);
    const start = await heap();
    for (const token of two) { small.verifySync(token); small.verifySync(token); }
    const evicted = await heap() - start;
    (() => twice(open({}), two))();
    console.log(JSON.stringify({ rotated, evicted, dropped: await heap() - start }));`);
  assert.ok(rotated[0] > 2 * MIB && rotated[1] < MIB / 2 && rotated[2] === 0, `${rotated}`);
  assert.ok(evicted < MIB / 2 && dropped < MIB / 2, `${evicted} ${dropped}`);
});

test('a token that came once is not kept; cacheBytes is an option like others', () => {
  const token = PAIR.createToken({ additionalClaims: { list: Array(100).fill('x') } });
  const verifier = new Verifier({ secret: PAIR.secret });
  const bytes = [1, 2, 3].map(() => {
    verifier.verifySync(token);
    return verifier.stats().cacheBytes;
  });
  assert.ok(bytes[0] > 0 && bytes[1] > bytes[0] + 1000 && bytes[2] === bytes[1], `${bytes}`);
  const none = new Verifier({ secret: PAIR.secret, cacheBytes: 0 });
  const small = new Verifier({ secret: PAIR.secret, cacheBytes: bytes[0] + 100, cacheSize: 1 });
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(none.verifySync(token), verifier.verifySync(token));
    assert.deepEqual(small.verifySync(token), verifier.verifySync(token));
  }
  assert.deepEqual([none.stats().cacheBytes, small.stats().cacheBytes], [0, bytes[0]]);
});

test('text beyond ASCII and long lists of scopes come back as they were, kept or not', () => {
  const verifier = new Verifier({ secret: PAIR.secret });
  const fresh = () => new Verifier({ secret: PAIR.secret, cacheSize: 0 });
  for (const options of [
    { subject: 'Zoë', scopes: ['é'] },
    { scopes: Array.from({ length: 300 }, (_, i) => `s${i}`) },
    { expiresInSeconds: 7.5, audience: 'https://a.example/é' },
  ]) {
    const token = PAIR.createToken(options);
    for (let i = 0; i < 4; i++) {
      assert.deepEqual(verifier.verifySync(token), fresh().verifySync(token));
    }
  }
  assert.equal(verifier.stats().cacheHits, 9);
});
