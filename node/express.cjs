/*
 * Express 4 and 5, and any other framework that calls (req, res, next) with Node's own request and response. The token
 * is at req.auth, where the MCP SDK's transports look for it, and what getAccessToken() returns in all that follows.
 */
'use strict';

const { guardOf } = require('./lib/adapter.cjs');
const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { sendToNode, setNonce } = require('./lib/send.cjs');

function bearerAuth(options) {
  const guard = guardOf(options);
  const middleware = (request, response, next) => {
    const proceed = (decision) => {
      if (decision.response !== undefined) {
        sendToNode(response, decision.response);
        return;
      }
      request.auth = decision.token;
      setNonce(response, decision.nonce);
      withAccessToken(decision.token, next);
    };
    guard.decide(request, { parsed: request.body }).then(proceed, next);
  };
  middleware.verifier = guard.verifier;
  return middleware;
}

module.exports = { bearerAuth, getAccessToken, requireAccessToken };
