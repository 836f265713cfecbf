/// <reference types="node" />
import type { IncomingMessage } from 'node:http';
import type { Introspector } from './introspection.cjs';
import type { KeyStore } from './stores.cjs';

/** A JWK set document (RFC 7517 section 5). */
export interface JWKSet {
  keys: Record<string, unknown>[];
  [member: string]: unknown;
}

/** Why a token was refused. Holds nothing of the token but the key id that it named and, once verified, `actual`. */
export interface Rejection {
  /** The stable name of the reason, "token_expired". */
  readonly code: string;
  /** A sentence for people. */
  readonly message: string;
  /** The claim that was missing or wrong. */
  readonly claim: string | undefined;
  /** The issuer that was chosen for the token, as it was configured; undefined when it was refused before that. */
  readonly issuer: string | undefined;
  /** The key id of the token's header, made printable. It comes from the network: log it, do not trust it. */
  readonly kid: string | undefined;
  /** What was required, where a claim of a verified token was refused: printable, at most 120 characters. */
  readonly expected: string | undefined;
  /** What the token held instead. People's data: for logs, never for a response. */
  readonly actual: string | undefined;
}

/**
 * Who issues tokens, and where its keys are: at most one of publicKey, jwks, jwksUri and secret. Without any of them
 * the key set is found by discovery (OpenID Connect Discovery 1.0, RFC 8414) from `issuer`, which must be one https URL
 * then.
 */
export interface KeyOptions {
  /**
   * Accepted as `iss`, or one template such as "https://login.example/{tid}/v2.0", which is checked against the claim
   * of that name. Not given, which only a sole issuer may leave out: `iss` is not checked.
   */
  issuer?: string | readonly string[] | null;
  /** One PEM block: SPKI, PKCS#1 public key or X.509 certificate. */
  publicKey?: string | Uint8Array | null;
  /** A key-set document (RFC 7517), held as given. */
  jwks?: string | Uint8Array | object | null;
  /** The https URL of a key set; fetched when needed, kept fresh in the background. */
  jwksUri?: string | null;
  /** The HMAC key, at least as long as the hash. */
  secret?: string | Uint8Array | null;
  /** Accepted algorithms. Default "RS256", with `secret` "HS256". */
  algorithms?: string | readonly string[] | null;
  /** Asks the issuer about tokens that are not JWTs (RFC 7662), or about all: `fastbearer/introspection`. */
  introspector?: Introspector | null;
}

/** Claims and the values that they must have: text is equal character by character, numbers by value. */
export type RequiredClaims = Readonly<Record<string, ClaimValue | readonly ClaimValue[]>>;
type ClaimValue = string | number | boolean;

/** What a verifier says of all tokens. What one of its `issuers` says itself replaces that; an empty list is none. */
export interface ClaimOptions {
  /**
   * Accepted audiences. Without it a token that was issued for another service is accepted here (RFC 8725 3.9).
   * "resource" is the `resource` of the `resourceMetadata` of the adapter that is given this option.
   */
  audience?: string | readonly string[] | null;
  /**
   * "at+jwt" accepts RFC 9068 tokens only, "any" any `typ` but that of an introspection response (RFC 9701). Not given:
   * none, JWT, at+jwt.
   */
  tokenType?: 'at+jwt' | 'any' | null;
  /**
   * The first that is present holds the scopes. A name that begins with "/" is a JSON Pointer ("/realm_access/roles"),
   * here and in the next two. Default scope, scp.
   */
  scopeClaims?: string | readonly string[] | null;
  /** The first that is present is the client id, else "unknown". Default client_id, azp, sub. */
  clientIdClaims?: string | readonly string[] | null;
  /** Claims that must be present, or a mapping from each to the value, or the values, that it may have. */
  requiredClaims?: string | readonly string[] | RequiredClaims | null;
}

/** Remembers DPoP proofs for all servers of a fleet. */
export interface ReplayStore {
  /**
   * Remembers key until expiresAt (seconds since the epoch), in one step with the look whether it is remembered
   * already. true: it is new. false: the proof has been used. What it throws or rejects with, and no answer within 5
   * seconds, refuses this one request with 503, and is reported once, by a process warning.
   */
  add(key: string, expiresAt: number): boolean | Promise<boolean>;
}

