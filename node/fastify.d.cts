import type { FastifyPluginAsync } from 'fastify';

import type { getAccessToken as current, requireAccessToken as required, AccessToken as Token } from './index.cjs';
import type { BearerAuthOptions as Options } from './lib/guard.cjs';

declare module 'fastify' {
  interface FastifyRequest {
    /** The verified token; undefined on excluded paths. */
    auth: Token;
  }
}

declare namespace bearerAuth {
  export type AccessToken = Token;
  export type BearerAuthOptions = Options;
  export const getAccessToken: typeof current;
  export const requireAccessToken: typeof required;
  export { bearerAuth, bearerAuth as default };
}

/**
 * A plugin that guards the scope in which it is registered. The token is at `request.auth`, and what `getAccessToken()`
 * returns in hooks and handlers; refusals are 400, 401, 403 or 503.
 */
declare function bearerAuth(
  ...parameters: Parameters<FastifyPluginAsync<Options>>
): ReturnType<FastifyPluginAsync<Options>>;

export = bearerAuth;
