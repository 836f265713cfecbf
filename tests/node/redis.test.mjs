/* RedisStore on a real redis-server, which is killed and paused: what a fleet shares, and what is known without it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, test } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import util from 'node:util';

import { Redis as IoRedis6 } from 'ioredis';
import { Redis as IoRedis5 } from 'ioredis5';
import { createClient as createClient6 } from 'redis';
import { createClient as createClient4 } from 'redis4';
import { createClient as createClient5 } from 'redis5';

import { ConfigurationError, KeyPair, Verifier } from '../../node/index.cjs';
import { RedisStore } from '../../node/redis.cjs';
import { StoredKeys } from '../../node/stores.cjs';
import { JWKSServer } from '../../node/testing.cjs';
import { rejected, thrown, until } from './support/case.mjs';
import { certificateOf } from './support/certificate.mjs';
import { pythonPath, ROOT } from './support/idp.mjs';
import { RedisServer } from './support/redis.mjs';
import { noteSkip } from './support/skips.mjs';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
if (!hasRedis) {
  noteSkip('RedisStore of Node: there is no redis-server');
}
const SKIP = !hasRedis && 'there is no redis-server';

const PAIR = KeyPair.generateSync('ES256');
const OPTIONS = { publicKey: PAIR.publicKey, algorithms: 'ES256', audience: 'a' };
const SOURCE = 's'.repeat(43);
const ISSUER = 'https://issuer.example';
const HERE = 'https://api.example/mcp';
const KEYS = new StoredKeys({ document: '{"ü":1}\n\0', etag: 'etag', fetchedAt: 1, freshUntil: 2 });

const seconds = () => Date.now() / 1000;
const quiet = (client) => client.on('error', () => {});
const nodeRedis = (createClient) => ({
  open: (url, tls) => {
    const client = quiet(createClient({ url, socket: tls === undefined ? {} : { tls: true, ...tls } }));
    void client.connect().catch(() => {});
    return client;
  },
  end: (client) => (client.destroy ? client.destroy() : client.disconnect().catch(() => {})),
});
const ioRedis = (Redis) => ({
  open: (url, tls) => quiet(new Redis(url, { tls, maxRetriesPerRequest: null })),
  end: (client) => client.disconnect(),
});
const CLIENTS = {
  'redis 6': nodeRedis(createClient6),
  'ioredis 6': ioRedis(IoRedis6),
  'redis 5': nodeRedis(createClient5),
  'redis 4': nodeRedis(createClient4),
  'ioredis 5': ioRedis(IoRedis5),
};
const TWO = ['redis 6', 'ioredis 6'];

let shared;
before(async () => {
  shared = hasRedis ? await RedisServer.start() : undefined;
});
after(() => shared?.close());

let prefixes = 0;
/*
 * A test with stores, which are closed at its end: make(options) is a store of the shared server, or of one that the
 * test may kill.
 */
function scene(name, kind, body, isOwn = false) {
  test(`${name} (${kind})`, { skip: SKIP }, async () => {
    const server = isOwn ? await RedisServer.start() : shared;
    const prefix = `p${++prefixes}:`;
    const made = [];
    const warnings = [];
    const note = (warning) => warnings.push(warning.message);
    process.on('warning', note);
    const open = (url = server.url, tls = undefined) => {
      made.push(() => CLIENTS[kind].end(client));
      const client = CLIENTS[kind].open(url, tls);
      return client;
    };
    const make = (options = {}) => {
      const store = new RedisStore(open(), { prefix, ...options });
      made.push(() => store.close());
      return store;
    };
    try {
      await body({ server, make, open, prefix, warnings, command: (...parts) => send(open(), parts) });
    } finally {
      process.off('warning', note);
      made.reverse().forEach((close) => close());
      if (isOwn) {
        await server.close();
      }
    }
  });
}

/* One command of a test's own. */
async function send(client, parts) {
  await until(() => client.isReady ?? client.status === 'ready');
  return client.call === undefined ? client.sendCommand(parts) : client.call(...parts);
}

const mint = (claims = {}) =>
  PAIR.createToken({ subject: 'alice', issuer: ISSUER, audience: 'a', additionalClaims: { jti: '1', ...claims } });
