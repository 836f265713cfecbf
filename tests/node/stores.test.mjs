/* Key stores: a server that starts without its provider, many processes and one fetch, files that are not trusted. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, mock, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { ConfigurationError, KeyPair, Verifier } from '../../node/index.cjs';
import { AHEAD, StoredSet } from '../../node/lib/key-store.cjs';
import native from '../../node/lib/native.cjs';
import { FileKeyStore, StoredKeys } from '../../node/stores.cjs';
import { JWKSServer } from '../../node/testing.cjs';
import { INDEX, rejected, thrown, until } from './support/case.mjs';
import { pythonPath, ROOT } from './support/idp.mjs';

const PAIR = KeyPair.generateSync('ES256');
const SOURCE = 's'.repeat(43);
const KEYS = new StoredKeys({ document: '{}', fetchedAt: 1, freshUntil: 2 });
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'fastbearer-stores-'));
after(() => fs.rmSync(scratch, { recursive: true }));

let folders = 0;
const newFolder = () => path.join(scratch, String(++folders));
const seconds = () => Date.now() / 1000;

/* A store that keeps count. */
class MemoryStore {
  held = new Map();
  loads = 0;
  saves = 0;

  load(source) {
    this.loads += 1;
    return this.held.get(source);
  }

  save(source, keys) {
    this.saves += 1;
    this.held.set(source, keys);
  }
}

class AsyncStore extends MemoryStore {
  async load(source) {
    await sleep(1);
    return super.load(source);
  }

  async save(source, keys) {
    await sleep(1);
    super.save(source, keys);
  }
}

const STORES = {
  memory: () => new MemoryStore(),
  async: () => new AsyncStore(),
  file: () => new FileKeyStore(newFolder()),
};

function make(server, keyStore, options = {}) {
  const { jwksUri, issuer } = server;
  return new Verifier({
    jwksUri,
    issuer,
    algorithms: 'ES256',
    audience: 'a',
    keyStore,
    fetchTimeout: 5,
    ...options,
  });
}

const sourceOf = (verifier) => verifier.stats().issuers[0].source;
const mint = (server, options = {}) => server.mint({ audience: 'a', ...options });

/* A test with a key server of its own, and the warnings that it has led to. */
function scene(name, body) {
  test(name, async () => {
    const server = await JWKSServer.start({ key: PAIR });
    const warnings = [];
    const note = (warning) => warnings.push(warning.message);
    process.on('warning', note);
    try {
      await body(server, warnings);
    } finally {
      process.off('warning', note);
      await server.close();
    }
  });
}

// ---- any store

for (const [kind, makeStore] of Object.entries(STORES)) {
  scene(`a server that starts without its provider (${kind})`, async (server) => {
    const store = makeStore();
    const first = make(server, store);
    const token = mint(server);
    await first.verify(token);
    await until(async () => (await store.load(sourceOf(first))) !== undefined);
    server.fail();
    const second = make(server, store);
    assert.equal((await second.verify(token)).token, token);
    const { fetches, imports } = second.stats();
    assert.deepEqual([fetches, imports, server.hits], [0, 1, 1]);
  });

  scene(
    `an explicit refresh fetches, is stored, and when it fails what was stored serves (${kind})`,
    async (server) => {
      const store = makeStore();
      const first = make(server, store);
      await first.refresh();
      await until(async () => (await store.load(sourceOf(first))) !== undefined);
      await first.refresh();
      assert.equal(server.hits, 2);
      server.fail();
      const second = make(server, store);
      assert.equal((await rejected(second.refresh())).code, 'keys_unavailable');
      assert.equal(second.keys().length, 1);
      assert.ok(await second.verify(mint(server)));
      assert.equal(second.stats().fetches, 1);
    },
  );
}

scene('verifySync starts a read of the store, and the fetch when that brings nothing', async (server) => {
  const store = new AsyncStore();
  const [first, second] = [make(server, store), make(server, store)];
  assert.equal(thrown(() => first.verifySync(mint(server))).code, 'keys_unavailable');
  await until(() => store.saves === 1);
  assert.ok(first.verifySync(mint(server)));
  server.fail();
  assert.equal(thrown(() => second.verifySync(mint(server))).code, 'keys_unavailable');
  await until(() => second.stats().keysHeld);
  assert.ok(second.verifySync(mint(server)));
  assert.deepEqual([second.stats().fetches, server.hits], [0, 1]);
});

