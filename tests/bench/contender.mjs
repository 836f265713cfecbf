/*
 * One Node contender, in a process of its own: node contender.mjs NAME TOKENS.json SECONDS PEERS [ALG first|repeat|start]
 *
 * Prints one JSON line, as contender.py does: CPU microseconds of the process per verification for each algorithm, on
 * tokens seen for the first time and on one that is seen again, and how much two worker threads get done beside one;
 * also on large tokens (RS256), and with a set of 100 keys (ES256).
 * PEERS is the folder with the peers' node_modules. All give the claims as an object. With ALG it says what one
 * verification costs, then goes on and on, for perf; with "start", what the first token of a process does.
 */

import { createPublicKey, createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const issuer = 'https://issuer.example';
const audience = 'https://api.example/mcp';
const [name, path, seconds, peers, loopAlg, loopSight] = isMainThread ? process.argv.slice(2) : workerData.argv;
const require = createRequire(`${peers}/`);
const load = (peer) => import(pathToFileURL(require.resolve(peer)).href);
const held = (alg, key) => (alg.startsWith('HS') ? createSecretKey(Buffer.from(key)) : createPublicKey(key));

/* First sight is measured with a cache of one entry: tokens are looked for and kept, and never found. */
const cacheFor = (sight) => (sight === 'first' ? 1 : 1024);

async function fastbearer(alg, { key, set }, sight) {
  const { Verifier } = await import('../../node/index.cjs');
  const source = alg.startsWith('HS') ? { secret: key } : set === undefined ? { publicKey: key } : { jwks: set.jwks };
  const verifier = new Verifier({ ...source, algorithms: alg, issuer, audience, cacheSize: cacheFor(sight) });
  return (token) => verifier.verifySync(token).claims;
}

async function jose(alg, { key, set }) {
  const { jwtVerify, importSPKI, createLocalJWKSet } = await load('jose');
  const imported =
    set !== undefined
      ? createLocalJWKSet(set.jwks)
      : alg.startsWith('HS')
        ? Buffer.from(key)
        : await importSPKI(key, alg);
  return async (token) =>
    (await jwtVerify(token, imported, { algorithms: [alg], issuer, audience, requiredClaims: ['exp'] })).payload;
}

async function jsonwebtoken(alg, { key }) {
  const { default: jwt } = await load('jsonwebtoken');
  const imported = held(alg, key);
  return (token) => jwt.verify(token, imported, { algorithms: [alg], issuer, audience });
}

const fastJwt =
  (cached) =>
  async (alg, { key }, sight) => {
    const { createVerifier } = await load('fast-jwt');
    const options = {
      algorithms: [alg],
      allowedIss: issuer,
      allowedAud: audience,
      requiredClaims: ['exp', 'iss', 'aud'],
    };
    return createVerifier({ ...options, key, cache: cached ? cacheFor(sight) : false });
  };

async function nodeRs(alg, { key }) {
  const { verifySync, Algorithm } = await load('@node-rs/jsonwebtoken');
  const options = {
    algorithms: [Algorithm[alg]],
    iss: [issuer],
    aud: [audience],
    requiredSpecClaims: ['exp', 'iss', 'aud'],
    leeway: 0,
    validateNbf: true,
  };
  return (token) => verifySync(token, key, options);
}

async function awsJwtVerify(alg, { jwks, set }) {
  if (jwks === null) {
    throw new Error('it has no HMAC');
  }
  const { JwtVerifier } = await load('aws-jwt-verify');
  const verifier = JwtVerifier.create({ issuer, audience, jwksUri: `${issuer}/jwks` });
  verifier.cacheJwks(set?.jwks ?? jwks);
  return (token) => verifier.verifySync(token);
}

/* Many more than a verifier with room for one remembers, so that each is new again when its turn comes. */
const PROOFS = 2048;

/*
 * A request with a DPoP proof: the token of one client, each time with another proof. In place of given tokens, which
 * are bound to no key; ask is called with a Request.
 */
async function requestsOf(alg) {
  if (alg !== 'ES256') {
    throw new Error('ES256 stands for all');
  }
  const { KeyPair } = await import('../../node/index.cjs');
  const [server, client] = [KeyPair.generateSync(alg), KeyPair.generateSync(alg)];
  const url = `${audience}/mcp`;
  const token = server.createToken({
    typ: 'at+jwt',
    issuer,
    audience,
    subject: 'auth0|5f7c8ec7c33c6c004bbafe82',
    kid: 'k',
    additionalClaims: { client_id: 'c', jti: 'j', cnf: { jkt: client.thumbprint() } },
  });
  const requests = Array.from({ length: PROOFS }, () => {
    const headers = { authorization: `DPoP ${token}`, dpop: client.dpopProof('POST', url, { accessToken: token }) };
    return new Request(url, { method: 'POST', headers });
  });
  let next = 0;
  return { server, each: (ask) => () => ask(requests[next++ % PROOFS]) };
}

async function fastbearerProofs(alg, _given, sight) {
  const { server, each } = await requestsOf(alg);
  const { Verifier } = await import('../../node/index.cjs');
  const policy = { publicKey: server.publicKey, algorithms: alg, issuer, audience, tokenType: 'at+jwt' };
  const cacheSize = sight === 'first' ? 0 : 1024; // there is but one token
  const verifier = new Verifier({ ...policy, cacheSize, dpop: { replayCapacity: 1 } });
  return each(async (request) => (await verifier.verifyRequest(request)).claims);
}

/* It remembers no proofs. */
async function oauth4webapi(alg) {
  const { server, each } = await requestsOf(alg);
  const { customFetch, validateJwtAccessToken } = await load('oauth4webapi');
  const as = { issuer, jwks_uri: `${issuer}/jwks` };
  const options = { [customFetch]: async () => Response.json(server.jwks('k')) };
  return each((request) => validateJwtAccessToken(as, request, audience, options));
}

const contenders = {
  fastbearer: [fastbearer, undefined],
  jose: [jose, 'jose'],
  jsonwebtoken: [jsonwebtoken, 'jsonwebtoken'],
  'fast-jwt': [fastJwt(false), 'fast-jwt'],
  'fast-jwt, cache': [fastJwt(true), 'fast-jwt'],
  '@node-rs/jsonwebtoken': [nodeRs, '@node-rs/jsonwebtoken'],
  'aws-jwt-verify': [awsJwtVerify, 'aws-jwt-verify'],
  'fastbearer, DPoP': [fastbearerProofs, undefined],
  'oauth4webapi, DPoP': [oauth4webapi, 'oauth4webapi'],
};

const ofSets = [fastbearer, jose, awsJwtVerify]; /* these take a JWKS */

/* What a user writes where the library takes one key: one verifier a key, and the header read to find it. */
async function byKid(make, alg, pems, sight) {
  const verifiers = new Map();
  for (const [kid, key] of Object.entries(pems)) {
    verifiers.set(kid, await make(alg, { key }, sight));
  }
  return (token) => {
    const { kid } = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString());
    return verifiers.get(kid)(token);
  };
}

