/*
 * A token verifier for the official MCP SDK. SDK v1 responds with 401 and 403 to its own error classes only and with
 * 500 to all others, and has two copies of them, for import and for require: each entry of fastbearer/mcp loads its
 * own. SDK v2 recognises a brand, which the errors bear as well.
 */
'use strict';

const { verifierOf } = require('./adapter.cjs');
const { followRequests, noteAccessToken } = require('./context.cjs');
const { BearerError, ConfigurationError } = require('./errors.cjs');

const CLASSES = ['InsufficientScopeError', 'InvalidTokenError'];

function checkedClasses(errors) {
  if (errors !== undefined && !CLASSES.every((name) => typeof errors?.[name] === 'function')) {
    throw new ConfigurationError(`errors must be the SDK's error classes: { ${CLASSES.join(', ')} }`);
  }
  return errors;
}

/* An instance of the SDK's class with the properties of the error (code, reason, brand, ...). */
function asSdkError(oauthError, errors) {
  if (oauthError.code === 'server_error') {
    return oauthError; // not an instance of either class, so SDK v1 responds with 500
  }
  const Class = oauthError.code === 'insufficient_scope' ? errors.InsufficientScopeError : errors.InvalidTokenError;
  const error = new Class(oauthError.message);
  for (const name of Reflect.ownKeys(oauthError)) {
    if (name !== 'stack' && name !== 'message') {
      Object.defineProperty(error, name, Object.getOwnPropertyDescriptor(oauthError, name));
    }
  }
  return error;
}

/* loaded: the classes of the SDK that is installed, undefined when none is. */
function sdkVerifier({ errors: given, ...options } = {}, loaded) {
  const errors = checkedClasses(given ?? undefined) ?? loaded;
  const { verifier, requiredScopes } = verifierOf(options);
  if (requiredScopes.length > 0) {
    throw new ConfigurationError('beside a verifier, requiredScopes are for requireBearerAuth of the SDK');
  }
  if (verifier.dpop?.required) {
    throw new ConfigurationError(
      'dpop.required would refuse every token here: the SDK hands over no request that could hold a proof; guard with ' +
        'fastbearer/express or fastbearer/fetch',
    );
  }
  followRequests();
  return {
    verifier,
    async verifyAccessToken(token) {
      try {
        const info = await verifier.verifyAccessToken(token);
        noteAccessToken(info);
        return info;
      } catch (error) {
        throw error instanceof BearerError && errors !== undefined ? asSdkError(error, errors) : error;
      }
    },
  };
}

module.exports = { sdkVerifier };
