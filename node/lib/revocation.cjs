/*
 * Asking the user's function whether a verified token has been revoked: last but for what remembers proofs, on every
 * request, whether the token was cached or not. A function that fails accepts nothing: whether the token is still good
 * is not known then. What it is given holds the token, so nothing is reported of a failure but the error's class.
 */
'use strict';

const { types } = require('node:util');

const { ConfigurationError } = require('./errors.cjs');
const native = require('./native.cjs');

const { STATUS_UNAVAILABLE, TOKEN_REVOKED } = native.constants;

/* A request does not wait for longer. */
const HOOK_SECONDS = 5;
/* How many classes of errors are reported. */
const MAX_REPORTED = 32;

const REVOKED = Object.freeze([TOKEN_REVOKED, 'the token has been revoked']);
const UNKNOWN = Object.freeze([
  STATUS_UNAVAILABLE,
  'whether the token has been revoked could not be found out',
  Object.freeze({ retryAfter: 1 }),
]);

const isThenable = (value) => typeof value === 'object' && value !== null && typeof value.then === 'function';

class TimeoutError extends Error {}

/* Even to ask a revoked Proxy for its class throws. */
function classOf(thrown) {
  try {
    const name = thrown?.constructor?.name;
    return typeof name === 'string' && /^\w{1,64}$/u.test(name) ? name : typeof thrown;
  } catch {
    return 'object';
  }
}

/* Undefined for a token that is good. Stores answer with 0 and 1. */
function refusalFor(found) {
  if (typeof found !== 'boolean' && !Number.isInteger(found)) {
    throw new TypeError('isRevoked must return true or false');
  }
  return found ? REVOKED : undefined;
}

class Revocation {
  #ask;
  #reported = new Set();

  constructor(ask) {
    this.#ask = ask;
  }

  /* For verifySync, before anything is verified. */
  assertSync() {
    if (types.isAsyncFunction(this.#ask)) {
      throw new ConfigurationError('isRevoked is async: use verify or verifyRequest');
    }
  }

  /* Why nobody can say now what is revoked, as far as the function knows; undefined: nothing is wrong. */
  problem() {
    return typeof this.#ask.problem === 'function' ? this.#ask.problem() : undefined;
  }

  /* Status, message and details of the refusal; undefined for a token that is good. */
  refusalSync(access) {
    try {
      const found = this.#ask(access);
      if (isThenable(found)) {
        Promise.resolve(found).catch(() => {}); // it comes too late to be of interest
        throw new TypeError('isRevoked is async: use verify or verifyRequest');
      }
      return refusalFor(found);
    } catch (error) {
      return this.#failed(error);
    }
  }

  async refusal(access) {
    let timer;
    try {
      const found = this.#ask(access);
      if (!isThenable(found)) {
        return refusalFor(found);
      }
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new TimeoutError()), HOOK_SECONDS * 1000);
      });
      return refusalFor(await Promise.race([found, late]));
    } catch (error) {
      return this.#failed(error);
    } finally {
      clearTimeout(timer);
    }
  }

  #failed(error) {
    const name = classOf(error);
    if (!this.#reported.has(name) && this.#reported.size < MAX_REPORTED) {
      this.#reported.add(name);
      const what = 'isRevoked failed, requests get 503 where the host can say so';
      process.emitWarning(`${what} (further failures of this kind are not reported): ${name}`, {
        type: 'FastBearerWarning',
        code: 'FASTBEARER_REVOCATION',
      });
    }
    return UNKNOWN;
  }
}

module.exports = { Revocation };
