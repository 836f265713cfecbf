export { bearerAuth, getAccessToken } from './fetch.cjs';
