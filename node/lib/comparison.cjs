/*
 * A candidate that is asked about what a verifier in service has answered, and what comes of comparing the two. Nothing
 * that it does, and no failure here, reaches a request. Nothing of a token is reported.
 */
'use strict';

const { CHECKS, assertKnownKeys, optional, typeError } = require('./checks.cjs');
const { BearerError, ConfigurationError, textOf } = require('./errors.cjs');
const { withAccessToken } = require('./context.cjs');
const { requestInfo } = require('./request-info.cjs');

/* How a candidate is asked about a token: the first of these that it has, or itself. */
const WAYS = Object.freeze(['verify', 'verifyAccessToken', 'verifyToken']);

/* What is compared of two tokens that were both accepted, where both have it. */
const FIELDS = Object.freeze(['clientId', 'subject', 'expiresAt', 'scopes']);

/* How many kinds of differences are reported by a warning, once each. */
const MAX_REPORTED = 64;

class TimedOut extends Error {}

const isPlain = (text) => typeof text === 'string' && /^\w{1,64}$/u.test(text);

/* What the MCP SDKs are given has our own error as its cause. */
const oursOf = (error) => [error?.cause, error].find((one) => one instanceof BearerError);

/* What one of the two said: { outcome, reason, claim, result }. */
function verdictOf({ result, error, hasFailed }) {
  if (!hasFailed) {
    const isRefused = result === undefined || result === null || result === false;
    return isRefused ? { outcome: 'refused' } : { outcome: 'accepted', result };
  }
  const { code, claim, status, name } = oursOf(error) ?? { status: error?.status, name: error?.name };
  return {
    outcome: status === 503 ? 'unavailable' : 'refused',
    reason: code ?? (isPlain(name) ? name : undefined),
    claim,
  };
}

/* A candidate's own trouble is not a verdict. */
function verdictOfCandidate(answer) {
  const { error, hasFailed } = answer;
  if (!hasFailed || oursOf(error) !== undefined) {
    return verdictOf(answer);
  }
  const isLate = error instanceof TimedOut || error?.name === 'TimeoutError';
  return isLate
    ? { outcome: 'timed_out' }
    : { outcome: 'failed', reason: isPlain(error?.code) ? error.code : undefined };
}

/* Of an AccessToken, of jose's { payload }, or of claims themselves. */
function fieldsOf(result) {
  const { payload = result } = result;
  const { clientId, subject = payload?.sub, expiresAt = payload?.exp, scopes } = result;
  return { clientId, subject, expiresAt, scopes: Array.isArray(scopes) ? [...new Set(scopes)].sort() : undefined };
}

function differing(served, found) {
  const [theirs, ours] = [fieldsOf(served), fieldsOf(found)];
  return FIELDS.filter((name) => {
    const isKnown = [theirs, ours].every((one) => one[name] !== undefined && one[name] !== null);
    return isKnown && JSON.stringify(theirs[name]) !== JSON.stringify(ours[name]);
  });
}

/* What a call of the user's answers, whatever it does. */
async function answerOf(call, timeout) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TimedOut()), timeout * 1000).unref();
  });
  try {
    return { result: await Promise.race([call(), late]) };
  } catch (error) {
    return { error, hasFailed: true };
  } finally {
    clearTimeout(timer);
  }
}

function checkedOptions(options) {
  assertKnownKeys('options', options, ['onDifference', 'timeout', 'maxPending']);
  const timeout = optional(CHECKS.seconds, 'timeout', options.timeout) ?? 10;
  const maxPending = optional(CHECKS.size, 'maxPending', options.maxPending) ?? 64;
  if (!(timeout > 0 && timeout <= 3600)) {
    throw new ConfigurationError('timeout must be more than 0, at most 3600');
  }
  if (maxPending < 1) {
    throw new ConfigurationError('maxPending must be at least 1');
  }
  return { onDifference: optional(CHECKS.callable, 'onDifference', options.onDifference), timeout, maxPending };
}

class Comparison {
  #candidate;
  #options;
  #pending = 0;
  #reported = new Set();
  #hasWarnedOfHook = false;
  counts = { compared: 0, different: 0, skipped: 0 };

