/*
 * Proofs that were accepted: a store of the user's that remembers them, and the warning of a memory that is too small.
 * What a store is given is a hash, and a time. A store that fails accepts nothing: whether a proof is new is not known.
 */
'use strict';

const { textOf } = require('./errors.cjs');

/* A request does not wait for longer. */
const STORE_SECONDS = 5;

function warn(sentence) {
  process.emitWarning(sentence, { type: 'FastBearerWarning', code: 'FASTBEARER_REPLAY' });
}

class ReplayMemory {
  #store;
  #hasWarned = false;

  constructor(store) {
    this.#store = store;
  }

  /* Remembers a proof. Resolves to undefined when the store fails. */
  async isNew({ key, expiresAt }) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${STORE_SECONDS} s`)), STORE_SECONDS * 1000);
    });
    try {
      const isNew = await Promise.race([this.#store.add(key, expiresAt), late]);
      if (typeof isNew !== 'boolean') {
        throw new TypeError('add must resolve to true or false');
      }
      return isNew;
    } catch (error) {
      this.#warn(error);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #warn(error) {
    if (!this.#hasWarned) {
      this.#hasWarned = true;
      const what = 'replayStore failed, requests with a DPoP proof get 503 (further failures are not reported)';
      warn(`${what}: ${textOf(error)}`);
    }
  }
}

/* How many requests are accepted between two looks at the counters. */
const LOOK_EVERY = 1024;

/* Warns once when the core's own memory of proofs has been too small. */
class EvictionWatch {
  #stats;
  #left;
  #hasWarned = false;

  constructor(stats, capacity) {
    this.#stats = stats;
    this.#left = capacity; // before there were as many as have room, none has been displaced
  }

  /* After each request that was accepted. */
  accepted() {
    this.#left -= 1;
    if (this.#left >= 0 || this.#hasWarned) {
      return;
    }
    this.#left = LOOK_EVERY;
    if (this.#stats().replayEvictions > 0) {
      this.#hasWarned = true;
      warn('more DPoP proofs within maxAge than replayCapacity: the oldest are forgotten, and could be used again');
    }
  }
}

module.exports = { EvictionWatch, ReplayMemory };
