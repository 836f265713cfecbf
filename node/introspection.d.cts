/// <reference types="node" />
import type { FetchResponse, KeyPair } from './index.cjs';

/** How a server authenticates at the introspection endpoint (RFC 6749 section 2.3.1, RFC 7523 section 2.2). */
export type ClientAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt';

/** What the `fetch` of an Introspector is given beside the URL. */
export interface IntrospectionInit {
  method: 'POST';
  /** Credentials of `client_secret_basic` are among them. */
  headers: Record<string, string>;
  /** A form that holds the token. */
  body: string;
  redirect: 'manual';
  signal: AbortSignal;
}

/** An introspection endpoint, how this server authenticates there, and what is cached of its responses. */
export interface IntrospectorOptions {
  /** The URL; https, or http with a loopback host or `allowHttp`. */
  endpoint: string;
  /** Who this server is there. */
  clientId: string;
  /** Its secret; or `privateKey`; or neither, where the endpoint wants the `clientId` alone. */
  clientSecret?: string | Uint8Array | null;
  /** The key pair with which this server signs who it is (RFC 7523). */
  privateKey?: KeyPair | null;
  /** The key id of `privateKey`, where the provider needs it. */
  kid?: string | null;
  /** Default: what is given says. */
  authMethod?: ClientAuthMethod | null;
  /** What a signed assertion is for. Default: the endpoint. */
  assertionAudience?: string | null;
  /** Whether JWTs are asked about too, rather than verified with keys. Default false. */
  jwts?: boolean | null;
  /**
   * Whether the response must be a JWT (RFC 9701), signed with a key of the issuer, by one of its `algorithms`, for this
   * `clientId`. JSON is refused then, and so is an encrypted response. Default false.
   */
  signedResponse?: boolean | null;
  /**
   * Seconds for which an accepted token is not asked about again, and so how long a revocation may take; no longer than
   * until it expires. 0 asks on every request. Default 60, at most 86400.
   */
  cacheSeconds?: number | null;
  /** Seconds for which a refused token is not asked about again. Default 10. */
  negativeCacheSeconds?: number | null;
  /** How many refused tokens are remembered. Default 1024. */
  negativeCacheSize?: number | null;
  /** How many tokens are asked about at a time; more are refused with 503. Default 64. */
  maxPending?: number | null;
  /** Seconds that a response may take. Default 5. */
  timeout?: number | null;
  /** The largest response, in bytes. Default 65536, which is the most. */
  maxBytes?: number | null;
  /** In place of the global fetch. It must not follow redirects. Content-Type is read with `signedResponse`. */
  fetch?: ((url: string, init: IntrospectionInit) => Promise<FetchResponse>) | null;
  /** Accept http:// for other hosts than loopback. Default false. */
  allowHttp?: boolean | null;
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>> | null;
}

/**
 * Asks an issuer about tokens (RFC 7662): the option `introspector` of a Verifier or of one of its `issuers`. JWTs are
 * verified with the issuer's keys as ever, other tokens are asked about; with `jwts` all are. The response is held
 * against the same policy as the claims of a JWT, and its claims are those of the AccessToken.
 *
 * An endpoint that fails refuses tokens with 503 (`status_unavailable`), and is left alone for up to 30 seconds after
 * the third failure in a row; a process warning says so, once. `verifySync` cannot wait: it only begins to ask, and
 * throws `status_unavailable` unless the response is cached.
 *
 * Immutable; any number of verifiers may have it. Nothing that prints shows the secret.
 */
export declare class Introspector {
  /** Throws a ConfigurationError that names the wrong option. Nothing is asked yet. */
  constructor(options: IntrospectorOptions);
  readonly endpoint: string;
  readonly clientId: string;
  readonly authMethod: ClientAuthMethod;
  readonly jwts: boolean;
  readonly signedResponse: boolean;
}
