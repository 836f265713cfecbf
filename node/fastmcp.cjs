/*
 * npm fastmcp: new FastMCP({ authenticate: authenticate(options) }). Tools find the token at context.session, and
 * requireScopes of fastmcp reads its scopes. A request is refused with a Response of our own, which fastmcp sends as it
 * is; anything else that is thrown it prints whole and calls 401.
 */
'use strict';

const { getAccessToken, requireAccessToken } = require('./lib/context.cjs');
const { ConfigurationError } = require('./lib/errors.cjs');
const { Guard, authenticatorOf } = require('./lib/hosts.cjs');

function authenticate(options) {
  if (options?.exclude !== undefined) {
    throw new ConfigurationError('exclude is not for fastmcp, which asks only about its own endpoint');
  }
  const guard = new Guard(options);
  const check = authenticatorOf(guard);
  check.verifier = guard.verifier;
  return check;
}

module.exports = { authenticate, getAccessToken, requireAccessToken };