scene('a key that another process has fetched is not fetched again', async (server) => {
  const store = new MemoryStore();
  const [one, other] = [make(server, store), make(server, store)];
  await one.verify(mint(server));
  await other.verify(mint(server));
  await sleep(1100); // sets that are as old as each other, as far as clocks can tell, do not replace each other
  await server.rotate();
  await one.verify(mint(server));
  await until(() => store.saves === 2);
  await other.verify(mint(server));
  assert.deepEqual([one.stats().fetches, other.stats().fetches, other.stats().imports, server.hits], [2, 0, 2, 2]);
});

scene('a set that was saved between a look and the claim is not fetched again', async (server) => {
  const store = new MemoryStore();
  const first = make(server, store);
  await first.verify(mint(server));
  await until(() => store.saves === 1);
  const late = new MemoryStore();
  let released = 0;
  late.claim = (source) => late.held.set(source, store.held.get(source)) === late.held;
  late.release = () => {
    released += 1;
  };
  const second = make(server, late);
  await second.verify(mint(server));
  assert.deepEqual([second.stats().fetches, second.stats().imports, server.hits, released], [0, 1, 1, 1]);
});

scene('discovery without its provider', async (server) => {
  const store = new MemoryStore();
  const token = mint(server);
  const options = { issuer: server.issuer, algorithms: 'ES256', audience: 'a', keyStore: store };
  await new Verifier(options).verify(token);
  await until(() => store.saves === 1);
  const [keys] = store.held.values();
  assert.equal(keys.jwksUri, server.jwksUri);
  assert.notEqual(keys.etag, undefined);
  server.fail();
  const request = { method: 'GET', url: 'https://a.example/', headers: { authorization: `Bearer ${token}` } };
  assert.equal((await new Verifier(options).verifyRequest(request)).issuer, server.issuer);
  assert.equal(server.hits, 1);
});

scene('one of several issuers, and one that is resolved', async (server) => {
  const store = new MemoryStore();
  const { jwksUri, issuer } = server;
  const one = { issuer, jwksUri, algorithms: 'ES256', keyStore: store };
  const fixed = { issuer: 'https://other.example', publicKey: PAIR.publicKey, algorithms: 'ES256' };
  await new Verifier({ issuers: [fixed, one], audience: 'a' }).verify(mint(server));
  await until(() => store.saves === 1);
  server.fail();
  assert.ok(await new Verifier({ resolveIssuer: async () => one, audience: 'a' }).verify(mint(server)));
});

scene('a set past its freshness serves only when a fetch has failed, as one that was held would', async (server) => {
  const store = new MemoryStore();
  const token = mint(server);
  const first = make(server, store);
  await first.verify(token);
  await until(() => store.saves === 1);
  const source = sourceOf(first);
  const old = store.held.get(source);
  const keep = (age, left) =>
    store.held.set(source, new StoredKeys({ ...old, fetchedAt: seconds() - age, freshUntil: seconds() + left }));
  keep(3000, -1000);
  const second = make(server, store);
  assert.ok(await second.verify(token));
  assert.equal(second.stats().fetches, 1);
  await until(() => store.saves === 2);
  keep(3000, -1000);
  server.fail();
  const third = make(server, store);
  assert.ok(await third.verify(token));
  assert.equal(third.stats().fetchFailures, 1);
  keep(9000, -8000);
  assert.equal((await rejected(make(server, store).verify(token))).code, 'keys_unavailable');
});

scene('no life is lengthened: fresh for an hour at most, and not from the future', async (server) => {
  const store = new MemoryStore();
  const first = make(server, store);
  await first.verify(mint(server));
  await until(() => store.saves === 1);
  const source = sourceOf(first);
  const { document } = store.held.get(source);
  store.held.set(source, { document, fetchedAt: seconds(), freshUntil: seconds() + 1e9 });
  const second = make(server, store);
  await second.verify(mint(server));
  assert.ok(second.keys()[0].freshUntil - seconds() < 3601);
  store.held.set(source, { document, fetchedAt: seconds() + 1e6, freshUntil: seconds() + 1e9 });
  const third = make(server, store);
  await third.verify(mint(server));
  assert.equal(third.stats().imports, 0);
});

