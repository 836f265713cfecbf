/*
 * Run by the runtime under test, with the installed package: smoke.mjs JSON [REPORT]. As smoke.py; with REPORT the
 * outcome goes into a file, since Node on wine has no standard output.
 */
import { writeFileSync } from 'node:fs';
import { BearerError, KeyPair, Verifier, versions } from 'fastbearer';

/* Not node:assert, which opens standard error, and that does not exist there either. */
function check(holds, what) {
  if (!holds) {
    throw new Error(what);
  }
}

function codeOf(act) {
  try {
    act();
    return 'accepted';
  } catch (error) {
    return error instanceof BearerError ? error.code : `${error}`;
  }
}

const POLICY = { issuer: 'https://issuer.example', audience: 'a' };
const given = JSON.parse(process.argv[2]);
const report = process.argv[3];

async function checkAlgorithm(algorithm, arithmetic) {
  const pair = await KeyPair.generate(algorithm);
  const key = algorithm.startsWith('HS') ? { secret: pair.secret } : { publicKey: pair.publicKey };
  const verifier = new Verifier({ algorithms: [algorithm], cacheSize: 0, ...key, ...POLICY });
  const token = await pair.createToken({ subject: 's', scopes: ['read'], ...POLICY });
  for (let i = 0; i < given.rounds; i++) {
    check(String(verifier.verifySync(token).scopes) === 'read', algorithm);
  }
  const at = token.lastIndexOf('.') + 1;
  const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
  check(codeOf(() => verifier.verifySync(changed)) === 'signature_invalid', `${algorithm} took a changed signature`);
  const [info] = verifier.keys();
  const served = info.arithmetic;
  check(arithmetic === null || served === arithmetic, `${algorithm} is served by ${served}, not by ${arithmetic}`);
  check(verifier.stats().arithmeticDisagreements === 0, `${algorithm}: the two kinds of arithmetic disagree`);
  return info.arithmetic;
}

async function checkKeySet() {
  const verifier = new Verifier({ jwksUri: given.url, algorithms: ['ES256'], ...POLICY });
  check((await verifier.verify(given.token)).subject === 's', 'the key set over TLS');
  if (given.untrusted_url) {
    const other = new Verifier({ jwksUri: given.untrusted_url, algorithms: ['ES256'], ...POLICY });
    const code = await other.verify(given.token).then(
      () => 'accepted',
      (error) => error.code,
    );
    check(code === 'keys_unavailable', `a certificate of an unknown authority: ${code}`);
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
  if (given.trusted) {
    const verifier = new Verifier({ jwksUri: given.trusted, algorithms: ['RS256'], ...POLICY });
    await verifier.refresh();
    check(
      verifier.keys().some((key) => key.usable),
      `no usable key in ${given.trusted}`,
    );
  }
  for (const [name, value] of Object.entries(given.versions ?? {})) {
    check(name === 'curl' || versions[name] === value, `${name} is ${versions[name]}, not ${value}`);
  }
  check(given.versions === undefined || versions.builtIn === true, 'the libraries are not built in');
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
