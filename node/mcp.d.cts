import type { AuthInfo, Verifier } from './index.cjs';
import type { VerifierOrOptions } from './lib/guard.cjs';

export type { AccessToken, AuthInfo } from './index.cjs';
export { getAccessToken, requireAccessToken } from './index.cjs';

/** The error classes of SDK v1. */
export interface SdkErrors {
  InvalidTokenError: new (message: string) => Error;
  InsufficientScopeError: new (message: string) => Error;
}

export type JwtVerifierOptions = VerifierOrOptions & {
  /**
   * `@modelcontextprotocol/sdk/server/auth/errors.js`, where this package would find another copy of the SDK than the
   * application has, or none: to SDK v1 an error of any other class is a 500.
   */
  errors?: SdkErrors | null;
};

export interface JwtVerifier {
  /** Resolves to what handlers find as their `authInfo`; `getAccessToken()` returns it too, in servers of node:http. */
  verifyAccessToken(token: string): Promise<AuthInfo>;
  /** The verifier that checks the tokens. */
  readonly verifier: Verifier;
}

/**
 * The `verifier` of requireBearerAuth, for the MCP TypeScript SDK v1 and v2. Set scopes that must be granted there: the
 * challenge names them. The SDK compares what was granted, and knows nothing of `scopeHierarchy`; `requiredScopes` in
 * these options do.
 *
 * The SDK hands over the token alone, and no request that could prove possession of a key: a token that is bound to one
 * is refused (`proof_missing`). `fastbearer/express`, `/hono` and `/fetch` check proofs in front of the SDK's servers.
 */
export declare function jwtVerifier(options: JwtVerifierOptions): JwtVerifier;
