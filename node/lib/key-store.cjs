/*
 * The key store of one issuer: read before a fetch, written after one. What it holds is handed to the core, which
 * evaluates it as a response. Where the store can say which of many processes is to fetch, the others wait for what
 * that one brings, as long as the token may wait. A store that fails is reported, and the keys are fetched as without
 * it.
 */
'use strict';

const { unwrap } = require('./errors.cjs');
const native = require('./native.cjs');
const { StoredKeys } = require('./stored-keys.cjs');

const { signals } = native;
const { OK, STATUS } = native.constants;

/* What a read is for. */
const TOKEN = 'token';
const AHEAD = 'ahead';
const EXPLICIT = 'explicit';

/* Milliseconds between two looks at what another process has fetched. */
const LOOK_MS = 50;
/* Milliseconds after which a claim that led to no fetch is given back. */
const UNUSED_MS = 1000;
/* Milliseconds that a call of the store may take. */
const CALL_MS = 5000;
/* Milliseconds that a read may take beyond the time-out of a fetch. */
const GRACE_MS = 1000;
/* How many different failures are reported, and at what length. */
const MAX_REPORTS = 32;
const MAX_SENTENCE = 300;

/* Timers here keep no process alive: who waits has one that does. */
function passed(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}

async function late() {
  await passed(CALL_MS);
  throw new Error(`no answer within ${CALL_MS / 1000} s`);
}

/* Anything can be thrown; this is a line of it. */
function sentenceOf(thrown) {
  try {
    return `${thrown?.name ?? 'error'}: ${thrown?.message ?? thrown}`.replaceAll(/[^ -~]+/gu, ' ').trim();
  } catch {
    return 'something that cannot be printed';
  }
}

/* What a call of the store that failed comes to. */
const FAILED = Symbol('failed');

class StoredSet {
  #handle;
  #number;
  #store;
  #source; // the key source that reads and writes here
  #timeoutMs;
  #reading; // a promise of whether the read that is under way brings something new
  #seen = 0; // fetchedAt of the set that was handed over last
  #saved = 0; // the version of the keys that was saved last
  #saving = Promise.resolve();
  #claimed; // what this process has claimed to fetch
  #isClosed = false;
  #reported = new Set();

  /* number: the core's for the issuer; options: the issuer's; source: { isBusy(), refreshNow() }. */
  constructor(handle, number, { keyStore, fetchTimeout }, source) {
    this.#handle = handle;
    this.#number = number;
    this.#store = keyStore;
    this.#source = source;
    this.#timeoutMs = fetchTimeout * 1000;
  }

  /* Resolves to whether the store had a set that is new here. Never rejects. One read serves all who want one. */
  read(purpose) {
    if (this.#reading === undefined) {
      this.#reading = this.#read(purpose);
      void this.#reading.then((isNew) => {
        this.#reading = undefined;
        if (purpose === AHEAD && !isNew) {
          setImmediate(() => this.#source.refreshNow()); // after those who waited for this read, and ask for more
        }
        this.#releaseSoon();
      });
    }
    return this.#reading;
  }

  async #read(purpose) {
    const name = this.#name();
    if (name === undefined) {
      return false;
    }
    const until = performance.now() + this.#timeoutMs + GRACE_MS;
    const stored = await this.#call('load', name);
    if (stored === FAILED) {
      return false; // what does not answer would not say who is to fetch, either
    }
    if (this.#take(stored) && purpose === TOKEN) {
      return true; // it may be all that the token needs
    }
    while (!(await this.#claim(name)) && performance.now() < until && !this.#isClosed) {
      await passed(LOOK_MS);
      if (this.#take(await this.#call('load', name))) {
        return true;
      }
    }
    // Whoever had the claim before has saved what it fetched, perhaps since this process has looked.
    if (this.#claimed !== undefined && this.#take(await this.#call('load', name))) {
      await this.#release();
      return true;
    }
    return false;
  }

  /* Whether this process is to fetch; a store that cannot say so, or fails, leaves it to each. */
  async #claim(name) {
    if (typeof this.#store.claim !== 'function') {
      return true;
    }
    const answer = await this.#call('claim', name, this.#timeoutMs / 1000);
    if (answer === true) {
      this.#claimed = name;
    }
    return answer !== false;
  }

  /* Hands a set to the core; whether it is another one than before, and any good. */
  #take(stored) {
    if (stored === undefined || stored === null || stored === FAILED || this.#isClosed) {
      return false;
    }
    try {
      const keys = new StoredKeys(stored);
      if (keys.fetchedAt <= this.#seen) {
        return false;
      }
      unwrap(native.importKeys(this.#handle, this.#number, { source: this.#name(), ...keys }));
      this.#seen = keys.fetchedAt;
    } catch (error) {
      this.#report('its key set is not used', error);
      return false;
    }
    return true;
  }

  /* What names the key set in the store; undefined for an issuer that is gone. */
  #name() {
    return native.issuers(this.#handle)?.find(({ number }) => number === this.#number)?.source;
  }

  // ---- after a fetch

  /* Whatever came of it: saves what is new, and lets other processes fetch. One after the other, or an older set could
   * be stored last. */
  fetched() {
    this.#saving = this.#saving.then(async () => {
      await this.#save();
      await this.#release();
    });
  }

  async #save() {
    const version = native.keysVersion(this.#handle, this.#number);
    const name = this.#name();
    if (name === undefined || version === this.#saved) {
      return;
    }
    const held = native.exportKeys(this.#handle, this.#number);
    if (signals[STATUS] !== OK) {
      return; // none are held
    }
    const keys = new StoredKeys(held);
    this.#seen = Math.max(this.#seen, keys.fetchedAt);
    if ((await this.#call('save', name, keys)) !== FAILED) {
      this.#saved = version;
    }
  }

  /* Lets other processes fetch where this one does not after all. */
  #releaseSoon() {
    if (this.#claimed !== undefined) {
      void passed(UNUSED_MS).then(() => (this.#source.isBusy() ? undefined : this.#release()));
    }
  }

  async #release() {
    const name = this.#claimed;
    if (name !== undefined) {
      this.#claimed = undefined;
      await this.#call('release', name);
    }
  }

  close() {
    this.#isClosed = true;
    void this.#release();
  }

  // ---- calling the store

  /* Its result; FAILED when it throws or rejects, or takes too long. Never rejects. */
  async #call(method, ...parameters) {
    try {
      const result = this.#store[method](...parameters);
      return typeof result?.then === 'function' ? await Promise.race([result, late()]) : result;
    } catch (error) {
      this.#report(`${method} failed`, error);
      return FAILED;
    }
  }

  #report(what, error) {
    const text = `key store: ${what}: ${sentenceOf(error)}`.slice(0, MAX_SENTENCE);
    if (!this.#isClosed && !this.#reported.has(text) && this.#reported.size < MAX_REPORTS) {
      this.#reported.add(text);
      process.emitWarning(text, { type: 'FastBearerWarning', code: 'FASTBEARER_KEYS' });
    }
  }
}

module.exports = { AHEAD, EXPLICIT, StoredSet, TOKEN };
