/*
 * A Hono middleware. The token is at c.get('auth') and what getAccessToken() returns in all that follows.
 */
'use strict';

const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { Guard, toResponse, viewOfFetch } = require('./lib/hosts.cjs');

function bearerAuth(options) {
  const guard = new Guard(options);
  const middleware = async (context, next) => {
    const { answer, token } = await guard.decide(viewOfFetch(context.req.raw));
    if (answer !== undefined) {
      return toResponse(answer, context.req.raw.method);
    }
    context.set('auth', token);
    return withAccessToken(token, next);
  };
  middleware.verifier = guard.verifier;
  return middleware;
}

module.exports = { bearerAuth, getAccessToken, requireAccessToken };
