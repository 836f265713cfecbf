/*
 * A Hono middleware. The token is at c.get('auth') and what getAccessToken() returns in all that follows.
 */
'use strict';

const { guardOf } = require('./lib/adapter.cjs');
const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { toFetchResponse } = require('./lib/send.cjs');

function bearerAuth(options) {
  const guard = guardOf(options);
  const middleware = async (context, next) => {
    // On Node the adapter of Hono's has the request that the Request was made of, with its connection.
    const { response, token, nonce } = await guard.decide(context.req.raw, {
      socket: context.env?.incoming?.socket,
      parsed: async () => new Uint8Array(await context.req.arrayBuffer()),
    });
    if (response !== undefined) {
      return toFetchResponse(response, context.req.raw.method);
    }
    context.set('auth', token);
    await withAccessToken(token, next);
    if (nonce !== undefined) {
      context.header('DPoP-Nonce', nonce);
    }
    return undefined;
  };
  middleware.verifier = guard.verifier;
  return middleware;
}

module.exports = { bearerAuth, getAccessToken, requireAccessToken };