const SECRET_SET = '{"keys":[{"kty":"oct","k":"AAAA"}]}';
for (const document of ['', '{}', 'no json', '{"keys":[]}', SECRET_SET, '['.repeat(5000)]) {
  scene(`a set that is none is reported, and fetched: ${document.slice(0, 20)}`, async (server, warnings) => {
    const store = new MemoryStore();
    const verifier = make(server, store);
    store.held.set(sourceOf(verifier), { document, fetchedAt: seconds(), freshUntil: seconds() + 600 });
    assert.ok(await verifier.verify(mint(server)));
    assert.deepEqual([verifier.stats().fetches, verifier.stats().imports], [1, 0]);
    await until(() => warnings.some((text) => text.startsWith('key store: its key set is not used: ')));
  });
}

const down = () => {
  throw new Error('the store is down');
};
const downLater = async () => down();
const now = { fetchedAt: 5, freshUntil: 6 };
for (const [what, store] of [
  ['throws', { load: down, save: down }],
  ['rejects', { load: downLater, save: downLater, claim: downLater, release: downLater }],
  ['returns a text', { load: () => 'a text', save: () => 5 }],
  ['returns a number of bytes', { load: () => ({ ...now, document: 5 }), save() {} }],
  ['returns no times', { load: () => ({ document: '{}', fetchedAt: '5', freshUntil: 6 }), save() {} }],
  ['throws what cannot be printed', { load: () => Promise.reject(Object.create(null)), save() {} }],
]) {
  scene(`a store that ${what} is reported once, and keys are fetched as without it`, async (server, warnings) => {
    const verifier = make(server, store);
    assert.ok(await verifier.verify(mint(server)));
    await server.rotate();
    assert.ok(await verifier.verify(mint(server)));
    await until(() => warnings.some((text) => text.startsWith('key store: ')));
    assert.equal(new Set(warnings).size, warnings.length);
  });
}

scene('a store that never answers holds no token up for longer than a fetch may', async (server, warnings) => {
  const never = new Promise(() => {});
  const verifier = make(server, { load: () => never, save() {} }, { fetchTimeout: 1 });
  const begun = performance.now();
  assert.equal((await rejected(verifier.verify(mint(server)))).code, 'keys_unavailable');
  assert.ok(performance.now() - begun < 4500);
  await until(() => verifier.stats().keysHeld); // the fetch that the token was too early for
  assert.ok(await verifier.verify(mint(server)));
  assert.deepEqual(warnings, ['key store: load failed: Error: no answer within 5 s']);
});

// ---- the form in which sets are stored

test('bytes', () => {
  const etag = 'W/"x"';
  const jwksUri = 'https://a.example/jwks';
  const keys = new StoredKeys({ document: '{"keys":[]}\n', etag, jwksUri, fetchedAt: 1.5, freshUntil: 2.5 });
  const good = keys.toBytes();
  assert.deepEqual(StoredKeys.fromBytes(good), keys);
  assert.deepEqual(StoredKeys.fromBytes(new Uint8Array(good)), keys);
  const text = good.toString();
  for (const data of [
    '',
    '{}',
    '{}\n',
    '[]\n',
    'null\n',
    text.slice(0, -1),
    `${text}x`,
    text.replace('1.5', '"1"'),
    text.replace('1.5', 'NaN'),
    text.replace('"fastbearer":1', '"x":1'),
    text.replace('"fastbearer":1', '"fastbearer":2'),
    text.replace('"https://a.example/jwks"', '[]'),
  ]) {
    assert.throws(() => StoredKeys.fromBytes(Buffer.from(data)), data);
  }
  assert.throws(() => StoredKeys.fromBytes(Buffer.from([0xff, 0x0a])));
  for (const wrong of [{ document: 5 }, { etag: 5 }, { jwksUri: [] }, { fetchedAt: '1' }, { freshUntil: undefined }]) {
    assert.throws(() => new StoredKeys({ ...keys, ...wrong }), TypeError);
  }
});

