/// <reference types="node" />
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { AccessToken, Verifier } from './index.cjs';
import type { BearerAuthOptions } from './lib/guard.cjs';

export type { AccessToken } from './index.cjs';
export { getAccessToken, requireAccessToken } from './index.cjs';
export type { BearerAuthOptions, ResourceMetadataOptions, RpcOptions } from './lib/guard.cjs';

declare global {
  namespace Express {
    interface Request {
      /**
       * The verified token; undefined on excluded paths. Where requireBearerAuth of an MCP SDK is imported too, the
       * SDK's AuthInfo is the type of this property, and the compiler needs its option skipLibCheck, which `tsc --init`
       * sets: take the token from `requireAccessToken()` then.
       */
      auth?: AccessToken;
    }
  }
}

/** A middleware for Express 4 and 5, and for any other framework that calls (request, response, next). */
export interface BearerAuth {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
  /** The verifier that checks the tokens. */
  readonly verifier: Verifier;
}

/**
 * Lets requests through that carry one good bearer token. It is at `request.auth` then, and what `getAccessToken()`
 * returns; the response to others is 400, 401, 403 or 503. WebSocket upgrades do not pass through middleware.
 */
export declare function bearerAuth(options: BearerAuthOptions): BearerAuth;
