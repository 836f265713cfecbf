/*
 * A guard as npm fastmcp calls it: with the request, or with undefined for standard input, and awaited. fastmcp sends a
 * Response that is thrown; any other error it prints whole and turns into a 401.
 */
'use strict';

const { Challenger } = require('./challenge.cjs');
const { enterRequest } = require('./context.cjs');
const { textOf } = require('./errors.cjs');
const { toFetchResponse } = require('./send.cjs');

function authenticatorOf(guard) {
  let hasWarned = false;

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
    const { response, token } = await guard.decide(request).catch(serverError);
    if (response !== undefined) {
      throw toFetchResponse(response, request.method);
    }
    store.token = token;
    return token;
  };
}

module.exports = { authenticatorOf };
