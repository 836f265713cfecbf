/* Key sets that are fetched: when, who waits, and what happens when they are unavailable. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { BearerError, KeyPair, Verifier } from '../../node/index.cjs';
import { JWKSServer } from '../../node/testing.cjs';
import { INDEX, nodeAsync, PAIR, rejected, thrown, until } from './support/case.mjs';

const native = createRequire(import.meta.url)('../../node/lib/native.cjs');

/* A test with a key server of its own. */
function scene(name, body) {
  test(name, async () => {
    const server = await JWKSServer.start({ key: PAIR });
    try {
      await body(server);
    } finally {
      await server.close();
    }
  });
}

function warnings() {
  const seen = [];
  const note = (warning) => seen.push(warning);
  process.on('warning', note);
  return { seen, stop: () => process.off('warning', note) };
}

scene('the first use fetches, once', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri, issuer: server.issuer });
  assert.deepEqual([verifier.keys(), verifier.jwksUri], [[], server.jwksUri]);
  for (let i = 0; i < 3; i++) {
    assert.equal((await verifier.verify(server.mint())).claims.iss, server.issuer);
  }
  assert.equal(server.hits, 1);
  assert.deepEqual(
    verifier.keys().map((key) => key.kid),
    ['key-1'],
  );
  const { fetches, keysFresh, generation } = verifier.stats();
  assert.deepEqual({ fetches, keysFresh, generation }, { fetches: 1, keysFresh: true, generation: 1 });
});

scene('what is wrong without keys needs no fetch', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri });
  assert.equal((await rejected(verifier.verify('x'))).code, 'token_malformed');
  assert.equal(server.hits, 0);
});

scene('verifySync does not wait, but starts the fetch', async (server) => {
  const seen = [];
  const verifier = new Verifier({ jwksUri: server.jwksUri, onReject: (rejection) => seen.push(rejection.code) });
  const token = server.mint();
  const error = thrown(() => verifier.verifySync(token));
  assert.deepEqual([error.code, error.status, error.oauthError], ['keys_unavailable', 503, 'temporarily_unavailable']);
  assert.ok(error.retryAfter >= 0);
  await until(() => verifier.stats().keysHeld);
  assert.equal(verifier.verifySync(token).token, token);
  assert.deepEqual([server.hits, seen], [1, ['keys_unavailable']]);
});

scene('refresh', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri });
  await verifier.refresh();
  assert.deepEqual(
    verifier.keys().map((key) => key.kid),
    ['key-1'],
  );
  await verifier.refresh();
  assert.equal(server.hits, 2);
  server.fail(500);
  const error = await rejected(verifier.refresh());
  assert.ok(
    error instanceof BearerError && error.code === 'keys_unavailable' && error.status === 503 && error.retryAfter >= 0,
  );
  assert.match(error.message, /status 500/u);
  assert.ok(await verifier.verify(server.mint()));
});

scene('rotation: the new key is fetched for, the old one is refused though cached', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri });
  const old = server.mint();
  assert.ok((await verifier.verify(old)) && (await verifier.verify(old)));
  await server.rotate();
  assert.ok(verifier.verifySync(old)); // nobody has noticed yet
  assert.ok(await verifier.verify(server.mint()));
  assert.equal((await rejected(verifier.verify(old))).code, 'key_not_found');
  assert.equal(server.hits, 2);
});

scene('ten thousand random key ids cost one fetch', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri });
  const [, body, signature] = server.mint().split('.');
  await verifier.verify(server.mint());
  const tokens = Array.from({ length: 10_000 }, (_, i) => {
    const header = Buffer.from(JSON.stringify({ alg: 'RS256', kid: `made up ${i}` })).toString('base64url');
    return `${header}.${body}.${signature}`;
  });
  const codes = new Set();
  // The first five hundred share the fetch, for which each waits 2 s: more at once could be too many for a busy machine.
  for (let from = 0; from < tokens.length; from += 500) {
    const refused = tokens.slice(from, from + 500).map((token) => rejected(verifier.verify(token)));
    for (const error of await Promise.all(refused)) codes.add(error.code);
  }
  assert.deepEqual([[...codes], server.hits], [['key_not_found'], 2]);
});

scene('an interval of nothing: one fetch for each token with an unknown kid, and a verdict', async (server) => {
  const seen = [];
  const verifier = new Verifier({
    jwksUri: server.jwksUri,
    refreshInterval: 0,
    onReject: ({ code, kid }) => seen.push([code, kid]),
  });
  await verifier.verify(server.mint());
  for (let i = 1; i <= 3; i++) {
    const error = await rejected(verifier.verify(server.mint({ kid: `stranger-${i}` })));
    assert.deepEqual([error.code, error.status, error.kid], ['key_not_found', 401, `stranger-${i}`]);
    assert.equal(server.hits, 1 + i);
  }
  assert.deepEqual(
    seen,
    [1, 2, 3].map((i) => ['key_not_found', `stranger-${i}`]),
  );
});

