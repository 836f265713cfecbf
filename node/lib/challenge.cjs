/*
 * The HTTP side of RFC 6750: finding the one token in a request, and saying why there is no access. Nothing that a
 * client sent ever goes into a response: descriptions are fixed, parameters come from the configuration and are quoted
 * (RFC 9110 section 5.6.4). Text that could break a header line is refused when it is configured.
 */
'use strict';

const { ConfigurationError, DESCRIPTIONS } = require('./errors.cjs');

/* RFC 9110 section 11.2: token68. A comma list, a second token or white space does not match. */
const TOKEN68 = /^[A-Za-z0-9\-._~+/]+=*$/u;

/* Credentials that are sent in a way which RFC 6750 section 3.1 calls invalid_request. */
class MalformedRequest extends Error {}

/* "access_token", in any percent-encoding of it. */
function isTokenParameter(part) {
  const name = part.split('=', 1)[0].replace(/%([0-9a-f]{2})/giu, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return name === 'access_token';
}

/*
 * The bearer token of a request, undefined when it carries none; throws MalformedRequest when it is sent in a wrong
 * way. authorization has the values of all Authorization headers, query is what follows the "?" of the target.
 */
function findToken(authorization, query) {
  if (authorization.length > 1) {
    throw new MalformedRequest('more than one Authorization header');
  }
  // RFC 6750 section 2.3 and MCP: never in the URL, where logs and referrers keep it.
  if (query !== '' && query.split(/[&;]/u).some(isTokenParameter)) {
    throw new MalformedRequest('a token in the query');
  }
  const value = authorization[0] ?? '';
  const space = value.indexOf(' ');
  const scheme = space < 0 ? value : value.slice(0, space);
  if (scheme.toLowerCase() !== 'bearer') {
    return undefined;
  }
  const credentials = value.slice(scheme.length + 1);
  if (!TOKEN68.test(credentials)) {
    throw new MalformedRequest('the Authorization header is not one Bearer token');
  }
  return credentials;
}

/* value as a quoted-string; option names it in the error when it cannot be one. */
function quoted(value, option) {
  if (typeof value !== 'string' || !/^[ -~]*$/u.test(value)) {
    throw new ConfigurationError(`${option} must be printable ASCII`);
  }
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/* Builds the responses for one protected resource. */
class Challenger {
  #realm;
  #scopes;
  #metadata;

  constructor({ realm, scopes = [], resourceMetadataUrl }) {
    this.#realm = realm === undefined ? '' : `realm=${quoted(realm, 'realm')}`;
    scopes.forEach((scope) => quoted(scope, 'requiredScopes'));
    this.#scopes = scopes;
    const url = resourceMetadataUrl;
    this.#metadata = url === undefined ? '' : `resource_metadata=${quoted(url, 'resourceMetadataUrl')}`;
  }

  /* For trouble that is not the client's, and says nothing of it. */
  static serverError() {
    return new Challenger({}).refuse(500, 'server_error');
  }

  /* The response for an OAuth error, or for a request without credentials, which gets no error code (section 3.1). */
  refuse(status, error, { scopes = [], retryAfter = 0 } = {}) {
    const headers = { 'cache-control': 'no-store' };
    let body = '';
    if (error !== undefined) {
      body = JSON.stringify({ error, error_description: DESCRIPTIONS[error] });
      headers['content-type'] = 'application/json';
    }
    if (status === 400 || status === 401 || status === 403) {
      headers['www-authenticate'] = this.#challenge(error, scopes.length > 0 ? scopes : this.#scopes);
    }
    if (status === 503) {
      headers['retry-after'] = String(Math.max(1, Math.ceil(retryAfter)));
    }
    return { status, headers, body };
  }

  #challenge(error, scopes) {
    const parts = [this.#realm];
    if (error !== undefined) {
      parts.push(`error="${error}"`, `error_description="${DESCRIPTIONS[error]}"`);
    }
    if (scopes.length > 0 && error !== 'invalid_request') {
      parts.push(`scope=${quoted(scopes.join(' '), 'requiredScopes')}`);
    }
    parts.push(this.#metadata);
    return `Bearer ${parts.filter((part) => part !== '').join(', ')}`.trimEnd();
  }
}

module.exports = { Challenger, MalformedRequest, findToken };
