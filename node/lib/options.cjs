/*
 * Reads the options of a Verifier by the table: each is checked for its type, or a ConfigurationError names it.
 */
'use strict';

const { CHECKS, assertKnownKeys, optional } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');
const { OPTIONS } = require('./option-table.cjs');

const OPTION_NAMES = Object.freeze(OPTIONS.map(({ name }) => name));

/* A copy of what is given, with defaults for what is not. */
function readOptions(given) {
  assertKnownKeys('options', given, OPTION_NAMES);
  const options = {};
  for (const { name, kind, default: fallback } of OPTIONS) {
    options[name] = optional(CHECKS[kind], name, given[name]) ?? fallback;
  }
  if (options.ssrfSafe && options.fetch !== undefined) {
    throw new ConfigurationError(
      'ssrfSafe watches the sockets that fastbearer opens itself; it cannot be combined with fetch',
    );
  }
  return options;
}

/* The same by the core's names, for the addon. */
function toCoreOptions(options) {
  const rows = OPTIONS.filter(({ core }) => core !== undefined);
  return Object.fromEntries(rows.map(({ name, core }) => [core, options[name]]));
}

module.exports = { OPTION_NAMES, readOptions, toCoreOptions };
