/*
 * What a fleet of servers has in common, in Redis or Valkey: key sets, DPoP proofs, revocations. Keys, values and
 * scripts are those of the Python package's RedisStore, so that servers of both can share them.
 */
'use strict';

const { randomBytes } = require('node:crypto');
const util = require('node:util');

const { CHECKS, assertKnownKeys, optional } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');
const { RedisConnection } = require('./redis-client.cjs');
const { RevocationFeed } = require('./revocation-feed.cjs');
const { StoredKeys } = require('./stored-keys.cjs');

/* Seconds for which a key set is kept: longer than any verifier would use it. */
const KEYS_KEPT = 86400;
/* What is kept of the stream of revocations; who has missed more reads all of them anew. */
const STREAM_LENGTH = 10000;

/* Whoever gives a claim up deletes it only while it is still his. */
const RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";

/* One revocation: into the set of all of them, which is rid of what has run out, and onto the stream with a number, by
 * which those who follow it see whether they have missed one. A later end or moment replaces an earlier one only. */
const REVOKE = `
local member, moment, ends = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local before = redis.call('hget', KEYS[2], member)
if before and tonumber(before) > moment then moment = tonumber(before) end
redis.call('hset', KEYS[2], member, string.format('%.6f', moment))
local held = redis.call('zscore', KEYS[1], member)
if held and tonumber(held) > ends then ends = tonumber(held) end
redis.call('zadd', KEYS[1], ends, member)
for _, old in ipairs(redis.call('zrangebyscore', KEYS[1], '-inf', '(' .. ARGV[4], 'limit', 0, 100)) do
    redis.call('zrem', KEYS[1], old)
    redis.call('hdel', KEYS[2], old)
end
local number = redis.call('incr', KEYS[4])
redis.call('xadd', KEYS[3], 'maxlen', '~', ARGV[5], '*', 'number', number, 'member', member,
           'moment', string.format('%.6f', moment), 'ends', string.format('%.6f', ends))
return number
`;

/* [kind, default, the least] */
const OPTIONS = Object.freeze({
  prefix: ['text', 'fastbearer:'],
  timeout: ['seconds', 2, 0.01],
  maxSilence: ['seconds', 3, 1],
  revocationSeconds: ['seconds', 86400, 1],
  maxRevocations: ['size', 1_000_000],
});

function readOptions(given) {
  assertKnownKeys('options', given, Object.keys(OPTIONS));
  const options = {};
  for (const [name, [kind, fallback, least]] of Object.entries(OPTIONS)) {
    const value = optional(CHECKS[kind], name, given[name]) ?? fallback;
    if (kind === 'seconds' && !(value >= least && value < Infinity)) {
      throw new ConfigurationError(`${name} must be a finite number of seconds, at least ${least}`);
    }
    options[name] = value;
  }
  return options;
}

const unixTime = () => Date.now() / 1000;

/* As Python's json.dumps writes it: it is compared as text. */
function memberOf(kind, issuer, name) {
  const written = (value) =>
    JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `[${[kind, issuer ?? null, name].map(written).join(', ')}]`;
}

function momentOf(name, value, fallback) {
  if (value === undefined || value === null) {
    return fallback;
  }
  if (!Number.isFinite(value)) {
    throw new TypeError(`${name} must be a finite number of seconds since the epoch`);
  }
  return value;
}

class RedisStore {
  #redis;
  #options;
  #feed;
  #claims = new Map(); // what tells this server's claims from others'

  constructor(client, options = {}) {
    this.#options = readOptions(options);
    this.#redis = new RedisConnection(client, this.#options.timeout * 1000);
    const [all, before, stream, count] = this.#revocationKeys();
    this.#feed = new RevocationFeed(this.#redis, { all, before, stream, count }, this.#options);
    this.isRevoked = (access) => {
      const feed = this.#feed;
      return performance.now() <= feed.knownUntil ? feed.lookUp(access) : feed.holds(access);
    };
    this.isRevoked.problem = () => this.#feed.problem();
  }

  [util.inspect.custom]() {
    return `RedisStore { prefix: ${util.inspect(this.#options.prefix)} }`;
  }

  /* Stops following revocations; the client is its owner's. */
  close() {
    this.#feed.stop();
  }

  #key(kind, name) {
    return `${this.#options.prefix}${kind}${name === undefined ? '' : `:${name}`}`;
  }

  // ---- key sets

  /* The key set that any server saved last. */
  async load(source) {
    const data = await this.#redis.send('GET', this.#key('keys', source));
    return data === null || data === undefined ? undefined : StoredKeys.fromBytes(Buffer.from(data));
  }

  async save(source, keys) {
    const data = new StoredKeys(keys).toBytes();
    await this.#redis.send('SET', this.#key('keys', source), data, 'EX', String(KEYS_KEPT));
  }

  /* Whether this server is to fetch; the claim ends with release, or by itself. */
  async claim(source, forSeconds) {
    if (!this.#claims.has(source)) {
      this.#claims.set(source, randomBytes(16).toString('hex'));
    }
    const mine = this.#claims.get(source);
    const key = this.#key('fetching', source);
    const milliseconds = String(Math.max(1, Math.floor(forSeconds * 1000)));
    if ((await this.#redis.send('SET', key, mine, 'NX', 'PX', milliseconds)) !== null) {
      return true;
    }
    return String(await this.#redis.send('GET', key)) === mine;
  }

  async release(source) {
    const mine = this.#claims.get(source);
    if (mine !== undefined) {
      this.#claims.delete(source);
      await this.#redis.send('EVAL', RELEASE, '1', this.#key('fetching', source), mine);
    }
  }

  // ---- proofs

  /* Whether a DPoP proof is new in the fleet. */
  async add(key, expiresAt) {
    const left = String(Math.max(1, Math.floor((expiresAt - unixTime()) * 1000) + 1));
    const [name, mine] = [this.#key('proof', key), randomBytes(12).toString('hex')];
    if ((await this.#redis.send('SET', name, mine, 'NX', 'PX', left)) !== null) {
      return true;
    }
    // Where a connection ended before the answer came, the client has sent the command once more, and met its own.
    return String(await this.#redis.send('GET', name)) === mine;
  }

  // ---- revocations

  async revoke(issuer, jti, options = {}) {
    assertKnownKeys('options', options, ['expiresAt']);
    await this.#revoke('jti', issuer, jti, 0, options.expiresAt);
  }

  async revokeSubject(issuer, sub, options = {}) {
    assertKnownKeys('options', options, ['before', 'expiresAt']);
    await this.#revoke('sub', issuer, sub, momentOf('before', options.before, unixTime()), options.expiresAt);
  }

  async #revoke(kind, issuer, name, moment, expiresAt) {
    if (typeof name !== 'string' || name === '' || !(typeof (issuer ?? '') === 'string')) {
      throw new TypeError(`issuer must be a string or null, and ${kind} a string that is not empty`);
    }
    const now = unixTime();
    const ends = momentOf('expiresAt', expiresAt, now + this.#options.revocationSeconds);
    const member = memberOf(kind, issuer, name);
    const times = [moment, ends, now].map((time) => time.toFixed(6));
    await this.#redis.send('EVAL', REVOKE, '4', ...this.#revocationKeys(), member, ...times, String(STREAM_LENGTH));
    this.#feed.note(member, moment, ends);
  }

  #revocationKeys() {
    return ['revoked', 'revoked-before', 'revocations', 'revoked-count'].map((kind) => this.#key(kind));
  }
}

module.exports = { RedisStore };
