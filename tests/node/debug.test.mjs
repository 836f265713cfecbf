/* NODE_DEBUG=fastbearer: why a request was refused, where no hook is asked, and where that is explained. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const NODE = fileURLToPath(new URL('../../node', import.meta.url));

const PROGRAM = `
  const { RSAKeyPair } = require(${JSON.stringify(path.join(NODE, 'index.cjs'))});
  const { bearerAuth } = require(${JSON.stringify(path.join(NODE, 'fetch.cjs'))});
  (async () => {
    const pair = await RSAKeyPair.generate();
    const handler = bearerAuth({ publicKey: pair.publicKey, audience: 'me' }, () => new Response());
    for (const audience of ['me', 'other']) {
      const token = pair.createToken({ audience });
      await handler(new Request('http://localhost/', { headers: { authorization: 'Bearer ' + token } }));
    }
  })();`;

function printed(environment) {
  const done = spawnSync(process.execPath, ['-e', PROGRAM], {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  assert.equal(done.status, 0, done.stderr);
  return done.stderr.trim().split('\n');
}

test('a line for each refusal, which leads to its reason', () => {
  const lines = printed({ NODE_DEBUG: 'fastbearer' });
  assert.equal(lines.length, 1);
  assert.match(lines[0], /^FASTBEARER \d+: request refused: audience_mismatch: .* \(expected me; actual other\)/u);
  assert.match(lines[0], /; see docs\/reasons\.md#audience_mismatch$/u);
});

test('and none without it', () => {
  assert.deepEqual(printed({ NODE_DEBUG: '' }), ['']);
});
