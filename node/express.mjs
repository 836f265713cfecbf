export { bearerAuth, getAccessToken, requireAccessToken } from './express.cjs';
