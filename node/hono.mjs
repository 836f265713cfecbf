export { bearerAuth, getAccessToken, requireAccessToken } from './hono.cjs';
