/* What is known of a verifier's issuers, by the names and in the words of this package. */
'use strict';

const { inOurNames } = require('./option-table.cjs');

function toIssuerStats({ number, lastError, problem, ...counters }) {
  const sentence = (text) => (text ? inOurNames(text) : undefined);
  return { ...counters, lastError: sentence(lastError), problem: sentence(problem) };
}

const worse = (health) => (health === 'ready' ? 'degraded' : health);
const sentenceOf = ({ issuer, problem }) => (issuer === undefined ? problem : `${issuer}: ${problem}`);

/*
 * found: what the addon says; failing: what is wrong with introspection endpoints, by the number of the issuer; unknown:
 * why nobody knows what is revoked.
 */
function healthOf({ health, issuers }, failing, unknown) {
  const stats = issuers.map(toIssuerStats);
  const problems = stats.filter(({ problem }) => problem !== undefined).map(sentenceOf);
  for (const [i, { number }] of issuers.entries()) {
    if (failing.has(number)) {
      stats[i].health = worse(stats[i].health);
      stats[i].problem ??= failing.get(number);
    }
  }
  problems.push(...failing.values(), ...(unknown === undefined ? [] : [unknown]));
  const status = failing.size === 0 ? health : worse(health);
  return { status: unknown === undefined ? status : 'not_ready', problems, issuers: stats };
}

module.exports = { healthOf, toIssuerStats };