/** How DPoP proofs (RFC 9449) are checked. */
export interface DpopOptions {
  /** Seconds after its `iat` for which a proof is good; more than 0, at most 86400. Default 300. */
  maxAge?: number | null;
  /** Accept only tokens that are bound to a DPoP key, under the scheme DPoP. Default false. */
  required?: boolean | null;
  /** How proofs may be signed. Not given: with all public-key algorithms but ES256K. */
  algorithms?: string | readonly string[] | null;
  /**
   * Given, proofs must carry a nonce of this server (RFC 9449 section 9), which adapters send with every response. All
   * servers of a fleet share the secret, of at least 32 bytes; nothing is stored.
   */
  nonceSecret?: string | Uint8Array | null;
  /**
   * Proofs that are remembered, 48 bytes each, so that none is accepted twice. When there are more the oldest goes, and
   * could be used once again. Default 262144.
   */
  replayCapacity?: number | null;
  /**
   * Remembers proofs in place of this process, for a fleet of servers. While it fails, requests with a proof are
   * refused with 503.
   */
  replayStore?: ReplayStore | null;
}

/**
 * Resolves to whether a verified token has been revoked: true or false, or 1 or 0 as stores have it. Look `jti` up
 * together with `issuer`, or the subject; never a hash of the token, of which its holder can make another valid form.
 */
export interface IsRevoked {
  (token: AccessToken): boolean | number | Promise<boolean | number>;
  /** What keeps the function from knowing; undefined: nothing. A problem makes `health` "not_ready". */
  problem?(): string | undefined;
}

/** What a token must be like, whoever issued it. */
export interface PolicyOptions {
  /**
   * Several issuers, each with keys of its own; in place of `issuer`, the key and the options of fetching. A token
   * belongs to the one with its `iss`.
   */
  issuers?: readonly Issuer[] | null;
  /**
   * Asked for the issuer of an `iss` that none of the others has, for tenants that come and go: resolves to what
   * `issuers` holds, or to undefined where there is none. What it is given is unverified. It has 10 seconds; what it
   * throws refuses this one token as `keys_unavailable`, and is reported once, by a process warning.
   */
  resolveIssuer?: ((issuer: string) => Issuer | undefined | null | Promise<Issuer | undefined | null>) | null;
  /** Issuers of `resolveIssuer` that are held; the one that was used least recently makes room. Default 1000. */
  maxIssuers?: number | null;
  /** All of these must be granted; a string is split at spaces. */
  requiredScopes?: string | readonly string[] | null;
  /** Which scopes include others: { admin: ["read", "write"] }. Applies to `requiredScopes` and `hasScope`. */
  scopeHierarchy?: Readonly<Record<string, readonly string[]>> | null;
  /** All of `scopeClaims` that are present hold the scopes. Default false. */
  mergeScopeClaims?: boolean | null;
  /** Seconds that are forgiven at `exp`, `nbf` and `iat`. Default 0. */
  leeway?: number | null;
  /** Seconds that `nbf` and `iat` may be in the future, when that is more than `leeway`. Default 30. */
  clockSkew?: number | null;
  /** Whether a token must have `exp`. Default true. */
  requireExp?: boolean | null;
  /** Longer tokens are refused unread; 1 to 65536. Default 16384. */
  maxTokenBytes?: number | null;
  /** Verified tokens that are cached; 0 for none. Default 1024. */
  cacheSize?: number | null;
  /** Bytes that all cached tokens may occupy together, their parsed claims included. Default 16777216. */
  cacheBytes?: number | null;
  /**
   * "verify", the default: a token that is bound to a key by `cnf` is accepted only from a sender who proves to have
   * the key, so by `verifyRequest`. "ignore": from everybody, also from who has stolen it.
   */
  senderConstrained?: 'verify' | 'ignore' | null;
  /**
   * How DPoP proofs (RFC 9449) are checked; {} for all defaults. Not given: none is, and tokens that are bound to a
   * DPoP key are refused.
   */
  dpop?: DpopOptions | null;
  /**
   * Whether a token that is good otherwise has been revoked; asked on every request, for cached tokens too. It has 5
   * seconds where it is asynchronous. While it fails, requests are refused with 503 (`status_unavailable`); the class
   * of the error is reported by a process warning. `verifySync` takes a synchronous one only.
   */
  isRevoked?: IsRevoked | null;
  /**
   * "auto", the default: signatures are verified with precomputed tables where that is faster than OpenSSL. "openssl":
   * by OpenSSL alone.
   */
  arithmetic?: 'auto' | 'openssl' | null;
  /**
   * Called for every refused token. What it throws or rejects with is reported once, by a process warning, and
   * otherwise ignored; nobody waits for it.
   */
  onReject?: ((rejection: Rejection) => unknown) | null;
}

