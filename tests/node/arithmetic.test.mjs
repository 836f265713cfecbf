/* Which arithmetic verifies: the option, what keys() and stats() say, and what is said when ours is not to be used. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { KeyPair, Verifier } from '../../node/index.cjs';
import { ROOT } from './support/idp.mjs';

const ENOUGH = 200; // more tokens than any table waits for

function verifyMany(verifier, token) {
  for (let i = 0; i < ENOUGH; i++) {
    verifier.verifySync(token);
  }
}

for (const [algorithm, name] of [
  ['ES256', 'p256-tables'],
  ['EdDSA', 'ed25519-tables'],
]) {
  test(`a key that is used gets a table: ${algorithm}`, () => {
    const pair = KeyPair.generateSync(algorithm);
    const verifier = new Verifier({ publicKey: pair.publicKey, algorithms: algorithm, cacheSize: 0 });
    assert.equal(verifier.keys()[0].arithmetic, 'openssl');
    assert.equal(verifier.stats().tableBytes, 0);
    verifyMany(verifier, pair.createToken());
    const [{ arithmetic, tableBytes }] = verifier.keys();
    assert.equal(arithmetic, name);
    assert.ok(tableBytes > 10_000);
    assert.equal(verifier.stats().tableBytes, tableBytes);
    assert.equal(verifier.stats().arithmeticDisagreements, 0);
  });
}

test('OpenSSL alone', () => {
  const pair = KeyPair.generateSync('ES256');
  const verifier = new Verifier({
    publicKey: pair.publicKey,
    algorithms: 'ES256',
    cacheSize: 0,
    arithmetic: 'openssl',
  });
  verifyMany(verifier, pair.createToken());
  assert.equal(verifier.keys()[0].arithmetic, 'openssl');
  assert.equal(verifier.stats().tableBytes, 0);
});

const SAID_ONCE = `
const assert = require('node:assert/strict');
const { KeyPair, Verifier } = require('./node/index.cjs');
const warnings = [];
process.on('warning', (warning) => warnings.push(warning));
const [pair, other] = [KeyPair.generateSync('ES256'), KeyPair.generateSync('ES256')];
const audience = 'a';
const verifier = new Verifier({ publicKey: pair.publicKey, algorithms: 'ES256', cacheSize: 0, audience });
verifier.verifySync(pair.createToken({ audience }));
verifier.verifySync(pair.createToken({ audience })); // the first that the table decides about is always done by OpenSSL as well
const forged = other.createToken({ audience });
let [accepted, refused] = [0, 0];
while (refused < 100 && accepted < 200_000) { // one in 4096, at random
  try {
    verifier.verifySync(forged);
    accepted++;
  } catch (error) {
    assert.equal(error.code, 'signature_invalid');
    refused++;
  }
}
assert.equal(refused, 100, String(accepted));
assert.equal(verifier.stats().arithmeticDisagreements, 1);
assert.equal(verifier.keys()[0].arithmetic, 'openssl');
verifier.verifySync(pair.createToken({ audience }));
setImmediate(() => {
  assert.deepEqual(warnings.map(({ code }) => code), ['FASTBEARER_ARITHMETIC']);
  assert.match(warnings[0].message, /ES256 contradicted OpenSSL/u);
});
`;

test('arithmetic that lies is found out and warned of once', (context) => {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-liar-'));
  context.after(() => rmSync(copy, { recursive: true }));
  for (const name of ['bindings', 'core', 'node', 'CMakeLists.txt', 'package.json']) {
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  }
  cpSync(path.join(ROOT, 'tests/arithmetic/liar.c'), path.join(copy, 'core/src/arithmetic/p256/p256.c'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  const built = spawnSync(process.execPath, ['bindings/node/build.cjs'], { cwd: copy, encoding: 'utf8' });
  assert.equal(built.status, 0, built.stderr);
  const run = spawnSync(process.execPath, ['-e', SAID_ONCE], { cwd: copy, encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
});
