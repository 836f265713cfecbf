/*
 * The options of an adapter: those of a Verifier, flat, or { verifier } and the scopes that a route requires in
 * addition; and those of a guard.
 */
'use strict';

const { assertKnownKeys, optional, scopes } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');
const { GUARD_OPTION_NAMES, Guard, REFUSE } = require('./guard.cjs');
const { OPTION_NAMES, RESOURCE } = require('./options.cjs');
const { audiencesOf } = require('./resource-metadata.cjs');
const { RULE_OPTION_NAMES } = require('./rpc-rules.cjs');
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

/* What is to be for this very server is bound to the URL that the server gives as its own. */
function boundTo(metadata, options) {
  const bind = (one) => (one?.audience === RESOURCE ? { ...one, audience: audiencesOf(metadata) } : one);
  if (metadata === undefined) {
    return options; // and if audience is 'resource' the verifier says what is missing
  }
  return Array.isArray(options.issuers) ? bind({ ...options, issuers: options.issuers.map(bind) }) : bind(options);
}

/* For a framework that does not hand over bodies as they came. */
function assertNoRules(options, why) {
  const name = RULE_OPTION_NAMES.find((one) => options?.[one] !== undefined && options[one] !== null);
  if (name !== undefined) {
    throw new ConfigurationError(`${name} cannot be used here: ${why}`);
  }
}

function guardOf(given = {}) {
  assertKnownKeys('options', given, ['verifier', ...GUARD_OPTION_NAMES, ...OPTION_NAMES]);
  const entries = Object.entries(withoutNull(given));
  const split = (isOfGuard) =>
    Object.fromEntries(entries.filter(([name]) => GUARD_OPTION_NAMES.includes(name) === isOfGuard));
  const ofGuard = split(true);
  const { verifier, requiredScopes } = verifierOf(boundTo(ofGuard.resourceMetadata, split(false)));
  return new Guard(verifier, requiredScopes, ofGuard);
}

module.exports = { assertNoRules, guardOf, verifierOf };
