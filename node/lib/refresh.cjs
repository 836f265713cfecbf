/*
 * Fetching a key set, once for everybody who waits for it. The core decides whether to fetch and what an answer is
 * worth; fetch.cjs carries the bytes.
 */
'use strict';

const { CLOSED, ConfigurationError, OK, keysUnavailable, lastFailure, renamed } = require('./errors.cjs');
const { get } = require('./fetch.cjs');
const native = require('./native.cjs');

const REFRESH_TOKEN = 0;
const REFRESH_AHEAD = 1;
const REFRESH_EXPLICIT = 2;
const FETCH_NOW = 0;

class KeySource {
  #handle;
  #options;
  #flight; // { request, ended: Promise<error | undefined>, controller, timer } of the fetch that is under way
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
      const flight = { request, ended, controller: new AbortController(), timer: undefined };
      this.#flight = flight;
      void this.#run(flight, reason, request).then((error) => {
        this.#flight = undefined;
        settle(error);
      });
      return flight;
    }
    return this.#flight;
  }

  /* Resolves when it has ended: with undefined, or with the error that says why there are no new keys. */
  fetched(reason, request) {
    return this.#ended(this.start(reason, request));
  }

  /*
   * The same for a token's key id; resolves to whether the set was fetched for this very one. With a refreshInterval
   * shorter than a fetch the core would ask for it again and again.
   */
  async answered(request) {
    const flight = this.start(REFRESH_TOKEN, request);
    const error = await this.#ended(flight);
    return error === undefined && flight.request === request && native.stats(this.#handle)?.keysHeld === true;
  }

  #ended(flight) {
    flight.timer?.ref(); // somebody waits now: the deadline must come even when nothing else is left to happen
    return flight.ended;
  }

  close() {
    this.#flight?.controller.abort();
  }

  async #run(flight, reason, request) {
    const begun = native.refreshBegin(this.#handle, reason, request);
    if (begun === undefined) {
      return this.#failure();
    }
    if (begun.decision !== FETCH_NOW) {
      return undefined; // the keys are there, or not to be had yet: verifying again says which
    }
    const answer = await get(begun, this.#options, flight);
    native.refreshComplete(this.#handle, begun.ticket, answer);
    const error = native.meta[0] === OK ? undefined : this.#failure();
    this.#noteChange(error);
    return error;
  }

  #failure() {
    if (native.meta[0] === CLOSED) {
      return keysUnavailable('the verifier was closed', 0);
    }
    const error = lastFailure();
    return error instanceof ConfigurationError ? keysUnavailable(error.message, 0) : error; // a ticket that timed out
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

/* The URL for a log: without its query. */
function shown(url) {
  return url.split(/[?#]/u, 1)[0];
}

module.exports = { KeySource, REFRESH_AHEAD, REFRESH_EXPLICIT, REFRESH_TOKEN };
