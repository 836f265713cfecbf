export { authenticate, getAccessToken, requireAccessToken } from './fastmcp.cjs';
