/* resolveIssuer: issuers that come and go, asked for once each, and what a resolver that fails costs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { KeyPair, Verifier } from '../../node/index.cjs';
import { JWKSServer } from '../../node/testing.cjs';
import { AUDIENCE, INDEX, node, nodeAsync, PAIR, rejected, thrown } from './support/case.mjs';

const tenant = (name) => `https://${name}.example`;
const EC = KeyPair.generateSync('ES256');
const OTHER = KeyPair.generateSync('ES256');
const of = (name, pair = EC, more = {}) =>
  pair.createToken({ issuer: tenant(name), audience: AUDIENCE, kid: 'k', ...more });
const issuerOf = (issuer, pair = EC) => ({ issuer, jwks: pair.jwks('k'), algorithms: 'ES256' });

/* A verifier whose resolver knows t1, t2, ..., and the identifiers that it was asked for. */
function resolving(answer = (iss) => (/^https:\/\/t\d+\.example$/u.test(iss) ? issuerOf(iss) : undefined), more = {}) {
  const asked = [];
  const resolveIssuer = (iss) => {
    asked.push(iss);
    return answer(iss);
  };
  return { verifier: new Verifier({ resolveIssuer, audience: AUDIENCE, ...more }), asked };
}

async function warningsDuring(body) {
  const seen = [];
  const note = ({ code, message }) => seen.push([code, message]);
  process.on('warning', note);
  try {
    await body();
    await sleep(1); // they are emitted in the next tick
  } finally {
    process.off('warning', note);
  }
  return seen;
}

for (const [name, answer] of [
  ['at once', undefined],
  ['later', async (iss) => (iss.startsWith('https://t') ? issuerOf(iss) : null)],
]) {
  test(`an issuer is asked for once, with a resolver that answers ${name}`, async () => {
    const { verifier, asked } = resolving(answer);
    const tokens = Array.from({ length: 20 }, () => of('t1'));
    const results = await Promise.all([...tokens, of('t2')].map((token) => verifier.verify(token)));
    assert.equal(results.at(-1).issuer, tenant('t2'));
    assert.deepEqual(asked, [tenant('t1'), tenant('t2')]);
    assert.equal(verifier.verifySync(of('t1')).issuer, tenant('t1'));
    assert.deepEqual(
      verifier.stats().issuers.map(({ issuer, added, verified }) => [issuer, added, verified]),
      [
        [tenant('t1'), true, 21],
        [tenant('t2'), true, 1],
      ],
    );
  });

  test(`one that there is not is remembered, with a resolver that answers ${name}`, async () => {
    const { verifier, asked } = resolving(answer);
    for (let i = 0; i < 5; i++) {
      const error = await rejected(verifier.verify(of('x')));
      assert.deepEqual([error.code, error.issuer], ['issuer_mismatch', undefined]);
    }
    assert.deepEqual([asked, verifier.stats().unknownIssuers], [[tenant('x')], 1]);
  });
}

test('the key of one tenant opens no other', async () => {
  const { verifier } = resolving((iss) => issuerOf(iss, iss === tenant('t1') ? EC : OTHER));
  await verifier.verify(of('t1'));
  await verifier.verify(of('t2', OTHER));
  const error = await rejected(verifier.verify(of('t2', EC)));
  assert.deepEqual([error.code, error.issuer], ['signature_invalid', tenant('t2')]);
});

test('verifySync: served by a resolver that answers at once, else refused until it has', async () => {
  assert.equal(resolving().verifier.verifySync(of('t1')).issuer, tenant('t1'));
  const { verifier, asked } = resolving(async (iss) => issuerOf(iss));
  const error = thrown(() => verifier.verifySync(of('t1')));
  assert.deepEqual([error.code, error.status], ['keys_unavailable', 503]);
  await sleep(1);
  assert.equal(verifier.verifySync(of('t1')).issuer, tenant('t1'));
  assert.deepEqual(asked, [tenant('t1')]);
});

