/*
 * The fetches of one issuer's key set: one at a time, shared by all callers that wait. The core decides whether to
 * fetch, what, and evaluates the responses; key-fetch.cjs transfers them.
 */
'use strict';

const { BearerError, keysUnavailable, unwrap } = require('./errors.cjs');
const { fetchStep, startDeadline } = require('./key-fetch.cjs');
const { AHEAD, EXPLICIT, StoredSet, TOKEN } = require('./key-store.cjs');
const native = require('./native.cjs');
const { inOurNames } = require('./option-table.cjs');
const { spanned } = require('./spans.cjs');

const { FETCH_NOW, REFRESH_AHEAD, REFRESH_EXPLICIT, REFRESH_TOKEN } = native.constants;

/* How often a store is read for one token: it may bring a set without the token's key, then a newer one. */
const MAX_READS = 3;
/* Seconds that an explicit refresh waits for what another process fetches, beyond the time-out of a fetch. */
const READ_GRACE = 1;

/* Undefined when the time is up. Whoever waits keeps the process alive. */
async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.max(0, milliseconds));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

class KeySource {
  #handle;
  #number;
  #options;
  #stored; // where there is a key store
  #flight; // { ended: Promise<error | undefined>, controller, timer, waiting } of the fetch that is under way
  #failures = 0;

  /* number: the core's for the issuer; options: the issuer's. */
  constructor(handle, number, options) {
    this.#handle = handle;
    this.#number = number;
    this.#options = options;
    if (options.keyStore !== undefined) {
      this.#stored = new StoredSet(handle, number, options, {
        isBusy: () => this.#flight !== undefined,
        refreshNow: () => this.#start(REFRESH_AHEAD, 0n),
      });
    }
  }

  // ---- for the verifier

  /* Starts what the core says is due; nobody waits for it. */
  refreshAhead() {
    this.#stored === undefined ? this.#start(REFRESH_AHEAD, 0n) : void this.#stored.read(AHEAD);
  }

  /* Starts what would bring the keys for a token that does not wait. */
  begin({ keyRequest }) {
    if (this.#stored === undefined) {
      this.#start(REFRESH_TOKEN, keyRequest);
    } else {
      this.#startUnless(this.#stored.read(TOKEN), keyRequest);
    }
  }

  /* Starts the fetch for a token when a read of the store has ended that brought nothing. */
  #startUnless(read, keyRequest) {
    void read.then((isNew) => (isNew ? undefined : this.#start(REFRESH_TOKEN, keyRequest)));
  }

  /*
   * Brings the keys for a token, from the store or by a fetch, as long as the token may wait. ask() returns the verdict
   * so far. Resolves to it, or to what is needed still.
   */
  async bring(needed, ask) {
    const until = performance.now() + needed.wait * 1000;
    let outcome = needed;
    for (let reads = 0; this.#stored !== undefined && reads < MAX_READS; reads++) {
      const read = this.#stored.read(TOKEN);
      const isNew = await within(until - performance.now(), read);
      if (isNew === undefined) {
        this.#startUnless(read, outcome.keyRequest); // too late for this token, and in time for the next
        return outcome; // whatever the clock says: a timer may be a moment early
      }
      if (!isNew) {
        break;
      }
      outcome = ask();
      if (!(outcome instanceof needed.constructor)) {
        return outcome;
      }
    }
    const wait = Math.max(0, until - performance.now()) / 1000;
    if (this.#stored === undefined || wait > 0) {
      await this.#fetched(REFRESH_TOKEN, outcome.keyRequest, wait);
    }
    return outcome;
  }

  /* Resolves to the error that says why there are no new keys; undefined: there are. */
  async refresh() {
    const seconds = this.#options.fetchTimeout + READ_GRACE;
    const isNew = this.#stored !== undefined && (await within(seconds * 1000, this.#stored.read(EXPLICIT)));
    return isNew ? undefined : this.#fetched(REFRESH_EXPLICIT, 0n);
  }

  close() {
    this.#flight?.controller.abort();
    this.#stored?.close();
  }

  // ---- one fetch at a time

  /*
   * Returns the fetch that is under way, or starts one. It keeps no process alive unless somebody waits for it. A fetch
   * function runs before this returns and may ask for the same flight, so the flight is complete before it is called.
   */
  #start(reason, request) {
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
  async #fetched(reason, request, wait = Infinity) {
    const flight = this.#start(reason, request);
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

  /* Resolves to the error that says why there are no new keys. Never rejects. */
  async #run(flight, reason, request) {
    let error;
    try {
      const begun = unwrap(native.refreshBegin(this.#handle, this.#number, reason, request));
      if (begun.decision !== FETCH_NOW) {
        return undefined; // the keys have arrived, or may not be fetched yet: the next verification says which
      }
      await spanned(this.#about, () => this.#fetchAll(flight, begun));
    } catch (thrown) {
      error = asUnavailable(thrown);
    }
    this.#noteOutcome(error);
    this.#stored?.fetched();
    return error;
  }

  #about = () => {
    const { issuer, jwksUri } = native.issuers(this.#handle)?.find(({ number }) => number === this.#number) ?? {};
    return { what: 'fetch keys', issuer, url: jwksUri };
  };

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
