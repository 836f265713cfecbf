/*
 * Express 4 and 5, and whatever else calls (req, res, next) with Node's own request and response. The token is at
 * req.auth, where the MCP SDK's transports look for it, and what getAccessToken() returns in all that follows.
 */
'use strict';

const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { Guard, sendToNode, viewOfNode } = require('./lib/hosts.cjs');

function bearerAuth(options) {
  const guard = new Guard(options);
  const middleware = (request, response, next) => {
    const proceed = ({ answer, token }) => {
      if (answer !== undefined) {
        sendToNode(response, answer);
        return;
      }
      request.auth = token;
      withAccessToken(token, next);
    };
    guard.decide(viewOfNode(request)).then(proceed, next);
  };
  middleware.verifier = guard.verifier;
  return middleware;
}

module.exports = { bearerAuth, getAccessToken, requireAccessToken };
