/*
 * Loads the compiled addon, once per environment. Everything in it is private to this folder. A missing binary is an
 * error that says how to build it.
 */
'use strict';

const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const binary = path.join(root, 'build-node', 'fastbearer.node');

/* npm, pnpm and Yarn install the package for glibc or the one for musl; of both, the one that loads is used. */
const systems = process.platform === 'linux' ? ['linux', 'linuxmusl'] : [process.platform];
const packages = systems.map((system) => `@fastbearer/${system}-${process.arch}`);

/* The first that loads; else the error of the first that is there. */
function loadFirst(candidates) {
  let failure;
  for (const candidate of candidates) {
    try {
      return require(candidate);
    } catch (error) {
      if (failure === undefined || failure.code === 'MODULE_NOT_FOUND') {
        failure = error;
      }
    }
  }
  throw failure;
}

function load() {
  try {
    return loadFirst([binary, ...packages]);
  } catch (error) {
    const what = `${process.platform}-${process.arch}, Node ${process.versions.node}`;
    const missing = error.code === 'MODULE_NOT_FOUND';
    const build = `run \`npm run build\` in ${root}`;
    const sentence = missing
      ? `is not built for this system (${what}): ${build}, or install ${packages.join(' or ')}`
      : `cannot be loaded (${what}): ${error.message}; ${build}`;
    const text = `fastbearer: its native part ${sentence}`;
    throw Object.assign(new Error(text, { cause: error }), { code: 'ERR_ADDON_MISSING' });
  }
}

const native = load();

module.exports = native;
