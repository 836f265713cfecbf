import bearerAuth from './fastify.cjs';

export type AccessToken = bearerAuth.AccessToken;
export type BearerAuthOptions = bearerAuth.BearerAuthOptions;
export declare const getAccessToken: typeof bearerAuth.getAccessToken;
export declare const requireAccessToken: typeof bearerAuth.requireAccessToken;
export { bearerAuth, bearerAuth as default };
