/*
 * A Hono middleware. The token is at c.get('auth') and what getAccessToken() returns in all that follows.
 */
'use strict';

const { guardOf } = require('./lib/adapter.cjs');
const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { infoOfFetch } = require('./lib/request-info.cjs');
const { toFetchResponse } = require('./lib/send.cjs');

function bearerAuth(options) {
  const guard = guardOf(options);
  const middleware = async (context, next) => {
    const { response, token } = await guard.decide(infoOfFetch(context.req.raw));
    if (response !== undefined) {
      return toFetchResponse(response, context.req.raw.method);
    }
    context.set('auth', token);
    return withAccessToken(token, next);
  };
  middleware.verifier = guard.verifier;
  return middleware;
}

module.exports = { bearerAuth, getAccessToken, requireAccessToken };
