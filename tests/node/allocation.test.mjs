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

test('each allocation of a verification fails in turn', (context) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-memory-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const library = path.join(folder, 'failing_malloc.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, path.join(ROOT, 'tests/node/support/failing_malloc.c')]);
  const counter = path.join(folder, 'left');
  writeFileSync(counter, new BigInt64Array([-1n]));
  const done = node(PROGRAM, { env: { LD_PRELOAD: library, FB_FAILING: counter } });
  assert.equal(done.status, 0, done.stdout + done.stderr);
  context.diagnostic(done.stdout.trim().replaceAll('\n', ' '));
  const lines = done.stdout.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(lines.length, 4);
  for (const { algorithm, codes } of lines) {
    assert.ok(codes.out_of_memory >= 3 && codes.accepted >= 1, `${algorithm}: ${JSON.stringify(codes)}`);
    // OpenSSL 3.0 does not always say that it was memory that failed: then the token is refused all the same.
    const others = Object.keys(codes).filter((code) => !['accepted', 'out_of_memory', 'signature_invalid', 'internal_error'].includes(code));
    assert.deepEqual(others, [], algorithm);
  }
});
