/*
 * For every server that is a function (Request) => Response: Node's own adapters, Next.js, mcp-handler, the fetch
 * handler of the MCP SDK v2, Bun, Deno. The token is at request.auth, where mcp-handler looks for it, and what
 * getAccessToken() returns inside of the handler.
 */
'use strict';

const { guardOf } = require('./lib/adapter.cjs');
const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { ConfigurationError } = require('./lib/errors.cjs');
const { toFetchResponse, withNonce } = require('./lib/send.cjs');

function bearerAuth(options, handler) {
  if (typeof handler !== 'function') {
    throw new ConfigurationError('handler must be a function from a Request to a Response');
  }
  const guard = guardOf(options);
  const guarded = async (request, ...more) => {
    const { response, token, nonce } = await guard.decide(request);
    if (response !== undefined) {
      return toFetchResponse(response, request.method);
    }
    request.auth = token;
    return withNonce(await withAccessToken(token, () => handler(request, ...more)), nonce);
  };
  guarded.verifier = guard.verifier;
  return guarded;
}

module.exports = { bearerAuth, getAccessToken, requireAccessToken };
