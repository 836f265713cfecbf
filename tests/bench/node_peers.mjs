/*
 * The Node comparison: node tests/bench/node_peers.mjs [--rounds N]
 *
 * Installs the peers' newest versions into .cache/bench/node, mints tokens with the claims of bench_verify, and runs
 * every contender in a process of its own, round after round, so that what disturbs the machine disturbs all. Prints a
 * Markdown table of medians, CPU microseconds a verification with iss, aud and exp checked and the claims as an object,
 * beside the whole verification in C when build/bench/bench_verify is there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const CACHE = path.join(ROOT, '.cache', 'bench', 'node');
const PEERS = ['jose', 'fast-jwt', 'jsonwebtoken', '@node-rs/jsonwebtoken'];
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'HS256'];
const ISSUER = 'https://issuer.example';
const AUDIENCE = 'https://api.example/mcp';
const NOW = 1_800_000_000;
const SAMPLE_MS = 600;

const peer = createRequire(path.join(CACHE, 'package.json'));
const checked = { issuer: ISSUER, audience: AUDIENCE };

// ---- contenders: ({ algorithm, pem, secret }) -> (token) -> claims, or a promise of them

async function ours(key, cacheSize) {
  const { Verifier } = await import(pathToFileURL(path.join(ROOT, 'node', 'index.mjs')));
  const source = key.secret === undefined ? { publicKey: key.pem } : { secret: key.secret };
  return new Verifier({ ...source, ...checked, algorithms: key.algorithm, cacheSize });
}

const CONTENDERS = {
  'fastbearer verifySync': async (key) => {
    const verifier = await ours(key, 0);
    return (token) => verifier.verifySync(token).claims;
  },
  'fastbearer verify': async (key) => {
    const verifier = await ours(key, 0);
    return async (token) => (await verifier.verify(token)).claims;
  },
  'fastbearer verifySync, cache': async (key) => {
    const verifier = await ours(key, 1024);
    return (token) => verifier.verifySync(token).claims;
  },
  'fast-jwt': async (key) => fastJwt(key, false),
  'fast-jwt, cache': async (key) => fastJwt(key, true),
  jsonwebtoken: async (key) => {
    const { verify } = peer('jsonwebtoken');
    const material = key.secret ?? createPublicKey(key.pem);
    return key.algorithm === 'EdDSA' ? undefined : (token) => verify(token, material, { ...checked, algorithms: [key.algorithm] });
  },
  '@node-rs/jsonwebtoken verifySync': async (key) => {
    const { Algorithm, verifySync } = peer('@node-rs/jsonwebtoken');
    const validation = { iss: [ISSUER], aud: [AUDIENCE], algorithms: [Algorithm[key.algorithm]], leeway: 0, validateNbf: true };
    return (token) => verifySync(token, key.secret ?? key.pem, validation);
  },
  jose: async (key) => {
    const { importSPKI, jwtVerify } = await import(pathToFileURL(peer.resolve('jose')));
    const material = key.secret ?? (await importSPKI(key.pem, key.algorithm));
    return async (token) => (await jwtVerify(token, material, { ...checked, algorithms: [key.algorithm] })).payload;
  },
};

function fastJwt(key, cache) {
  const { createVerifier } = peer('fast-jwt');
  return createVerifier({ key: key.secret ?? key.pem, algorithms: [key.algorithm], allowedIss: ISSUER, allowedAud: AUDIENCE, cache });
}

/* CPU microseconds a verification, the garbage collector's threads included. */
async function measure(name, file) {
  const { tokens, ...key } = JSON.parse(readFileSync(file, 'utf8'));
  key.secret = key.secret === undefined ? undefined : Buffer.from(key.secret, 'base64');
  const verify = await CONTENDERS[name](key);
  if (verify === undefined) {
    return null;
  }
  const waits = verify(tokens[0]) instanceof Promise;
  let claims;
  const some = (count) => {
    for (let i = 0; i < count; i++) {
      claims = verify(tokens[i % tokens.length]);
    }
  };
  const someAwaited = async (count) => {
    for (let i = 0; i < count; i++) {
      claims = await verify(tokens[i % tokens.length]);
    }
  };
  await (waits ? someAwaited(5000) : some(5000));
  let count = 0;
  const start = process.cpuUsage();
  const end = performance.now() + SAMPLE_MS;
  while (performance.now() < end) {
    await (waits ? someAwaited(500) : some(500));
    count += 500;
  }
  const used = process.cpuUsage(start);
  if (claims.iss !== ISSUER) {
    throw new Error('wrong claims');
  }
  return (used.user + used.system) / count;
}

