/* The package under Bun and Deno: the suites of vectors, and real servers, their own ones and those of node:http. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { noteSkip } from '../../support/skips.mjs';
import { HOSTS, RUNTIME_HOSTS, RUNTIMES } from '../hosts.mjs';
import { serve } from '../support.mjs';
import { checkSilence, checksOf } from './checks.mjs';
import { checksOfRules, RULED } from './rule-checks.mjs';

const MODULES = fileURLToPath(new URL('../node_modules/', import.meta.url));
const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/* Guards that are called with a token, or with a context, and not with the request. */
const FOLLOWING = ['sdk v1', 'nest, express'];

for (const [name, { program, hosts, follows }] of Object.entries(RUNTIMES)) {
  const [command, ...parameters] = [path.join(MODULES, program[0]), ...program.slice(1)];
  if (!existsSync(command)) {
    noteSkip(`tests under ${name}: npm has no ${program[0]} for this system`);
    it(`runs under ${name}`, { skip: `no ${program[0]} for this system` }, () => {});
    continue;
  }
  describe(name, { concurrency: 2 }, () => {
    it('has the verdicts of all vectors', () => {
      const all = parameters.length > 0 ? ['run', '-A'] : [];
      const done = spawnSync(command, [...all, 'tests/node/vectors.mjs', 'tests/vectors'], {
        cwd: ROOT,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      });
      assert.match(done.stderr, /^\d{4} cases, 0 different$/mu);
      assert.equal(done.status, 0);
    });
    for (const one of hosts) {
      const host = { ...(HOSTS[one] ?? RUNTIME_HOSTS[one]) };
      host.entered &&= follows || !FOLLOWING.includes(one);
      const row = `${one} (${name})`;
      describe(row, { concurrency: 1 }, () => {
        let server;
        before(async () => {
          server = await serve(one, 'import', undefined, undefined, [command, ...parameters]);
        });
        checksOf(row, host, () => server);
        checkSilence(row, () => server);
        after(() => server.stop());
      });
      if (!host.own) {
        continue;
      }
      describe(`${row}, with rules for JSON-RPC`, { concurrency: 1 }, () => {
        let server;
        before(async () => {
          server = await serve(one, 'import', ...RULED, [command, ...parameters]);
        });
        checksOfRules(() => server.origin, host);
        after(() => server.stop());
      });
    }
  });
}
