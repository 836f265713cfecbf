/*
 * npm fastmcp: new FastMCP({ authenticate: authenticate(options) }). Tools find the token at context.session, and
 * requireScopes of fastmcp reads its scopes. A request is refused with a Response of our own, which fastmcp sends as it
 * is.
 */
'use strict';

const { assertNoRules, guardOf } = require('./lib/adapter.cjs');
const { authenticatorOf } = require('./lib/authenticator.cjs');
const { getAccessToken, requireAccessToken } = require('./lib/context.cjs');
const { ConfigurationError } = require('./lib/errors.cjs');

function authenticate(options) {
  if (options?.exclude !== undefined) {
    throw new ConfigurationError('exclude is not for fastmcp, which asks only about its own endpoint');
  }
  assertNoRules(options, 'fastmcp has read the body before it asks; its own canAccess restricts tools');
  const guard = guardOf(options);
  const authenticator = authenticatorOf(guard);
  authenticator.verifier = guard.verifier;
  return authenticator;
}

module.exports = { authenticate, getAccessToken, requireAccessToken };
