import type { Middleware } from 'koa';

import type { AccessToken, Verifier } from './index.cjs';
import type { BearerAuthOptions } from './lib/guard.cjs';

export type { AccessToken } from './index.cjs';
export { getAccessToken, requireAccessToken } from './index.cjs';
export type { BearerAuthOptions, ResourceMetadataOptions, RpcOptions } from './lib/guard.cjs';

declare module 'koa' {
  interface DefaultState {
    /** The verified token; undefined on excluded paths. */
    auth: AccessToken;
  }
}

export interface BearerAuth extends Middleware {
  /** The verifier that checks the tokens. */
  readonly verifier: Verifier;
}

/**
 * Lets requests through that carry one good bearer token. It is at `ctx.state.auth` then, and what `getAccessToken()`
 * returns; the response to others is 400, 401, 403 or 503.
 */
export declare function bearerAuth(options: BearerAuthOptions): BearerAuth;
