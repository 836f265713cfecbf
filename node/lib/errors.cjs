/*
 * What can go wrong, as errors. No message and no enumerable property holds the token, key material or anything of a
 * token that nobody has verified: frameworks print errors whole.
 */
'use strict';

const native = require('./native.cjs');
const { inOurNames } = require('./option-table.cjs');

const { signals } = native;
const { STATUS, OK, CLOSED, KEYS_UNAVAILABLE, OUT_OF_MEMORY } = native.constants;

/* What clients read: fixed texts; the precise reason is for logs. */
const DESCRIPTIONS = Object.freeze({
  invalid_request: 'Send exactly one bearer token, in one Authorization header.',
  invalid_token: 'The access token is invalid or has expired.',
  invalid_dpop_proof: 'The DPoP proof is missing or invalid.',
  use_dpop_nonce: 'The DPoP proof must have the nonce of the header DPoP-Nonce.',
  insufficient_scope: 'The access token does not grant what this resource requires.',
  temporarily_unavailable: 'The access token cannot be checked at the moment.',
  server_error: 'The access token could not be checked.',
});

/* The MCP TypeScript SDK v2 recognises its OAuthError by this brand, so that copies of the SDK can coexist. */
const BRANDS = Symbol.for('mcp.sdk.errorBrands');

function hide(object, name, value) {
  Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
}

class BearerError extends Error {
  #expected; // of a verified claim, and so personal data: for logs that read them, not printed with the error
  #actual;

  constructor(message, details = {}) {
    const { code, status, oauthError, claim, missing, retryAfter, kid, issuer, expected, actual, cause } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code ?? 'internal_error';
    this.status = status ?? 500;
    this.oauthError = oauthError ?? 'server_error';
    if (claim !== undefined) {
      this.claim = claim;
    }
    if (issuer !== undefined) {
      this.issuer = issuer;
    }
    if (missing !== undefined) {
      this.missing = missing;
    }
    if (retryAfter !== undefined) {
      this.retryAfter = retryAfter;
    }
    hide(this, 'kid', kid); // from the network, so not printed with the error
    this.#expected = expected;
    this.#actual = actual;
  }

  get expected() {
    return this.#expected;
  }

  get actual() {
    return this.#actual;
  }
}
hide(BearerError.prototype, 'name', 'BearerError');

class ConfigurationError extends TypeError {
  constructor(message) {
    super(message);
    this.code = 'ERR_CONFIGURATION';
    this.status = 500; // to a framework's error handling, which goes by it
  }
}
hide(ConfigurationError.prototype, 'name', 'ConfigurationError');

/* Anything can be thrown; this is its text. */
function textOf(thrown) {
  try {
    return String(thrown?.stack ?? thrown);
  } catch {
    return 'something that cannot be printed';
  }
}

/* What is invalid_token where nothing else is known: in a challenge of the scheme Bearer, and to the MCP SDKs. */
const PROOF_ERRORS = Object.freeze(['invalid_dpop_proof', 'use_dpop_nonce']);

/*
 * A BearerError as the MCP SDKs expect it: `code` is the OAuth error, and our own code is `reason`. The SDKs can
 * respond with 400, 401, 403 and 500 only, so unavailable keys are invalid_token to them; and so is a missing proof,
 * since they hand over no request that could hold one.
 */
function toOAuthError(error) {
  const isInvalid = error.oauthError === 'temporarily_unavailable' || PROOF_ERRORS.includes(error.oauthError);
  const code = isInvalid ? 'invalid_token' : error.oauthError;
  const { kid, expected, actual } = error;
  const description = DESCRIPTIONS[error.oauthError];
  const oauthError = new BearerError(description, { ...error, kid, expected, actual, cause: error, code });
  oauthError.reason = error.code;
  hide(oauthError, 'toResponseObject', () => ({ error: code, error_description: description }));
  hide(oauthError, BRANDS, new Set(['mcp.OAuthError']));
  return oauthError;
}

/* ---- failures of calls into the addon */

/*
 * The error for a failure's details; undefined stands for a call that had no memory even for those. issuer: the
 * identifier of the one that was chosen.
 */
function errorOf(failure, requiredScopes = [], issuer = undefined) {
  const { message, missing, ...details } = failure ?? native.statusOf(OUT_OF_MEMORY);
  if (details.code === 'configuration_invalid') {
    return new ConfigurationError(inOurNames(message));
  }
  const scopes = missing?.map((index) => requiredScopes[index]);
  return new BearerError(inOurNames(message), { ...details, issuer, missing: scopes });
}

function closedError() {
  return Object.assign(new Error('the verifier is closed'), { code: 'ERR_VERIFIER_CLOSED' });
}

/* Returns the result of a call, or throws its failure. */
function unwrap(result) {
  const status = signals[STATUS];
  if (status === OK) {
    return result;
  }
  throw status === CLOSED ? closedError() : errorOf(result);
}

function keysUnavailable(message, retryAfter) {
  return new BearerError(message, { ...native.statusOf(KEYS_UNAVAILABLE), retryAfter });
}

/* The refusal, by this package, of a token that the core has accepted. */
function refusalOf(status, message, details) {
  return new BearerError(message, { ...native.statusOf(status), ...details });
}

module.exports = {
  BearerError,
  ConfigurationError,
  DESCRIPTIONS,
  PROOF_ERRORS,
  closedError,
  errorOf,
  keysUnavailable,
  refusalOf,
  textOf,
  toOAuthError,
  unwrap,
};