/** What `fetch` must return. Every fetch function's Response is one. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: AsyncIterable<Uint8Array | string> | ReadableStream<Uint8Array> | null;
}

export interface FetchInit {
  method: 'GET';
  headers: Record<string, string>;
  redirect: 'manual';
  signal: AbortSignal;
}

/** How a key set is fetched. */
export interface FetchOptions {
  /**
   * In place of the global fetch. It must not follow redirects. Proxies are its own affair: the global one goes by
   * HTTPS_PROXY only where NODE_USE_ENV_PROXY=1 tells it to (Node 24 and 22.21).
   */
  fetch?: ((url: string, init: FetchInit) => Promise<FetchResponse>) | null;
  /** Seconds, for the whole fetch. Default 10. */
  fetchTimeout?: number | null;
  /** Seconds between two fetches for unknown key ids. Default 30. */
  refreshInterval?: number | null;
  /** Seconds that held keys stay in use past their freshness while fetches fail. Default 3600. */
  staleIfError?: number | null;
  /** The largest document, in bytes. Default 65536. */
  maxJwksBytes?: number | null;
  /** Accept http:// for other hosts than loopback. Default false. */
  allowHttp?: boolean | null;
  /**
   * Sent with every fetch: { "X-Api-Key": "..." }. A key set that discovery found gets them only on the host of its
   * issuer.
   */
  headers?: Readonly<Record<string, string>> | null;
  /**
   * Connect to public addresses only, checked on the socket that is opened. Not together with `fetch`. Default false.
   */
  ssrfSafe?: boolean | null;
  /** Where fetched key sets are kept, for other processes and for the next start: see `fastbearer/stores`. */
  keyStore?: KeyStore | null;
}

/** One of several issuers. */
export interface Issuer extends KeyOptions, ClaimOptions, FetchOptions {}

/** With `issuers`, what is in KeyOptions and FetchOptions belongs to each of them. */
export interface VerifierOptions extends KeyOptions, ClaimOptions, PolicyOptions, FetchOptions {}

/** The content of a verified token. Also a session for npm fastmcp, whose requireScopes reads it. */
export interface AccessToken<Claims extends object = Record<string, unknown>> {
  token: string;
  /** `iss`; of an introspected token without it, the issuer that was asked; undefined when there is none. */
  issuer: string | undefined;
  /** Found by the rule of `clientIdClaims`. */
  clientId: string;
  /** Those that were granted. Ask `hasScope` about one that others may include. */
  scopes: string[];
  /** `exp` in whole seconds since the epoch; undefined when the token has none. Optional as the MCP SDKs have it. */
  expiresAt?: number;
  subject: string | undefined;
  /** The audience that matched, when it is a URL. Made when it is first read; not among what a spread copies. */
  readonly resource?: URL;
  /** The payload. Claims is the type that you expect of your issuer's tokens; nothing checks it. */
  claims: Claims;
  /** `cnf` (RFC 7800): the key that the token is bound to; undefined: whoever has the token can use it. */
  confirmation: Record<string, unknown> | undefined;
  extra: { claims: Claims };
  /** Whether a scope was granted, or is included in one that was (`scopeHierarchy`). Not among what a spread copies. */
  hasScope(scope: string): boolean;
  [member: string]: unknown;
}

/** What the MCP TypeScript SDKs call an AccessToken. */
export interface AuthInfo {
  token: string;
  clientId: string;
  scopes: string[];
  expiresAt?: number;
  resource?: URL;
  extra?: Record<string, unknown>;
}

