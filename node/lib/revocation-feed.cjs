/*
 * The revocations that one process holds, and the connection that keeps them current: it reads all of them, then
 * follows the stream to which each new one is appended. Entries are numbered: where a number is missing, or the
 * connection was lost, it reads all of them again. All the while those that were held count.
 */
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');

const { ConfigurationError, refusalOf } = require('./errors.cjs');
const native = require('./native.cjs');
const { codeOf } = require('./redis-client.cjs');

const { signals } = native;
const { OK, OUT_OF_MEMORY, STATUS, STATUS_UNAVAILABLE } = native.constants;

/* Milliseconds that Redis waits for a revocation before it says that there is none. */
const BLOCK_MS = 500;
const AT_A_TIME = 1000;
/* Milliseconds between two attempts to connect, and before all are read again of which there were too many. */
const RETRY_MS = 250;
const TOO_MANY_MS = 1000;

const UNREF = Object.freeze({ ref: false });

function warn(sentence) {
  process.emitWarning(sentence, { type: 'FastBearerWarning', code: 'FASTBEARER_REVOCATION' });
}

/* Some of the stream was gone before it was read. */
class Missed extends Error {}

/* A map, of which the protocol has two forms and the libraries more. */
function mapOf(reply) {
  if (Array.isArray(reply)) {
    const flat = Array.isArray(reply[0]) ? reply.flat() : reply;
    return new Map(flat.flatMap((value, i) => (i % 2 === 0 ? [[String(value), flat[i + 1]]] : [])));
  }
  return reply instanceof Map ? reply : new Map(Object.entries(reply ?? {}));
}

/* [place, { number, member, moment, ends }] of each entry of a stream. */
function entriesOf(reply) {
  return (reply ?? []).map(([place, fields]) => {
    const held = mapOf(fields);
    const number = (name) => Number(held.get(name));
    return [
      String(place),
      { number: number('number'), member: String(held.get('member')), moment: number('moment'), ends: number('ends') },
    ];
  });
}

class RevocationFeed {
  #redis;
  #keys; // { all, before, stream, count }
  #maxSilenceMs;
  #blockMs;
  #set;
  #isStopped = false;
  #isFollowing = false;
  #isFilled = false;
  #waiting = []; // functions to call when it is filled
  #hasTooMany = false;
  #isAway = false;
  #connection;
  knownUntil = -Infinity; // until when what is held is taken for all there is, by performance.now()

  constructor(redis, keys, { timeout, maxSilence, maxRevocations }) {
    this.#redis = redis;
    this.#keys = keys;
    this.#maxSilenceMs = maxSilence * 1000;
    this.#blockMs = Math.max(1, Math.min(BLOCK_MS, Math.floor(timeout * 500)));
    this.#set = native.createRevocations(maxRevocations);
    if (signals[STATUS] !== OK) {
      throw new ConfigurationError(this.#set.message.replace('max_entries', 'maxRevocations'));
    }
  }

  start() {
    if (!this.#isFollowing && !this.#isStopped) {
      this.#isFollowing = true;
      void this.#run();
    }
  }

  stop() {
    this.#isStopped = true;
    this.knownUntil = -Infinity;
    this.#connection?.end();
  }

  // ---- looking up

  lookUp({ issuer, claims, subject }) {
    const found = native.isRevoked(this.#set, issuer, claims.jti, subject, claims.iat);
    if (signals[STATUS] !== OK) {
      throw refusalOf(STATUS_UNAVAILABLE, found?.message ?? native.statusOf(OUT_OF_MEMORY).message);
    }
    return found;
  }

  /* Whether a token is revoked. For the first time a promise, until all are there or it is clear that Redis is away. */
  holds(access) {
    this.start();
    return this.#isFilled ? this.#now(access) : this.#filled().then(() => this.#now(access));
  }

  #filled() {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#maxSilenceMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #now(access) {
    if (performance.now() > this.knownUntil) {
      throw refusalOf(STATUS_UNAVAILABLE, this.#reason(), { retryAfter: 1 });
    }
    return this.lookUp(access);
  }

  /* Why it is not known now what has been revoked; undefined when it is, or nobody has asked yet. */
  problem() {
    return this.#isFollowing && performance.now() > this.knownUntil ? this.#reason() : undefined;
  }

  #reason() {
    const why = this.#hasTooMany ? 'there are more than maxRevocations' : 'there is no word from Redis';
    return `revocations are not known: ${why}`;
  }

  // ---- following

  /* One more, which this process has brought. */
  note(member, moment, ends) {
    if (this.#isFollowing) {
      this.#add(member, moment, ends);
    }
  }

  #add(member, moment, ends) {
    const [kind, issuer, name] = JSON.parse(member);
    const until = ends;
    const given = kind === 'jti' ? { jti: name, until } : { subject: name, before: moment, until };
    native.revoke(this.#set, { ...given, issuer: issuer ?? undefined });
    if (signals[STATUS] === OK) {
      return;
    }
    if (!this.#hasTooMany) {
      this.#hasTooMany = true;
      warn('there are more revocations than maxRevocations: requests get 503');
    }
    this.knownUntil = -Infinity;
  }

  async #run() {
    while (!this.#isStopped) {
      try {
        this.#connection ??= this.#redis.twin();
        let at = await this.#fill();
        this.#report(undefined);
        while (!this.#isStopped) {
          at = await this.#follow(at);
        }
      } catch (error) {
        if (!(error instanceof Missed)) {
          this.#connection?.end();
          this.#connection = undefined;
          await this.#failed(error);
        }
      }
    }
    this.#connection?.end();
  }

