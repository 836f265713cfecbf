/*
 * A Koa middleware. The token is at ctx.state.auth, at ctx.req.auth, where the MCP SDK's transports look for it, and what
 * getAccessToken() returns in all that follows.
 */
'use strict';

const { guardOf } = require('./lib/adapter.cjs');
const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { isBegun, setNonce } = require('./lib/send.cjs');

function send(context, { status, headers, body }) {
  if (isBegun(context.res)) {
    return;
  }
  context.status = status;
  context.body = body;
  context.remove('Content-Type'); // that Koa takes from the body
  context.set(headers);
}

function bearerAuth(options) {
  const guard = guardOf(options);
  const middleware = async (context, next) => {
    const { req: request } = context;
    request.originalUrl ??= context.originalUrl; // koa-mount cuts the path
    const { response, token, nonce } = await guard.decide(request, { parsed: context.request.body });
    if (response !== undefined) {
      send(context, response);
      return;
    }
    context.state.auth = token;
    request.auth = token;
    setNonce(context.res, nonce);
    await withAccessToken(token, next);
  };
  middleware.verifier = guard.verifier;
  return middleware;
}

module.exports = { bearerAuth, getAccessToken, requireAccessToken };