scene('callers share the first fetch, and the event loop goes on', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri });
  const token = server.mint();
  server.hang();
  const waiting = Array.from({ length: 200 }, () => verifier.verify(token));
  waiting.push(verifier.refresh().then(() => ({ token })));
  await until(() => server.hits > 0);
  let turns = 0;
  while (turns < 20) {
    await sleep(1);
    turns += 1;
  }
  assert.equal(thrown(() => verifier.verifySync(token)).code, 'keys_unavailable');
  server.recover();
  assert.ok((await Promise.all(waiting)).every((access) => access.token === token));
  assert.equal(server.hits, 1);
});

scene('known keys never wait', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri, cacheSize: 0 });
  const token = server.mint();
  await verifier.verify(token);
  server.hang();
  let done = false;
  const stranger = rejected(verifier.verify(server.mint({ kid: 'new' }))).then((error) => {
    done = true;
    return error;
  });
  await until(() => server.hits === 2);
  for (let i = 0; i < 100; i++) {
    verifier.verifySync(token);
    await verifier.verify(token);
  }
  assert.equal(done, false);
  server.recover();
  assert.equal((await stranger).code, 'key_not_found');
});

scene('a provider that is down and comes back', async (server) => {
  const { seen, stop } = warnings();
  server.fail(503);
  const verifier = new Verifier({ jwksUri: `${server.jwksUri}?secret=hidden`, audience: 'me' });
  const token = server.mint({ audience: 'me' });
  for (let i = 0; i < 5; i++) {
    const error = await rejected(verifier.verify(token));
    assert.ok(error.code === 'keys_unavailable' && error.retryAfter >= 0 && error.retryAfter <= 60);
    assert.ok(!error.message.includes('hidden'));
  }
  assert.equal(server.hits, 1); // the others were told to come back later
  server.recover();
  await until(async () => {
    const answer = await verifier.verify(token).catch((error) => error);
    return answer.token === token;
  });
  await sleep(1); // warnings are emitted in the next tick
  stop();
  assert.deepEqual(
    seen.map((warning) => warning.code),
    ['FASTBEARER_KEYS', 'FASTBEARER_KEYS'],
  );
  const [first, second] = seen.map((warning) => warning.message);
  assert.match(first, /503.*no keys are held/u);
  assert.ok(first.includes(server.jwksUri) && second.includes(server.jwksUri));
  assert.match(second, /fetched again after 1 failed attempts/u);
  assert.ok(!`${first}${second}`.includes('hidden') && !`${first}${second}`.includes(token));
});

/* The monotonic clock cannot be moved from here, so the core's word that a refresh is due is put into its mouth. */
scene('a refresh that is due is started by a request, which does not wait for it', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri });
  const token = server.mint();
  await verifier.verify(token);
  server.hang();
  const { refreshBegin, verify } = native;
  const reasons = [];
  native.refreshBegin = (handle, issuer, reason, request) => {
    reasons.push(reason);
    return refreshBegin(handle, issuer, 2, request); // what is not due by its own clock, the core does only when asked
  };
  native.verify = (...parameters) => {
    const answer = verify(...parameters);
    native.signals[native.constants.DUE] = 1;
    return answer;
  };
  try {
    await Promise.all(Array.from({ length: 50 }, () => verifier.verify(token)));
    verifier.verifySync(token);
  } finally {
    Object.assign(native, { refreshBegin, verify });
  }
  assert.deepEqual(reasons, [1]);
  await until(() => server.hits === 2);
  server.recover();
  await until(() => verifier.stats().fetches === 2);
  assert.deepEqual([server.hits, verifier.stats().generation, verifier.stats().lastError], [2, 1, undefined]); // by ETag
});

/* The core's word that a refresh is due, for each verification of the token while body runs. */
async function alwaysDue(token, body) {
  const { refreshBegin, verify } = native;
  native.refreshBegin = (handle, issuer, _, request) => refreshBegin(handle, issuer, 2, request);
  native.verify = (...parameters) => {
    const answer = verify(...parameters);
    if (parameters[1] === token) {
      native.signals[native.constants.DUE] = 1;
    }
    return answer;
  };
  try {
    return await body();
  } finally {
    Object.assign(native, { refreshBegin, verify });
  }
}

