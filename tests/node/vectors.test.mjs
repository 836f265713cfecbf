/*
 * The suites, run by the Node runner and compared case by case with the C runner; and that the runner notices things.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { KeyPair } from '../../node/index.cjs';
import { ROOT } from './support/idp.mjs';

const C_RUNNER = path.join(ROOT, 'build/tests/fb_vectors');
const NODE_RUNNER = path.join(ROOT, 'tests/node/vectors.mjs');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-vectors-'));
after(() => rmSync(scratch, { recursive: true }));

function run(command, parameters) {
  const done = spawnSync(command, parameters, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28 });
  assert.equal(done.error, undefined);
  const lines = done.stdout.split('\n').filter((line) => line !== '');
  return { status: done.status, outcomes: lines.map((line) => JSON.parse(line)), stderr: done.stderr };
}

/* JSON.parse has made doubles of the numbers on both sides; what became Infinity is written as null. */
function comparable({ id, verdict, code, claims, scopes, steps }) {
  const seen = (_, value) => (value === 0 || value === Infinity || value === -Infinity ? Math.abs(value) || 0 : value);
  const rewritten = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value, seen)));
  return { id, verdict, code, claims: rewritten(claims), scopes, steps: steps?.map(comparable) };
}

test('every case of every suite: the verdict, code, claims and scopes that C has', () => {
  assert.ok(existsSync(C_RUNNER), `${C_RUNNER} is not there: cmake --build build --target fb_vectors`);
  const [c, node] = [run(C_RUNNER, ['tests/vectors']), run(process.execPath, [NODE_RUNNER, 'tests/vectors'])];
  assert.equal(node.status, 0, node.stderr);
  assert.ok(node.outcomes.length >= 3500, `${node.outcomes.length} cases`);
  assert.deepEqual(
    node.outcomes.map(({ id }) => id),
    c.outcomes.map(({ id }) => id),
  );
  for (const [i, outcome] of node.outcomes.entries()) {
    assert.deepEqual(comparable(outcome), comparable(c.outcomes[i]));
  }
});

const secret = { secret: '0123456789abcdef0123456789abcdef' };
const HS = new KeyPair({ privateKey: secret.secret, algorithm: 'HS256' }).createToken({ subject: 'a' });
const NOTICED = [
  ['accept expected', { id: 'a', token: 'x', config: secret, now: 1, expect: 'accept' }, 'reject'],
  ['another code', { id: 'a', token: 'x', config: secret, now: 1, expect: 'reject', code: 'exp_missing' }, 'reject'],
  ['unknown option', { id: 'a', token: 'x', config: { ...secret, isuer: 'x' }, now: 1, expect: 'reject' }, 'error'],
  ['unknown member', { id: 'a', token: 'x', config: secret, now: 1, expect: 'reject', expcet: 'accept' }, 'error'],
  [
    'unknown option of an issuer',
    { id: 'a', token: 'x', config: { issuers: [{ leeway: 1 }] }, expect: 'reject' },
    'error',
  ],
  ['no steps', { id: 'a', config: secret, steps: [] }, 'error'],
  ['a wrong step', { id: 'a', config: secret, steps: [{ token: 'x', expect: 'reject' }, { token: 'x' }] }, 'error'],
  [
    'unknown member of a step',
    { id: 'a', config: secret, steps: [{ token: 'x', expect: 'reject', id: '1' }] },
    'error',
  ],
  [
    'a step that is accepted',
    {
      id: 'a',
      config: secret,
      steps: [
        { token: 'x', expect: 'reject' },
        { token: 'x', expect: 'accept' },
      ],
    },
    'steps',
  ],
  ['another client id', { id: 'a', config: secret, token: HS, expect: 'accept', client_id: 'b' }, 'accept'],
  ['no token', { id: 'a', config: secret, now: 1, expect: 'reject' }, 'error'],
  ['time of another type', { id: 'a', token: 'x', config: secret, now: '1', expect: 'reject' }, 'error'],
  ['no object', 7, 'error'],
  ['null', null, 'error'],
];

for (const [name, one, verdict] of NOTICED) {
  test(`the runner notices: ${name}`, () => {
    const file = path.join(scratch, 'case.jsonl');
    const fine = { id: 'fine', token: 'x', config: secret, now: 1, expect: 'reject', code: ['token_malformed'] };
    writeFileSync(file, `${JSON.stringify(one)}\n\n${JSON.stringify(fine)}\n`);
    const done = run(process.execPath, [NODE_RUNNER, file]);
    assert.equal(done.status, 1);
    assert.deepEqual(
      done.outcomes.map((outcome) => outcome.verdict),
      [verdict, 'reject'],
    );
    assert.match(done.stderr, /2 cases, 1 different\n$/u);
  });
}

test('the runner notices: a file that is not JSON, and one that is missing', () => {
  const file = path.join(scratch, 'broken.json');
  writeFileSync(file, '[{"id":');
  const done = run(process.execPath, [NODE_RUNNER, file, path.join(scratch, 'missing.json')]);
  assert.deepEqual([done.status, done.outcomes.map(({ verdict }) => verdict)], [1, ['error', 'error']]);
});

test('the runner notices: a process that dies and one that hangs', () => {
  const file = path.join(scratch, 'three.jsonl');
  const fine = { token: 'x', config: secret, now: 1, expect: 'reject' };
  writeFileSync(file, ['1', '2', '3'].map((id) => JSON.stringify({ ...fine, id })).join('\n'));
  // Loaded into the child before the cases run: the second one is the end of it.
  const preload = path.join(scratch, 'preload.cjs');
  writeFileSync(
    preload,
    `const fastbearer = require(${JSON.stringify(path.join(ROOT, 'node/index.cjs'))});
     const { verifySync } = fastbearer.Verifier.prototype;
     let calls = Number(process.argv[3]);
     fastbearer.Verifier.prototype.verifySync = function (...given) {
       calls += 1;
       if (calls === 2) { process.kill(process.pid, 'SIGSEGV'); for (;;); }
       if (calls === 3) for (;;);
       return verifySync.apply(this, given);
     };`,
  );
  const done = spawnSync(process.execPath, [NODE_RUNNER, file], {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: `--require ${preload}` },
  });
  const outcomes = done.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    outcomes.map(({ id, verdict }) => [id, verdict]),
    [
      ['1', 'reject'],
      ['2', 'crash'],
      ['3', 'hang'],
    ],
    done.stderr,
  );
  assert.equal(done.status, 1);
});
