/* What several tests need. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { RSAKeyPair } from '../../../node/index.cjs';
import { ROOT } from './idp.mjs';

export const ISSUER = 'https://issuer.example';
export const AUDIENCE = 'https://api.example/mcp';

/* Generated once a process. */
export const PAIR = RSAKeyPair.generateSync();

export function good(more = {}) {
  return PAIR.createToken({ issuer: ISSUER, audience: AUDIENCE, kid: 'k', ...more });
}

/* The error that a call throws. */
export function thrown(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

/* The error that a promise rejects with. */
export async function rejected(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  return assert.fail(`not rejected: ${value}`);
}

/* Waits until it holds. The limit is for what never comes, not for what comes late. */
export async function until(condition) {
  const limit = performance.now() + 30_000;
  while (!(await condition())) {
    assert.ok(performance.now() < limit, `never: ${condition}`);
    await sleep(5);
  }
}

/* Runs a program under this Node; answers { status, signal, stdout, stderr }. */
export function node(program, { parameters = [], env = {}, flags = [], cwd = ROOT, timeout = 60_000 } = {}) {
  return spawnSync(process.execPath, [...flags, '-e', program, ...parameters], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    timeout,
  });
}

/* The same without holding up this process, whose servers it may need. */
export function nodeAsync(program, { env = {}, flags = [], timeout = 60_000 } = {}) {
  return new Promise((resolve) => {
    const settings = {
      cwd: ROOT,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', ...env },
      timeout,
    };
    execFile(process.execPath, [...flags, '-e', program], settings, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code, signal: error?.signal ?? null, stdout, stderr }),
    );
  });
}

export const INDEX = JSON.stringify(path.join(ROOT, 'node', 'index.cjs'));
