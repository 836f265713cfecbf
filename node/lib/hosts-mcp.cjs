/*
 * A token verifier for the official MCP SDK. SDK v1 answers 401 and 403 only to its own error classes and 500 to all
 * others, and has two copies of them, for import and for require: the face that was loaded brings its own. SDK v2 goes
 * by a brand, which the errors bear as well.
 */
'use strict';

const { followRequests, noteAccessToken } = require('./context.cjs');
const { BearerError, ConfigurationError } = require('./errors.cjs');
const { verifierOf } = require('./hosts.cjs');

const CLASSES = ['InsufficientScopeError', 'InvalidTokenError'];

function checked(errors) {
  if (errors !== undefined && !CLASSES.every((name) => typeof errors?.[name] === 'function')) {
    throw new ConfigurationError(`errors must be the SDK's error classes: { ${CLASSES.join(', ')} }`);
  }
  return errors;
}

/* face with the SDK's class for a prototype: its own properties (code, reason, brand, ...) stay what they are. */
function ofSdk(face, errors) {
  if (face.code === 'server_error') {
    return face; // no class of these, and so 500
  }
  const Class = face.code === 'insufficient_scope' ? errors.InsufficientScopeError : errors.InvalidTokenError;
  const error = new Class(face.message);
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(face))) {
    if (name !== 'stack' && name !== 'message') {
      Object.defineProperty(error, name, property);
    }
  }
  for (const symbol of Object.getOwnPropertySymbols(face)) {
    Object.defineProperty(error, symbol, Object.getOwnPropertyDescriptor(face, symbol));
  }
  return error;
}

/* loaded are the classes of the SDK that is installed, undefined when none is. */
function jwtVerifier({ errors: given, ...options } = {}, loaded) {
  const errors = checked(given ?? undefined) ?? loaded;
  const { verifier, requiredScopes } = verifierOf(options);
  if (requiredScopes.length > 0) {
    throw new ConfigurationError('beside a verifier, requiredScopes are for requireBearerAuth of the SDK');
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
        throw error instanceof BearerError && errors !== undefined ? ofSdk(error, errors) : error;
      }
    },
  };
}

module.exports = { jwtVerifier };
