/*
 * Issuers whose key sets are fetched: discovery from the identifier alone, several of them at once, and that the trouble
 * of one is not the others'.
 */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { BearerError, Verifier } from '../../node/index.cjs';
import { JWKSServer } from '../../node/testing.cjs';
import { INDEX, nodeAsync, PAIR, rejected, thrown, until } from './support/case.mjs';
import { IdentityProvider } from './support/idp.mjs';

const native = createRequire(import.meta.url)('../../node/lib/native.cjs');
const AUDIENCE = 'https://api.example/mcp';

let one;
let two;
before(async () => {
  process.removeAllListeners('warning'); // failing fetches are said, and there are many here
  [one, two] = await Promise.all([
    IdentityProvider.start('--algorithms', 'ES256', '--issuer-path', '/tenant'),
    IdentityProvider.start('--algorithms', 'RS256'),
  ]);
});
after(() => Promise.all([one.stop(), two.stop()]));
beforeEach(() => Promise.all([one, two].map((idp) => idp.fault().then(() => idp.do('forget')))));

const mint = (idp, more = {}) => idp.mint({ audience: AUDIENCE, ...more });
const pathsOf = async (idp) => (await idp.do('state')).paths;
const alone = (more = {}) =>
  new Verifier({ issuer: one.issuer, algorithms: 'ES256', audience: AUDIENCE, fetchTimeout: 5, ...more });
const both = (more = {}) =>
  new Verifier({
    issuers: [
      { issuer: one.issuer, algorithms: 'ES256', fetchTimeout: 2, ...more },
      { issuer: two.issuer, fetchTimeout: 2, ...more },
    ],
    audience: AUDIENCE,
  });

const OPENID = '/tenant/.well-known/openid-configuration';
const OAUTH = '/.well-known/oauth-authorization-server/tenant';
const INSERTED = '/.well-known/openid-configuration/tenant';
const KEYS = '/jwks';

// ---- discovery

test('an identifier and an audience are a whole configuration', async () => {
  const verifier = alone();
  const tokens = await Promise.all([mint(one), mint(one), mint(one)]);
  await Promise.all(tokens.map((token) => verifier.verify(token)));
  assert.deepEqual(await pathsOf(one), [OPENID, KEYS]);
  const { fetches, issuers } = verifier.stats();
  assert.deepEqual([fetches, issuers[0].jwksUri, issuers[0].fetched], [1, one.jwksUri, true]);
  assert.equal(verifier.verifySync(tokens[0]).issuer, one.issuer);
  const [{ issuer, fetchedAt, freshUntil }] = verifier.keys();
  assert.equal(issuer, one.issuer);
  assert.ok(Math.abs(fetchedAt - Date.now() / 1000) < 60 && Math.abs(freshUntil - fetchedAt - 300) < 2);
  await verifier.refresh(); // the place of the keys is known, and they are asked for by their ETag
  assert.deepEqual((await pathsOf(one)).slice(2), [KEYS]);
  assert.equal(verifier.stats().generation, 1);
});

for (const [fault, paths] of [
  ['only_oauth', [OPENID, OAUTH, KEYS]],
  ['only_inserted', [OPENID, OAUTH, INSERTED, KEYS]],
  ['jwks_uri_changed', [OPENID, '/elsewhere']],
]) {
  test(`found: ${fault}`, async () => {
    await one.do(`metadata?name=${fault}`);
    const verifier = alone();
    assert.ok(await verifier.verify(await mint(one)));
    assert.deepEqual([await pathsOf(one), verifier.stats().fetches], [paths, 1]);
  });
}

const NOT_FOUND = {
  none: /none of its 3 well-known URLs/u,
  wrong_issuer: /issuer/u,
  slash_issuer: /issuer/u,
  no_issuer: /issuer/u,
  no_jwks_uri: /jwks_uri|jwksUri/u,
  jwks_uri_number: /jwks_uri|jwksUri/u,
  jwks_uri_http: /https/u,
  jwks_uri_password: /password/u,
  jwks_uri_missing: /404/u,
  redirect: /302/u,
  server_error: /500/u,
  html: /./u,
  large_body: /larger than/u,
  endless_body: /larger than/u,
  gzip: /content-encoded/u,
  cut_json: /./u,
  duplicates: /./u,
  hang: /no complete response within 0\.5 s/u,
  trickle: /no complete response within 0\.5 s/u,
};