// ---- the parent

function install() {
  mkdirSync(CACHE, { recursive: true });
  if (!existsSync(path.join(CACHE, 'node_modules'))) {
    writeFileSync(path.join(CACHE, 'package.json'), '{"private":true}');
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...PEERS], { cwd: CACHE, stdio: 'inherit' });
  }
}

async function mint(folder, algorithm) {
  const { KeyPair } = await import(pathToFileURL(path.join(ROOT, 'node', 'index.mjs')));
  const pair = KeyPair.generateSync(algorithm);
  const claims = (i) => ({
    aud: [AUDIENCE, 'https://api.example'], client_id: 'b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10', azp: 'b7e3c1d2-6f54-4a5e-9b1d-0a2f4c6e8d10',
    scope: 'openid profile email tools:read tools:write', email: 'someone.with.a.name@customers.example', org_id: 'org_5fJ2kLmN8pQrStUv',
    nbf: 1_700_000_000, sid: '0190163d-8694-739b-aea5-966c26f8ad91', name: 'Someone With A Name', locale: 'en-GB', jti: `${algorithm}-${i}`,
    iat: 1_700_000_000, exp: NOW + 3600 * 24 * 3650,
  });
  const token = (i) => pair.createToken({ subject: 'auth0|5f7c8ec7c33c6c004bbafe82', issuer: ISSUER, now: NOW, additionalClaims: claims(i) });
  const secret = algorithm.startsWith('HS') ? pair.secret.toString('base64') : undefined;
  const file = path.join(folder, `${algorithm}.json`);
  writeFileSync(file, JSON.stringify({ algorithm, pem: pair.publicKey, secret, tokens: Array.from({ length: 64 }, (_, i) => token(i)) }));
  return file;
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function inC() {
  const done = spawnSync(path.join(ROOT, 'build', 'bench', 'bench_verify'), { encoding: 'utf8' });
  const found = (done.stdout ?? '').matchAll(/^(\w+)\s+(fb_verify(?:, cache hit)?)\s+(\d+) ns/gmu);
  const rows = { 'fb_verify': {}, 'fb_verify, cache hit': {} };
  for (const [, algorithm, name, ns] of found) {
    rows[name][algorithm] ??= Number(ns) / 1000;
  }
  return rows;
}

async function main(rounds) {
  install();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-bench-'));
  const samples = {};
  const before = inC();
  for (const algorithm of ALGORITHMS) {
    const file = await mint(folder, algorithm);
    for (let round = 0; round < rounds; round++) {
      for (const name of Object.keys(CONTENDERS)) {
        const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--measure', name, file], { encoding: 'utf8' });
        ((samples[name] ??= {})[algorithm] ??= []).push(JSON.parse(output));
      }
    }
  }
  rmSync(folder, { recursive: true });
  const after = inC();
  const table = Object.fromEntries(
    Object.entries(before).map(([name, row]) => [
      name,
      Object.fromEntries(Object.entries(row).map(([algorithm, value]) => [algorithm, (value + after[name][algorithm]) / 2])),
    ]),
  );
  for (const [name, row] of Object.entries(samples)) {
    table[name] = Object.fromEntries(Object.entries(row).map(([algorithm, values]) => [algorithm, values[0] === null ? undefined : median(values)]));
  }
  console.log(`CPU us a verification, median of ${rounds} rounds; Node ${process.versions.node}\n`);
  console.log(`| | ${ALGORITHMS.join(' | ')} |\n|---|${'---|'.repeat(ALGORITHMS.length)}`);
  for (const [name, row] of Object.entries(table)) {
    console.log(`| ${name} | ${ALGORITHMS.map((algorithm) => row[algorithm]?.toFixed(2) ?? '-').join(' | ')} |`);
  }
}

if (process.argv[2] === '--measure') {
  console.log(JSON.stringify(await measure(process.argv[3], process.argv[4])));
} else {
  await main(process.argv[2] === '--rounds' ? Number(process.argv[3]) : 5);
}