/* Awaits what is a promise and nothing else: a synchronous verifier must not pay for a turn of the microtask queue. */
async function some(verify, tokens) {
  for (const token of tokens) {
    const claims = verify(token);
    if (claims instanceof Promise) {
      await claims;
    }
  }
}

async function measure(verify, tokens) {
  const start = process.cpuUsage();
  for (let count = 0; ; ) {
    await some(verify, tokens);
    count += tokens.length;
    const { user, system } = process.cpuUsage(start);
    if (user + system >= seconds * 1e6) {
      return (user + system) / count;
    }
  }
}

/* Optimised code first: the compiler's own time is nobody's verification. */
async function warm(verify, tokens) {
  const stop = process.cpuUsage().user + seconds * 1e6;
  do {
    await some(verify, tokens);
  } while (process.cpuUsage().user < stop);
}

/* Verifications per second of wall time, of as many workers together. */
async function throughput(alg, workers) {
  const gate = new SharedArrayBuffer(4);
  const started = Array.from(
    { length: workers },
    () => new Worker(new URL(import.meta.url), { workerData: { argv: process.argv.slice(2), alg, gate } }),
  );
  const next = (worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await Promise.all(started.map(next));
  const rates = started.map(next);
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
  return (await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0);
}

async function work({ alg, gate }) {
  const { set, large, ...given } = JSON.parse(readFileSync(path))[alg];
  const verify = await contenders[name][0](alg, given, 'first');
  await warm(verify, given.tokens);
  parentPort.postMessage('ready');
  Atomics.wait(new Int32Array(gate), 0, 0);
  const start = performance.now();
  let count = 0;
  do {
    await some(verify, given.tokens);
    count += given.tokens.length;
  } while (performance.now() - start < seconds * 1000);
  parentPort.postMessage(count / (performance.now() - start));
}

async function accepted(verify, probes) {
  const names = [];
  for (const [probe, token] of Object.entries(probes)) {
    try {
      await verify(token);
      names.push(probe);
    } catch {
      // refused, as it should be
    }
  }
  return names;
}

/* Large tokens and key sets, of the algorithms that have them. */
async function measureMore(make, alg, given, absent) {
  const { set, large = {}, ...one } = given;
  const cells = {};
  const cases = Object.entries(large).map(([size, tokens]) => [size, tokens, () => make(alg, one, 'first')]);
  if (set !== undefined) {
    const made = () => (ofSets.includes(make) ? make(alg, { set }, 'first') : byKid(make, alg, set.pems, 'first'));
    cases.push(['100 keys', set.tokens, made]);
  }
  for (const [size, tokens, made] of cases) {
    try {
      const verify = await made();
      for (const token of tokens) {
        if ((await verify(token)).sub === undefined) {
          throw new Error('no claims');
        }
      }
      await warm(verify, tokens);
      cells[size] = await measure(verify, tokens);
    } catch (error) {
      absent[`${alg}, ${size}`] = `${error.name}: ${error.message}`.slice(0, 120);
    }
  }
  return cells;
}

/* As contender.py's start: until there is a verifier, imports included, then the first token and the second. */
async function start(make, alg, { set, large, ...given }) {
  const times = [process.cpuUsage()];
  const verify = await make(alg, given, 'repeat');
  times.push(process.cpuUsage());
  for (const token of given.tokens.slice(0, 2)) {
    await verify(token);
    times.push(process.cpuUsage());
  }
  const [begun, ready, first, second] = times.map(({ user, system }) => user + system);
  console.log(JSON.stringify({ ready_ms: (ready - begun) / 1e3, first_us: first - ready, second_us: second - first }));
}

async function measureAll(make, alg, { set, large, ...given }) {
  const cells = {};
  let verify;
  for (const [sight, tokens] of [
    ['first', given.tokens],
    ['repeat', Array(64).fill(given.tokens[0])],
  ]) {
    verify = await make(alg, given, sight);
    for (const token of tokens) {
      if ((await verify(token)).sub !== 'auth0|5f7c8ec7c33c6c004bbafe82') {
        throw new Error('no claims');
      }
    }
    await warm(verify, tokens);
    cells[sight] = await measure(verify, tokens);
  }
  cells['two threads'] = (await throughput(alg, 2)) / (await throughput(alg, 1));
  return [cells, await accepted(verify, given.probes)];
}

async function loop(make, { set, large, ...given }) {
  const tokens = loopSight === 'first' ? given.tokens : Array(64).fill(given.tokens[0]);
  const verify = await make(loopAlg, given, loopSight);
  await warm(verify, tokens);
  console.log(await measure(verify, tokens));
  for (;;) {
    await some(verify, tokens);
  }
}

async function main() {
  const tokens = JSON.parse(readFileSync(path));
  const [make, peer] = contenders[name];
  if (loopSight === 'start') {
    return start(make, loopAlg, tokens[loopAlg]);
  }
  if (loopAlg !== undefined) {
    await loop(make, tokens[loopAlg]);
  }
  const manifest =
    peer === undefined ? new URL('../../package.json', import.meta.url) : `${peers}/node_modules/${peer}/package.json`;
  const out = { version: JSON.parse(readFileSync(manifest)).version, accepts: [], cells: {}, absent: {} };
  for (const alg of ['RS256', 'ES256', 'EdDSA', 'HS256']) {
    try {
      [out.cells[alg], out.accepts] = await measureAll(make, alg, tokens[alg]);
      if (!name.includes('DPoP')) {
        Object.assign(out.cells[alg], await measureMore(make, alg, tokens[alg], out.absent));
      }
    } catch (error) {
      out.absent[alg] = `${error.name}: ${error.message}`.slice(0, 120);
    }
  }
  console.log(JSON.stringify(out));
}

await (isMainThread ? main() : work(workerData));
