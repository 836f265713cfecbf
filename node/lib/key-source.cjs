/*
 * The fetches of one issuer's key set: one at a time, shared by all callers that wait. The core decides whether to
 * fetch, what, and evaluates the responses; key-fetch.cjs transfers them.
 */
'use strict';

const { BearerError, keysUnavailable, unwrap } = require('./errors.cjs');
const { fetchStep, startDeadline } = require('./key-fetch.cjs');
const native = require('./native.cjs');
const { inOurNames } = require('./option-table.cjs');

const { FETCH_NOW } = native.constants;

class KeySource {
  #handle;
  #number;
  #options;
  #flight; // { ended: Promise<error | undefined>, controller, timer, waiting } of the fetch that is under way
  #failures = 0;

  /* number: the core's for the issuer; options: the issuer's. */
  constructor(handle, number, options) {
    this.#handle = handle;
    this.#number = number;
    this.#options = options;
  }

  /*
   * Returns the fetch that is under way, or starts one. It keeps no process alive unless somebody waits for it. A fetch
   * function runs before this returns and may ask for the same flight, so the flight is complete before it is called.
   */
  start(reason, request = 0n) {
    if (this.#flight !== undefined) {
      return this.#flight;
    }
    let settle;
    const ended = new Promise((resolve) => {
      settle = resolve;
    });
    const flight = { ended, controller: new AbortController(), timer: undefined, waiting: 0 };
    this.#flight = flight;
    void this.#run(flight, reason, request).then((error) => {
      this.#flight = undefined;
      settle(error);
    });
    return flight;
  }

  /*
   * Resolves when the fetch has ended, or when `wait` seconds have passed: to undefined, or to the error that says why
   * there are no new keys.
   */
  async fetched(reason, request, wait = Infinity) {
    const flight = this.start(reason, request);
    flight.waiting += 1;
    flight.timer?.ref(); // the deadline of a caller must come even when nothing else keeps the process alive
    let timer;
    const waited = new Promise((resolve) => {
      timer = wait < this.#options.fetchTimeout ? setTimeout(resolve, wait * 1000) : undefined;
    });
    try {
      return await Promise.race([flight.ended, waited]);
    } finally {
      clearTimeout(timer);
      flight.waiting -= 1;
      if (flight.waiting === 0) {
        flight.timer?.unref();
      }
    }
  }

  close() {
    this.#flight?.controller.abort();
  }

  /* Resolves to the error that says why there are no new keys. Never rejects. */
  async #run(flight, reason, request) {
    let error;
    try {
      const begun = unwrap(native.refreshBegin(this.#handle, this.#number, reason, request));
      if (begun.decision !== FETCH_NOW) {
        return undefined; // the keys have arrived, or may not be fetched yet: the next verification says which
      }
      await this.#fetchAll(flight, begun);
    } catch (thrown) {
      error = asUnavailable(thrown);
    }
    this.#noteOutcome(error);
    return error;
  }

  /* One deadline for all steps: discovery answers the first with the next. */
  async #fetchAll(flight, begun) {
    const stop = startDeadline(flight, begun.timeout);
    try {
      for (let step = begun; step.decision === FETCH_NOW; ) {
        const fetched = await fetchStep(step, this.#options, flight.controller.signal);
        step = unwrap(native.refreshComplete(this.#handle, this.#number, begun.ticket, fetched));
      }
    } finally {
      stop();
    }
  }

  /* Warns once when fetching begins to fail, and once when it works again. */
  #noteOutcome(error) {
    const before = this.#failures;
    this.#failures = error === undefined ? 0 : before + 1;
    if ((before === 0) === (this.#failures === 0)) {
      return;
    }
    const state = native.issuers(this.#handle)?.find(({ number }) => number === this.#number);
    if (state === undefined) {
      return; // the verifier is closed, or the issuer is gone
    }
    const sentence = error === undefined ? recovered(state, before) : failed(state, error.retryAfter ?? 0);
    process.emitWarning(sentence, { type: 'FastBearerWarning', code: 'FASTBEARER_KEYS' });
  }
}

function recovered({ jwksUri }, failures) {
  return `key set ${jwksUri}: fetched again after ${failures} failed attempts`;
}

function failed({ keysHeld, lastError }, retryAfter) {
  const held = keysHeld ? 'the keys that are held stay in use' : 'no keys are held, tokens cannot be verified';
  return `key set: fetch failed: ${inOurNames(lastError)}; ${held}; next attempt in ${Math.ceil(retryAfter)} s`;
}

/* To callers that wait, a closed verifier and a ticket that timed out mean that there are no keys. */
function asUnavailable(error) {
  if (error.code === 'ERR_VERIFIER_CLOSED') {
    return keysUnavailable('the verifier was closed', 0);
  }
  return error instanceof BearerError ? error : keysUnavailable(error.message, 0);
}

module.exports = { KeySource };
