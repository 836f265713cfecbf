/* The compiled addon: what it is linked with, what it exports, and that it lives with many environments. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { KeyPair, Verifier, versions } from '../../node/index.cjs';
import { good, INDEX, node, PAIR, thrown } from './support/case.mjs';
import { ROOT } from './support/idp.mjs';

const ADDON = path.join(ROOT, 'build-node', 'fastbearer.node');
const native = createRequire(import.meta.url)(ADDON);

function symbols(...flags) {
  const text = execFileSync('nm', ['-D', ...flags, ADDON], { encoding: 'utf8' });
  return text
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/u).at(-1).split('@')[0]);
}

test('only the two N-API symbols are exported', () => {
  assert.deepEqual(symbols('--defined-only').sort(), ['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
});

test('nothing of OpenSSL or libcurl comes from outside, and there is no C++ whose exceptions could leave a callback', () => {
  const outside = symbols('--undefined-only').filter((name) =>
    /^(EVP|SSL|ERR|OPENSSL|CRYPTO|BN|RSA|EC|curl|_Z|__cxa_throw|_Unwind)_?/u.test(name),
  );
  assert.deepEqual(outside, []);
  const needed = execFileSync('readelf', ['-d', ADDON], { encoding: 'utf8' });
  const libraries = [...needed.matchAll(/\(NEEDED\).*\[(.+)\]/gu)].map(([, name]) => name);
  assert.deepEqual(
    libraries.filter((name) => /crypto|ssl|curl|stdc|gcc_s/u.test(name)),
    [],
  );
  assert.ok(libraries.includes('libjansson.so.4'));
  assert.match(needed, /NODELETE/u);
  assert.match(needed, /BIND_NOW|Flags: NOW/u);
});

test('the OpenSSL that runs is the one whose headers it was compiled with', () => {
  const header = execFileSync('pkg-config', ['--modversion', 'libcrypto'], { encoding: 'utf8' }).trim();
  assert.equal(versions.openssl, native.opensslHeader);
  assert.equal(versions.openssl, header);
  assert.match(versions.fastbearer, /^\d+\.\d+\.\d+$/u);
  assert.match(versions.jansson, /^2\./u);
  assert.equal(versions.builtIn, false); // this build took jansson from the system
});

/* An error left in its queue would be what Node's crypto reports next (node-libcurl#164 is such a case). */
test("node's own error queue is untouched after a thousand failures", () => {
  const reason = () =>
    thrown(() => crypto.createPublicKey('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----')).code;
  const before = reason();
  const verifiers = [
    new Verifier({ publicKey: PAIR.publicKey }),
    new Verifier({ publicKey: KeyPair.generateSync('ES256').publicKey, algorithms: 'ES256' }),
    new Verifier({ publicKey: KeyPair.generateSync('EdDSA').publicKey, algorithms: 'EdDSA' }),
  ];
  const tokens = [good(), KeyPair.generateSync('ES256').createToken(), KeyPair.generateSync('EdDSA').createToken()];
  for (let i = 0; i < 1000; i++) {
    const token = tokens[i % 3].replace(/\.[^.]{12}/u, '.AAAAAAAAAAAA');
    assert.equal(thrown(() => verifiers[i % 3].verifySync(token)).code, 'signature_invalid');
    thrown(() => new KeyPair({ privateKey: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----' }));
  }
  assert.equal(reason(), before);
  assert.ok(crypto.sign(null, Buffer.from('x'), crypto.generateKeyPairSync('ed25519').privateKey));
});

// ---- environments

const WORK = `
  const { KeyPair, RSAKeyPair, Verifier } = require(${INDEX});
  const pair = KeyPair.generateSync('ES256');
  const verifier = new Verifier({ publicKey: pair.publicKey, algorithms: 'ES256' });
  const work = async () => {
    for (let i = 0; i < 50; i++) {
      await verifier.verify(pair.createToken({ subject: 'w' + i }));
      try { verifier.verifySync('x.y.z'); } catch (error) { if (error.code !== 'token_malformed') throw error; }
    }
    return (await KeyPair.generate('ES256')).createToken().length > 100 && verifier.stats().verified === 50;
  };`;

function inWorker(program) {
  return new Worker(program, { eval: true });
}

function ended(worker) {
  return new Promise((resolve, reject) => {
    let message;
    worker.on('message', (said) => {
      message = said;
    });
    worker.on('error', reject);
    worker.on('exit', (code) => resolve({ code, message }));
  });
}

test('the main thread and workers use it at the same time, each with its own state', async () => {
  const program = `${WORK} work().then((done) => require('node:worker_threads').parentPort.postMessage(done));`;
  const mine = new Verifier({ publicKey: PAIR.publicKey });
  const workers = Array.from({ length: 6 }, () => ended(inWorker(program)));
  for (let i = 0; i < 200; i++) {
    mine.verifySync(good({ subject: `m${i}` }));
  }
  assert.deepEqual(await Promise.all(workers), Array(6).fill({ code: 0, message: true }));
  assert.equal(mine.stats().verified, 200);
});

test('only workers load it, one generation after the other', () => {
  const done = node(`
    const { Worker } = require('node:worker_threads');
    const run = () => new Promise((resolve, reject) =>
      new Worker(${JSON.stringify(`${WORK} work().then((done) => { if (!done) process.exit(3); });`)}, { eval: true })
        .on('error', reject).on('exit', resolve));
    (async () => {
      for (let i = 0; i < 4; i++) console.log(String(await Promise.all([run(), run(), run()])));
    })();`);
  assert.equal(done.stdout, '0,0,0\n'.repeat(4), done.stderr);
  assert.equal(done.status, 0, done.stderr);
});

test('workers are terminated in the middle of work, and the next one works', () => {
  const endless = `${WORK} RSAKeyPair.generate(); KeyPair.generate('ES384');
    new Verifier({ jwksUri: 'http://127.0.0.1:9/jwks' }).refresh().catch(() => {});
    require('node:worker_threads').parentPort.postMessage(1);
    for (;;) verifier.verifySync(pair.createToken());`;
  const done = node(`
    const { Worker } = require('node:worker_threads');
    const { once } = require('node:events');
    (async () => {
      for (let i = 0; i < 4; i++) {
        const workers = [0, 1, 2].map(() => new Worker(${JSON.stringify(endless)}, { eval: true }));
        await Promise.all(workers.map((worker) => once(worker, 'message')));
        console.log(String(await Promise.all(workers.map((worker) => worker.terminate()))));
      }
      const { RSAKeyPair } = require(${INDEX});
      console.log((await RSAKeyPair.generate()).algorithm);
    })();`);
  assert.equal(done.stdout, `${'1,1,1\n'.repeat(4)}RS256\n`, done.stderr);
  assert.equal(done.status, 0, done.stderr);
});

test('process.exit with work in flight', () => {
  for (let i = 0; i < 4; i++) {
    const done = node(
      `
      const { RSAKeyPair, Verifier } = require(${INDEX});
      for (let j = 0; j < 2; j++) RSAKeyPair.generate();
      new Verifier({ jwksUri: 'http://127.0.0.1:9/jwks' }).verify('x').catch(() => {});
      new Verifier({ jwksUri: 'http://127.0.0.1:9/jwks' }).refresh().catch(() => {});
      setTimeout(() => process.exit(7), ${i * 10});`,
      { flags: ['--no-warnings'] },
    );
    assert.deepEqual([done.status, done.signal, done.stderr], [7, null, '']);
  }
});

test('verifiers and key pairs that nobody holds are freed', () => {
  const done = node(
    `const { KeyPair, Verifier } = require(${INDEX});
     const pair = KeyPair.generateSync('ES256');
     const token = pair.createToken({ audience: 'a' });
     const round = (count) => { for (let i = 0; i < count; i++) new Verifier({ jwks: pair.jwks('k'), algorithms: 'ES256', audience: 'a' }).verifySync(token); };
     const settle = async () => { for (let i = 0; i < 4; i++) { gc(); await new Promise(setImmediate); } return process.memoryUsage().rss; };
     (async () => { round(800); const before = await settle(); for (let i = 0; i < 5; i++) { round(800); await settle(); } console.log(((await settle()) - before) >> 20); })();`,
    { flags: ['--expose-gc'] },
  );
  assert.equal(done.status, 0, done.stderr);
  assert.ok(Number(done.stdout) < 16, `4 000 verifiers left ${done.stdout} MiB behind`);
});