// ---- files

const modeOf = (name) => fs.statSync(name).mode & 0o777;

test('modes', async () => {
  const before = process.umask(0);
  const folder = path.join(newFolder(), 'b');
  const store = new FileKeyStore(folder);
  try {
    await store.save(SOURCE, KEYS);
    assert.ok(store.claim(SOURCE));
  } finally {
    process.umask(before);
  }
  assert.equal(modeOf(folder), 0o700);
  assert.deepEqual(
    fs.readdirSync(folder).map((name) => [name, modeOf(path.join(folder, name))]),
    [
      [`${SOURCE}.keys`, 0o600],
      [`${SOURCE}.lock`, 0o600],
    ],
  );
  assert.deepEqual(await store.load(SOURCE), KEYS);
  assert.equal(await store.load('t'.repeat(43)), undefined);
  store.release(SOURCE);
});

function refuseFolder(folder, reason) {
  const error = thrown(() => new FileKeyStore(folder));
  assert.ok(error instanceof ConfigurationError, String(error));
  assert.match(error.message, reason);
}

test('folders that are refused', async () => {
  const folder = newFolder();
  fs.mkdirSync(folder, 0o700);
  for (const mode of [0o777, 0o770, 0o1777, 0o702]) {
    fs.chmodSync(folder, mode);
    refuseFolder(folder, /^keyStore: others may write to /u);
  }
  fs.chmodSync(folder, 0o755);
  const store = new FileKeyStore(folder);
  fs.chmodSync(folder, 0o777);
  assert.match((await rejected(store.load(SOURCE))).message, /^others may write/u);
  assert.match((await rejected(store.save(SOURCE, KEYS))).message, /^others may write/u);
  assert.equal(thrown(() => store.claim(SOURCE)).code, 'EACCES');
  fs.chmodSync(folder, 0o700);
  fs.symlinkSync(folder, `${folder}-link`);
  refuseFolder(`${folder}-link`, /^keyStore: (ENOTDIR|ELOOP)/u);
  fs.writeFileSync(`${folder}-file`, '');
  refuseFolder(`${folder}-file`, /^keyStore: EEXIST/u);
  for (const wrong of ['', 5, undefined, 'a\0b']) {
    refuseFolder(wrong, /^folder must be a path/u);
  }
});

test("another user's folder and file", { skip: process.geteuid() !== 0 && 'only root can make them' }, async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  await store.save(SOURCE, KEYS);
  fs.chownSync(path.join(folder, `${SOURCE}.keys`), 65534, 65534);
  assert.match((await rejected(store.load(SOURCE))).message, /belongs to another user/u);
  fs.chownSync(folder, 65534, 65534);
  refuseFolder(folder, /belongs to another user/u);
});

test('files that are refused', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  const name = path.join(folder, `${SOURCE}.keys`);
  await store.save(SOURCE, KEYS);
  fs.chmodSync(name, 0o606);
  assert.match((await rejected(store.load(SOURCE))).message, /^others may write/u);
  fs.renameSync(name, `${folder}-elsewhere`);
  fs.chmodSync(`${folder}-elsewhere`, 0o600);
  fs.symlinkSync(`${folder}-elsewhere`, name);
  assert.equal((await rejected(store.load(SOURCE))).code, 'ELOOP');
  await store.save(SOURCE, KEYS); // replaces the link, and does not follow it
  assert.ok(!fs.lstatSync(name).isSymbolicLink());
  assert.deepEqual(await store.load(SOURCE), KEYS);
  fs.unlinkSync(name);
  await once(spawn('mkfifo', ['-m', '600', name]), 'exit');
  assert.match((await rejected(store.load(SOURCE))).message, /not what it should be/u); // at once: nobody writes
  fs.unlinkSync(name);
  fs.mkdirSync(name);
  assert.match((await rejected(store.load(SOURCE))).message, /not what it should be/u);
  fs.rmdirSync(name);
  fs.writeFileSync(name, Buffer.alloc((16 << 20) + 5000), { mode: 0o600 });
  assert.match((await rejected(store.load(SOURCE))).message, /too large/u);
  fs.truncateSync(name, 0);
  assert.match((await rejected(store.load(SOURCE))).message, /not a stored key set/u);
  fs.symlinkSync('/dev/null', path.join(folder, `${SOURCE}.lock`));
  assert.equal(thrown(() => store.claim(SOURCE)).code, 'ELOOP');
});

