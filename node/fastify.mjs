import bearerAuth from './fastify.cjs';

export const { getAccessToken } = bearerAuth;
export { bearerAuth, bearerAuth as default };