test('configured issuers are not asked for, and stand beside the others', async () => {
  const { verifier, asked } = resolving(undefined, { issuers: [issuerOf(tenant('fixed'), OTHER)] });
  assert.equal((await verifier.verify(of('fixed', OTHER))).issuer, tenant('fixed'));
  assert.equal((await verifier.verify(of('t1'))).issuer, tenant('t1'));
  assert.deepEqual(asked, [tenant('t1')]);
  const flat = resolving(undefined, issuerOf(tenant('fixed'), OTHER));
  assert.equal((await flat.verifier.verify(of('fixed', OTHER))).issuer, tenant('fixed'));
  assert.equal((await flat.verifier.verify(of('t1'))).issuer, tenant('t1'));
  assert.deepEqual([flat.asked, flat.verifier.issuer], [[tenant('t1')], [tenant('fixed')]]);
});

const HOSTILE = tenant('secret-name');
const FAILS = [
  [
    'throws',
    (iss) => {
      throw new Error(`no row for ${iss}\n`);
    },
    /no row for <iss>/u,
  ],
  [
    'rejects',
    async (iss) => Promise.reject(new Error(`GET /tenants/${encodeURIComponent(iss)}`)),
    /GET \/tenants\/<iss>/u,
  ],
  ['throws nothing', () => Promise.reject(undefined), /undefined/u],
  [
    'throws a revoked Proxy',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      throw proxy;
    },
    /cannot be printed/u,
  ],
  ['a text', () => 'x', /resolveIssuer must be an object, not string/u],
  ['an unknown member', (iss) => ({ ...issuerOf(iss), jwkUri: 'x' }), /'jwkUri'; did you mean 'jwksUri'/u],
  ['another issuer', () => issuerOf(tenant('other')), /issuer/u],
  ['a template', (iss) => issuerOf(iss.replace('secret-name', '{tid}')), /issuer/u],
  ['no key that can be used', (iss) => ({ issuer: iss, jwks: { keys: [] } }), /jwks/u],
  [
    'a getter that throws',
    () => ({
      get issuer() {
        throw new Error('getter');
      },
    }),
    /getter/u,
  ],
];

for (const [name, answer, words] of FAILS) {
  test(`a resolver that fails (${name}) refuses that token only, and is said once`, async () => {
    let isBroken = true;
    const { verifier, asked } = resolving((iss) => (isBroken && iss === HOSTILE ? answer(iss) : issuerOf(iss)));
    const warned = await warningsDuring(async () => {
      for (let i = 0; i < 2; i++) {
        const error = await rejected(verifier.verify(of('secret-name')));
        assert.deepEqual(
          [error.code, error.status, error.oauthError],
          ['keys_unavailable', 503, 'temporarily_unavailable'],
        );
        assert.equal(thrown(() => verifier.verifySync(of('secret-name'))).code, 'keys_unavailable');
      }
      assert.ok(await verifier.verify(of('t1')));
    });
    assert.deepEqual(
      warned.map(([code]) => code),
      ['FASTBEARER_RESOLVER'],
    );
    assert.match(warned[0][1], words);
    assert.ok(!warned[0][1].includes('secret-name') && /^[ -~]*$/u.test(warned[0][1]));
    isBroken = false; // and it is asked again
    assert.equal((await verifier.verify(of('secret-name'))).issuer, HOSTILE);
    assert.ok(asked.length >= 3);
  });
}

test('a resolver that verifies tokens itself, of the same issuer too', async () => {
  let inner;
  const { verifier, asked } = resolving(async (iss) => {
    inner ??= verifier.verify(of('t1'));
    assert.equal(thrown(() => verifier.verifySync(of('t1'))).code, 'keys_unavailable');
    return issuerOf(iss);
  });
  assert.equal((await verifier.verify(of('t1'))).issuer, tenant('t1'));
  assert.equal((await inner).issuer, tenant('t1'));
  assert.deepEqual(asked, [tenant('t1')]);
});