/** One key of the set that a verifier holds, usable or not. */
export interface KeyInfo {
  kid: string | undefined;
  kty: string | undefined;
  alg: string | undefined;
  crv: string | undefined;
  /** The size of the RSA modulus, the EC or OKP field, or the HMAC secret; 0 when it is not known. */
  bits: number;
  usable: boolean;
  /** Why the key is not usable, or what was ignored in it. */
  problem: string | undefined;
  /** What verifies with the key now: "openssl", or tables ("rsa-ifma", "p256-tables", "ed25519-tables"). */
  arithmetic: string | undefined;
  /** Bytes of the key's table; 0 when it has none. */
  tableBytes: number;
  /** Whose key it is: its issuer's first identifier. */
  issuer: string | undefined;
  /** When it was fetched, in seconds since the epoch; undefined for a key that was given. */
  fetchedAt: number | undefined;
  /** Until when it is fresh, in seconds since the epoch; undefined for a key that was given. */
  freshUntil: number | undefined;
}

/** What has happened with one issuer, and the state of its key set. */
export interface IssuerStats {
  /** Its first identifier. */
  issuer: string | undefined;
  /** Whether its keys are fetched. */
  fetched: boolean;
  /** Whether resolveIssuer has found it. */
  added: boolean;
  /** Where its keys are fetched, without query; undefined while discovery has not said it. */
  jwksUri: string | undefined;
  verified: number;
  rejected: number;
  fetches: number;
  fetchFailures: number;
  /** How many different key sets have been held so far. */
  generation: number;
  keysHeld: boolean;
  keysFresh: boolean;
  /** Seconds until a fetch is allowed again after one that failed. */
  retryAfter: number;
  /** Seconds until an unknown key id is worth a fetch again. */
  unknownKidRetryAfter: number;
  /** Why the last fetch failed; undefined when it succeeded. */
  lastError: string | undefined;
  /** How often each code was the reason of a refusal. */
  reasons: Record<string, number>;
  /** Seconds that all fetches together have taken which are over. */
  fetchSeconds: number;
  /** Key sets that came from a store. */
  imports: number;
  /** Seconds since the keys were fetched or confirmed; 0 for static ones, Infinity when none are held. */
  keyAge: number;
  /** Seconds that they are still fresh, negative when they are not; Infinity for static ones. */
  freshFor: number;
  /** A hash of where its keys are fetched, for stores; undefined when they are not. */
  source: string | undefined;
  /** Which of its tokens are introspected. */
  introspection: 'opaque' | 'all' | undefined;
  health: HealthStatus;
  /** Why `health` is not "ready"; undefined when it is. */
  problem: string | undefined;
}

/**
 * Whether tokens can be verified: "degraded" when keys are past their freshness, because fetching fails or nobody came,
 * and for a verifier when some issuer is not ready; "not_ready" when no token can be verified.
 */
export type HealthStatus = 'ready' | 'degraded' | 'not_ready';

/** What a readiness probe wants to know, and why. */
export interface Health {
  status: HealthStatus;
  /** What is wrong, in sentences for people; empty when all is well. */
  problems: string[];
  issuers: IssuerStats[];
}

/** Counters since the verifier was constructed, and the state of its key sets: sums over all issuers. */
export interface Stats {
  verified: number;
  /** Refusals by adapters included. */
  rejected: number;
  /** How often each code was the reason of a refusal. */
  reasons: Record<string, number>;
  cacheHits: number;
  cacheMisses: number;
  cacheEvictions: number;
  cacheEntries: number;
  /** Bytes of all entries of the cache, with the parsed claims that are kept for the next verification. */
  cacheBytes: number;
  fetches: number;
  fetchFailures: number;
  /** How many different key sets have been held so far. */
  generation: number;
  /** Bytes of the precomputed tables of all keys. */
  tableBytes: number;
  /** Verifications of the whole process that were done by both arithmetics, and how often the two differed. */
  arithmeticChecks: number;
  arithmeticDisagreements: number;
  /** Whether every issuer has usable keys, and fresh ones. */
  keysHeld: boolean;
  keysFresh: boolean;
  /** Why a last fetch failed; undefined when all succeeded. */
  lastError: string | undefined;
  /** Issuers of resolveIssuer that made room for others, and identifiers that are remembered as unknown. */
  issuerEvictions: number;
  unknownIssuers: number;
  /** DPoP proofs that are remembered, and those that made room for others before they were too old. */
  replayEntries: number;
  replayEvictions: number;
  /** Client keys that are held parsed. */
  proofKeys: number;
  /** Seconds that all fetches together have taken which are over. */
  fetchSeconds: number;
  /** Key sets that came from a store. */
  imports: number;
  /** Seconds since the oldest of the keys were fetched or confirmed; Infinity when an issuer has none yet. */
  keyAge: number;
  /** Introspection responses that were evaluated. */
  introspections: number;
  issuers: IssuerStats[];
}