test('names that are none', async () => {
  const store = new FileKeyStore(newFolder());
  for (const source of ['', '../x', 'a/b', 'a'.repeat(65), 'a\n', 'a.b', '\0', 'a b', 5, undefined]) {
    assert.match((await rejected(store.load(source))).message, /^source must be/u);
    assert.match((await rejected(store.save(source, KEYS))).message, /^source must be/u);
    assert.throws(() => store.claim(source), /source must be/u);
  }
});

test('a file that cannot be written leaves what was there, and nothing else', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  await store.save(SOURCE, KEYS);
  mock.method(fs, 'fsync', (_, done) => done(Object.assign(new Error('no space'), { code: 'ENOSPC' })));
  try {
    const other = new StoredKeys({ ...KEYS, document: 'other' });
    assert.equal((await rejected(store.save(SOURCE, other))).code, 'ENOSPC');
  } finally {
    mock.restoreAll();
  }
  assert.deepEqual(await store.load(SOURCE), KEYS);
  assert.deepEqual(fs.readdirSync(folder), [`${SOURCE}.keys`]);
});

test('what a crash has left is removed', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  for (const [name, age] of [
    ['old', 100],
    ['new', 0],
  ]) {
    const left = path.join(folder, `.${SOURCE}.keys.${name}`);
    fs.writeFileSync(left, 'half');
    fs.utimesSync(left, seconds() - age, seconds() - age);
  }
  await store.save(SOURCE, KEYS);
  assert.deepEqual(fs.readdirSync(folder).sort(), [`.${SOURCE}.keys.new`, `${SOURCE}.keys`]);
});

test('no file stays open', async () => {
  const folder = newFolder();
  const store = new FileKeyStore(folder);
  const open = () => fs.readdirSync('/proc/self/fd').length;
  await store.save(SOURCE, KEYS);
  await store.load(SOURCE);
  const before = open();
  for (let i = 0; i < 50; i++) {
    await store.save(SOURCE, KEYS);
    await store.load(SOURCE);
    await store.load('t');
    assert.ok(store.claim(SOURCE) && !new FileKeyStore(folder).claim(SOURCE));
    store.release(SOURCE);
    await rejected(store.load('a.b'));
  }
  assert.equal(open(), before);
});

// ---- many processes

const WORKER = `
  const { Verifier } = require(${INDEX});
  const { FileKeyStore } = require(${JSON.stringify(path.join(ROOT, 'node', 'stores.cjs'))});
  const [folder, jwksUri, issuer, token, start, refresh] = process.argv.slice(1);
  const keyStore = new FileKeyStore(folder);
  const verifier = new Verifier({ jwksUri, issuer, algorithms: 'ES256', audience: 'a', keyStore, fetchTimeout: 20 });
  setTimeout(async () => {
    if (refresh) await verifier.refresh();
    await verifier.verify(token);
    console.log(verifier.stats().fetches, verifier.stats().imports);
  }, Math.max(0, Number(start) - Date.now()));`;

const PYTHON_WORKER = `
import sys, time
from fastbearer import Verifier
from fastbearer.stores import FileKeyStore
folder, jwks_uri, issuer, token, start, *refresh = sys.argv[1:]
verifier = Verifier(jwks_uri=jwks_uri, issuer=issuer, algorithms="ES256", audience="a",
                    key_store=FileKeyStore(folder), fetch_timeout=20.0)
time.sleep(max(0.0, float(start) / 1000 - time.time()))
if refresh:
    verifier.refresh()
verifier.verify(token)
give_up = time.monotonic() + 10
while verifier.stats()["fetches"] and "--saved" in sys.argv and time.monotonic() < give_up:
    if FileKeyStore(folder).load(verifier._native.issuers()[0]["source"]) is not None:
        break
    time.sleep(0.01)
print(verifier.stats()["fetches"], verifier.stats()["imports"])
`;

