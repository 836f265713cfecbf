/*
 * Memory stays flat: a program does one thing many times and reports its size at each twentieth of the way: the
 * resident one, but of the heap only what is used, since V8 enlarges that in steps of many megabytes. The result is the
 * slope of the second half.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { INDEX, node } from './support/case.mjs';

const PROGRAM = `
  const { BearerError, KeyPair, Verifier } = require(${INDEX});
  const pair = KeyPair.generateSync('HS256');
  const tokens = Array.from({ length: 4096 }, (_, i) => pair.createToken({ subject: 's' + i, scopes: ['a', 'b'], audience: 'https://a.example' }));
  const verifier = new Verifier({ secret: pair.secret, audience: 'https://a.example', cacheSize: 256 });
  const leak = [];
  const kinds = {
    good: (i) => verifier.verifySync(tokens[i & 4095]),
    async: (i) => verifier.verify(tokens[i & 4095]),
    bad: (i) => { try { verifier.verifySync(tokens[i & 4095] + 'A'); } catch (error) { if (!(error instanceof BearerError)) throw error; } },
    mint: (i) => pair.createToken({ subject: 's' + i }),
    leaking: (i) => leak.push(Buffer.alloc(300, 1)),
  };
  (async () => {
    const work = kinds[process.argv[1]], count = Number(process.argv[2]), sizes = [];
    for (let part = 0; part < 20; part++) {
      for (let i = 0; i < count / 20; i++) { const done = work(i); if (i % 64 === 0) await done; }
      gc();
      await new Promise(setImmediate);
      const { rss, heapTotal, heapUsed } = process.memoryUsage();
      sizes.push((rss - heapTotal + heapUsed) / 1048576);
    }
    console.log(JSON.stringify(sizes));
  })();`;

/* MiB that the second half grew by, by least squares. */
function growth(kind, count) {
  const done = node(PROGRAM, { parameters: [kind, String(count)], flags: ['--expose-gc'] });
  assert.equal(done.status, 0, done.stderr);
  const sizes = JSON.parse(done.stdout).slice(10);
  const middle = (sizes.length - 1) / 2;
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  const slope =
    sizes.reduce((sum, size, i) => sum + (i - middle) * (size - mean), 0) /
    sizes.reduce((sum, _, i) => sum + (i - middle) ** 2, 0);
  return slope * sizes.length;
}

const LIMIT = 4; // MiB: the half of 10^6 verifications at eight bytes each

/* A leak shows every time; a collector that was kept waiting by a busy machine does not. */
function leastGrowth(kind, count) {
  let least = Infinity;
  for (let attempt = 0; attempt < 3 && least >= LIMIT; attempt++) {
    least = Math.min(least, growth(kind, count));
  }
  return least;
}

for (const [kind, count] of [
  ['good', 1_000_000],
  ['bad', 400_000],
  ['async', 100_000],
  ['mint', 50_000],
]) {
  test(`memory is flat: ${count} times ${kind}`, () => {
    const grew = leastGrowth(kind, count);
    assert.ok(grew < LIMIT, `the second half grew by ${grew.toFixed(1)} MiB`);
  });
}

test('the measure sees a leak of 300 bytes a call', () => {
  const grew = growth('leaking', 100_000);
  assert.ok(grew > LIMIT, `the second half grew by ${grew.toFixed(1)} MiB only`);
});