/** A request in parts, where there is neither one of node:http nor one of fetch. */
export interface RequestParts {
  /** As it came: "POST". */
  method?: string | null;
  /**
   * Absolute, as the client sees it, which only DPoP needs; otherwise it may be a path with the query. Behind a proxy
   * that is another URL than the server sees: take scheme and host from your configuration, never from a header that a
   * client can set.
   */
  url?: string | URL | null;
  /** As they came: a field that occurs twice is an array of values, or two pairs. */
  headers:
    | Readonly<Record<string, string | readonly string[] | undefined>>
    | readonly (readonly [string, string])[]
    | Headers;
  /**
   * What the client has shown in the TLS handshake, as DER or one PEM block. From a header only if a proxy sets it and
   * removes what clients send.
   */
  clientCertificate?: string | Uint8Array | null;
  /**
   * The name of another header than Authorization that holds the token and nothing else, where a proxy puts it
   * ("Cf-Access-Jwt-Assertion"). Authorization is not read then, and there is no DPoP.
   */
  tokenHeader?: string | null;
}

/** Verifies JWT access tokens (RFC 7519, RFC 9068), strictly. */
export declare class Verifier {
  /** Throws a ConfigurationError that names the wrong option. Nothing is fetched yet. */
  constructor(options: VerifierOptions);
  /**
   * Resolves to the AccessToken of a good token; rejects with a BearerError that says why for any other, and with an
   * Error with code ERR_VERIFIER_CLOSED after `close`. Verifies in this turn of the event loop unless keys must be
   * fetched first.
   *
   * `now` is for tests and replays: seconds since the epoch, in place of the clock, for the checks of claims only.
   */
  verify<Claims extends object = Record<string, unknown>>(
    token: string,
    options?: { now?: number },
  ): Promise<AccessToken<Claims>>;
  /**
   * Returns the AccessToken of a good token; throws a BearerError that says why for any other. Where keys must be
   * fetched first, or resolveIssuer is asynchronous, it only starts that and throws `keys_unavailable`: call `refresh`
   * at start-up. Where the issuer must be asked about the token it starts that and throws `status_unavailable`.
   */
  verifySync<Claims extends object = Record<string, unknown>>(
    token: string,
    options?: { now?: number },
  ): AccessToken<Claims>;
  /**
   * Verifies the token of a request, in its one header Authorization under the scheme Bearer or, with `dpop`, DPoP, and
   * the proof of possession that the token demands: a DPoP proof (RFC 9449), a client certificate (RFC 8705). Rejects
   * as `verify` does; `status` is 400 for a request that RFC 6750 forbids, and `code` is token_missing without a token,
   * of which `onReject` is not told.
   *
   * The URL of a request of node:http is put together from its connection and its header Host: behind a proxy use the
   * adapters with `baseUrl`, or RequestParts. Its certificate is that of the TLS connection, if there is one.
   */
  verifyRequest<Claims extends object = Record<string, unknown>>(
    request: IncomingMessage | Request | RequestParts,
    options?: { now?: number },
  ): Promise<AccessToken<Claims>>;
  /**
   * What clients are to put into their next proof: send it as the header DPoP-Nonce with every response (RFC 9449
   * section 8.2), as the adapters do. undefined without `nonceSecret`.
   */
  dpopNonce(): string | undefined;
  /**
   * Verifies for the MCP TypeScript SDK v2, to which its errors are OAuthErrors: `code` is the OAuth error code,
   * `reason` is ours. For SDK v1 see `fastbearer/mcp`. Tokens that are bound to a key are refused, since the SDKs hand
   * over no request that could prove its possession.
   */
  verifyAccessToken(token: string): Promise<AuthInfo>;
  /** The `authenticate` of npm fastmcp: resolves to undefined for stdio, throws a Response for a refused request. */
  authenticate(request: IncomingMessage | Request | undefined): Promise<AccessToken | undefined>;
  /**
   * Fetches the key sets of all issuers now. Rejects with a BearerError that says which could not be had; the keys that
   * are held stay in use.
   */
  refresh(): Promise<void>;
  /** Describes the keys that are held now; empty before the first fetch. */
  keys(): KeyInfo[];
  /** Counts what has happened so far. */
  stats(): Stats;
  /**
   * Whether tokens can be verified now, for a readiness probe. Before the first fetch that is "not_ready": call
   * `refresh` when the server starts.
   */
  health(): Health;
  /** Of all issuers. */
  readonly issuer: string[] | undefined;
  readonly audience: string[] | undefined;
  readonly requiredScopes: string[];
  /** How DPoP proofs are checked, as far as clients may know; undefined where the scheme is not accepted. */
  readonly dpop: { readonly maxAge: number; readonly required: boolean; readonly algorithms: string[] } | undefined;
  /** Of the sole issuer. */
  readonly jwksUri: string | undefined;
  /** Frees the keys and the token cache, and aborts a fetch. Using the verifier afterwards is an error. */
  close(): void;
  [Symbol.dispose](): void;
}

