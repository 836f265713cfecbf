/*
 * Asks resolveIssuer for issuers that are not known. The core says for which, one at a time for an identifier, and
 * remembers those that there are not. The identifier is hostile text until a token of that issuer has been verified, so
 * no message holds it.
 */
'use strict';

const { unwrap } = require('./errors.cjs');
const native = require('./native.cjs');
const { readIssuer, toCoreIssuer } = require('./options.cjs');

const { signals } = native;
const { STATUS, OK, CLOSED, NO_SUCH_ISSUER, RESOLVED, RESOLVE_FAILED, RESOLVE_NOW } = native.constants;

/* A resolver that never answers must not hold one of the core's places for ever. */
const RESOLVE_SECONDS = 10;

const MAX_SENTENCE = 200;

const isThenable = (value) => typeof value === 'object' && value !== null && typeof value.then === 'function';

class IssuerResolver {
  #handle;
  #resolve;
  #onResolved;
  #flights = new Map(); // by ticket: { ended, settle, timer }
  #hasWarned = false;

  /* onResolved is called with the identifier and the options of what the core has taken on. */
  constructor(handle, resolve, onResolved) {
    this.#handle = handle;
    this.#resolve = resolve;
    this.#onResolved = onResolved;
  }

  /* Resolves when it is known whether the token's issuer is, or nobody can say. Never rejects. */
  async resolved(token) {
    const flight = this.start(token);
    flight?.timer?.ref();
    await flight?.ended;
  }

  /*
   * Returns the resolution that is under way, if one is after this. A resolver that answers at once has done so then. A
   * resolver may ask for the same issuer, so the flight is complete before it is called.
   */
  start(token) {
    const begun = native.resolveBegin(this.#handle, token);
    if (signals[STATUS] !== OK) {
      return undefined; // the next verification says why
    }
    if (begun.decision === RESOLVE_NOW) {
      this.#run(begun);
    }
    return this.#flights.get(begun.ticket);
  }

  close() {
    for (const flight of this.#flights.values()) {
      clearTimeout(flight.timer);
      flight.settle();
    }
    this.#flights.clear(); // what comes later is of no interest
  }

  #run({ ticket, identifier }) {
    const end = (work) => {
      if (this.#flights.delete(ticket)) {
        clearTimeout(flight.timer);
        this.#end(ticket, identifier, work);
        flight.settle();
      }
    };
    const flight = { timer: undefined, settle: undefined };
    flight.ended = new Promise((resolve) => {
      flight.settle = resolve;
    });
    this.#flights.set(ticket, flight);
    const fail = (error) => {
      end(() => {
        throw error;
      });
    };
    try {
      const found = this.#resolve(identifier);
      if (!isThenable(found)) {
        end(() => found);
        return;
      }
      const late = () => fail(new Error(`no answer within ${RESOLVE_SECONDS} s`));
      flight.timer = setTimeout(late, RESOLVE_SECONDS * 1000).unref();
      Promise.resolve(found).then((value) => end(() => value), fail);
    } catch (error) {
      fail(error);
    }
  }

  /* work returns what resolveIssuer has found, or throws what it threw. */
  #end(ticket, identifier, work) {
    try {
      const found = work();
      if (found === undefined || found === null) {
        native.resolveEnd(this.#handle, ticket, NO_SUCH_ISSUER);
        return;
      }
      const options = readIssuer('resolveIssuer', found);
      const failure = native.resolveEnd(this.#handle, ticket, RESOLVED, toCoreIssuer(options));
      if (signals[STATUS] !== CLOSED) {
        unwrap(failure);
        this.#onResolved(identifier, options);
      }
    } catch (error) {
      native.resolveEnd(this.#handle, ticket, RESOLVE_FAILED); // has no effect where the core has ended it
      this.#warn(error, identifier);
    }
  }

  #warn(error, identifier) {
    if (this.#hasWarned) {
      return;
    }
    this.#hasWarned = true;
    const sentence = `resolveIssuer failed (further failures are not reported): ${sentenceOf(error, identifier)}`;
    process.emitWarning(sentence, { type: 'FastBearerWarning', code: 'FASTBEARER_RESOLVER' });
  }
}

/* Even to ask a revoked Proxy for its message throws. */
function sentenceOf(error, identifier) {
  try {
    let text = String(error?.message ?? error);
    for (const spelling of [identifier, encodeURIComponent(identifier), encodeURI(identifier)]) {
      text = text.replaceAll(spelling, '<iss>');
    }
    return text.replaceAll(/[^ -~]+/gu, ' ').slice(0, MAX_SENTENCE);
  } catch {
    return 'something that cannot be printed';
  }
}

module.exports = { IssuerResolver };
