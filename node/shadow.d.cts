/// <reference types="node" />

/** Where the candidate would have answered otherwise. Holds nothing of the token. */
export interface Difference {
  /** What the verifier in service said; "unavailable" is a 503. */
  readonly serving: 'accepted' | 'refused' | 'unavailable';
  /** The code of its refusal, or the name of its error; undefined where it gave no reason. */
  readonly servingReason: string | undefined;
  /** "failed": it threw what is no verdict; "timed_out": it took longer than `timeout`. */
  readonly candidate: 'accepted' | 'refused' | 'unavailable' | 'failed' | 'timed_out';
  /** The candidate's reason, "audience_mismatch"; undefined where it gave none. */
  readonly code: string | undefined;
  /** The name of the claim that the candidate found missing or wrong. */
  readonly claim: string | undefined;
  /** What differs in the result where both accept. */
  readonly fields: readonly ('clientId' | 'subject' | 'expiresAt' | 'scopes')[];
}

/** How a candidate is asked, and who is told. */
export interface ShadowOptions {
  /** Called with every difference. What it throws or rejects with is reported once, by a process warning. */
  onDifference?: ((difference: Difference) => unknown) | null;
  /** Seconds that the candidate may take. Default 10, at most 3600. */
  timeout?: number | null;
  /** How many comparisons may be under way; more are left out and counted. Default 64. */
  maxPending?: number | null;
}

/** A function of a token that refuses it by throwing, rejecting, or returning undefined, null or false. */
export type TokenFunction = (token: string) => unknown;

/** What can be asked about a token: a Verifier, a verifier of the MCP SDKs, or a function. */
export type Candidate =
  | { verify(token: string): unknown }
  | { verifyAccessToken(token: string): unknown }
  | { verifyToken(token: string): unknown }
  | TokenFunction;

/**
 * Tries a verifier on real traffic, without letting it decide: returns what takes the place of `serving`, answers exactly
 * as it does, and asks `candidate` about the same tokens after the answer has been given. Each kind of difference is
 * reported by a process warning once, and every one to `onDifference`. No failure, time-out or slowness of the candidate
 * reaches a request.
 *
 * serving: a Verifier, an object with `verify`, `verifyAccessToken` or `verifyToken`, or a function of the token, such as
 * `(token) => jwtVerify(token, keys)` with jose's. The result has its members and is an instance of its class; its other
 * methods run on `serving` itself.
 *
 * candidate: one of the same kinds. What it throws besides a BearerError is a failure, not a verdict. Requests
 * (`verifyRequest`, the adapters) are compared where it has `verifyRequest`. It is asked once more than necessary: a DPoP
 * `replayStore` must not be shared by both.
 *
 * Throws a ConfigurationError that names the wrong argument.
 */
export declare function Shadow<Serving extends object>(
  serving: Serving,
  candidate: Candidate,
  options?: ShadowOptions,
): Serving;

/** How often the candidate of a Shadow was asked, differed, and was left out for want of room. */
export declare function stats(shadow: object): { compared: number; different: number; skipped: number };
