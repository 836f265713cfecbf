/// <reference types="node" />
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Verifier } from './index.cjs';
import type { BearerAuthOptions } from './lib/hosts.cjs';

export type { AccessToken } from './index.cjs';
export { getAccessToken } from './index.cjs';
export type { BearerAuthOptions, ResourceMetadataOptions } from './lib/hosts.cjs';

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
