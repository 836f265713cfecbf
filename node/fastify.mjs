import bearerAuth from './fastify.cjs';

export const { getAccessToken, requireAccessToken } = bearerAuth;
export { bearerAuth, bearerAuth as default };