/* { child, done: a promise of what it has printed } */
function startWorker(isPython, ...parameters) {
  const [program, source] = isPython ? [pythonPath(), ['-c', PYTHON_WORKER]] : [process.execPath, ['-e', WORKER, '--']];
  const child = spawn(program, [...source, ...parameters], {
    env: { ...process.env, NODE_OPTIONS: '', PYTHONPATH: path.join(ROOT, 'python') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return { child, done: child.stdout.toArray().then((chunks) => Buffer.concat(chunks).toString().trim()) };
}

for (const how of [[], ['refresh']]) {
  scene(`six processes of Node and Python fetch once ${how}`, async (server) => {
    server.hang();
    const folder = newFolder();
    const start = String(Date.now() + 2500);
    const workers = [false, true, false, true, false, true].map((isPython) =>
      startWorker(isPython, folder, server.jwksUri, server.issuer, mint(server), start, ...how),
    );
    await sleep(4500);
    server.recover();
    const printed = await Promise.all(workers.map(({ done }) => done));
    assert.deepEqual(printed.sort(), ['0 1', '0 1', '0 1', '0 1', '0 1', '1 0']);
    assert.equal(server.hits, 1);
  });
}

scene('what Python has fetched serves Node while the provider is down', async (server) => {
  const folder = newFolder();
  const token = mint(server);
  const { done } = startWorker(true, folder, server.jwksUri, server.issuer, token, '0', '--saved');
  assert.equal(await done, '1 0');
  server.fail();
  const verifier = make(server, new FileKeyStore(folder));
  assert.ok(await verifier.verify(token));
  assert.deepEqual([verifier.stats().fetches, verifier.stats().imports, server.hits], [0, 1, 1]);
});

scene('what Node has fetched serves Python while the provider is down', async (server) => {
  const folder = newFolder();
  const token = mint(server);
  const store = new FileKeyStore(folder);
  const verifier = make(server, store);
  await verifier.verify(token);
  await until(async () => (await store.load(sourceOf(verifier))) !== undefined);
  server.fail();
  const { done } = startWorker(true, folder, server.jwksUri, server.issuer, token, '0');
  assert.equal(await done, '0 1');
  assert.equal(server.hits, 1);
});

for (const isPython of [false, true]) {
  scene(`the claim of a ${isPython ? 'Python' : 'Node'} process that is killed ends with it`, async (server) => {
    server.hang();
    const folder = newFolder();
    const token = mint(server);
    const { child } = startWorker(isPython, folder, server.jwksUri, server.issuer, token, '0');
    await until(() => server.hits === 1);
    const store = new FileKeyStore(folder);
    const verifier = make(server, store);
    assert.equal(store.claim(sourceOf(verifier)), false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    server.recover();
    assert.ok(await verifier.verify(token));
    assert.equal(verifier.stats().fetches, 1);
  });
}

scene(
  'a claim is given back: after a fetch that failed, at the end of the verifier, and when it was not needed',
  async (server) => {
    const folder = newFolder();
    const [store, other] = [new FileKeyStore(folder), new FileKeyStore(folder)];
    const verifier = make(server, store);
    const source = sourceOf(verifier);
    const isFree = () => {
      const claimed = other.claim(source);
      other.release(source);
      return claimed;
    };
    server.fail();
    assert.equal((await rejected(verifier.verify(mint(server)))).code, 'keys_unavailable');
    await until(isFree);
    const unneeded = new StoredSet(
      native.create({}, [{ jwks_uri: server.jwksUri }]),
      1,
      {
        keyStore: { load() {}, save() {}, claim: () => store.claim(source), release: () => store.release(source) },
        fetchTimeout: 5,
      },
      { isBusy: () => false, refreshNow() {} },
    );
    assert.equal(await unneeded.read(AHEAD), false);
    assert.ok(!isFree());
    await until(isFree);
    server.recover();
    server.hang();
    const hanging = make(server, store);
    const waiting = rejected(hanging.verify(mint(server)));
    await until(() => server.hits === 2);
    assert.ok(!isFree());
    hanging.close();
    await until(isFree);
    await waiting;
  },
);
