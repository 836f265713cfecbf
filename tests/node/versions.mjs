/*
 * The tests under other versions of Node: node tests/node/versions.mjs [MAJOR...], by default 22 and 24. npm has them
 * as packages, and installs them where there is a network. One that cannot be had is skipped by name and counted; with
 * CI=true only the want of a network excuses that. The addon is the one that is built: N-API is the same in all.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { noteSkip } from './support/skips.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
/* Not package, memory and kept, which test npm, the core and V8 more than they test Node. */
const NAMES = ['addon', 'fetch', 'keypair', 'options', 'outage', 'refresh', 'termination', 'vectors', 'verifier'];
const FILES = NAMES.map((name) => path.join(HERE, `${name}.test.mjs`));
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT|ENOTCACHED/u;

function under(version, parameters, stdio) {
  const program = ['exec', '--yes', '--prefer-offline', `--package=node@${version}`, '--', 'node', ...parameters];
  return spawnSync('npm', program, { cwd: path.join(HERE, '..', '..'), encoding: 'utf8', stdio });
}

/* Its full version, or { reason } where it cannot be had. */
function find(major) {
  const probe = under(major, ['--version'], 'pipe');
  const found = probe.stdout?.trim() ?? '';
  if (probe.status === 0 && found.startsWith(`v${major}.`)) {
    return { found };
  }
  const said = (probe.stderr ?? '').trim();
  return { reason: said.split('\n')[0] || `npm exec gave ${found || 'nothing'}`, isExcused: NO_NETWORK.test(said) };
}

function main(majors) {
  const skipped = [];
  let failed = false;
  for (const major of majors) {
    const { found, reason, isExcused } = find(major);
    if (found === undefined) {
      skipped.push(`node ${major}: ${reason}`);
      noteSkip(`tests under Node ${major}: ${reason}`);
      failed ||= process.env.CI === 'true' && !isExcused;
      continue;
    }
    console.log(`node ${found}`);
    failed = under(major, ['--test', '--test-reporter=dot', ...FILES], 'inherit').status !== 0 || failed;
  }
  skipped.forEach((line) => console.log(`SKIPPED ${line}`));
  console.log(
    `${majors.length - skipped.length} of ${majors.length} versions of Node tested, ${skipped.length} SKIPPED`,
  );
  return failed ? 1 : 0;
}

const given = process.argv.slice(2);
process.exitCode = main(given.length > 0 ? given : ['22', '24']);
