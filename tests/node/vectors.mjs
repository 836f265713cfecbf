/*
 * The Node runner of the suites: node tests/node/vectors.mjs PATH... (tests/vectors/README.md has the format.)
 *
 * A child process runs the cases and reports each in a line, so that a crash or a hang costs one case: the parent notes
 * it and starts a new child after it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import { BearerError, ConfigurationError, Verifier } from '../../node/index.cjs';

const CASE_SECONDS = 10;
const split = (text) => new Set(text.trim().split(/\s+/u));

/* What cases may say. Anything else is an error of the case: what is ignored proves nothing. */
const MEMBERS = split('id description config token request now expect code claims scopes client_id');
const SEQUENCE_MEMBERS = split('id description config steps');
const STEP_MEMBERS = split('token request now expect code claims scopes client_id');
const REQUEST_MEMBERS = split('method url headers client_certificate');
const KEYS = ['public_key', 'jwks', 'jwks_raw', 'secret', 'algorithms', 'issuer'];
const CLAIMS = ['audience', 'token_type', 'scope_claims', 'client_id_claims', 'required_claims'];
const ISSUER_OPTIONS = new Set([...KEYS, ...CLAIMS]);
const OPTIONS = new Set([
  ...ISSUER_OPTIONS,
  ...split('issuers required_scopes scope_hierarchy merge_scope_claims leeway clock_skew require_exp max_token_bytes'),
  ...split('sender_constrained dpop'),
]);
const DPOP_OPTIONS = split('max_age required algorithms nonce_secret replay_capacity');

// ---- reading

function files(given) {
  return given.flatMap((start) => {
    if (!statSync(start, { throwIfNoEntry: false })?.isDirectory()) {
      return [start];
    }
    const found = readdirSync(start, { recursive: true }).filter((name) => {
      const hidden = name.split(path.sep).some((part) => part.startsWith('.'));
      return !hidden && /\.jsonl?$/u.test(name);
    });
    return found.map((name) => path.join(start, name)).sort();
  });
}

function load(file) {
  const text = readFileSync(file, 'utf8');
  if (file.endsWith('.jsonl')) {
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map((line) => JSON.parse(line));
  }
  const cases = JSON.parse(text);
  if (!Array.isArray(cases)) {
    throw new Error('no array of cases');
  }
  return cases;
}

/* What is to be reported, in order: { case }, or { id, problem } for a file that is not one of cases. */
function entries(given) {
  return files(given).flatMap((file) => {
    try {
      return load(file).map((one) => ({ case: one }));
    } catch (error) {
      return [{ id: file, problem: error.message }];
    }
  });
}

// ---- running

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const unknownOf = (object, known) => Object.keys(object).find((name) => !known.has(name));

const isText = (value) => typeof value === 'string';

function isRequest(given) {
  const { method, url, headers, client_certificate: certificate } = given;
  const arePairs = (headers ?? []).every?.((pair) => Array.isArray(pair) && pair.length === 2 && pair.every(isText));
  return [method, url, certificate].every((value) => isText(value ?? '')) && arePairs === true;
}

function problemOfStep(step) {
  const good = isObject(step) && isText(step.token) && ['accept', 'reject'].includes(step.expect);
  if (!good || !['number', 'undefined'].includes(typeof (step.now ?? undefined))) {
    return 'token, now or expect is missing or of the wrong type';
  }
  if (step.request === undefined) {
    return undefined;
  }
  const isGood =
    isObject(step.request) && unknownOf(step.request, REQUEST_MEMBERS) === undefined && isRequest(step.request);
  return isGood ? undefined : 'a member of request is unknown or of the wrong type';
}

function problemOfConfig(config, known, what) {
  const unknown = unknownOf(config, known);
  if (unknown !== undefined) {
    return `${what}: ${unknown} is unknown or of the wrong type`;
  }
  const odd = isObject(config.dpop) ? unknownOf(config.dpop, DPOP_OPTIONS) : undefined;
  if (odd !== undefined) {
    return `${what}: dpop.${odd} is unknown`;
  }
  const both = (config.jwks ?? null) !== null && (config.jwks_raw ?? null) !== null;
  return both ? `${what}: jwks and jwks_raw are the same option` : undefined;
}

/* Why no runner could run it; undefined: it can be run. */
function unusable(one) {
  if (!isObject(one) || typeof one.id !== 'string' || !isObject(one.config)) {
    return 'id or config is missing or of the wrong type';
  }
  const isSequence = 'steps' in one;
  const steps = isSequence ? one.steps : [one];
  if (!Array.isArray(steps) || steps.length === 0) {
    return 'steps must be an array that is not empty';
  }
  const unknown = isSequence
    ? (unknownOf(one, SEQUENCE_MEMBERS) ??
      steps
        .filter(isObject)
        .map((step) => unknownOf(step, STEP_MEMBERS))
        .find(Boolean))
    : unknownOf(one, MEMBERS);
  if (unknown !== undefined) {
    return `the member ${unknown} is unknown`;
  }
  const issuers = Array.isArray(one.config.issuers) ? one.config.issuers.filter(isObject) : [];
  return (
    steps.map(problemOfStep).find(Boolean) ??
    problemOfConfig(one.config, OPTIONS, 'config') ??
    issuers.map((issuer, i) => problemOfConfig(issuer, ISSUER_OPTIONS, `issuers[${i}]`)).find(Boolean)
  );
}

const camel = (name) => name.replaceAll(/_([a-z])/gu, (_, letter) => letter.toUpperCase());