for (const [fault, words] of Object.entries(NOT_FOUND)) {
  test(`not found: ${fault}`, async () => {
    await one.do(`metadata?name=${fault}`);
    const verifier = alone({ fetchTimeout: fault === 'hang' || fault === 'trickle' ? 0.5 : 20 });
    const token = await mint(one);
    const error = await rejected(verifier.verify(token));
    assert.deepEqual([error.code, error.status, error.issuer], ['keys_unavailable', 503, one.issuer]);
    assert.ok(error.retryAfter > 0);
    const { lastError, issuers, fetchFailures } = verifier.stats();
    assert.match(lastError, words);
    assert.deepEqual([issuers[0].lastError, fetchFailures], [lastError, 1]);
    await one.fault();
    await verifier.refresh().catch(() => verifier.refresh()); // a connection left half dead may cost one attempt
    assert.ok(await verifier.verify(token));
  });
}

test('both steps share one deadline', async () => {
  const steps = [];
  const verifier = new Verifier({
    issuer: 'https://issuer.example',
    audience: AUDIENCE,
    fetchTimeout: 0.5,
    fetch: async (url, { signal }) => {
      steps.push([url, signal]);
      await sleep(300);
      return new Response(
        JSON.stringify({ issuer: 'https://issuer.example', jwks_uri: 'https://issuer.example/keys' }),
      );
    },
  });
  const begun = performance.now();
  assert.match((await rejected(verifier.refresh())).message, /no complete response within 0\.5 s/u);
  assert.ok(performance.now() - begun < 5000);
  assert.deepEqual(
    steps.map(([url]) => url),
    ['https://issuer.example/.well-known/openid-configuration', 'https://issuer.example/keys'],
  );
  assert.ok(steps.every(([, signal]) => signal === steps[0][1] && signal.aborted));
});

test('closing ends a discovery', async () => {
  await one.do('metadata?name=hang');
  const verifier = alone({ fetchTimeout: 3000 });
  const waiting = rejected(verifier.verify(await mint(one)));
  await sleep(20);
  verifier.close();
  assert.equal((await waiting).code, 'ERR_VERIFIER_CLOSED');
});

test('ssrfSafe is for each step', async () => {
  const token = await mint(one);
  const verifier = alone({ ssrfSafe: true });
  assert.equal((await rejected(verifier.verify(token))).code, 'keys_unavailable');
  assert.match(verifier.stats().lastError, /ssrfSafe: the host has an address that is not public/u);
  assert.deepEqual(await pathsOf(one), []);
  const { isPublicAddress } = native;
  native.isPublicAddress = (address) => address === '127.0.0.1';
  try {
    await one.do('metadata?name=jwks_uri_private'); // 127.0.0.2
    const halfway = alone({ ssrfSafe: true });
    assert.equal((await rejected(halfway.verify(token))).code, 'keys_unavailable');
    assert.match(halfway.stats().lastError, /ssrfSafe: the host has an address that is not public/u);
    assert.deepEqual(await pathsOf(one), [OPENID]);
    await one.do('metadata');
    const allowed = alone({ ssrfSafe: true });
    assert.ok(await allowed.verify(token));
  } finally {
    native.isPublicAddress = isPublicAddress;
  }
});