/** FastMCP's name for a Verifier; `algorithm` is accepted beside `algorithms`. */
export declare class BearerAuthProvider extends Verifier {
  constructor(options: VerifierOptions & { algorithm?: string | readonly string[] | null });
}

/** The content of a token that createToken mints; null leaves a claim out. */
export interface CreateTokenOptions {
  /** Default "fastmcp-user". */
  subject?: string | null;
  /** Default "https://fastmcp.example.com". */
  issuer?: string | null;
  audience?: string | readonly string[] | null;
  scopes?: string | readonly string[] | null;
  /** Seconds from now to `exp`; negative for a token that has expired. Default 3600. */
  expiresInSeconds?: number | null;
  /** More claims; they override the others. A Date becomes seconds since the epoch. */
  additionalClaims?: Record<string, unknown> | null;
  kid?: string | null;
  /** Seconds since the epoch, in place of the clock. */
  now?: number | null;
  /** The header's `typ`. Default "JWT". */
  typ?: string | null;
}

/** What a DPoP proof says beside the request that it is for. */
export interface DpopProofOptions {
  /** The token that the request carries; not given: a request for one. */
  accessToken?: string | null;
  /** What the server's last DPoP-Nonce said. */
  nonce?: string | null;
  /** What makes the proof unique. Default: random. */
  jti?: string | null;
  /** Seconds since the epoch, in place of the clock. */
  now?: number | null;
}

/** A key pair of any algorithm, for tests and tools. Nothing that prints shows the private key. */
export declare class KeyPair {
  /** `privateKey`: one unencrypted PEM (PKCS#8, PKCS#1, SEC1), or the secret of an HS* algorithm. Default RS256. */
  constructor(options: { privateKey: string | Uint8Array; publicKey?: string | null; algorithm?: string });
  /** Generates a key pair on the thread pool. `bits` is the size of the RSA modulus, 2048 to 8192. */
  static generate(algorithm?: string, options?: { bits?: number }): Promise<KeyPair>;
  /** Generates a key pair and blocks meanwhile: RSA takes tens to hundreds of milliseconds. */
  static generateSync(algorithm?: string, options?: { bits?: number }): KeyPair;
  readonly algorithm: string;
  /** SubjectPublicKeyInfo PEM; undefined for HS*. */
  readonly publicKey: string | undefined;
  /** PKCS#8 PEM, not encrypted. For HS* see `secret`. */
  readonly privateKey: string;
  /** The secret of an HS* key. */
  readonly secret: Buffer;
  /** The key set document with the public key. Throws a ConfigurationError for HS*, which have no public half. */
  jwks(kid?: string): JWKSet;
  /** Mints a signed token. */
  createToken(options?: CreateTokenOptions): string;
  /** Mints a DPoP proof (RFC 9449 section 4.2) for one request: the value of its header DPoP. */
  dpopProof(method: string, url: string | URL, options?: DpopProofOptions): string;
  /** The thumbprint of the public key (RFC 7638, SHA-256): what `cnf.jkt` holds. */
  thumbprint(): string;
  /** Signs any header and payload unchanged: for making test cases. */
  sign(header: string | Uint8Array, payload: string | Uint8Array): string;
}

