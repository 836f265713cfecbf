/*
 * What the counters of a verifier are called where they are collected: the same names, units and attributes in every
 * language. They live in the core and are read when somebody collects them, so a verification costs what it did. Nothing
 * of a token is in them but the identifier of a configured or resolved issuer, and the reason of a refusal.
 */
'use strict';

const COUNTER = 'counter';
const GAUGE = 'gauge';

/* Prometheus writes the dots as underscores. */
const METRICS = Object.freeze(
  [
    ['fastbearer.verifications', COUNTER, '{token}', 'Tokens that were verified, by outcome, reason and issuer'],
    ['fastbearer.cache.lookups', COUNTER, '{lookup}', 'Tokens that the cache held or did not hold'],
    ['fastbearer.cache.evictions', COUNTER, '{token}', 'Cached tokens that made room for others'],
    ['fastbearer.cache.entries', GAUGE, '{token}', 'Tokens that are cached'],
    ['fastbearer.cache.size', GAUGE, 'By', 'Bytes that the cached tokens occupy'],
    ['fastbearer.key_set.fetches', COUNTER, '{fetch}', 'Fetches of key sets, by outcome and issuer'],
    ['fastbearer.key_set.fetch.time', COUNTER, 's', 'Seconds that all fetches of key sets took together'],
    ['fastbearer.key_set.imports', COUNTER, '{key_set}', 'Key sets that came from a store'],
    ['fastbearer.key_set.age', GAUGE, 's', 'Seconds since the keys were fetched or confirmed'],
    ['fastbearer.introspections', COUNTER, '{response}', 'Introspection responses that were evaluated'],
    ['fastbearer.replay.evictions', COUNTER, '{proof}', 'DPoP proofs that were forgotten for want of room'],
    ['fastbearer.health', GAUGE, '1', '0 ready, 1 degraded, 2 not ready, by issuer'],
  ].map(([name, kind, unit, description]) => Object.freeze({ name, kind, unit, description })),
);
const HEALTH = Object.freeze({ ready: 0, degraded: 1, not_ready: 2 });

/* The attributes that each metric has beside `verifier`. */
const ATTRIBUTES = Object.freeze({
  'fastbearer.verifications': ['issuer', 'outcome', 'reason'],
  'fastbearer.cache.lookups': ['outcome'],
  'fastbearer.key_set.fetches': ['issuer', 'outcome'],
  'fastbearer.key_set.fetch.time': ['issuer'],
  'fastbearer.key_set.imports': ['issuer'],
  'fastbearer.key_set.age': ['issuer'],
  'fastbearer.health': ['issuer'],
});
const attributesOf = (metric) => ['verifier', ...(ATTRIBUTES[metric] ?? [])];

/* One value for each set of attributes: an issuer may have no identifier, as what is nobody's has none. */
function summed(values) {
  const sums = new Map();
  for (const [attributes, value] of values) {
    const key = JSON.stringify(attributes);
    const [, before] = sums.get(key) ?? [attributes, 0];
    sums.set(key, [attributes, before + value]);
  }
  return [...sums.values()];
}

/* By issuer, and those that were refused before it was known whose they are. */
function verifications(of, { reasons, issuers }) {
  const found = [];
  const nobodys = { ...reasons };
  for (const state of issuers) {
    const about = { ...of, issuer: state.issuer ?? '' };
    found.push([{ ...about, outcome: 'accepted', reason: '' }, state.verified]);
    for (const [reason, count] of Object.entries(state.reasons)) {
      found.push([{ ...about, outcome: 'refused', reason }, count]);
      nobodys[reason] = (nobodys[reason] ?? 0) - count;
    }
  }
  for (const [reason, count] of Object.entries(nobodys)) {
    if (count > 0) {
      found.push([{ ...of, issuer: '', outcome: 'refused', reason }, count]);
    }
  }
  return summed(found);
}

function addIssuer(values, about, state) {
  const add = (metric, ...pairs) => values.get(`fastbearer.${metric}`).push(...pairs);
  add('health', [about, HEALTH[state.health] ?? 2]);
  if (!state.fetched) {
    return;
  }
  const { fetches, fetchFailures, fetchSeconds, imports, keyAge } = state;
  add(
    'key_set.fetches',
    [{ ...about, outcome: 'success' }, Math.max(0, fetches - fetchFailures)],
    [{ ...about, outcome: 'failure' }, fetchFailures],
  );
  add('key_set.fetch.time', [about, fetchSeconds]);
  add('key_set.imports', [about, imports]);
  if (Number.isFinite(keyAge)) {
    add('key_set.age', [about, keyAge]);
  }
}

function statsOf(verifier) {
  try {
    return verifier.stats();
  } catch (error) {
    if (error?.code === 'ERR_VERIFIER_CLOSED') {
      return undefined;
    }
    throw error;
  }
}

/* The values of all metrics of one verifier, pairs of attributes and value by name; none of one that is closed. */
function read(name, verifier) {
  const stats = verifier === undefined ? undefined : statsOf(verifier);
  if (stats === undefined) {
    return new Map();
  }
  const of = { verifier: name };
  const values = new Map(METRICS.map(({ name: metric }) => [metric, []]));
  const set = (metric, ...pairs) => values.set(`fastbearer.${metric}`, pairs);
  set('verifications', ...verifications(of, stats));
  set('cache.lookups', [{ ...of, outcome: 'hit' }, stats.cacheHits], [{ ...of, outcome: 'miss' }, stats.cacheMisses]);
  set('cache.evictions', [of, stats.cacheEvictions]);
  set('cache.entries', [of, stats.cacheEntries]);
  set('cache.size', [of, stats.cacheBytes]);
  set('introspections', [of, stats.introspections]);
  set('replay.evictions', [of, stats.replayEvictions]);
  for (const state of stats.issuers) {
    addIssuer(values, { ...of, issuer: state.issuer ?? '' }, state);
  }
  return values;
}

module.exports = { COUNTER, METRICS, attributesOf, read };
