/*
 * The introspection endpoint of one issuer, as one verifier uses it: a token is asked about once for all requests that
 * carry it, and what was refused is remembered. The core says which tokens are asked about and what a response is worth,
 * and caches what it accepts. An endpoint that fails is left alone for a while: then tokens are refused with 503 at
 * once, rather than after a time-out each.
 */
'use strict';

const { createHash } = require('node:crypto');

const { IntrospectionFailed, introspect, sentenceFor } = require('./introspection-fetch.cjs');
const { settingsOf } = require('./introspector.cjs');
const native = require('./native.cjs');
const { spanned } = require('./spans.cjs');

const { CLOSED, STATUS_UNAVAILABLE } = native.constants;

/* Failures in a row after which the endpoint is left alone, and for how many seconds at most. */
const PATIENCE = 3;
const LONGEST_PAUSE = 30;

const seconds = () => performance.now() / 1000;

/* Tokens are credentials: what is remembered of them is a hash. */
const hashOf = (token) => createHash('sha256').update(token).digest('base64');

function unavailable(why, retryAfter) {
  const details = native.statusOf(STATUS_UNAVAILABLE);
  return { status: STATUS_UNAVAILABLE, failure: { ...details, message: sentenceFor(why), retryAfter } };
}

class Endpoint {
  #issuer;
  #introspector;
  #settings;
  #flights = new Map(); // by the hash of a token: { controller, ended: a promise of an answer }
  #refused = new Map(); // by the hash of a token: { until, answer }; the oldest first
  #failures = 0;
  #pauseUntil = 0;
  #isClosed = false;

  /* number: the core's for the issuer; issuer: its identifier. */
  constructor(number, issuer, introspector) {
    this.number = number;
    this.#issuer = issuer;
    this.#introspector = introspector;
    this.#settings = settingsOf(introspector);
  }

  /* For how many seconds a response that accepts a token may be reused. */
  get reuseFor() {
    return this.#settings.cacheSeconds;
  }

  /* The refusal, { status, failure }, that is remembered of this token; undefined: there is none. */
  remembered(token) {
    const { until = -Infinity, answer } = this.#refused.get(hashOf(token)) ?? {};
    return seconds() < until ? answer : undefined;
  }

  /* The core has refused the token by its response. */
  remember(token, status, failure) {
    const { negativeCacheSeconds, negativeCacheSize } = this.#settings;
    if (negativeCacheSeconds === 0 || negativeCacheSize === 0) {
      return;
    }
    const key = hashOf(token);
    this.#refused.delete(key);
    while (this.#refused.size >= negativeCacheSize) {
      this.#refused.delete(this.#refused.keys().next().value);
    }
    this.#refused.set(key, { until: seconds() + negativeCacheSeconds, answer: { status, failure } });
  }

  /* Resolves to { response, contentType }, or to a refusal: { status, failure }. */
  async answer(token) {
    const known = this.remembered(token);
    if (known !== undefined) {
      return known;
    }
    const key = hashOf(token);
    const flight = this.#flights.get(key);
    if (flight !== undefined) {
      return flight.ended;
    }
    const pause = this.#pauseUntil - seconds();
    if (pause > 0) {
      return unavailable('it has failed, and is left alone for a while', pause);
    }
    if (this.#flights.size >= this.#settings.maxPending) {
      return unavailable('too many tokens wait for it', 1);
    }
    return this.#start(key, token);
  }

  /* The flight is complete before a fetch function runs, which may ask about the same token. */
  #start(key, token) {
    let settle;
    const ended = new Promise((resolve) => {
      settle = resolve;
    });
    const controller = new AbortController();
    this.#flights.set(key, { controller, ended });
    void this.#ask(token, controller).then((answer) => {
      this.#flights.delete(key);
      settle(this.#isClosed ? { status: CLOSED } : answer);
    });
    return ended;
  }

  /* Never rejects. */
  async #ask(token, controller) {
    try {
      const about = () => ({ what: 'introspect', issuer: this.#issuer, url: this.#url });
      const said = await spanned(about, () => introspect(this.#introspector, token, controller));
      this.#noteSuccess();
      return said;
    } catch (error) {
      const { why, isOfToken } = error instanceof IntrospectionFailed ? error : { why: 'an error of this package' };
      return isOfToken ? unavailable(why, 1) : this.#failed(why);
    }
  }

  #noteSuccess() {
    const before = this.#failures;
    this.#failures = 0;
    if (before > 0) {
      this.#warn(`answers again after ${before} failures`);
    }
  }

  #failed(what) {
    if (this.#isClosed) {
      return { status: CLOSED };
    }
    this.#failures += 1;
    const over = this.#failures - PATIENCE;
    const pause = over < 0 ? 0 : Math.min(LONGEST_PAUSE, 2 ** Math.min(over, 5));
    this.#pauseUntil = seconds() + pause;
    if (this.#failures === 1) {
      this.#warn(`failed: ${what}; tokens are refused with 503 where the host can say so`);
    }
    return unavailable(what, Math.max(1, pause));
  }

  #warn(sentence) {
    process.emitWarning(`introspection: ${this.#url} ${sentence}`, {
      type: 'FastBearerWarning',
      code: 'FASTBEARER_INTROSPECTION',
    });
  }

  /* A query may hold a key. */
  get #url() {
    return this.#settings.endpoint.split('?', 1)[0];
  }

  /* What is wrong with it; undefined when it answered last. */
  problem() {
    return this.#failures === 0 ? undefined : `the introspection endpoint ${this.#url} fails`;
  }

  close() {
    this.#isClosed = true;
    for (const { controller } of this.#flights.values()) {
      controller.abort();
    }
  }
}

module.exports = { Endpoint, unavailable };