const guarded = (store, options = {}) => new Verifier({ ...OPTIONS, isRevoked: store.isRevoked, ...options });
const outcome = (verifier, token) =>
  verifier.verify(token).then(
    () => 'ok',
    (error) => error.code,
  );

/* A client with a DPoP key, and the requests that it sends. */
function dpopClient() {
  const key = KeyPair.generateSync('ES256');
  const token = mint({ jti: 'bound', cnf: { jkt: key.thumbprint() } });
  return {
    request: () => ({
      method: 'POST',
      url: HERE,
      headers: { authorization: `DPoP ${token}`, dpop: key.dpopProof('POST', HERE, { accessToken: token }) },
    }),
  };
}

const requested = (verifier, request) =>
  verifier.verifyRequest(request).then(
    () => 'ok',
    (error) => error.code,
  );

// ---- with every client

for (const kind of Object.keys(CLIENTS)) {
  scene('load, save, claim', kind, async ({ make }) => {
    const [one, other] = [make(), make()];
    assert.equal(await one.load(SOURCE), undefined);
    await one.save(SOURCE, KEYS);
    assert.deepEqual(await other.load(SOURCE), KEYS);
    assert.deepEqual(
      [await one.claim(SOURCE, 60), await one.claim(SOURCE, 60), await other.claim(SOURCE, 60)],
      [true, true, false],
    );
    await other.release(SOURCE); // it is not its own
    assert.equal(await other.claim(SOURCE, 60), false);
    await one.release(SOURCE);
    assert.equal(await other.claim(SOURCE, 0.2), true);
    await until(() => one.claim(SOURCE, 60)); // the claim of a server that has died ends by itself
  });

  scene('a proof is good once in the fleet, and forgotten when it is too old', kind, async ({ make }) => {
    const [one, other] = [make(), make()].map((replayStore) => new Verifier({ ...OPTIONS, dpop: { replayStore } }));
    const client = dpopClient();
    const request = client.request();
    assert.equal(await requested(one, request), 'ok');
    assert.equal(await requested(one, request), 'proof_replayed');
    assert.equal(await requested(other, request), 'proof_replayed');
    assert.equal(await requested(other, client.request()), 'ok');
    const store = make();
    assert.deepEqual([await store.add('k', seconds() + 0.2), await store.add('k', seconds() + 0.2)], [true, false]);
    await until(() => store.add('k', seconds() + 60));
  });

  scene('one token and a subject, everywhere, cached or not', kind, async ({ make }) => {
    const [admin, member] = [make(), make()];
    const verifier = guarded(member);
    const [token, other] = [mint(), mint({ jti: '2' })];
    assert.deepEqual([await outcome(verifier, token), await outcome(verifier, other)], ['ok', 'ok']);
    await admin.revoke(ISSUER, '1');
    await until(async () => (await outcome(verifier, token)) === 'token_revoked');
    assert.equal(thrown(() => verifier.verifySync(token)).code, 'token_revoked');
    assert.deepEqual(
      [await outcome(verifier, other), await outcome(verifier, mint({ iss: 'https://other.example' }))],
      ['ok', 'ok'],
    );
    const now = Math.floor(seconds());
    await admin.revokeSubject(ISSUER, 'alice', { before: now - 10 });
    await until(async () => (await outcome(verifier, mint({ jti: '3', iat: now - 10 }))) === 'token_revoked');
    assert.equal(await outcome(verifier, mint({ jti: '3', iat: now - 5 })), 'ok');
    await admin.revokeSubject(ISSUER, 'alice', { before: now - 100 }); // an earlier moment takes nothing back
    await member.revokeSubject(ISSUER, 'alice');
    assert.equal(await outcome(verifier, mint({ jti: '3', iat: now - 5 })), 'token_revoked');
    assert.equal(await outcome(verifier, mint({ jti: '3', sub: 'bob' })), 'ok');
  });

  scene('a process that starts later knows all', kind, async ({ make }) => {
    const admin = make();
    await Promise.all(Array.from({ length: 1500 }, (_, i) => admin.revoke(ISSUER, `old-${i}`)));
    await admin.revokeSubject(ISSUER, 'carol');
    const verifier = guarded(make());
    for (const number of [0, 999, 1000, 1499]) {
      assert.equal(await outcome(verifier, mint({ jti: `old-${number}` })), 'token_revoked');
    }
    assert.equal(await outcome(verifier, mint({ sub: 'carol', iat: Math.floor(seconds()) - 5 })), 'token_revoked');
    assert.equal(await outcome(verifier, mint()), 'ok');
  });

  scene(
    'killed, and back',
    kind,
    async ({ server, make, warnings }) => {
      const store = make({ maxSilence: 1, timeout: 0.5 });
      const verifier = guarded(store);
      const [token, gone] = [mint(), mint({ jti: 'gone' })];
      assert.equal(await outcome(verifier, token), 'ok');
      assert.equal(verifier.health().status, 'ready');
      await store.revoke(ISSUER, 'gone');
      await server.kill();
      const killed = performance.now();
      const seen = new Set();
      while (performance.now() - killed < 2000) {
        assert.match(await outcome(verifier, gone), /^(?:token_revoked|status_unavailable)$/u);
        const late = performance.now() - killed > 1050;
        seen.add(`${await outcome(verifier, token)} ${late ? 'late' : 'early'}`);
        await sleep(10);
      }
      assert.ok(seen.has('ok early') && seen.has('status_unavailable late') && !seen.has('ok late'), [...seen].join());
      assert.notEqual(verifier.health().status, 'ready');
      await server.start();
      await until(async () => (await outcome(verifier, token)) === 'ok');
      assert.equal(await outcome(verifier, gone), 'token_revoked'); // the server came back without it
      const lines = warnings.filter((line) => line.startsWith('revocations:'));
      assert.equal(lines.length, 2, lines.join());
      assert.match(lines[0], /is away \([^()]+\); what is known is used for 1 s/u);
      assert.match(lines[1], /is back/u);
    },
    true,
  );
}

