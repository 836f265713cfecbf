/*
 * Makes node_modules of this folder: the hosts, as package.json pins them, and fastbearer as a user has it, from its
 * tarball; examples/node has the same ones. What is already as it should be is left alone, so a second run takes a
 * moment.
 *
 *     node tests/node/hosts/setup.mjs
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.join(HERE, '..', '..', '..');
const MODULES = path.join(HERE, 'node_modules');
const ADDON = path.join('build-node', 'fastbearer.node');

function run(command, parameters, cwd) {
  return execFileSync(command, parameters, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function filesBelow(place) {
  return readdirSync(place, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function digestOf(files) {
  const digest = createHash('sha256');
  for (const file of files) {
    digest.update(file).update('\0').update(readFileSync(file));
  }
  return digest.digest('hex');
}

/* Does the work unless the stamp says that it was done for the same inputs. */
function once(name, files, work) {
  const stamp = path.join(MODULES, `.${name}.stamp`);
  const wanted = digestOf(files);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) {
    return;
  }
  work();
  writeFileSync(stamp, wanted);
}

function installHosts() {
  console.error('installing the hosts that the Node adapters are tested on ...');
  run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], HERE);
}

function installFastbearer() {
  const place = mkdtempSync(path.join(tmpdir(), 'fastbearer-'));
  try {
    run('npm', ['pack', '--pack-destination', place, '--loglevel=error'], ROOT);
    run('tar', ['-xzf', readdirSync(place)[0]], place);
    const target = path.join(MODULES, 'fastbearer');
    rmSync(target, { recursive: true, force: true });
    cpSync(path.join(place, 'package'), target, { recursive: true });
    mkdirSync(path.join(target, 'build-node'), { recursive: true });
    cpSync(path.join(ROOT, ADDON), path.join(target, ADDON));
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/* A program finds its packages from where it lies. */
function lendToExamples() {
  const place = path.join(ROOT, 'examples', 'node', 'node_modules');
  rmSync(place, { recursive: true, force: true });
  symlinkSync(MODULES, place);
}

export function prepare() {
  if (!existsSync(path.join(ROOT, ADDON))) {
    throw new Error('the addon is not built: run npm install and npm run build first');
  }
  once('hosts', [path.join(HERE, 'package-lock.json')], installHosts);
  const parts = [...filesBelow(path.join(ROOT, 'node')), path.join(ROOT, 'package.json'), path.join(ROOT, ADDON)];
  once('fastbearer', parts, installFastbearer);
  lendToExamples();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  prepare();
}
