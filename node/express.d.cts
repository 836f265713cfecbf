/// <reference types="node" />
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { AccessToken, Verifier } from './index.cjs';
import type { BearerAuthOptions } from './lib/guard.cjs';

export type { AccessToken } from './index.cjs';
export { getAccessToken, requireAccessToken } from './index.cjs';
export type { BearerAuthOptions, ResourceMetadataOptions } from './lib/guard.cjs';

declare global {
  namespace Express {
    interface Request {
      /** The verified token; undefined on excluded paths. Where the MCP SDK declares it too, its type is the SDK's. */
      auth?: AccessToken;
    }
  }
}

/** A middleware of Express 4 and 5, and of whatever else calls (request, response, next). */
export interface BearerAuth {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;
  /** What it verifies with. */
  readonly verifier: Verifier;
}

/**
 * Lets requests through that carry one good bearer token. It is at `request.auth` then, and what `getAccessToken()`
 * returns; others are answered with 400, 401, 403 or 503. Websocket upgrades do not come by here.
 */
export declare function bearerAuth(options: BearerAuthOptions): BearerAuth;
