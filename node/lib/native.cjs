/*
 * Loads the compiled addon, once per environment. Everything in it is private to this folder. A missing binary is an
 * error that says how to build it.
 */
'use strict';

const path = require('node:path');

const root = path.join(__dirname, '..', '..');
const binary = path.join(root, 'build-node', 'fastbearer.node');

function load() {
  try {
    return require(binary);
  } catch (error) {
    const what = `${process.platform}-${process.arch}, Node ${process.versions.node}`;
    const missing = error.code === 'MODULE_NOT_FOUND';
    const sentence = missing
      ? `fastbearer: its native part is not built for this system (${what}): run \`npm run build\` in ${root}`
      : `fastbearer: its native part cannot be loaded (${what}): ${error.message}; run \`npm run build\` in ${root}`;
    throw Object.assign(new Error(sentence, { cause: error }), { code: 'ERR_ADDON_MISSING' });
  }
}

const native = load();

module.exports = native;
