/*
 * Fetching a key set, once for everybody who waits for it. The core decides whether to fetch and what an answer is
 * worth; fetch.cjs carries the bytes.
 */
'use strict';

const { BearerError, keysUnavailable, renamed, unwrap } = require('./errors.cjs');
const { get } = require('./fetch.cjs');
const native = require('./native.cjs');

const { FETCH_NOW } = native.constants;

class KeySource {
  #handle;
  #options;
  #flight; // { ended: Promise<error | undefined>, controller, timer, waiting } of the fetch that is under way
  #failing = 0;

  constructor(handle, options) {
    this.#handle = handle;
    this.#options = options;
  }

  /*
   * The fetch that is under way, or a new one. Nobody need wait for it, and it keeps no process alive. A fetch function
   * runs before this returns and may ask for the same flight: it is complete before that.
   */
  start(reason, request = 0n) {
    if (this.#flight === undefined) {
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
    return this.#flight;
  }

  /*
   * Resolves when it has ended, or when the caller has waited for long enough (seconds): with undefined, or with the
   * error that says why there are no new keys.
   */
  async fetched(reason, request, wait = Infinity) {
    const flight = this.start(reason, request);
    flight.waiting += 1;
    flight.timer?.ref(); // somebody waits now: the deadline must come even when nothing else is left to happen
    let timer;
    try {
      return await (wait < this.#options.fetchTimeout
        ? Promise.race([flight.ended, new Promise((resolve) => (timer = setTimeout(resolve, wait * 1000)))])
        : flight.ended);
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
      const begun = unwrap(native.refreshBegin(this.#handle, reason, request));
      if (begun.decision !== FETCH_NOW) {
        return undefined; // the keys are there, or not to be had yet: verifying again says which
      }
      const answer = await get(begun, this.#options, flight);
      unwrap(native.refreshComplete(this.#handle, begun.ticket, answer));
    } catch (thrown) {
      error = asUnavailable(thrown);
    }
    this.#noteChange(error);
    return error;
  }

  /* Said once when fetching begins to fail, and once when it works again. */
  #noteChange(error) {
    const failures = this.#failing;
    this.#failing = error === undefined ? 0 : failures + 1;
    if ((failures === 0) === (this.#failing === 0)) {
      return;
    }
    const stats = native.stats(this.#handle);
    if (stats === undefined) {
      return; // closed
    }
    const url = shown(this.#options.jwksUri);
    const held = stats.keysHeld ? 'the keys that are held stay in use' : 'no keys are held, tokens cannot be verified';
    const sentence =
      error === undefined
        ? `key set ${url}: fetched again after ${failures} failed attempts`
        : `key set: fetch failed: ${renamed(stats.lastError)}; ${held}; next attempt in ${Math.ceil(error.retryAfter ?? 0)} s`;
    process.emitWarning(sentence, { type: 'FastBearerWarning', code: 'FASTBEARER_KEYS' });
  }
}

/* Of a verifier that was closed meanwhile, of a ticket that timed out: to whoever waits they say that there are no keys. */
function asUnavailable(error) {
  if (error.code === 'ERR_VERIFIER_CLOSED') {
    return keysUnavailable('the verifier was closed', 0);
  }
  return error instanceof BearerError ? error : keysUnavailable(error.message, 0);
}

/* The URL for a log: without its query. */
function shown(url) {
  return url.split(/[?#]/u, 1)[0];
}

module.exports = { KeySource };
