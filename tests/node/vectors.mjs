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
const OPTIONS = new Set(
  `public_key jwks jwks_raw secret algorithms issuer audience required_scopes required_claims scope_claims
   client_id_claims leeway require_exp token_type max_token_bytes`.split(/\s+/u),
);

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

/* Why no runner could run it; undefined: it can be run. */
function unusable(one) {
  const good = isObject(one) && typeof one.id === 'string' && typeof one.token === 'string' && isObject(one.config);
  if (
    !good ||
    !['accept', 'reject'].includes(one.expect) ||
    !['number', 'undefined'].includes(typeof (one.now ?? undefined))
  ) {
    return 'id, token, config, now or expect is missing or of the wrong type';
  }
  const unknown = Object.keys(one.config).find((name) => !OPTIONS.has(name));
  if (unknown !== undefined) {
    return `config: ${unknown} is unknown or of the wrong type`;
  }
  const both = (one.config.jwks ?? null) !== null && (one.config.jwks_raw ?? null) !== null;
  return both ? 'config: jwks and jwks_raw are the same option' : undefined;
}

function options(config) {
  const camel = (name) => name.replaceAll(/_([a-z])/gu, (_, letter) => letter.toUpperCase());
  const given = Object.entries(config).filter(([, value]) => value !== null);
  return Object.fromEntries(given.map(([name, value]) => [name === 'jwks_raw' ? 'jwks' : camel(name), value]));
}

function run(one) {
  const problem = unusable(one);
  if (problem !== undefined) {
    return { id: typeof one?.id === 'string' ? one.id : '', verdict: 'error', code: problem };
  }
  try {
    const verifier = new Verifier(options(one.config));
    const access = verifier.verifySync(one.token, typeof one.now === 'number' ? { now: one.now } : undefined);
    verifier.close();
    return { id: one.id, verdict: 'accept', code: null, claims: access.claims, scopes: access.scopes };
  } catch (error) {
    if (error instanceof ConfigurationError) {
      return { id: one.id, verdict: 'reject', code: 'configuration_invalid' };
    }
    const known = error instanceof BearerError;
    return {
      id: one.id,
      verdict: known ? 'reject' : 'error',
      code: known ? error.code : `${error.name}: ${error.message}`,
    };
  }
}

/* Both sides come from JSON.parse; -0 is 0. */
function canonical(value) {
  if (Array.isArray(value)) {
    return value.map(canonical);
  }
  return isObject(value)
    ? new Map(Object.entries(value).map(([name, member]) => [name, canonical(member)]))
    : value === 0
      ? 0
      : value;
}

function asExpected(one, outcome) {
  if (outcome.verdict !== one?.expect) {
    return false;
  }
  if (outcome.verdict === 'reject') {
    return [one.code ?? outcome.code].flat().includes(outcome.code);
  }
  return ['claims', 'scopes'].every(
    (name) => !(name in one) || isDeepStrictEqual(canonical(outcome[name]), canonical(one[name])),
  );
}

function child(skip, given) {
  for (const entry of entries(given).slice(skip)) {
    const outcome = 'problem' in entry ? { id: entry.id, verdict: 'error', code: entry.problem } : run(entry.case);
    writeSync(1, `${asExpected(entry.case, outcome) ? '=' : '!'}${JSON.stringify(outcome)}\n`); // all out before the next
  }
}

// ---- the parent

/* Runs a child for the cases that are left; resolves to the outcome of the case that it ended in, if it did. */
async function supervise(done, given, report) {
  const program = [fileURLToPath(import.meta.url), '--child', String(done), ...given];
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
  child(Number(process.argv[3]), process.argv.slice(4));
} else {
  process.exitCode = await main(process.argv.slice(2));
}
