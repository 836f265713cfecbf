/*
 * `npm run build`: compiles the addon with CMake into build-node/. Says in one sentence which package is missing when
 * a compiler, a header or a library is. Never downloads anything. Arguments after `--` go to CMake:
 * npm run build -- -DOPENSSL_ROOT_DIR=/opt/openssl
 */
'use strict';

const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const folder = path.join(root, 'build-node');

function fail(sentence) {
  console.error(`fastbearer: ${sentence}`);
  process.exit(1);
}

function works(command, ...parameters) {
  return spawnSync(command, parameters, { stdio: 'ignore' }).status === 0;
}

/* What to install, by the names of Debian and Ubuntu. */
function requireTools() {
  const tools = [
    ['a C compiler', 'gcc', process.env.CC || 'cc', '--version'],
    ['CMake', 'cmake', 'cmake', '--version'],
    ['make', 'make', 'make', '--version'],
    ['pkg-config', 'pkg-config', 'pkg-config', '--version'],
    ['OpenSSL 3.0 or later with its headers', 'libssl-dev', 'pkg-config', '--exists', 'libcrypto >= 3.0'],
    ['jansson 2.13 or later with its headers', 'libjansson-dev', 'pkg-config', '--exists', 'jansson >= 2.13'],
  ];
  for (const [what, name, command, ...parameters] of tools) {
    if (!works(command, ...parameters)) {
      fail(`the addon cannot be built without ${what}: install ${name} (Debian, Ubuntu: apt-get install ${name})`);
    }
  }
}

/* A header-only package, perhaps in a folder above this one when fastbearer is a dependency. */
function headers() {
  try {
    return [`-DFB_NODE_HEADERS=${require('node-api-headers').include_dir}`];
  } catch {
    return fail('the addon cannot be built without the N-API headers: run npm install first (node-api-headers)');
  }
}

function run(...parameters) {
  const done = spawnSync('cmake', parameters, { cwd: root, encoding: 'utf8' });
  if (done.status === 0) {
    return;
  }
  const reason = /^CMake Error at bindings\/node[^\n]*\n\s*([^\n]+)/mu.exec(done.stderr);
  if (reason !== null) {
    fail(reason[1]);
  }
  process.stderr.write(done.stdout + done.stderr);
  fail(`cmake ${parameters[0]} failed, see above`);
}

requireTools();
run(
  '-S',
  '.',
  '-B',
  folder,
  '-DFB_NODE=ON',
  '-DFB_CURL=OFF',
  '-DFB_TESTS=OFF',
  '-DFB_BENCH=OFF',
  '-DFB_INSTALL=OFF',
  ...headers(),
  ...process.argv.slice(2),
);
run('--build', folder, '--target', 'fastbearer_node', '-j', String(os.availableParallelism()));
const built = path.join(folder, 'fastbearer.node');
if (!existsSync(built)) {
  fail(`the build ended without ${built}`);
}
console.log(`built ${path.relative(process.cwd(), built)}`);