test('keys of a resolved issuer are fetched, refreshed and told apart', async () => {
  const server = await JWKSServer.start({ key: PAIR });
  try {
    const fetched = [];
    const fetch = (url, init) => {
      fetched.push(url);
      return globalThis.fetch(url, init);
    };
    const { verifier } = resolving((iss) => (iss === server.issuer ? { issuer: iss, fetch } : undefined));
    const token = server.mint({ audience: AUDIENCE });
    const results = await Promise.all([verifier.verify(token), verifier.verify(token)]);
    assert.ok(results.every(({ issuer }) => issuer === server.issuer));
    assert.deepEqual(fetched, [`${server.issuer}/.well-known/openid-configuration`, server.jwksUri]);
    await verifier.refresh();
    assert.deepEqual([server.hits, verifier.keys()[0].issuer], [2, server.issuer]);
    assert.equal(thrown(() => verifier.verifySync(`${token}A`)).issuer, server.issuer);
  } finally {
    await server.close();
  }
});

test('at most maxIssuers are held, and what goes is forgotten here as well', async () => {
  const { verifier, asked } = resolving(undefined, { maxIssuers: 2 });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 8; i++) {
      assert.equal((await verifier.verify(of(`t${i}`))).issuer, tenant(`t${i}`));
      const error = await rejected(verifier.verify(of(`t${i}`, OTHER)));
      assert.deepEqual([error.code, error.issuer], ['signature_invalid', tenant(`t${i}`)]);
    }
  }
  const { issuers, issuerEvictions } = verifier.stats();
  assert.deepEqual([issuers.length, issuerEvictions, asked.length], [2, 14, 16]);
});

test('many unknown identifiers at once: at most 64 are asked for, and all tokens get a verdict', async () => {
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  const { verifier, asked } = resolving(() => held);
  const waiting = Array.from({ length: 200 }, (_, i) => rejected(verifier.verify(of(`many${i}`))));
  await sleep(5);
  assert.equal(asked.length, 64);
  release();
  const codes = (await Promise.all(waiting)).map(({ code }) => code);
  assert.equal(codes.filter((code) => code === 'issuer_mismatch').length, 64);
  assert.equal(codes.filter((code) => code === 'keys_unavailable').length, 136);
});

test('closing ends the wait, and what the resolver says then is of no interest', async () => {
  let answer;
  const { verifier } = resolving(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  const waiting = rejected(verifier.verify(of('t1')));
  const warned = await warningsDuring(async () => {
    verifier.close();
    assert.equal((await waiting).code, 'ERR_VERIFIER_CLOSED');
    answer(issuerOf(tenant('t1')));
  });
  assert.deepEqual(warned, []);
});

test('a verifier that is closed keeps no process alive', async () => {
  const begun = performance.now();
  const done = await nodeAsync(`
    const { Verifier } = require(${INDEX});
    const verifier = new Verifier({ audience: 'a', resolveIssuer: () => new Promise(() => {}) });
    verifier.verify('${of('t1')}').catch((error) => console.log(error.code));
    verifier.close();`);
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, 'ERR_VERIFIER_CLOSED\n', '']);
  assert.ok(performance.now() - begun < 9000);
});

test('a resolver that never answers keeps no process alive unless somebody waits, and then for its 10 seconds', async () => {
  const program = (call) => `
    const { Verifier } = require(${INDEX});
    const verifier = new Verifier({ audience: 'a', resolveIssuer: () => new Promise(() => {}) });
    ${call}`;
  const token = of('t1');
  const begun = performance.now();
  const done = node(program(`try { verifier.verifySync('${token}'); } catch (error) { console.log(error.code); }`));
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, 'keys_unavailable\n', '']);
  assert.ok(performance.now() - begun < 9000);
  const waited = await nodeAsync(program(`verifier.verify('${token}').catch((error) => console.log(error.code));`));
  assert.deepEqual([waited.status, waited.stdout], [0, 'keys_unavailable\n']);
  assert.match(waited.stderr, /resolveIssuer failed .*: no answer within 10 s/u);
});

test('a resolved issuer without an audience is warned of, once', async () => {
  const warned = await warningsDuring(async () => {
    const { verifier } = resolving(undefined, { audience: null });
    await verifier.verify(of('t1'));
    await verifier.verify(of('t2'));
  });
  assert.deepEqual(
    warned.map(([code]) => code),
    ['FASTBEARER_AUDIENCE'],
  );
  assert.ok(!warned[0][1].includes(tenant('t1')), 'an identifier that a token has brought');
});
