/* isRevoked: asked about every token that is good otherwise, and nothing is accepted while it fails. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { bearerAuth } from '../../node/fetch.cjs';
import { KeyPair, Verifier } from '../../node/index.cjs';
import { jwtVerifier } from '../../node/mcp.cjs';
import { JWKSServer } from '../../node/testing.cjs';
import { rejected, thrown } from './support/case.mjs';

const PAIR = KeyPair.generateSync('ES256');
const OPTIONS = { publicKey: PAIR.publicKey, algorithms: 'ES256', audience: 'a' };
const token = (subject, more) => PAIR.createToken({ subject, audience: 'a', ...more });
const GOOD = token('good');
const GONE = token('gone');
const HERE = 'https://api.example/mcp';

const gone = ({ subject }) => subject === 'gone';
const goneLater = async (access) => {
  await sleep(1);
  return gone(access);
};

const requestWith = (one) => ({ method: 'GET', url: HERE, headers: { authorization: `Bearer ${one}` } });
const WAYS = {
  verify: (verifier, one) => verifier.verify(one),
  verifyRequest: (verifier, one) => verifier.verifyRequest(requestWith(one)),
  verifySync: async (verifier, one) => verifier.verifySync(one),
};
const BOTH = Object.entries({ sync: gone, async: goneLater });
const COMBINED = Object.entries(WAYS).flatMap(([name, way]) =>
  BOTH.filter(([kind]) => kind === 'sync' || name !== 'verifySync').map(([kind, hook]) => [name, way, kind, hook]),
);

function collect() {
  const warnings = [];
  const note = (warning) => warning.code === 'FASTBEARER_REVOCATION' && warnings.push(warning.message);
  process.on('warning', note);
  return {
    async end() {
      await new Promise(setImmediate);
      process.off('warning', note);
      return warnings;
    },
  };
}

for (const [name, way, kind, isRevoked] of COMBINED) {
  test(`${name} asks a function that is ${kind}, for cached tokens too`, async () => {
    const seen = [];
    const verifier = new Verifier({ ...OPTIONS, isRevoked, onReject: ({ code }) => seen.push(code) });
    for (let i = 0; i < 3; i++) {
      assert.equal((await way(verifier, GOOD)).subject, 'good');
      const { code, status, oauthError } = await rejected(way(verifier, GONE));
      assert.deepEqual([code, status, oauthError], ['token_revoked', 401, 'invalid_token']);
    }
    const { cacheHits, reasons, issuers } = verifier.stats();
    assert.deepEqual([cacheHits, reasons, issuers[0].reasons], [4, { token_revoked: 3 }, { token_revoked: 3 }]);
    assert.deepEqual(seen, Array(3).fill('token_revoked'));
  });
}

test('it is asked about good tokens only', async () => {
  const asked = [];
  const verifier = new Verifier({ ...OPTIONS, isRevoked: (access) => asked.push(access.token) === 0 });
  const stranger = KeyPair.generateSync('ES256').createToken({ audience: 'a' });
  for (const bad of ['a.b.c', token('x', { audience: 'b' }), stranger]) {
    await rejected(verifier.verify(bad));
  }
  assert.deepEqual(asked, []);
  await verifier.verify(GOOD);
  assert.deepEqual(asked, [GOOD]);
});

test('a token that waited for its keys is asked about then', async () => {
  const server = await JWKSServer.start();
  for (const [name, way] of Object.entries(WAYS).filter(([one]) => one !== 'verifySync')) {
    const verifier = new Verifier({ jwksUri: server.jwksUri, audience: 'a', isRevoked: goneLater });
    const refused = await rejected(way(verifier, server.mint({ subject: 'gone', audience: 'a' })));
    assert.equal(refused.code, 'token_revoked', name);
    assert.ok(await way(verifier, server.mint({ subject: 'good', audience: 'a' })));
    verifier.close();
  }
  await server.close();
});

class LookupError extends Error {}
const FAILING = [
  [
    'throws',
    'LookupError',
    (access) => {
      throw new LookupError(access.token);
    },
  ],
  [
    'rejects',
    'LookupError',
    async (access) => {
      throw new LookupError(access.token);
    },
  ],
  ['rejects with a text', 'String', (access) => Promise.reject(access.token)],
  ['says nothing', 'TypeError', () => undefined],
  ['says no in a text', 'TypeError', () => 'no'],
  ['says NaN', 'TypeError', () => NaN],
  ['throws what cannot be looked at', 'object', () => Promise.reject(revokedProxy())],
];

function revokedProxy() {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

for (const [what, name, isRevoked] of FAILING) {
  test(`one that ${what} accepts nothing: 503, and nothing of the token is reported`, async () => {
    const warned = collect();
    const seen = [];
    const verifier = new Verifier({ ...OPTIONS, isRevoked, onReject: ({ code }) => seen.push(code) });
    const ways = what.startsWith('rejects') || name === 'object' ? ['verify', 'verifyRequest'] : Object.keys(WAYS);
    for (const way of ways) {
      const { code, status, oauthError, retryAfter, message } = await rejected(WAYS[way](verifier, GOOD));
      assert.deepEqual(
        [code, status, oauthError, retryAfter],
        ['status_unavailable', 503, 'temporarily_unavailable', 1],
      );
      assert.equal(message, 'whether the token has been revoked could not be found out');
    }
    assert.deepEqual(seen, Array(ways.length).fill('status_unavailable'));
    assert.deepEqual(verifier.stats().reasons, { status_unavailable: ways.length });
    assert.deepEqual(await warned.end(), [
      'isRevoked failed, requests get 503 where the host can say so (further failures of this kind are not reported): ' +
        name,
    ]);
  });
}

test('an async one is not called by verifySync', async () => {
  const warned = collect();
  const asked = [];
  const verifier = new Verifier({ ...OPTIONS, isRevoked: async (access) => asked.push(access) === 0 });
  const { code, message } = thrown(() => verifier.verifySync(GOOD));
  assert.deepEqual([code, message], ['ERR_CONFIGURATION', 'isRevoked is async: use verify or verifyRequest']);
  assert.deepEqual([asked, verifier.stats().verified], [[], 0]);
  // That a function returns promises shows too late.
  for (const outcome of [() => Promise.resolve(false), () => Promise.reject(new Error('late'))]) {
    const hidden = new Verifier({ ...OPTIONS, isRevoked: () => outcome() });
    assert.equal(thrown(() => hidden.verifySync(GOOD)).code, 'status_unavailable');
  }
  assert.equal((await new Verifier({ ...OPTIONS, isRevoked: () => Promise.resolve(0) }).verify(GOOD)).subject, 'good');
  assert.match((await warned.end())[0], /: TypeError$/u);
});

test('one that never answers has five seconds', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const verifier = new Verifier({ ...OPTIONS, isRevoked: () => new Promise(() => {}) });
  const warned = collect();
  let isOver = false;
  const refused = rejected(verifier.verify(GOOD)).finally(() => {
    isOver = true;
  });
  await new Promise(setImmediate);
  context.mock.timers.tick(4999);
  await new Promise(setImmediate);
  assert.equal(isOver, false);
  context.mock.timers.tick(1);
  assert.equal((await refused).code, 'status_unavailable');
  assert.match((await warned.end())[0], /: TimeoutError$/u);
});

test('a proof is not remembered for a revoked token', async () => {
  const client = KeyPair.generateSync('ES256');
  const added = [];
  const replayStore = { add: (key) => added.push(key) > 0 };
  const verifier = new Verifier({ ...OPTIONS, isRevoked: gone, dpop: { replayStore } });
  for (const [subject, outcome] of [
    ['gone', 'token_revoked'],
    ['good', 'accepted'],
  ]) {
    const bound = token(subject, { additionalClaims: { cnf: { jkt: client.thumbprint() } } });
    const dpop = client.dpopProof('GET', HERE, { accessToken: bound });
    const asking = { method: 'GET', url: HERE, headers: { authorization: `DPoP ${bound}`, dpop } };
    const found = await verifier.verifyRequest(asking).then(
      () => 'accepted',
      ({ code }) => code,
    );
    assert.equal(found, outcome);
    assert.equal(added.length, outcome === 'accepted' ? 1 : 0);
  }
});

test('an adapter answers 401, and 503 with Retry-After', async () => {
  const answerOf = async (isRevoked) => {
    const handler = bearerAuth({ ...OPTIONS, isRevoked }, () => new Response('in'));
    return handler(new Request(HERE, { headers: requestWith(GONE).headers }));
  };
  const refused = await answerOf(goneLater);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get('www-authenticate'), /error="invalid_token"/u);
  assert.ok(!(await refused.text()).includes('revoked'));
  const unknown = await answerOf(() => Promise.reject(new Error('down')));
  assert.deepEqual([unknown.status, unknown.headers.get('retry-after')], [503, '1']);
  assert.equal(unknown.headers.get('www-authenticate'), null);
});

test('what the MCP SDKs and npm fastmcp call asks, too', async () => {
  const seen = [];
  const options = { ...OPTIONS, isRevoked: goneLater, onReject: ({ code }) => seen.push(code) };
  const verifier = new Verifier(options);
  for (const one of [verifier, jwtVerifier({ verifier }), jwtVerifier(options)]) {
    assert.equal((await one.verifyAccessToken(GOOD)).token, GOOD);
    const { code, reason } = await rejected(one.verifyAccessToken(GONE));
    assert.deepEqual([code, reason], ['invalid_token', 'token_revoked']);
  }
  const request = new Request(HERE, { headers: requestWith(GONE).headers });
  assert.equal((await rejected(verifier.authenticate(request))).status, 401);
  assert.deepEqual(seen, Array(4).fill('token_revoked'));
});

test('a function that knows of a problem says so in health', () => {
  let problem;
  const isRevoked = Object.assign(() => false, { problem: () => problem });
  const verifier = new Verifier({ ...OPTIONS, isRevoked });
  assert.deepEqual([verifier.health().status, verifier.health().problems], ['ready', []]);
  problem = 'no word from the store for 9 s';
  assert.deepEqual([verifier.health().status, verifier.health().problems], ['not_ready', [problem]]);
});

test('what is not a function is refused', () => {
  for (const isRevoked of ['text', 5, {}]) {
    assert.match(thrown(() => new Verifier({ ...OPTIONS, isRevoked })).message, /^isRevoked must be a function, not /u);
  }
});
