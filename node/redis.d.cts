/// <reference types="node" />
import type { AccessToken } from './index.cjs';
import type { KeyStore, StoredKeys } from './stores.cjs';

/** What RedisStore uses of a client of npm `redis`, version 4 or later: what `createClient` returns. */
export interface NodeRedisClient {
  readonly isReady: boolean;
  sendCommand(command: (string | Buffer)[]): Promise<unknown>;
  connect(): Promise<unknown>;
  duplicate(): unknown;
  on(event: string, listener: (error: Error) => void): unknown;
}

/** What RedisStore uses of a client of `ioredis`, version 5 or later: a `Redis`, not a `Cluster`. */
export interface IoRedisClient {
  readonly status: string;
  call(command: string, ...parameters: (string | Buffer)[]): Promise<unknown>;
  disconnect(): void;
  duplicate(): unknown;
  on(event: string, listener: (error: Error) => void): unknown;
}

/** How a RedisStore behaves. Times are in seconds. */
export interface RedisStoreOptions {
  /** What all keys begin with; servers with the same prefix share everything. Default "fastbearer:". */
  prefix?: string | null;
  /** For a connection and for an answer, at least 0.01. Default 2. */
  timeout?: number | null;
  /**
   * How long what is known of revocations counts while there is no word from Redis; then requests get 503. At least 1.
   * Default 3.
   */
  maxSilence?: number | null;
  /**
   * How long a revocation is kept that comes without `expiresAt`: longer than any token lives. At least 1.
   * Default 86400.
   */
  revocationSeconds?: number | null;
  /**
   * How many are held; 1 to 16777216. When there are more, requests get 503 rather than forget one. Default 1000000.
   */
  maxRevocations?: number | null;
}

/**
 * Key sets, DPoP proofs and revocations for all servers that share a Redis or Valkey, those of the Python package's
 * RedisStore with the same prefix included.
 *
 *     const client = createClient({ url: 'rediss://:password@redis.example:6379' });
 *     await client.connect();
 *     const fleet = new RedisStore(client);
 *     new Verifier({ issuer: 'https://login.example', audience, keyStore: fleet, dpop: { replayStore: fleet },
 *                    isRevoked: fleet.isRevoked });
 *     await fleet.revoke('https://login.example', 'the jti of a token');
 *
 * Revocations are pushed: each process holds all of them, filled when it first looks and kept current by a stream on a
 * connection of its own, a duplicate of the client's, so that a token is looked up in about a microsecond. While there
 * is no word from Redis for longer than `maxSilence`, whether a token has been revoked is not known, and requests get
 * 503 (`status_unavailable`). So a small `maxSilence` refuses when Redis is away, and a large one goes on with what is
 * known, for that long and no longer.
 *
 * Key sets are fetched as without a store while Redis is away, and requests with a DPoP proof get 503.
 *
 * The client is its owner's, to connect and to close; it need not be connected yet. A listener for its event "error"
 * is added, without which a lost connection would end the process. Whoever can write to that Redis decides which keys
 * these servers trust: outside of one machine use TLS and a password.
 */
export declare class RedisStore implements KeyStore {
  /** Throws a ConfigurationError that names what is wrong. Nothing is sent yet. */
  constructor(client: NodeRedisClient | IoRedisClient, options?: RedisStoreOptions);
  /** The key set that any server saved last. */
  load(source: string): Promise<StoredKeys | undefined>;
  /** Keeps a key set for all servers, for a day. */
  save(source: string, keys: StoredKeys): Promise<void>;
  /** Whether this server is to fetch; the claim ends with release, or by itself. */
  claim(source: string, seconds: number): Promise<boolean>;
  /** Ends this server's claim. */
  release(source: string): Promise<void>;
  /** Remembers a DPoP proof for all servers: see ReplayStore. */
  add(key: string, expiresAt: number): Promise<boolean>;
  /**
   * Revokes one token, everywhere, by its `iss` and `jti`; resolves when Redis has it. `issuer`: null for a token
   * without one. `expiresAt`: until when to hold that, in seconds since the epoch: when the token expires, leeway
   * included.
   *
   * Rejects with a TypeError for names that are none, and with what went wrong when Redis has not answered: it may have
   * the revocation even so.
   */
  revoke(issuer: string | null | undefined, jti: string, options?: { expiresAt?: number | null }): Promise<void>;
  /**
   * Revokes all tokens of a subject that were issued at or before a moment, and those without `iat`. `before`: seconds
   * since the epoch; not given: now. `expiresAt`: when the last of them expires. Otherwise as `revoke`.
   */
  revokeSubject(
    issuer: string | null | undefined,
    sub: string,
    options?: { before?: number | null; expiresAt?: number | null },
  ): Promise<void>;
  /**
   * For the option `isRevoked`; bound to the store. Returns at once, but for the first time: then it is a promise,
   * until all revocations are there, or `maxSilence` is over. So `verifySync` refuses (503) until something else has
   * asked.
   * Throws or rejects with a BearerError (`status_unavailable`) when what is revoked is not known.
   */
  readonly isRevoked: {
    (access: AccessToken): boolean | Promise<boolean>;
    /** Why it is not known now what has been revoked, for `health`; undefined when it is, or nobody has asked yet. */
    problem(): string | undefined;
  };
  /** Stops following revocations, after which none is known. The client stays open. */
  close(): void;
}