/* Options by our names. What is in `issuers` and `dpop` are options; other values are handed over as they stand. */
function options(config) {
  const given = Object.entries(config).filter(([, value]) => value !== null);
  return Object.fromEntries(
    given.map(([name, value]) => {
      const isIssuers = name === 'issuers' && Array.isArray(value);
      const listed = isIssuers ? value.map((one) => (isObject(one) ? options(one) : one)) : value;
      const here = name === 'dpop' && isObject(value) ? options(value) : listed;
      return [name === 'jwks_raw' ? 'jwks' : camel(name), here];
    }),
  );
}

/* What a call says: a verdict, or what it fell over. */
async function outcomeOf(call) {
  try {
    const { claims, scopes, clientId } = await call();
    return { verdict: 'accept', code: null, claims, scopes, client_id: clientId };
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return { verdict: 'reject', code: 'configuration_invalid' };
    }
    return error instanceof BearerError
      ? { verdict: 'reject', code: error.code }
      : { verdict: 'error', code: `${error.name}: ${error.message}` };
  }
}

function verifyWith(verifier, { token, request, now }) {
  const when = typeof now === 'number' ? { now } : undefined;
  if (request === undefined) {
    return verifier.verifySync(token, when);
  }
  const { client_certificate: clientCertificate, headers = [], ...others } = request;
  return verifier.verifyRequest({ ...others, headers, clientCertificate }, when);
}

async function runSteps(verifier, given) {
  const steps = [];
  for (const step of given) {
    steps.push(await outcomeOf(() => verifyWith(verifier, step)));
  }
  return { verdict: 'steps', code: null, steps };
}

async function run(one) {
  const problem = unusable(one);
  if (problem !== undefined) {
    return { id: typeof one?.id === 'string' ? one.id : '', verdict: 'error', code: problem };
  }
  let verifier;
  try {
    verifier = new Verifier(options(one.config));
  } catch (error) {
    return {
      id: one.id,
      ...(await outcomeOf(() => {
        throw error;
      })),
    };
  }
  const outcome = await ('steps' in one ? runSteps(verifier, one.steps) : outcomeOf(() => verifyWith(verifier, one)));
  verifier.close();
  return { id: one.id, ...outcome };
}

/* Both sides come from JSON.parse; -0 is 0. Not a Map of members: Bun compares Maps in Maps for hours. */
function canonical(value) {
  if (Array.isArray(value)) {
    return value.map(canonical);
  }
  if (isObject(value)) {
    const members = Object.entries(value).map(([name, member]) => [name, canonical(member)]);
    return { members: members.sort(([a], [b]) => (a < b ? -1 : 1)) };
  }
  return value === 0 ? 0 : value;
}

function asExpected(one, outcome) {
  if (Array.isArray(one?.steps)) {
    return outcome.verdict === 'steps' && one.steps.every((step, i) => asExpected(step, outcome.steps[i]));
  }
  if (outcome.verdict !== one?.expect) {
    return false;
  }
  if (outcome.verdict === 'reject') {
    return [one.code ?? outcome.code].flat().includes(outcome.code);
  }
  return ['claims', 'scopes', 'client_id'].every(
    (name) => !(name in one) || isDeepStrictEqual(canonical(outcome[name]), canonical(one[name])),
  );
}

async function child(skip, given) {
  for (const entry of entries(given).slice(skip)) {
    const problem = { id: entry.id, verdict: 'error', code: entry.problem };
    const outcome = 'problem' in entry ? problem : await run(entry.case);
    writeSync(1, `${asExpected(entry.case, outcome) ? '=' : '!'}${JSON.stringify(outcome)}\n`); // all out before the next
  }
}

// ---- the parent

/* Runs a child for the cases that are left; resolves to the outcome of the case that it ended in, if it did. */
async function supervise(done, given, report) {
  const program = ['--no-warnings', fileURLToPath(import.meta.url), '--child', String(done), ...given];
  const worker = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
  let end;
  let timer;
  const rest = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      end = { verdict: 'hang', code: `no answer in ${CASE_SECONDS} seconds` };
      worker.kill('SIGKILL');
    }, CASE_SECONDS * 1000);
  };
  rest();
  let held = '';
  // Not readline, which from Node 24 on takes U+2028 for the end of a line.
  worker.stdout.setEncoding('utf8').on('data', (chunk) => {
    rest();
    const lines = (held + chunk).split('\n');
    held = lines.pop();
    lines.forEach((line) => report(line.startsWith('='), line.slice(1)));
  });
  const [status, signal] = await once(worker, 'close');
  clearTimeout(timer);
  return end ?? { verdict: 'crash', code: signal === null ? `exit status ${status}` : `signal ${signal}` };
}

async function main(given) {
  if (given.length === 0 || given[0].startsWith('-')) {
    console.error('usage: node tests/node/vectors.mjs PATH...');
    return 2;
  }
  const todo = entries(given);
  let done = 0;
  let different = 0;
  const report = (same, line) => {
    process.stdout.write(`${line}\n`);
    const one = todo[done++].case;
    if (!same) {
      different += 1;
      const wanted = JSON.stringify({ expect: one?.expect, code: one?.code, scopes: one?.scopes });
      process.stderr.write(`DIFFERENT ${line.slice(0, 300)} expected ${wanted}\n`);
    }
  };
  while (done < todo.length) {
    const end = await supervise(done, given, report);
    if (done < todo.length) {
      const { id } = todo[done].case ?? todo[done];
      report(false, JSON.stringify({ id: String(id ?? ''), ...end }));
    }
  }
  console.error(`${todo.length} cases, ${different} different`);
  return todo.length === 0 || different > 0 ? 1 : 0;
}

if (process.argv[2] === '--child') {
  await child(Number(process.argv[3]), process.argv.slice(4));
} else {
  process.exitCode = await main(process.argv.slice(2));
}
