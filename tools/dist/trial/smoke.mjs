/*
 * Run by the runtime under test, with the installed package: smoke.mjs JSON [REPORT]. As smoke.py; with REPORT the outcome goes into a
 * file, since Node on wine has no standard output.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { BearerError, KeyPair, Verifier, versions } from 'fastbearer';

const POLICY = { issuer: 'https://issuer.example', audience: 'a' };
const given = JSON.parse(process.argv[2]);
const report = process.argv[3];

async function checkAlgorithm(algorithm, arithmetic) {
  const pair = await KeyPair.generate(algorithm);
  const key = algorithm.startsWith('HS') ? { secret: pair.secret } : { publicKey: pair.publicKey };
  const verifier = new Verifier({ algorithms: [algorithm], cacheSize: 0, ...key, ...POLICY });
  const token = await pair.createToken({ subject: 's', scopes: ['read'], ...POLICY });
  for (let i = 0; i < given.rounds; i++) {
    assert.deepEqual(verifier.verifySync(token).scopes, ['read']);
  }
  const at = token.lastIndexOf('.') + 1;
  const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
  assert.throws(() => verifier.verifySync(changed), BearerError);
  const [info] = verifier.keys();
  if (arithmetic !== null) {
    assert.equal(info.arithmetic, arithmetic, algorithm);
  }
  assert.equal(verifier.stats().arithmeticDisagreements, 0);
  return info.arithmetic;
}

async function checkKeySet() {
  const verifier = new Verifier({ jwksUri: given.url, algorithms: ['ES256'], ...POLICY });
  assert.equal((await verifier.verify(given.token)).subject, 's');
  if (given.untrusted_url) {
    const other = new Verifier({ jwksUri: given.untrusted_url, algorithms: ['ES256'], ...POLICY });
    await assert.rejects(other.verify(given.token), (error) => error.code === 'keys_unavailable');
  }
}

async function main() {
  const served = {};
  for (const [name, arithmetic] of Object.entries(given.arithmetic)) {
    served[name] = await checkAlgorithm(name, arithmetic);
  }
  if (given.url) {
    await checkKeySet();
  }
  for (const [name, value] of Object.entries(given.versions ?? {})) {
    assert.deepEqual(versions[name], value);
  }
  return `smoke ok ${process.version} ${JSON.stringify(served)}\n`;
}

let outcome;
try {
  outcome = await main();
} catch (error) {
  outcome = `${error.stack}\n`;
  process.exitCode = 1;
}
if (report === undefined) {
  process.stdout.write(outcome);
} else {
  writeFileSync(report, outcome);
}
