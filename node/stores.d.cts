/// <reference types="node" />

/**
 * A key set as it was fetched. The verifier that it is given to evaluates it as it does a response, and grants it no
 * longer life than the rest of what the provider said.
 */
export declare class StoredKeys {
  /** Copies what it is given. Throws a TypeError that names what has another type. */
  constructor(keys: {
    document: Uint8Array | string;
    etag?: string | null | undefined;
    jwksUri?: string | null | undefined;
    fetchedAt: number;
    freshUntil: number;
  });
  /** The JWK set, to the byte. */
  readonly document: Buffer;
  /** The response's ETag. */
  readonly etag: string | undefined;
  /** With discovery: where the metadata said that it is. */
  readonly jwksUri: string | undefined;
  /** When it was fetched or last confirmed, in seconds since the epoch. */
  readonly fetchedAt: number;
  /** Until when it is fresh, in seconds since the epoch. */
  readonly freshUntil: number;
  /** One value for stores that hold bytes: a line of JSON, then the document. The Python package reads it, too. */
  toBytes(): Buffer;
  /** What toBytes made, here or in Python; throws a TypeError or SyntaxError for anything else. */
  static fromBytes(data: Uint8Array): StoredKeys;
}

/**
 * Keeps key sets for other processes and for later: the option `keyStore`. Methods may be async. What one throws or
 * rejects with, and no answer within 5 seconds, is reported by a process warning, and the keys are fetched as without a
 * store. Whoever can write to a key store gives this server keys that it trusts: a store must be as safe as the
 * configuration.
 *
 * `source` names what a set was fetched from: 43 characters of A-Z, a-z, 0-9, "-" and "_", out of which no URL can be
 * read.
 */
export interface KeyStore {
  /** The set that was saved last, or undefined. */
  load(source: string): StoredKeys | undefined | null | Promise<StoredKeys | undefined | null>;
  /** Keeps a set in place of the one before. */
  save(source: string, keys: StoredKeys): unknown;
  /**
   * Whether this process is to fetch: false while another has claimed that, for at most `seconds`. Without it, or when
   * it fails, each process fetches.
   */
  claim?(source: string, seconds: number): boolean | Promise<boolean>;
  /** Ends the claim of this process: it has saved what it fetched, or has failed. */
  release?(source: string): unknown;
}

/**
 * Keeps key sets in a folder. Any number of processes, of Node and of Python, may use one folder; while one of them
 * fetches, the others wait for what it brings, and when it crashes they do not.
 *
 *     new Verifier({ issuer: 'https://login.example', audience, keyStore: new FileKeyStore('/var/cache/my-server/keys') })
 *
 * The folder is made with mode 0700 when it is missing; files have mode 0600 and are replaced whole. A folder or file
 * that belongs to another user, or that others may write to, is refused, and so is a symbolic link: a
 * ConfigurationError at construction, an Error with code EACCES, ELOOP or ENOTDIR later (which is reported, and the keys
 * are fetched). Not on Windows, where files have no such modes.
 */
export declare class FileKeyStore implements KeyStore {
  /** `folder`: a path. Its own, on a local disk. Throws a ConfigurationError when it cannot be used. */
  constructor(folder: string);
  /** Rejects for a file that holds no key set. */
  load(source: string): Promise<StoredKeys | undefined>;
  /** A process that reads meanwhile gets this set or the one before. */
  save(source: string, keys: StoredKeys): Promise<void>;
  /** The claim ends with release or with the process. */
  claim(source: string): boolean;
  release(source: string): void;
}