  constructor(candidate, options) {
    const isAsked = WAYS.some((name) => typeof candidate?.[name] === 'function');
    if (!isAsked && typeof candidate !== 'function') {
      throw typeError('candidate', 'a verifier or a function', candidate);
    }
    this.#candidate = candidate;
    this.#options = checkedOptions(options);
  }

  /*
   * What is to be called with an answer, { result } or { error, hasFailed }, once there is one; undefined where the
   * candidate cannot be asked. given: a token or a request, as it is now; method: of the verifier in service.
   */
  prepare(given, method) {
    try {
      const ask = this.#asking(given, method);
      return ask && ((answer) => this.#begin(ask, answer));
    } catch {
      return undefined; // it is the verifier in service that says what is wrong with a request
    }
  }

  #asking(given, method) {
    const candidate = this.#candidate;
    if (typeof given === 'string') {
      const ways = method === 'verifyAccessToken' ? [method, ...WAYS] : WAYS;
      const way = ways.find((name) => typeof candidate[name] === 'function');
      return way === undefined ? () => candidate(given) : () => candidate[way](given);
    }
    if (typeof given !== 'object' || given === null || typeof candidate.verifyRequest !== 'function') {
      return undefined;
    }
    const info = requestInfo(given); // frameworks change a request while they serve it
    return () => candidate.verifyRequest(info);
  }

  /* After what waits for the answer. */
  #begin(ask, answer) {
    if (this.#pending >= this.#options.maxPending) {
      this.counts.skipped += 1;
      return;
    }
    this.#pending += 1;
    // A candidate that notes its access token must not note it for the request.
    withAccessToken(undefined, () => setImmediate(() => void this.#askAndCompare(ask, answer)));
  }

  async #askAndCompare(ask, answer) {
    try {
      const found = await answerOf(async () => ask(), this.#options.timeout);
      this.#compare(verdictOf(answer), verdictOfCandidate(found));
    } catch {
      this.counts.skipped += 1; // a result whose members cannot be read
    } finally {
      this.#pending -= 1;
    }
  }

  #compare(served, found) {
    this.counts.compared += 1;
    const areAccepted = served.outcome === 'accepted' && found.outcome === 'accepted';
    const fields = areAccepted ? differing(served.result, found.result) : [];
    if (served.outcome === found.outcome && fields.length === 0) {
      return;
    }
    this.counts.different += 1;
    const difference = Object.freeze({
      serving: served.outcome,
      servingReason: served.reason,
      candidate: found.outcome,
      code: found.reason,
      claim: found.claim,
      fields: Object.freeze(fields),
    });
    this.#report(difference);
    this.#tell(difference);
  }

  #report({ serving, servingReason, candidate, code, claim, fields }) {
    const detail = [code, claim && `claim ${claim}`, fields.join(', ')].filter(Boolean).join(', ');
    const why = servingReason === undefined ? '' : ` (${servingReason})`;
    const sentence = `in service: ${serving}${why}; candidate: ${candidate}${detail === '' ? '' : ` (${detail})`}`;
    this.#warn(sentence, JSON.stringify([serving, candidate, code, fields]));
  }

  #warn(sentence, kind) {
    if (!this.#reported.has(kind) && this.#reported.size < MAX_REPORTED) {
      this.#reported.add(kind);
      const text = `${sentence} (more of this kind is not reported)`;
      process.emitWarning(text, { type: 'FastBearerWarning', code: 'FASTBEARER_SHADOW' });
    }
  }

  #tell(difference) {
    const failed = (thrown) => {
      if (!this.#hasWarnedOfHook) {
        this.#hasWarnedOfHook = true;
        const text = `onDifference failed (further failures are not reported): ${textOf(thrown)}`;
        process.emitWarning(text, { code: 'FASTBEARER_HOOK' });
      }
    };
    try {
      const outcome = this.#options.onDifference?.(difference);
      if (typeof outcome === 'object' && outcome !== null) {
        Promise.resolve(outcome).then(undefined, failed);
      }
    } catch (thrown) {
      failed(thrown);
    }
  }
}

module.exports = { Comparison };