/** An RSA key pair that signs RS256 tokens, like FastMCP's class of that name. */
export interface RSAKeyPair extends KeyPair {
  readonly publicKey: string;
}
export declare const RSAKeyPair: {
  new (options: { privateKey: string | Uint8Array; publicKey?: string | null }): RSAKeyPair;
  /** `bits` is the size of the modulus, 2048 to 8192. Default 2048. */
  generate(options?: { bits?: number }): Promise<RSAKeyPair>;
  generateSync(options?: { bits?: number }): RSAKeyPair;
  readonly prototype: RSAKeyPair;
};

/** Why access is refused. Neither the message nor the printed error holds anything of the token. */
export declare class BearerError extends Error {
  constructor(
    message?: string,
    details?: {
      code?: string;
      status?: 400 | 401 | 403 | 500 | 503;
      oauthError?: string;
      claim?: string;
      issuer?: string;
      missing?: string[];
      retryAfter?: number;
      kid?: string;
      expected?: string;
      actual?: string;
      cause?: unknown;
    },
  );
  /** The stable name of the reason, "token_expired". */
  code: string;
  status: 400 | 401 | 403 | 500 | 503;
  /** The error code of RFC 6750 section 3.1 or RFC 9449 section 7.1; empty for a request without a token. */
  oauthError: string;
  /**
   * The claim that was missing or wrong. With proof_mismatch what the proof is of another one: htm (method), htu (URL),
   * ath (token) or cnf (key or certificate).
   */
  claim?: string;
  /** The issuer that was chosen for the token, as it was configured. */
  issuer?: string;
  /** With insufficient_scope: the required scopes that the token does not grant. */
  missing?: string[];
  /**
   * With keys_unavailable: seconds until the next fetch. With key_not_found: seconds until the next fetch for an
   * unknown key id is allowed, when one is held back.
   */
  retryAfter?: number;
  /** Our own code, on errors of verifyAccessToken, where `code` is the OAuth error. */
  reason?: string;
  /** The key id that the token named, made printable. It comes from the network: log it, do not trust it. */
  kid: string | undefined;
  /** What was required, where a claim of a verified token was refused; printable, at most 120 characters. */
  readonly expected: string | undefined;
  /** What the token held instead. Not printed with the error: for logs that ask for it, never for a response. */
  readonly actual: string | undefined;
  /** Only on errors of verifyAccessToken. */
  toResponseObject?(): { error: string; error_description: string };
}

/** An option or argument is wrong; the message names it. */
export declare class ConfigurationError extends TypeError {
  constructor(message?: string);
  code: 'ERR_CONFIGURATION';
  /** A wrong configuration is the server's fault, should it come to a request. */
  status: 500;
}

/** Reads a token without verifying it. For people and tools, never for a decision. */
export declare function decodeUnverified(token: string): {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
};

/** The access token of the request that is being served, inside a handler that an adapter guards. */
export declare function getAccessToken<Claims extends object = Record<string, unknown>>():
  | AccessToken<Claims>
  | undefined;

/** The access token of the request that is being served. Throws an Error with code ERR_NO_ACCESS_TOKEN without one. */
export declare function requireAccessToken<Claims extends object = Record<string, unknown>>(): AccessToken<Claims>;

/**
 * The versions of the libraries that are running. `builtIn`: OpenSSL and jansson are parts of the published package, so
 * that a fault in one of them is mended by a newer version of this package. (OpenSSL is a part of the addon in any
 * build.)
 */
export declare const versions: {
  readonly fastbearer: string;
  readonly openssl: string;
  readonly jansson: string;
  readonly builtIn: boolean;
};
