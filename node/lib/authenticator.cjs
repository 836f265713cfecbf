/*
 * A guard as npm fastmcp calls it: with the request, or with undefined for standard input, and awaited. fastmcp sends a
 * Response that is thrown; any other error it prints whole and turns into a 401.
 */
'use strict';

const diagnostics = require('node:diagnostics_channel');

const { Challenger } = require('./challenge.cjs');
const { enterRequest } = require('./context.cjs');
const { textOf } = require('./errors.cjs');
const { setNonce, toFetchResponse } = require('./send.cjs');

/* fastmcp hands over no response for the header DPoP-Nonce; Node's server tells which one belongs to a request. */
const responses = new WeakMap();
let isFollowing = false;
function followResponses() {
  if (!isFollowing) {
    isFollowing = true;
    diagnostics.subscribe('http.server.request.start', ({ request, response }) => responses.set(request, response));
  }
}

function authenticatorOf(guard) {
  let hasWarned = false;
  if (guard.verifier.dpopNonce() !== undefined) {
    followResponses();
  }

  /* A closed verifier, for example, is the server's fault and not the client's. */
  function serverError(error) {
    if (!hasWarned) {
      hasWarned = true;
      const sentence = `requests cannot be authenticated (further failures are not reported): ${textOf(error)}`;
      process.emitWarning(sentence, { type: 'FastBearerWarning', code: 'FASTBEARER_SERVER_ERROR' });
    }
    return { response: Challenger.serverError() };
  }

  return async (request) => {
    if (request === undefined) {
      return undefined;
    }
    const store = enterRequest();
    const { response, token, nonce } = await guard.decide(request).catch(serverError);
    if (response !== undefined) {
      throw toFetchResponse(response, request.method);
    }
    store.token = token;
    if (responses.has(request)) {
      setNonce(responses.get(request), nonce);
    }
    return token;
  };
}

module.exports = { authenticatorOf };
