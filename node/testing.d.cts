import type { CreateTokenOptions, JWKSet, KeyPair } from './index.cjs';

/**
 * An identity provider's key set on http://127.0.0.1, which can rotate its keys and misbehave on command, and the
 * metadata by which discovery finds it.
 */
export declare class JWKSServer {
  private constructor();
  /**
   * Listens on a free port. Without `key` an RSAKeyPair is generated; `maxAge` is what Cache-Control says, in seconds.
   */
  static start(options?: { key?: KeyPair; kid?: string; maxAge?: number }): Promise<JWKSServer>;
  /** The keys that are served, by kid and in order. May be changed. */
  keys: Map<string, KeyPair>;
  /** The key that `mint` signs with. */
  kid: string;
  /** Requests for the key set so far. */
  hits: number;
  /** The provider's URL, which `mint` writes into `iss`. */
  readonly issuer: string;
  readonly jwksUri: string;
  /** The key set that is served now. */
  readonly document: JWKSet;
  /** A token signed with the current key. */
  mint(options?: CreateTokenOptions): string;
  /** Serves a new key and signs with it from now on; the old ones are withdrawn unless `keep`. Resolves to its kid. */
  rotate(options?: { keep?: boolean; key?: KeyPair }): Promise<string>;
  /** Responds to every request for the key set with this status until `recover`. */
  fail(status?: number): void;
  /** Responds to every request for the key set with exactly this until `recover`. */
  respond(options?: { status?: number; headers?: Record<string, string>; body?: string | Uint8Array }): void;
  /** Accepts requests for the key set and responds to none of them until `recover`. */
  hang(): void;
  /** Behaves again. */
  recover(): void;
  /** Stops serving. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
