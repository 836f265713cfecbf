/*
 * A provider that fails after it has rotated its keys: a good token is "not now", never "not found", and is served as
 * soon as the provider is back and the back-off over. In a process whose addon has a clock that can be moved.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { INDEX, nodeAsync } from './support/case.mjs';
import { ROOT } from './support/idp.mjs';

let folder;
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-clock-'));
  const source = path.join(ROOT, 'tests/node/support/shifted_clock.c');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', path.join(folder, 'shifted_clock.so'), source]);
});
after(() => rmSync(folder, { recursive: true }));

const SCENE = `
  const assert = require('node:assert/strict');
  const fs = require('node:fs');
  const { KeyPair, Verifier } = require(${INDEX});
  const file = fs.openSync(process.env.FB_CLOCK, 'r+');
  const ahead = new BigInt64Array(1);
  const pass = (seconds) => { ahead[0] += BigInt(Math.round(seconds * 1000)); fs.writeSync(file, ahead, 0, 8, 0); };
  const [old, next] = [KeyPair.generateSync('ES256'), KeyPair.generateSync('ES256')];
  const provider = { document: JSON.stringify(old.jwks('old')), status: 200, hits: 0 };
  const fetch = async () => { provider.hits += 1; return new Response(provider.document, { status: provider.status }); };
  const verifier = new Verifier({ jwksUri: 'https://issuer.example/jwks', algorithms: 'ES256', fetch });
  const oldToken = old.createToken({ kid: 'old', expiresInSeconds: 1e6 });
  const token = next.createToken({ kid: 'next', expiresInSeconds: 1e6 });
  const madeUp = next.createToken({ kid: 'made-up', expiresInSeconds: 1e6 });
  const ask = (what) => verifier.verify(what).then(() => ({ code: 'ok' }), (error) => error);
  const rotate = (status) => { provider.document = JSON.stringify(next.jwks('next')); provider.status = status; };
  process.removeAllListeners('warning');`;

async function scene(body) {
  const clock = path.join(folder, 'clock');
  writeFileSync(clock, new BigInt64Array([0n]));
  const env = { LD_PRELOAD: path.join(folder, 'shifted_clock.so'), FB_CLOCK: clock };
  const done = await nodeAsync(`${SCENE} (async () => {${body}})().then(() => console.log('done'));`, { env });
  assert.deepEqual([done.status, done.stdout], [0, 'done\n'], done.stderr);
}

for (const [name, failures] of [
  ['once', 1],
  ['three times', 3],
]) {
  test(`the provider fails ${name} after a rotation`, () =>
    scene(`
      assert.equal((await ask(oldToken)).code, 'ok');
      rotate(503);
      for (let i = 0, backOff = 1; i < ${failures}; i++, backOff *= 2) {
        const error = await ask(token);
        assert.deepEqual([error.code, error.status, provider.hits], ['keys_unavailable', 503, 2 + i]);
        assert.ok(error.retryAfter > backOff / 2 && error.retryAfter <= backOff, String(error.retryAfter));
        const again = await ask(token); // held back, and no fetch
        assert.deepEqual([again.code, again.status, provider.hits], ['keys_unavailable', 503, 2 + i]);
        assert.equal((await ask(oldToken)).code, 'ok');
        pass(backOff);
      }
      provider.status = 200;
      assert.equal((await ask(token)).code, 'ok');
      assert.equal(provider.hits, 2 + ${failures});
      assert.equal((await ask(oldToken)).code, 'key_not_found');`));
}

test('the provider fails for a minute after a rotation', () =>
  scene(`
    assert.equal((await ask(oldToken)).code, 'ok');
    rotate(503);
    let error;
    for (let second = 0; second < 60; second++) {
      error = await ask(token);
      assert.deepEqual([error.code, error.status], ['keys_unavailable', 503]);
      assert.equal((await ask(oldToken)).code, 'ok');
      pass(1);
    }
    assert.ok(provider.hits <= 8, String(provider.hits));
    provider.status = 200;
    pass(error.retryAfter);
    assert.equal((await ask(token)).code, 'ok');`));

test('a key id that a fetch of now does not bring is not found, and when the next may come is said', () =>
  scene(`
    assert.equal((await ask(oldToken)).code, 'ok');
    const first = await ask(madeUp);
    assert.deepEqual([first.code, first.status, provider.hits], ['key_not_found', 401, 2]);
    pass(10);
    const second = await ask(madeUp);
    assert.deepEqual([second.code, provider.hits], ['key_not_found', 2]);
    assert.ok(second.retryAfter > 19 && second.retryAfter <= 20, String(second.retryAfter));
    assert.match(second.message, /\\b(19|20)\\b/);
    pass(second.retryAfter);
    rotate(200);
    assert.equal((await ask(token)).code, 'ok');
    assert.equal(provider.hits, 3);`));

test('a refresh that is due is started by a request, once, and nobody waits for it', () =>
  scene(`
    assert.equal((await ask(oldToken)).code, 'ok');
    pass(590); // of 600
    for (let i = 0; i < 20; i++) assert.equal((await ask(oldToken)).code, 'ok');
    assert.equal(provider.hits, 2);`));
