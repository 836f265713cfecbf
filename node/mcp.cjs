/*
 * fastbearer/mcp for require(): jwtVerifier(options) is what requireBearerAuth of the MCP SDK takes as its verifier.
 */
'use strict';

const { getAccessToken, requireAccessToken } = require('./lib/context.cjs');
const { sdkVerifier } = require('./lib/sdk-verifier.cjs');

/* SDK v2 needs none of it, and v1 may be where only the application can find it (option errors). */
function sdkErrors() {
  try {
    return require('@modelcontextprotocol/sdk/server/auth/errors.js');
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') {
      return undefined;
    }
    throw error;
  }
}

const jwtVerifier = (options) => sdkVerifier(options, sdkErrors());

module.exports = { getAccessToken, jwtVerifier, requireAccessToken };
