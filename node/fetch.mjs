export { bearerAuth, getAccessToken, requireAccessToken } from './fetch.cjs';
