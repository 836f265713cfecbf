/*
 * The options of an adapter: those of a Verifier, flat, or { verifier } and the scopes that a route requires in
 * addition; and those of a guard.
 */
'use strict';

const { assertKnownKeys, optional, scopes } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');
const { GUARD_OPTION_NAMES, Guard, REFUSE } = require('./guard.cjs');
const { OPTION_NAMES } = require('./options.cjs');
const { Verifier } = require('./verifier.cjs');

/* { verifier, requiredScopes } */
function verifierOf({ verifier, ...options }) {
  if (verifier === undefined) {
    return { verifier: new Verifier(options), requiredScopes: [] };
  }
  if (typeof verifier?.[REFUSE] !== 'function') {
    throw new ConfigurationError('verifier must be a Verifier of this package');
  }
  const { requiredScopes, ...others } = options;
  if (Object.keys(others).length > 0) {
    const names = Object.keys(others).join(', ');
    throw new ConfigurationError(`give either verifier or the options of one, not both: ${names}`);
  }
  return { verifier, requiredScopes: optional(scopes, 'requiredScopes', requiredScopes) ?? [] };
}

/* null means "not given", like undefined. */
function withoutNull(given) {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined));
}

function guardOf(given = {}) {
  assertKnownKeys('options', given, ['verifier', ...GUARD_OPTION_NAMES, ...OPTION_NAMES]);
  const entries = Object.entries(withoutNull(given));
  const split = (isOfGuard) =>
    Object.fromEntries(entries.filter(([name]) => GUARD_OPTION_NAMES.includes(name) === isOfGuard));
  const { verifier, requiredScopes } = verifierOf(split(false));
  return new Guard(verifier, requiredScopes, split(true));
}

module.exports = { guardOf, verifierOf };