// ---- key sets

for (const kind of TWO) {
  scene('key sets of a fleet: one fetch, and the others need no provider', kind, async ({ make }) => {
    const provider = await JWKSServer.start({ key: PAIR });
    const { jwksUri, issuer } = provider;
    const one = () => new Verifier({ jwksUri, issuer, algorithms: 'ES256', audience: 'a', keyStore: make() });
    try {
      const fleet = Array.from({ length: 5 }, one);
      provider.hang();
      const token = provider.mint({ audience: 'a' });
      const verified = fleet.map((verifier) => verifier.verify(token));
      await sleep(500);
      provider.recover();
      await Promise.all(verified);
      assert.equal(provider.hits, 1);
      assert.deepEqual(fleet.map((verifier) => `${verifier.stats().fetches} ${verifier.stats().imports}`).sort(), [
        '0 1',
        '0 1',
        '0 1',
        '0 1',
        '1 0',
      ]);
      provider.fail();
      assert.ok(await one().verify(token));
    } finally {
      await provider.close();
    }
  });

  for (const trouble of ['kill', 'pause']) {
    scene(
      `key sets without Redis are fetched as without a store (${trouble})`,
      kind,
      async ({ server, make, warnings }) => {
        const provider = await JWKSServer.start({ key: PAIR });
        try {
          const keyStore = make({ timeout: 0.5 });
          await keyStore.load(SOURCE);
          await server[trouble]();
          const verifier = new Verifier({ jwksUri: provider.jwksUri, algorithms: 'ES256', audience: 'a', keyStore });
          assert.ok(await verifier.verify(provider.mint({ audience: 'a' })));
          await until(() => warnings.some((line) => line.startsWith('key store: load failed: ')));
        } finally {
          await provider.close();
        }
      },
      true,
    );
  }

  // ---- proofs

  scene(
    'proofs without Redis are refused, in bounded time and memory',
    kind,
    async ({ server, make }) => {
      const verifier = new Verifier({ ...OPTIONS, dpop: { replayStore: make({ timeout: 0.3 }) } });
      const client = dpopClient();
      assert.equal(await requested(verifier, client.request()), 'ok');
      server.pause();
      const begun = performance.now();
      const all = await Promise.all(Array.from({ length: 1500 }, () => requested(verifier, client.request())));
      assert.deepEqual(new Set(all), new Set(['status_unavailable']));
      assert.equal(await requested(verifier, client.request()), 'status_unavailable'); // at once: 1000 are waiting
      assert.ok(performance.now() - begun < 10_000);
      server.resume();
      await until(async () => (await requested(verifier, client.request())) === 'ok');
      await server.kill();
      assert.equal(await requested(verifier, client.request()), 'status_unavailable');
      await server.start();
      await until(async () => (await requested(verifier, client.request())) === 'ok');
    },
    true,
  );

  // ---- revocations

  scene('what runs out while all are read hides none of the others', kind, async ({ make, open, prefix, command }) => {
    const admin = make();
    const ids = Array.from({ length: 1200 }, (_, i) => `id-${i}`);
    await Promise.all(ids.map((id, i) => admin.revoke(ISSUER, id, { expiresAt: seconds() + (i < 600 ? 100 : 1000) })));
    const client = open();
    const duplicate = client.duplicate.bind(client);
    const pages = [];
    client.duplicate = () => {
      const twin = duplicate();
      const method = twin.call === undefined ? 'sendCommand' : 'call';
      const sent = twin[method].bind(twin);
      twin[method] = async (...parts) => {
        const reply = await sent(...parts);
        if (String(parts.flat()[0]).endsWith('RANGEBYSCORE')) {
          pages.push(reply.length);
          // As revoke does with those that have run out, between two pages.
          await command('ZREMRANGEBYRANK', `${prefix}revoked`, '0', '399');
        }
        return reply;
      };
      return twin;
    };
    const store = new RedisStore(client, { prefix });
    const verifier = guarded(store);
    for (const id of ids.slice(600)) {
      assert.equal(await outcome(verifier, mint({ jti: id })), 'token_revoked');
    }
    assert.ok(pages.length > 1);
    store.close();
  });

  scene('a revocation ends, and leaves Redis with the next one', kind, async ({ make, prefix, command }) => {
    const store = make();
    const verifier = guarded(store);
    assert.equal(await outcome(verifier, mint()), 'ok');
    await store.revoke(ISSUER, '1', { expiresAt: seconds() + 0.5 });
    assert.equal(await outcome(verifier, mint()), 'token_revoked');
    await until(async () => (await outcome(verifier, mint())) === 'ok');
    await sleep(5); // Redis compares with a clock of whole milliseconds
    await store.revoke(ISSUER, '2');
    assert.equal(Number(await command('ZCARD', `${prefix}revoked`)), 1);
    assert.equal(Number(await command('HLEN', `${prefix}revoked-before`)), 1);
  });

  scene('names are not mixed up, and what is none is refused', kind, async ({ make }) => {
    const store = make();
    const verifier = guarded(store);
    const odd = 'a"b,\\ü\n😀\u007f';
    assert.equal(await outcome(verifier, mint({ jti: odd })), 'ok');
    await store.revoke(null, odd);
    assert.equal(await outcome(verifier, mint({ jti: odd })), 'ok'); // it has an iss
    const nobodys = PAIR.createToken({ issuer: null, audience: 'a', additionalClaims: { jti: odd } });
    assert.equal(await outcome(verifier, nobodys), 'token_revoked');
    await store.revoke(ISSUER, odd);
    assert.equal(await outcome(verifier, mint({ jti: odd })), 'token_revoked');
    for (const [issuer, jti] of [
      [5, 'x'],
      [ISSUER, ''],
      [ISSUER, undefined],
      [ISSUER, 7],
    ]) {
      assert.match((await rejected(store.revoke(issuer, jti))).message, /^issuer must be a string or null, and jti/u);
      assert.match((await rejected(store.revokeSubject(issuer, jti))).message, /and sub a string/u);
    }
    assert.match((await rejected(store.revoke(ISSUER, 'x', { expiresAt: NaN }))).message, /^expiresAt must be/u);
    assert.match((await rejected(store.revokeSubject(ISSUER, 'x', { before: '5' }))).message, /^before must be/u);
    assert.match((await rejected(store.revoke(ISSUER, 'x', { before: 5 }))).message, /no member 'before'/u);
  });

  scene('more than there is room for: none is forgotten, and nothing is accepted', kind, async ({ make, warnings }) => {
    const admin = make();
    for (let i = 0; i < 8; i++) {
      await admin.revoke(ISSUER, String(i));
    }
    const verifier = guarded(make({ maxRevocations: 5 }));
    assert.equal(await outcome(verifier, mint({ jti: 'no' })), 'status_unavailable');
    await until(() => warnings.includes('there are more revocations than maxRevocations: requests get 503'));
    const { status, problems } = verifier.health();
    assert.match(`${status} ${problems}`, /^(?!ready).*there are more than maxRevocations/u);
  });

  scene('what was missed is read again', kind, async ({ make, prefix, command }) => {
    const [admin, member] = [make(), make()];
    const verifier = guarded(member);
    assert.equal(await outcome(verifier, mint()), 'ok');
    await command('ZADD', `${prefix}revoked`, String(seconds() + 60), `["jti", "${ISSUER}", "1"]`);
    await command('INCR', `${prefix}revoked-count`); // as one that was trimmed away
    await admin.revoke(ISSUER, 'another');
    await until(async () => (await outcome(verifier, mint())) === 'token_revoked');
  });

  scene(
    'paused: a server that accepts connections and says nothing is away, too',
    kind,
    async ({ server, make }) => {
      const verifier = guarded(make({ maxSilence: 1, timeout: 0.5 }));
      assert.equal(await outcome(verifier, mint()), 'ok');
      server.pause();
      const paused = performance.now();
      await until(async () => (await outcome(verifier, mint())) === 'status_unavailable');
      assert.ok(performance.now() - paused < 3000);
      server.resume();
      await until(async () => (await outcome(verifier, mint())) === 'ok');
    },
    true,
  );

  scene(
    'with a large maxSilence no good request is lost, and what was revoked before stays revoked',
    kind,
    async ({ server, make }) => {
      const store = make({ maxSilence: 60, timeout: 0.5 });
      const verifier = guarded(store);
      assert.equal(await outcome(verifier, mint()), 'ok');
      await store.revoke(ISSUER, 'gone');
      await server.kill();
      for (const end = performance.now() + 2000; performance.now() < end; await sleep(10)) {
        assert.deepEqual(
          [await outcome(verifier, mint()), await outcome(verifier, mint({ jti: 'gone' }))],
          ['ok', 'token_revoked'],
        );
      }
      assert.ok((await rejected(store.revoke(ISSUER, '1'))) instanceof Error); // who revokes is told that nobody knows
      assert.equal(await outcome(verifier, mint()), 'ok');
    },
    true,
  );

  scene(
    'a start without Redis: whatever maxSilence, nothing is known yet',
    kind,
    async ({ server, make }) => {
      await server.kill();
      const verifier = guarded(make({ maxSilence: 1, timeout: 0.3 }));
      assert.equal(thrown(() => verifier.verifySync(mint())).code, 'status_unavailable');
      assert.equal(await outcome(verifier, mint()), 'status_unavailable');
      await server.start();
      await until(async () => (await outcome(verifier, mint())) === 'ok');
      assert.ok(verifier.verifySync(mint()));
    },
    true,
  );

  scene('a store that is closed says nothing is known', kind, async ({ make }) => {
    const [used, unused] = [make({ maxSilence: 1 }), make({ maxSilence: 1 })];
    assert.equal(await outcome(guarded(used), mint()), 'ok');
    used.close();
    unused.close();
    assert.equal(await outcome(guarded(used), mint()), 'status_unavailable');
    assert.equal(await outcome(guarded(unused), mint()), 'status_unavailable');
  });

  scene(
    'under load: no revoked token is accepted beyond maxSilence, no good one is lost but while Redis is away',
    kind,
    async ({ server, make }) => {
      const silence = 1000;
      const verifiers = Array.from({ length: 3 }, () => guarded(make({ maxSilence: silence / 1000, timeout: 0.5 })));
      const admin = make({ timeout: 0.5 });
      const tokens = Array.from({ length: 60 }, (_, i) => mint({ jti: String(i) }));
      const revokedAt = new Map();
      const wrong = [];
      let [isAway, isOver, lost, served] = [false, false, 0, 0];

      async function work(verifier) {
        for (let number = 7; !isOver; number = (number + 7) % 60, await sleep(1)) {
          const [begun, wasAway] = [performance.now(), isAway];
          const known = revokedAt.get(number);
          const found = await outcome(verifier, tokens[number]);
          if (found === 'ok') {
            served += 1;
            if (known !== undefined && begun - known > silence + 200) {
              wrong.push(`${number} accepted ${begun - known} ms after it was revoked`);
            }
          } else if (found === 'status_unavailable') {
            lost += 1;
            if (!wasAway && !isAway) {
              wrong.push('refused while Redis was there');
            }
          } else if (found !== 'token_revoked' || number >= 30) {
            wrong.push(`${number}: ${found}`);
          }
        }
      }

      const isServed = async () =>
        (await Promise.all(verifiers.map((verifier) => outcome(verifier, tokens[59])))).every(
          (found) => found === 'ok',
        );
      assert.ok(await isServed());
      const workers = [...verifiers, ...verifiers].map(work);
      for (let number = 0; number < 30; number++) {
        if (number === 10 || number === 20) {
          isAway = true;
          await (number === 10 ? server.pause() : server.kill());
          await sleep(1500);
          await (number === 10 ? server.resume() : server.start());
          await until(isServed);
          await until(() =>
            admin.load('none').then(
              () => true,
              () => false,
            ),
          );
          isAway = false;
        }
        await admin.revoke(ISSUER, String(number));
        revokedAt.set(number, performance.now());
        await sleep(20);
      }
      await sleep(silence + 300);
      isOver = true;
      await Promise.all(workers);
      assert.deepEqual(wrong, []);
      assert.ok(lost > 0 && served > 100, `${lost} lost, ${served} served`);
      for (const verifier of verifiers) {
        for (let number = 0; number < 30; number++) {
          assert.equal(await outcome(verifier, tokens[number]), 'token_revoked');
        }
      }
    },
    true,
  );

  scene('a look-up asks nobody', kind, async ({ make, command }) => {
    const store = make();
    const access = await new Verifier(OPTIONS).verify(mint());
    assert.equal(await store.isRevoked(access), false);
    const count = async () => Number(/total_commands_processed:(\d+)/u.exec(await command('INFO', 'stats'))[1]);
    const before = await count();
    for (let i = 0; i < 5000; i++) {
      assert.equal(store.isRevoked(access), false);
    }
    assert.ok((await count()) - before < 100);
  });

  // ---- how it is reached

  test(`TLS and passwords (${kind})`, { skip: SKIP }, async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-redis-tls-'));
    const { pem, key } = certificateOf('redis');
    const files = { cert: path.join(folder, 'cert.pem'), key: path.join(folder, 'key.pem') };
    writeFileSync(files.cert, pem);
    writeFileSync(files.key, key);
    const server = await RedisServer.start({ ...files, ca: files.cert });
    const { open, end } = CLIENTS[kind];
    try {
      for (const [url, tls, isGood] of [
        [server.url, { ca: pem }, true],
        [server.url, {}, false], // an authority that nobody knows
        [server.urlWith('passport'), { ca: pem }, false],
      ]) {
        const client = open(url, tls);
        const store = new RedisStore(client, { timeout: 1 });
        const verifier = guarded(store);
        if (isGood) {
          await store.save(SOURCE, KEYS);
          assert.deepEqual(await store.load(SOURCE), KEYS);
          assert.equal(await outcome(verifier, mint()), 'ok');
        } else {
          assert.ok((await rejected(store.load(SOURCE))) instanceof Error);
          assert.equal(await outcome(verifier, mint()), 'status_unavailable');
        }
        store.close();
        end(client);
      }
    } finally {
      await server.close();
      rmSync(folder, { recursive: true });
    }
  });

  scene('a process ends when its store and its client are closed', kind, async ({ server }) => {
    const program = `
      const { RedisStore } = require(${JSON.stringify(path.join(ROOT, 'node/redis.cjs'))});
      const isIo = ${kind.startsWith('io')};
      const client = isIo ? new (require('ioredis').Redis)(process.env.URL) : require('redis').createClient({ url: process.env.URL });
      if (!isIo) client.connect();
      const store = new RedisStore(client);
      Promise.resolve(store.isRevoked({ issuer: 'i', claims: {} })).then((found) => {
        console.log(found);
        store.close();
        isIo ? client.disconnect() : client.destroy();
      });`;
    const child = spawn(process.execPath, ['-e', program], {
      cwd: ROOT,
      env: { ...process.env, URL: server.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed, [status]] = await Promise.all([child.stdout.toArray(), once(child, 'exit')]);
    assert.deepEqual([Buffer.concat(printed).toString(), status], ['false\n', 0]);
  });

  // ---- with servers of the Python package

  scene('a fleet of Node and Python on one Redis', kind, async ({ server, make, prefix, command }) => {
    const peer = await PythonServer.start(server.url, prefix);
    const provider = await JWKSServer.start({ key: PAIR });
    try {
      await peer.do('make', PAIR.publicKey);
      const store = make();
      const verifier = guarded(store, { dpop: { replayStore: store } });
      const theirs = (token) => peer.do('verify', 'fixed', token);
      const both = async (token) => `${await outcome(verifier, token)} ${await theirs(token)}`;
      assert.equal(await both(mint()), 'ok ok');

      const odd = 'ä"😀\n';
      for (const [revoke, token] of [
        [() => store.revoke(ISSUER, '1'), mint()],
        [() => peer.do('revoke', ISSUER, odd), mint({ jti: odd })],
        [
          () => store.revoke(null, odd),
          PAIR.createToken({ issuer: null, audience: 'a', additionalClaims: { jti: odd } }),
        ],
        [() => store.revokeSubject(ISSUER, 'bob'), mint({ jti: '2', sub: 'bob', iat: Math.floor(seconds()) - 5 })],
        [
          () => peer.do('revoke_subject', ISSUER, 'eve'),
          mint({ jti: '2', sub: 'eve', iat: Math.floor(seconds()) - 5 }),
        ],
      ]) {
        assert.equal(await both(token), 'ok ok');
        await revoke();
        await until(async () => (await both(token)) === 'token_revoked token_revoked');
      }
      const late = guarded(make());
      assert.equal(await outcome(late, mint({ jti: odd })), 'token_revoked');
      assert.equal(await both(mint({ jti: '2' })), 'ok ok');
      await peer.do('revoke', ISSUER, 'twice');
      await store.revoke(ISSUER, 'twice'); // by the same member: it is one
      assert.equal(Number(await command('ZCARD', `${prefix}revoked`)), 6);

      const client = dpopClient();
      const [first, second] = [client.request(), client.request()];
      const parts = ({ method, url, headers }) => [method, url, headers];
      assert.equal(await requested(verifier, first), 'ok');
      assert.equal(await peer.do('request', ...parts(first)), 'proof_replayed');
      assert.equal(await peer.do('request', ...parts(second)), 'ok');
      assert.equal(await requested(verifier, second), 'proof_replayed');

      const { jwksUri, issuer } = provider;
      const token = provider.mint({ audience: 'a' });
      await peer.do('fetch', jwksUri, issuer);
      assert.equal(await peer.do('verify', 'fetching', token), 'ok');
      await until(() => peer.do('stored'));
      provider.fail();
      const fetching = new Verifier({ jwksUri, issuer, algorithms: 'ES256', audience: 'a', keyStore: store });
      assert.equal(await outcome(fetching, token), 'ok');
      assert.deepEqual([fetching.stats().fetches, fetching.stats().imports, provider.hits], [0, 1, 1]);
    } finally {
      await provider.close();
      await peer.stop();
    }
  });

  scene('what Node has fetched serves Python while the provider is down', kind, async ({ server, make, prefix }) => {
    const peer = await PythonServer.start(server.url, prefix);
    const provider = await JWKSServer.start({ key: PAIR });
    try {
      const { jwksUri, issuer } = provider;
      const token = provider.mint({ audience: 'a' });
      const store = make();
      const verifier = new Verifier({ jwksUri, issuer, algorithms: 'ES256', audience: 'a', keyStore: store });
      assert.equal(await outcome(verifier, token), 'ok');
      await until(async () => (await store.load(verifier.stats().issuers[0].source)) !== undefined);
      provider.fail();
      await peer.do('fetch', jwksUri, issuer);
      assert.equal(await peer.do('verify', 'fetching', token), 'ok');
      assert.deepEqual([await peer.do('fetches'), provider.hits], [0, 1]);
    } finally {
      await provider.close();
      await peer.stop();
    }
  });
}

/* A server of the Python package, which is told what to do. */
class PythonServer {
  #process;
  #lines;

  static async start(url, prefix) {
    const server = new PythonServer();
    const program = path.join(ROOT, 'tests/node/support/redis_peer.py');
    server.#process = spawn(pythonPath(), [program, url, prefix], {
      env: { ...process.env, PYTHONPATH: path.join(ROOT, 'python') },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    server.#lines = readline.createInterface({ input: server.#process.stdout })[Symbol.asyncIterator]();
    return server;
  }

  async do(...command) {
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#lines.next();
    assert.ok(!done, `it ended at ${command[0]}`);
    return JSON.parse(value);
  }

  async stop() {
    const ended = once(this.#process, 'exit');
    this.#process.stdin.end();
    await ended;
  }
}

test("the scripts that run in Redis are the Python package's", () => {
  const ours = readFileSync(path.join(ROOT, 'node/lib/redis-store.cjs'), 'utf8');
  const theirs = readFileSync(path.join(ROOT, 'python/fastbearer/stores/_redis.py'), 'utf8');
  const script = (text, pattern) => pattern.exec(text)[1];
  assert.equal(script(ours, /REVOKE = `(.*?)`/su), script(theirs, /_REVOKE = """(.*?)"""/su));
  assert.equal(script(ours, /RELEASE = "(.*?)";/u), script(theirs, /_RELEASE = "(.*?)"$/mu));
});

// ---- mistakes

const fake = { duplicate() {}, on() {}, sendCommand() {}, isReady: true };
for (const [what, client, options, message] of [
  ['no client', undefined, {}, /^client must be/u],
  ['a URL', 'redis://127.0.0.1', {}, /^client must be/u],
  ['another object', new Map(), {}, /^client must be/u],
  ['a cluster', { duplicate() {}, on() {}, call() {}, status: 'ready', isCluster: true }, {}, /^client must be/u],
  ['a pool', { duplicate() {}, on() {}, sendCommand() {} }, {}, /^client must be/u],
  ['no time', fake, { timeout: 0 }, /^timeout must be .* at least 0.01$/u],
  ['little silence', fake, { maxSilence: 0.5 }, /^maxSilence must be .* at least 1$/u],
  ['silence for ever', fake, { maxSilence: Infinity }, /^maxSilence must be a finite/u],
  ['a text', fake, { maxSilence: '1' }, /^maxSilence must be a number of seconds, not string$/u],
  ['no room', fake, { maxRevocations: 0 }, /^maxRevocations must be 1 to/u],
  ['too much room', fake, { maxRevocations: 2 ** 40 }, /^maxRevocations must be 1 to/u],
  ['half a revocation', fake, { maxRevocations: 1.5 }, /^maxRevocations must be a whole number/u],
  ['NaN', fake, { revocationSeconds: NaN }, /^revocationSeconds must be/u],
  ['a prefix', fake, { prefix: 5 }, /^prefix must be a string/u],
  ['a name', fake, { max_silence: 5 }, /^options has no member 'max_silence'; did you mean 'maxSilence'\?$/u],
]) {
  test(`refused: ${what}`, () => {
    const error = thrown(() => new RedisStore(client, options));
    assert.ok(error instanceof ConfigurationError, String(error));
    assert.match(error.message, message);
  });
}

test('what prints a store shows nothing of its client', () => {
  const client = createClient6({ url: 'redis://user:very-secret@127.0.0.1:1' });
  assert.equal(util.inspect(new RedisStore(client)), "RedisStore { prefix: 'fastbearer:' }");
});

for (const name of TWO) {
  /* The reply is there by then, but timers come before what has been received. */
  test(`a thread that was busy for longer than an answer may take is no outage, ${name}`, { skip: SKIP }, async (t) => {
    const client = CLIENTS[name].open(shared.url);
    t.after(() => CLIENTS[name].end(client));
    const store = new RedisStore(client, { prefix: `busy ${name}:`, timeout: 0.5 });
    await until(async () => (await store.load(SOURCE).catch(() => true)) === undefined);
    for (let i = 0; i < 2; i += 1) {
      shared.pause();
      const loading = store.load(SOURCE);
      await nextTurn();
      await nextTurn(); // npm redis writes in a turn of its own
      shared.resume();
      for (const end = performance.now() + 2000; performance.now() < end; ) {
        // busy
      }
      assert.equal(await loading, undefined);
    }
  });
}
