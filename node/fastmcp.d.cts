/// <reference types="node" />
import type { IncomingMessage } from 'node:http';

import type { AccessToken, Verifier } from './index.cjs';
import type { GuardOptions, VerifierOrOptions } from './lib/guard.cjs';

export type { AccessToken } from './index.cjs';
export { getAccessToken, requireAccessToken } from './index.cjs';

/**
 * `exclude` is not for fastmcp; `resourceMetadata` is named in challenges and served by fastmcp's own `oauth` option.
 */
export type AuthenticateOptions = Omit<GuardOptions, 'exclude'> & VerifierOrOptions;

export interface Authenticate {
  (request: IncomingMessage | Request | undefined): Promise<AccessToken | undefined>;
  /** The verifier that checks the tokens. */
  readonly verifier: Verifier;
}

/**
 * The option `authenticate` of npm fastmcp. Resolves to the token, which tools find at `context.session`; throws a
 * Response (400, 401, 403, 503) for a request without access; resolves to undefined for stdio.
 */
export declare function authenticate(options: AuthenticateOptions): Authenticate;