test('headers go along, but to no other host than the identifier names', async () => {
  const headers = { 'X-Api-Key': 'secret value', accept: 'application/json' };
  const lastHeaders = async () => {
    const { last_headers: sent } = await one.do('state');
    return Object.fromEntries(Object.entries(sent).map(([name, value]) => [name.toLowerCase(), value]));
  };
  const verifier = alone({ headers });
  await verifier.verify(await mint(one));
  const sent = await lastHeaders();
  assert.deepEqual([sent['x-api-key'], sent.accept], ['secret value', 'application/json']);
  const direct = new Verifier({ jwksUri: one.jwksUri, algorithms: 'ES256', audience: AUDIENCE, headers });
  await direct.verify(await mint(one));
  assert.equal((await lastHeaders())['x-api-key'], 'secret value');
  await one.do('metadata?name=jwks_uri_other_host');
  const elsewhere = alone({ headers });
  assert.ok(await elsewhere.verify(await mint(one)));
  assert.equal((await lastHeaders())['x-api-key'], undefined);
});

test("JWKSServer is found by its identifier, and the warning names the key set's place", async () => {
  const server = await JWKSServer.start({ key: PAIR });
  const seen = [];
  const note = ({ message }) => seen.push(message);
  process.on('warning', note);
  try {
    const verifier = new Verifier({ issuer: server.issuer, audience: 'me' });
    server.fail(500);
    await rejected(verifier.refresh());
    server.recover();
    await verifier.refresh();
    assert.ok(verifier.verifySync(server.mint({ audience: 'me' })));
    await sleep(1); // warnings are emitted in the next tick
    assert.match(seen[0], /^key set: fetch failed: .*500/u);
    assert.ok(seen[1].startsWith(`key set ${server.jwksUri}: fetched again after 1 failed`), seen[1]);
  } finally {
    process.off('warning', note);
    await server.close();
  }
});

test('nothing keeps the process alive after a discovery', async () => {
  const token = await mint(one);
  const done = await nodeAsync(`
    const { Verifier } = require(${INDEX});
    const verifier = new Verifier({ issuer: '${one.issuer}', algorithms: 'ES256', audience: '${AUDIENCE}', fetchTimeout: 3000 });
    verifier.verify('${token}').then((access) => console.log(access.issuer));`);
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, `${one.issuer}\n`, '']);
});

// ---- two providers

test('each has its own keys, fetched when its tokens come', async () => {
  const verifier = both();
  assert.equal((await verifier.verify(await mint(one))).issuer, one.issuer);
  assert.equal(await two.requests(), 0);
  assert.equal((await verifier.verify(await mint(two))).issuer, two.issuer);
  assert.deepEqual([await one.requests(), await two.requests()], [2, 2]);
  const crossed = await mint(two, { iss: one.issuer });
  assert.equal((await rejected(verifier.verify(crossed))).code, 'algorithm_not_allowed');
  const stranger = await mint(one, { iss: 'https://elsewhere.example' });
  const error = await rejected(verifier.verify(stranger));
  assert.deepEqual([error.code, error.issuer], ['issuer_mismatch', undefined]);
  assert.deepEqual([await one.requests(), await two.requests()], [2, 2]);
  assert.deepEqual(
    verifier.keys().map(({ issuer, kty }) => [issuer, kty]),
    [
      [one.issuer, 'EC'],
      [two.issuer, 'RSA'],
    ],
  );
  assert.deepEqual(
    verifier.stats().issuers.map(({ issuer, verified, fetches }) => [issuer, verified, fetches]),
    [
      [one.issuer, 1, 1],
      [two.issuer, 1, 1],
    ],
  );
});

test("the outage of one is not the other's, and refresh names it", async () => {
  const verifier = both();
  await two.fault('hang');
  const [mine, theirs] = [await mint(one), await mint(two)];
  let isDone = false;
  const waiting = rejected(verifier.verify(theirs)).then((error) => {
    isDone = true;
    return error;
  });
  for (let i = 0; i < 20; i++) {
    assert.equal((await verifier.verify(mine)).issuer, one.issuer);
  }
  assert.equal(isDone, false);
  const { code, issuer, status } = await waiting;
  assert.deepEqual([code, issuer, status], ['keys_unavailable', two.issuer, 503]);
  await two.fault('server_error');
  const error = await rejected(verifier.refresh());
  assert.ok(error instanceof BearerError && error.cause instanceof AggregateError);
  assert.deepEqual([error.code, error.status, error.cause.errors.length], ['keys_unavailable', 503, 1]);
  assert.match(error.message, /^the keys of 1 of 2 issuers could not be fetched: /u);
  assert.ok(error.message.includes(two.issuer) && !error.message.includes(one.issuer) && error.retryAfter > 0);
  const [first, second] = verifier.stats().issuers;
  assert.deepEqual([first.keysHeld, first.lastError, second.keysHeld], [true, undefined, false]);
  assert.match(second.lastError, /500/u);
  await two.fault();
  await verifier.refresh();
  assert.ok(verifier.verifySync(theirs));
  assert.equal(verifier.stats().lastError, undefined);
});

