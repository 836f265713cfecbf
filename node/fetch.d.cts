/// <reference types="node" />
import type { Verifier } from './index.cjs';
import type { BearerAuthOptions } from './lib/guard.cjs';

export type { AccessToken } from './index.cjs';
export { getAccessToken, requireAccessToken } from './index.cjs';
export type { BearerAuthOptions, ResourceMetadataOptions, RpcOptions } from './lib/guard.cjs';

/** A handler that lets only requests with one good bearer token through to the one it was made of. */
export interface Guarded<More extends unknown[]> {
  (request: Request, ...more: More): Promise<Response>;
  /** The verifier that checks the tokens. */
  readonly verifier: Verifier;
}

/**
 * Guards a function from Request to Response: a Next.js route handler, `mcp-handler`, the `fetch` of a Bun or Deno
 * server. Inside of it the token is what `getAccessToken()` returns; refusals are 400, 401, 403 or 503.
 */
export declare function bearerAuth<More extends unknown[] = []>(
  options: BearerAuthOptions,
  handler: (request: Request, ...more: More) => Response | Promise<Response>,
): Guarded<More>;
