export { authenticate, getAccessToken } from './fastmcp.cjs';