test('a fetch function that verifies another token mixes no identities', async () => {
  for (const cacheSize of [0, 1024]) {
    const [idp, service] = [KeyPair.generateSync('ES256'), KeyPair.generateSync('ES256')];
    const own = new Verifier({ publicKey: service.publicKey, algorithms: 'ES256' });
    const serviceToken = service.createToken({ subject: 'adm', expiresInSeconds: 999_999, scopes: ['root', 'xyzw'] });
    let calls = 0;
    const fetch = async () => {
      calls += 1;
      assert.equal(own.verifySync(serviceToken).subject, 'adm');
      return new Response(JSON.stringify(idp.jwks('k')));
    };
    const verifier = new Verifier({ jwksUri: 'https://issuer.example/jwks', fetch, algorithms: 'ES256', cacheSize });
    const token = idp.createToken({ kid: 'k', subject: 'alice', scopes: ['read'], expiresInSeconds: 300 });
    const expected = await verifier.verify(token);
    await alwaysDue(token, async () => {
      for (let i = 0; i < 4; i++) {
        assert.deepEqual(await verifier.verify(token), expected);
        assert.deepEqual(verifier.verifySync(token), expected);
        await sleep(1); // until the fetch has ended
      }
    });
    assert.ok(calls > 2);
    verifier.close();
    own.close();
  }
});

test('a fetch function that asks for the same keys waits for its own flight, up to the deadline', async () => {
  let inner;
  const token = PAIR.createToken({ kid: 'k' });
  const fetch = async () => {
    inner ??= verifier.verify(token).then(
      () => 'verified',
      ({ code }) => code,
    );
    await sleep(5);
    return new Response(JSON.stringify(PAIR.jwks('k')));
  };
  const verifier = new Verifier({ jwksUri: 'https://issuer.example/jwks', fetch });
  assert.equal((await verifier.verify(token)).token, token);
  assert.equal(await inner, 'verified');
  assert.equal(verifier.stats().fetches, 1);
});

scene('fresh keys are not fetched for again', async (server) => {
  const verifier = new Verifier({ jwksUri: server.jwksUri, cacheSize: 0 });
  for (let i = 0; i < 50; i++) {
    await verifier.verify(server.mint());
  }
  assert.equal(server.hits, 1);
});

scene('closing ends a fetch', async (server) => {
  let signal;
  const fetch = (_, init) => {
    ({ signal } = init);
    return new Promise(() => {});
  };
  const verifier = new Verifier({ jwksUri: server.jwksUri, fetch, fetchTimeout: 3000 });
  const waiting = rejected(verifier.verify(server.mint()));
  const refreshing = rejected(verifier.refresh());
  assert.equal(signal.aborted, false);
  verifier.close();
  assert.equal(signal.aborted, true);
  assert.equal((await waiting).code, 'ERR_VERIFIER_CLOSED');
  assert.equal((await refreshing).message, 'the verifier was closed');
});

scene('two verifiers are two key sets', async (server) => {
  const [a, b] = [new Verifier({ jwksUri: server.jwksUri }), new Verifier({ jwksUri: server.jwksUri })];
  await Promise.all([a.verify(server.mint()), b.verify(server.mint())]);
  assert.equal(server.hits, 2);
});

// ---- the process ends when its own work is done

scene('nothing keeps the process alive after a fetch', async (server) => {
  const done = await nodeAsync(`
    const { Verifier } = require(${INDEX});
    const verifier = new Verifier({ jwksUri: '${server.jwksUri}', audience: 'me', fetchTimeout: 3000 });
    verifier.verify('${server.mint({ audience: 'me' })}').then((access) => console.log(access.clientId));`);
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, 'fastmcp-user\n', '']);
});

scene('a fetch that nobody waits for, with a fetch function that never answers, does not either', async (server) => {
  const done = await nodeAsync(`
    const { Verifier } = require(${INDEX});
    const verifier = new Verifier({ jwksUri: '${server.jwksUri}', audience: 'me', fetchTimeout: 3000, fetch: () => new Promise(() => {}) });
    try { verifier.verifySync('${server.mint()}'); } catch (error) { console.log(error.code); }`);
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, 'keys_unavailable\n', '']);
});

scene('who waits for one gets the deadline', async (server) => {
  const done = await nodeAsync(
    `const { Verifier } = require(${INDEX});
     const verifier = new Verifier({ jwksUri: '${server.jwksUri}', fetchTimeout: 0.2, fetch: () => new Promise(() => {}) });
     verifier.verify('${server.mint()}').catch((error) => console.log(error.code, verifier.stats().lastError));`,
    { flags: ['--no-warnings'] },
  );
  assert.deepEqual([done.status, done.stderr], [0, '']);
  assert.match(done.stdout, /^keys_unavailable .*no complete response within 0\.2 s/u);
});
