/*
 * fastbearer/mcp for import: the same as mcp.cjs, with the SDK's other copy of its error classes.
 */
import context from './lib/context.cjs';
import { sdkVerifier } from './lib/sdk-verifier.cjs';

const sdkErrors = await import('@modelcontextprotocol/sdk/server/auth/errors.js').catch((error) => {
  if (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
    return undefined;
  }
  throw error;
});

export const { getAccessToken, requireAccessToken } = context;
export const jwtVerifier = (options) => sdkVerifier(options, sdkErrors);
