/*
 * The tests under other versions of Node: node tests/node/versions.mjs [MAJOR...], by default 22 and 24. npm has them as
 * packages; one that cannot be had is named and left out. The addon is the one that is built: N-API is the same in all.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
/* Not package and memory, which test npm and the core more than they test Node. */
const FILES = ['addon', 'fetch', 'keypair', 'options', 'refresh', 'vectors', 'verifier'].map((name) => path.join(HERE, `${name}.test.mjs`));

function under(version, parameters, stdio) {
  const program = ['exec', '--yes', `--package=node@${version}`, '--', 'node', ...parameters];
  return spawnSync('npm', program, { cwd: path.join(HERE, '..', '..'), encoding: 'utf8', stdio });
}

const given = process.argv.slice(2);
for (const major of given.length > 0 ? given : ['22', '24']) {
  const probe = under(major, ['--version'], 'pipe');
  const found = probe.stdout?.trim();
  if (probe.status !== 0 || !found.startsWith(`v${major}.`)) {
    console.log(`node ${major}: not to be had here, left out (${(probe.stderr ?? '').trim().split('\n')[0]})`);
    continue;
  }
  console.log(`node ${found}`);
  const done = under(major, ['--test', '--test-reporter=dot', ...FILES], 'inherit');
  if (done.status !== 0) {
    process.exitCode = 1;
  }
}
