/*
 * A Fastify plugin that guards the scope in which it is registered: all routes of the application, or those of one
 * encapsulated part. The token is at request.auth and what getAccessToken() returns in hooks and handlers.
 */
'use strict';

const { guardOf } = require('./lib/adapter.cjs');
const { getAccessToken, requireAccessToken, withAccessToken } = require('./lib/context.cjs');
const { isBegun, setNonce } = require('./lib/send.cjs');

function send(reply, { status, headers, body }) {
  if (reply.sent || isBegun(reply.raw)) {
    return;
  }
  reply.code(status).headers(headers);
  reply.send(...(body === '' ? [] : [body]));
}

/* async, so that a wrong option makes ready() reject: what a callback plugin throws ends the process. */
async function bearerAuth(fastify, options) {
  const guard = guardOf(options);
  if (!fastify.hasRequestDecorator('auth')) {
    fastify.decorateRequest('auth', null);
  }
  fastify.addHook('onRequest', (request, reply, done) => {
    const proceed = ({ response, token, nonce }) => {
      if (response !== undefined) {
        send(reply, response);
        return;
      }
      request.auth = token;
      request.raw.auth = token; // where the MCP SDKs look
      setNonce(reply.raw, nonce); // and not on reply: a handler may answer without it (reply.hijack)
      withAccessToken(token, done);
    };
    guard.decide(request.raw).then(proceed, done);
  });
}

/* What fastify-plugin sets: hooks belong to whoever registers this, not to a scope of its own. */
bearerAuth[Symbol.for('skip-override')] = true;
bearerAuth[Symbol.for('fastify.display-name')] = 'fastbearer';
bearerAuth[Symbol.for('plugin-meta')] = { name: 'fastbearer', fastify: '>=4' };

module.exports = bearerAuth;
module.exports.default = bearerAuth;
module.exports.bearerAuth = bearerAuth;
module.exports.getAccessToken = getAccessToken;
module.exports.requireAccessToken = requireAccessToken;