test('refresh fetches all at the same time', async () => {
  let atOnce = 0;
  let most = 0;
  const fetch = async (...given) => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await sleep(50);
    atOnce -= 1;
    return globalThis.fetch(...given);
  };
  await both({ fetch }).refresh();
  assert.equal(most, 2);
});

test('refresh of many makes sixteen fetches at a time', async () => {
  let atOnce = 0;
  let most = 0;
  const fetch = async () => {
    atOnce += 1;
    most = Math.max(most, atOnce);
    await sleep(5);
    atOnce -= 1;
    return new Response('', { status: 500 });
  };
  const issuers = Array.from({ length: 40 }, (_, i) => ({
    issuer: `https://issuer-${i}.example`,
    jwksUri: `https://issuer-${i}.example/keys`,
    fetch,
  }));
  const verifier = new Verifier({ issuers, audience: 'me' });
  await assert.rejects(verifier.refresh(), { code: 'keys_unavailable' });
  assert.equal(most, 16);
  assert.equal(verifier.stats().fetches, 40);
});

test('a rotation at one asks only there', async () => {
  const verifier = both();
  await verifier.refresh();
  await two.do('forget');
  const { kid } = await one.do('rotate');
  const [fresh, theirs] = [await mint(one, { kid }), await mint(two)];
  assert.ok(await verifier.verify(fresh));
  assert.ok(await verifier.verify(theirs));
  assert.equal(await two.requests(), 0);
  assert.deepEqual(
    verifier.stats().issuers.map(({ generation }) => generation),
    [2, 1],
  );
});

/* The monotonic clock cannot be moved from here, so the core's word that a refresh is due is put into its mouth. */
test('a refresh that is due is of the issuer whose token was seen', async () => {
  const verifier = both();
  await verifier.refresh();
  const token = await mint(two);
  const { refreshBegin, verify } = native;
  const begun = [];
  native.refreshBegin = (handle, issuer, reason, request) => {
    begun.push([issuer, reason]);
    return refreshBegin(handle, issuer, native.constants.REFRESH_EXPLICIT, request);
  };
  native.verify = (...parameters) => {
    const answer = verify(...parameters);
    native.signals[native.constants.DUE] = 1;
    return answer;
  };
  try {
    verifier.verifySync(token);
    verifier.verifySync(token);
  } finally {
    Object.assign(native, { refreshBegin, verify });
  }
  assert.deepEqual(begun, [[2, native.constants.REFRESH_AHEAD]]);
  await until(() => verifier.stats().issuers[1].fetches === 2);
  assert.equal(verifier.stats().issuers[0].fetches, 1);
});

test('verifySync starts the fetch of the issuer that is asked for', async () => {
  const verifier = both();
  const token = await mint(two);
  const error = thrown(() => verifier.verifySync(token));
  assert.deepEqual([error.code, error.issuer], ['keys_unavailable', two.issuer]);
  await until(() => verifier.stats().issuers[1].keysHeld);
  assert.equal(verifier.verifySync(token).issuer, two.issuer);
  assert.equal(await one.requests(), 0);
});

test('refresh is refused where nothing is fetched', async () => {
  const verifier = new Verifier({ secret: 'x'.repeat(32), audience: 'a' });
  assert.match((await rejected(verifier.refresh())).message, /no issuer of this verifier has keys to fetch/u);
});
