/*
 * For every host whose server is a function (Request) => Response: Node's own adapters, Next.js, mcp-handler, the fetch
 * face of the MCP SDK v2, Bun, Deno. The token is at request.auth, where mcp-handler looks for it, and what
 * getAccessToken() returns inside of the handler.
 */
'use strict';

const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { ConfigurationError } = require('./lib/errors.cjs');
const { Guard, toResponse, viewOfFetch } = require('./lib/hosts.cjs');

function bearerAuth(options, handler) {
  if (typeof handler !== 'function') {
    throw new ConfigurationError('handler must be a function from a Request to a Response');
  }
  const guard = new Guard(options);
  const guarded = async (request, ...more) => {
    const { answer, token } = await guard.decide(viewOfFetch(request));
    if (answer !== undefined) {
      return toResponse(answer, request.method);
    }
    request.auth = token;
    return withAccessToken(token, () => handler(request, ...more));
  };
  guarded.verifier = guard.verifier;
  return guarded;
}

module.exports = { bearerAuth, getAccessToken, requireAccessToken };
