/*
 * Environments that end in the middle of a call: terminated, exited, out of memory. Whatever JavaScript was doing, the
 * process goes on. Each scene is a process of its own, since what is looked for ends it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { INDEX, nodeAsync } from './support/case.mjs';

/* What a worker does until it is ended. The shapes of tokens are those that leave the addon in different ways. */
const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { KeyPair, Verifier } = require(${INDEX});
  const pair = new KeyPair({ privateKey: workerData.secret, algorithm: 'HS256' });
  const options = { secret: workerData.secret, algorithms: 'HS256', cacheSize: workerData.cacheSize };
  const verifier = new Verifier(options);
  const many = (count) => Array.from({ length: count }, (_, i) => 's' + i);
  const tokens = {
    ascii: {}, utf8: { subject: 'José', additionalClaims: { name: 'Ünï'.repeat(50) } }, scopes: { scopes: many(200) },
    both: { subject: '日本', scopes: many(200).map((scope) => scope + 'é') }, url: { audience: 'https://a.example/é' },
    nested: { additionalClaims: { deep: JSON.parse('['.repeat(25) + ']'.repeat(25)), big: 'x'.repeat(9000) } },
  };
  const token = pair.createToken(tokens[workerData.kind] ?? {});
  const round = Array.from({ length: 300 }, (_, i) => pair.createToken({ subject: 'é' + i, additionalClaims: { list: many(20) } }));
  const implying = new Verifier({ ...options, scopeHierarchy: { a: ['b'] } });
  const ofTenants = many(40).map((issuer) => pair.createToken({ issuer: 'é' + issuer }));
  const tenants = new Verifier({ resolveIssuer: (issuer) => (issuer.endsWith('9') ? undefined : { issuer, secret: workerData.secret }), maxIssuers: 7 });
  const client = KeyPair.generateSync('ES256');
  const bound = pair.createToken({ additionalClaims: { cnf: { jkt: client.thumbprint() } } });
  const remembering = new Verifier({ ...options, dpop: { replayStore: { add: () => true } } });
  const prove = () => client.dpopProof('GET', 'https://x/', { accessToken: bound });
  const ask = (dpop) => void remembering.verifyRequest({ method: 'GET', url: 'https://x/', headers: { authorization: 'DPoP ' + bound, dpop } }).catch(() => {});
  const native = require(require('node:path').join(require('node:path').dirname(${INDEX}), 'lib', 'native.cjs'));
  const madeOf = (issuer, set) => native.create({}, [{ issuer: ['x'], ...issuer }], undefined, set);
  const keysOf = JSON.stringify(client.jwks('k'));
  const remote = madeOf({ jwks_uri: 'https://x/keys', algorithms: ['ES256'] });
  const fetched = { status: 200, body: keysOf, etag: '"é"' };
  native.refreshComplete(remote, 1, native.refreshBegin(remote, 1, native.constants.REFRESH_EXPLICIT, 0n).ticket, fetched);
  const asking = madeOf({ introspection: 'all' });
  const response = JSON.stringify({ active: true, exp: Date.now() / 1000 + 900, sub: 'é', scope: many(100).join(' ') });
  const set = native.createRevocations(1000);
  const revoking = madeOf({ jwks: keysOf, algorithms: ['ES256'] }, set);
  const ofX = client.createToken({ issuer: 'x', kid: 'k', additionalClaims: { jti: 'é' } });
  const rules = () => native.createRpcPolicy({ anonymous: ['ping'], tool_scopes: many(50).map((tool) => [tool + '*', [tool]]) });
  const policy = rules();
  const body = Buffer.from(JSON.stringify({ method: 'tools/call', params: { name: 's7é', ['é'.repeat(900)]: 1 } }));
  let at = 0;
  const held = [];
  const quietly = (work) => { try { work(); } catch {} };
  const kinds = {
    reject: () => quietly(() => verifier.verifySync('x.y.z')),
    lacking: () => quietly(() => new Verifier({ ...options, requiredScopes: ['a', 'b'] }).verifySync(token)),
    stats: () => verifier.stats(), keys: () => verifier.keys(), create: () => new Verifier(options).verifySync(token),
    wrong: () => quietly(() => new Verifier({ ...options, leeway: -1 })),
    mint: () => pair.createToken({ scopes: many(20) }), jwks: () => quietly(() => pair.jwks('k')), load: () => new KeyPair({ privateKey: workerData.secret, algorithm: 'HS256' }),
    hoard: () => held.push(verifier.verifySync(round[at++ % 300])),
    turn: () => verifier.verifySync(round[at++ % 300]),
    implied: () => { const access = implying.verifySync(round[at++ % 300]); access.hasScope('b'); held[at % 500] = access; },
    prove: () => ask(prove()), garbage: () => ask('x.y.z'), thumbprint: () => client.thumbprint(),
    rules: () => { native.describeRpcPolicy(rules()); native.checkRpcHeaders(policy, ['é', '1']); native.checkRpc(policy, body); },
    stored: () => native.importKeys(remote, 1, native.exportKeys(remote, 1)),
    introspected: () => { native.verifyIntrospected(asking, 'opaque' + (at++ % 300), NaN, { issuer: 1, response, reuseFor: 9 }); native.tokenIsJwt('é'.repeat(5000)); },
    revoked: () => { native.revoke(set, { issuer: 'é', jti: 'é' + (at++ % 900) }); native.verify(revoking, ofX, NaN); native.describeRevocations(native.createRevocations(9)); },
    health: () => native.health(remote),
    tenants: () => { quietly(() => tenants.verifySync(ofTenants[at++ % 40])); if (at % 50 === 0) tenants.stats(); },
  };
  const work = kinds[workerData.kind] ?? (() => verifier.verifySync(token));
  if (workerData.kind === 'generate') {
    KeyPair.generate('RS256');
    KeyPair.generate('ES256');
  }
  if (workerData.kind === 'fetch') {
    const remote = new Verifier({ jwksUri: 'https://issuer.example/jwks', fetch: async () => new Response('{"keys":[]}'), refreshInterval: 0 });
    (async () => { for (;;) await remote.refresh().catch(() => {}); })();
  }
  parentPort.postMessage('works');
  if (['generate', 'fetch'].includes(workerData.kind)) setInterval(() => {}, 1000);
  else for (let i = 0; i !== workerData.rounds; i++) work();
  if (workerData.exit) process.exit(0);`;

const KINDS = [
  'ascii',
  'utf8',
  'scopes',
  'both',
  'url',
  'nested',
  'reject',
  'lacking',
  'stats',
  'keys',
  'create',
  'wrong',
  'mint',
  'jwks',
  'load',
  'turn',
  'implied',
  'tenants',
  'rules',
  'stored',
  'introspected',
  'revoked',
  'health',
  'prove',
  'garbage',
  'thumbprint',
  'generate',
  'fetch',
];

const PARENT = `
  const { once } = require('node:events');
  const { Worker } = require('node:worker_threads');
  const { KeyPair } = require(${INDEX});
  const { secret } = KeyPair.generateSync('HS256');
  const kinds = ${JSON.stringify(KINDS)};
  const start = (data, limits) => new Worker(${JSON.stringify(WORKER)}, { eval: true, workerData: { secret, cacheSize: 256, ...data }, ...limits });
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));`;

async function survives(program, expected) {
  const settings = { flags: ['--no-warnings'], timeout: 300_000 };
  const done = await nodeAsync(`${PARENT}\n(async () => { ${program} })();`, settings);
  assert.deepEqual([done.status, done.signal, done.stdout], [0, null, expected], done.stderr.slice(0, 2000));
}

for (let part = 0; part < 4; part++) {
  test(`fifty workers are terminated, whatever they verify: ${part}`, () =>
    survives(
      `for (let i = 0; i < 50; i++) {
         const worker = start({ kind: kinds[(i + ${part} * 50) % kinds.length], cacheSize: i % 3 === 0 ? 0 : 256 });
         worker.on('error', (error) => console.log(error.message));
         await once(worker, 'message');
         await pause((i * 7 + ${part}) % 5);
         await worker.terminate();
       }
       console.log('survived');`,
      'survived\n',
    ));
}

test('workers exit by themselves, in the middle of work of their own', () =>
  survives(
    `for (const kind of kinds.filter((kind) => !['generate', 'fetch'].includes(kind))) {
       const [code] = await once(start({ kind, rounds: 200, exit: true }), 'exit');
       if (code !== 0) console.log(kind, code);
     }
     console.log('survived');`,
    'survived\n',
  ));

test('workers run out of memory, and end alone', () =>
  survives(
    `for (const kind of ['hoard', 'utf8', 'scopes', 'nested', 'turn', 'create', 'implied', 'tenants', 'introspected']) {
       const worker = start({ kind, cacheSize: 1 << 20 }, { resourceLimits: { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 4 } });
       let ended = 'terminated';
       worker.on('error', (error) => { ended = error.code; });
       const timer = setTimeout(() => worker.terminate(), 4000);
       await new Promise((resolve) => worker.on('exit', resolve));
       clearTimeout(timer);
       if (kind === 'hoard' || !['terminated', 'ERR_WORKER_OUT_OF_MEMORY'].includes(ended)) console.log(kind, ended);
     }
     console.log('survived');`,
    'hoard ERR_WORKER_OUT_OF_MEMORY\nsurvived\n',
  ));
