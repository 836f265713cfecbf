export { bearerAuth, getAccessToken } from './express.cjs';
