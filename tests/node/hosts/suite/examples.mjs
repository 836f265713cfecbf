/* The programs of examples/node, with the hosts as their node_modules (setup.mjs sees to that). */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const EXAMPLES = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..', '..', 'examples', 'node');

test('the demo shows what it promises', () => {
  const said = execFileSync(process.execPath, [path.join(EXAMPLES, 'demo.mjs')], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.match(said, /^no token {9}-> 401 {2}Bearer/mu);
  assert.match(said, /^ {3}server learns : {2}audience_mismatch: /mu);
  assert.match(said, /^good token {7}-> whoami\(\) = \{"clientId":"alice"/mu);
  assert.match(said, /^done$/mu);
});

async function freePort() {
  const server = net.createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return String(port);
}

test('the app of the README asks for a token', { timeout: 60_000 }, async () => {
  const PORT = await freePort();
  const app = spawn(process.execPath, [path.join(EXAMPLES, 'express.mjs')], { env: { ...process.env, PORT } });
  try {
    const [said] = await once(app.stdout, 'data');
    assert.match(String(said), /iss: 'https:\/\/issuer\.example'/u);
    const refused = await fetch(`http://127.0.0.1:${PORT}/who`);
    assert.deepEqual([refused.status, refused.headers.get('www-authenticate')?.split(' ')[0]], [401, 'Bearer']);
    assert.equal((await fetch(`http://127.0.0.1:${PORT}/health`)).status, 404);
  } finally {
    app.kill();
  }
});
