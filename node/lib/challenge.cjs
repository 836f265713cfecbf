/*
 * What the HTTP side of RFC 6750 and RFC 9449 says of why there is no access. Nothing that a client sent ever goes into
 * a response: descriptions are fixed, parameters come from the configuration and are quoted (RFC 9110 section 5.6.4).
 * Text that could break a header line is refused when it is configured.
 */
'use strict';

const { optional, scopeNames } = require('./checks.cjs');
const { ConfigurationError, DESCRIPTIONS, PROOF_ERRORS } = require('./errors.cjs');

/* value as a quoted-string; option names it in the error when it cannot be one. */
function quoted(value, option) {
  if (typeof value !== 'string' || !/^[ -~]*$/u.test(value)) {
    throw new ConfigurationError(`${option} must be printable ASCII`);
  }
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/* RFC 6750 section 3.1 knows nothing of proofs. */
const forBearer = (error) => (PROOF_ERRORS.includes(error) ? 'invalid_token' : error);

/*
 * The schemes that are accepted: [name, parameter of its own, error that is shown for an error]. Bearer is first: some
 * clients read no further.
 */
function schemesOf(dpop) {
  const bearer = ['Bearer', '', forBearer];
  if (dpop === undefined) {
    return [bearer];
  }
  const proofs = ['DPoP', `algs="${dpop.algorithms.join(' ')}"`, (error) => error];
  return dpop.required ? [proofs] : [bearer, proofs];
}

/* Is never asked for: whether a client wants a refresh token is its own affair, and no token grants anything by it. */
const NEVER_NAMED = 'offline_access';

/* One of challengeScopes. */
function assertOneScope(name) {
  quoted(name, 'challengeScopes');
  if (name === '' || name.includes(' ')) {
    throw new ConfigurationError('challengeScopes must be scopes, without spaces');
  }
}

/*
 * What clients are told to ask for: everything that is required, under the names that they must use. required: scopes
 * as tokens carry them; names: a list in place of all of them, or a map from scopes to names.
 */
class ScopesToAskFor {
  #required;
  #nameOf;
  #always;

  constructor(required, names = new Map()) {
    required.forEach((scope) => quoted(scope, 'requiredScopes'));
    [...names.values()].forEach(assertOneScope);
    const isList = Array.isArray(names);
    this.#required = new Set(required);
    this.#nameOf = (scope) => (isList ? scope : (names.get(scope) ?? scope));
    this.#always = isList ? names : required.map(this.#nameOf);
  }

  /* more: what this very request needs in addition. */
  names(more) {
    const others = more.filter((scope) => !this.#required.has(scope)).map(this.#nameOf);
    return [...new Set([...this.#always, ...others])].filter((name) => name !== NEVER_NAMED);
  }
}

/* Builds the responses for one protected resource. */
class Challenger {
  #realm;
  #scopes;
  #metadata;
  #schemes;

  /* scopes, challengeScopes: see ScopesToAskFor. dpop: { required, algorithms } where its scheme is accepted. */
  constructor({ realm, scopes = [], challengeScopes, resourceMetadataUrl, dpop }) {
    this.#realm = realm === undefined ? '' : `realm=${quoted(realm, 'realm')}`;
    this.#scopes = new ScopesToAskFor(scopes, optional(scopeNames, 'challengeScopes', challengeScopes));
    const url = resourceMetadataUrl;
    this.#metadata = url === undefined ? '' : `resource_metadata=${quoted(url, 'resourceMetadataUrl')}`;
    this.#schemes = schemesOf(dpop);
  }

  /* For trouble that is not the client's, and says nothing of it. */
  static serverError() {
    return new Challenger({}).refuse(500, 'server_error');
  }

  /*
   * The response for an OAuth error, or for a request without credentials, which gets no error code (section 3.1).
   * scopes: what this request needs beside what all need. They stand in one challenge, granted or not: a client that
   * asked for what it lacks alone would come back with a token that lacks the others. nonce: for the client's next
   * proof. There is one header field for all challenges: some clients see but one.
   */
  refuse(status, error, { scopes = [], retryAfter = 0, nonce } = {}) {
    const headers = { 'cache-control': 'no-store' };
    const shown = this.#schemes.at(-1)[2](error);
    let body = '';
    if (shown !== undefined) {
      body = JSON.stringify({ error: shown, error_description: DESCRIPTIONS[shown] });
      headers['content-type'] = 'application/json';
    }
    if (status === 400 || status === 401 || status === 403) {
      const named = this.#scopes.names(scopes);
      const challenges = this.#schemes.map(([name, own, errorOf]) => this.#challenge(name, own, errorOf(error), named));
      headers['www-authenticate'] = challenges.join(', ');
    }
    if (status === 503) {
      headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter)));
    }
    if (nonce !== undefined) {
      headers['dpop-nonce'] = nonce;
    }
    return { status, headers, body };
  }

  #challenge(scheme, own, error, scopes) {
    const parts = [own, this.#realm];
    if (error !== undefined) {
      parts.push(`error="${error}"`, `error_description="${DESCRIPTIONS[error]}"`);
    }
    if (scopes.length > 0 && error !== 'invalid_request' && error !== 'use_dpop_nonce') {
      parts.push(`scope=${quoted(scopes.join(' '), 'requiredScopes')}`);
    }
    parts.push(this.#metadata);
    return `${scheme} ${parts.filter((part) => part !== '').join(', ')}`.trimEnd();
  }
}

const BODY_DESCRIPTIONS = Object.freeze({
  400: 'The body of the request is JSON that can be read in more than one way.',
  413: 'The body of the request is too large.',
  415: 'The body of the request must be JSON in UTF-8, and not compressed.',
});

/* The response to a request whose body cannot be looked at. Its credential may be good: there is no challenge. */
function refuseBody(status) {
  const body = JSON.stringify({ error: 'invalid_request', error_description: BODY_DESCRIPTIONS[status] ?? '' });
  return { status, headers: { 'cache-control': 'no-store', 'content-type': 'application/json' }, body };
}

module.exports = { Challenger, NEVER_NAMED, refuseBody };
