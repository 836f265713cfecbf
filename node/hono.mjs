export { bearerAuth, getAccessToken } from './hono.cjs';