  async #failed(error) {
    if (!this.#isStopped) {
      this.#report(error);
      await sleep(RETRY_MS, undefined, UNREF);
    }
  }

  /* Reads all of them; resolves to the number and the place in the stream from which to go on. */
  async #fill() {
    const { all, before, stream, count } = this.#keys;
    const asked = performance.now();
    // The place is read before them, so that what comes meanwhile is read twice rather than never.
    const [last] = entriesOf(await this.#connection.send('XREVRANGE', stream, '+', '-', 'COUNT', '1'));
    const number = last === undefined ? Number((await this.#connection.send('GET', count)) ?? 0) : last[1].number;
    this.#hasTooMany = false; // there may be room by now
    const now = String(Date.now() / 1000);
    // From the last end downwards: what runs out meanwhile leaves at the bottom, and moves no other's place.
    for (let start = 0, read = -1; read !== 0 && !this.#hasTooMany; start += read) {
      const limit = ['LIMIT', String(start), String(AT_A_TIME)];
      const found = mapOf(await this.#connection.send('ZREVRANGEBYSCORE', all, '+inf', now, 'WITHSCORES', ...limit));
      read = found.size;
      const members = [...found.keys()];
      const moments = read === 0 ? [] : await this.#connection.send('HMGET', before, ...members);
      members.forEach((member, i) => this.#add(member, Number(moments[i] ?? 0), Number(found.get(member))));
    }
    if (this.#hasTooMany) {
      this.#wake();
      await sleep(TOO_MANY_MS, undefined, UNREF);
      throw new Missed();
    }
    this.#knowAll(asked);
    return { number, place: last?.[0] ?? '0-0' };
  }

  async #follow({ number, place }) {
    if (this.#hasTooMany) {
      throw new Missed();
    }
    const { stream } = this.#keys;
    const asked = performance.now();
    const limits = ['COUNT', String(AT_A_TIME), 'BLOCK', String(this.#blockMs)];
    const found = entriesOf(
      [...mapOf(await this.#connection.send('XREAD', ...limits, 'STREAMS', stream, place)).values()][0],
    );
    let at = { number, place };
    for (const [entryPlace, entry] of found) {
      at = { number: at.number + 1, place: entryPlace };
      if (entry.number !== at.number) {
        throw new Missed();
      }
      this.#add(entry.member, entry.moment, entry.ends);
    }
    if (found.length < AT_A_TIME && !this.#hasTooMany) {
      this.#knowAll(asked);
    }
    return at;
  }

  /* All that was revoked when Redis was asked is held. */
  #knowAll(asked) {
    if (!this.#isStopped) {
      this.knownUntil = asked + this.#maxSilenceMs;
      this.#wake();
    }
  }

  #wake() {
    this.#isFilled = true;
    this.#waiting.splice(0).forEach((wake) => wake());
  }

  /* Warns when Redis goes away, and when it is back. */
  #report(error) {
    if ((error !== undefined) === this.#isAway) {
      return;
    }
    this.#isAway = error !== undefined;
    const seconds = this.#maxSilenceMs / 1000;
    warn(
      this.#isAway
        ? `revocations: Redis is away (${codeOf(error)}); what is known is used for ${seconds} s, then requests get 503`
        : 'revocations: Redis is back, all revocations are known',
    );
  }
}

module.exports = { RevocationFeed };
