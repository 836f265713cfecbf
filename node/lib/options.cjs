/*
 * Reads the options of a Verifier and of its issuers by the table: each is checked for its type, or a
 * ConfigurationError names it.
 */
'use strict';

const { CHECKS, assertKnownKeys, optional, typeError } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');
const { introspector } = require('./introspector.cjs');
const {
  DPOP_OPTIONS,
  FETCH_OPTIONS,
  ISSUER_OPTIONS,
  KEY_OPTIONS,
  OPTIONS,
  VERIFIER_OPTIONS,
} = require('./option-table.cjs');

const namesOf = (table) => Object.freeze(table.map(({ name }) => name));
const ISSUER_OPTION_NAMES = namesOf(ISSUER_OPTIONS);
const OPTION_NAMES = namesOf(OPTIONS);
const DPOP_OPTION_NAMES = namesOf(DPOP_OPTIONS);

/* What a verifier with one issuer says of it beside the verifier's own options. */
const SOLE_ISSUER_OPTIONS = Object.freeze([...KEY_OPTIONS, ...FETCH_OPTIONS]);

const CHECKS_BY_KIND = Object.freeze({ ...CHECKS, introspector });

const isGiven = (value) => value !== undefined && value !== null;

/* Adapters put the URL of their resource in its place (adapter.cjs). */
const RESOURCE = 'resource';

/* A copy of what is given, with defaults for what is not. */
function read(table, prefix, given) {
  if (given.audience === RESOURCE) {
    throw new ConfigurationError(
      `${prefix}audience '${RESOURCE}' stands for the resource of an adapter's resourceMetadata, and there is none here; ` +
        `an audience of that name is ['${RESOURCE}']`,
    );
  }
  const options = {};
  for (const { name, kind, default: fallback } of table) {
    options[name] = optional(CHECKS_BY_KIND[kind], `${prefix}${name}`, given[name]) ?? fallback;
  }
  if (options.ssrfSafe && options.fetch !== undefined) {
    throw new ConfigurationError(
      `${prefix}ssrfSafe watches the sockets that fastbearer opens itself; it cannot be combined with fetch`,
    );
  }
  return Object.freeze(options);
}

/* One of `issuers`, or what resolveIssuer has found. */
function readIssuer(what, given) {
  assertKnownKeys(what, given, ISSUER_OPTION_NAMES);
  return read(ISSUER_OPTIONS, `${what}: `, given);
}

function readIssuers(given) {
  if (!isGiven(given.issuers)) {
    const flat = SOLE_ISSUER_OPTIONS.some(({ name }) => isGiven(given[name]));
    return flat || !isGiven(given.resolveIssuer) ? [read(SOLE_ISSUER_OPTIONS, '', given)] : [];
  }
  const flat = SOLE_ISSUER_OPTIONS.find(({ name }) => isGiven(given[name]));
  if (flat !== undefined) {
    throw new ConfigurationError(`issuers and ${flat.name} exclude each other: ${flat.name} belongs to one of issuers`);
  }
  if (!Array.isArray(given.issuers)) {
    throw typeError('issuers', 'an array of objects', given.issuers);
  }
  return given.issuers.map((one, i) => readIssuer(`issuers[${i}]`, one));
}

function readDpop(given) {
  if (!isGiven(given)) {
    return undefined;
  }
  assertKnownKeys('dpop', given, DPOP_OPTION_NAMES);
  return read(DPOP_OPTIONS, 'dpop.', given);
}

/* { policy, issuers, dpop }, all checked; dpop is undefined where there is none. */
function readOptions(given) {
  assertKnownKeys('options', given, OPTION_NAMES);
  const policy = read(
    VERIFIER_OPTIONS.filter(({ kind }) => kind !== 'issuers' && kind !== 'dpop'),
    '',
    given,
  );
  return { policy, issuers: readIssuers(given), dpop: readDpop(given.dpop) };
}

/* The same by the core's names, for the addon. */
function toCore(table, options) {
  const rows = table.filter(({ core }) => core !== undefined);
  return Object.fromEntries(rows.map(({ name, core }) => [core, options[name]]));
}

const toCorePolicy = (policy) => ({
  ...toCore(VERIFIER_OPTIONS, policy),
  resolves_issuers: policy.resolveIssuer !== undefined,
});
const toCoreIssuer = ({ introspector: asked, ...issuer }) => ({
  ...toCore(ISSUER_OPTIONS, issuer),
  introspection: asked && (asked.jwts ? 'all' : 'opaque'),
  introspection_audience: asked?.signedResponse ? asked.clientId : undefined,
});
const toCoreDpop = (dpop) => dpop && { ...toCore(DPOP_OPTIONS, dpop), replay_by_host: dpop.replayStore !== undefined };

/* Whether tokens that were issued for others are accepted of this issuer. */
function acceptsAnyAudience(policy, issuer) {
  const effective = (name) => issuer[name] ?? policy[name] ?? [];
  return effective('audience').length === 0 && !effective('requiredClaims').some(([, values]) => values !== undefined);
}

module.exports = {
  OPTION_NAMES,
  RESOURCE,
  acceptsAnyAudience,
  readIssuer,
  readOptions,
  toCoreDpop,
  toCoreIssuer,
  toCorePolicy,
};
