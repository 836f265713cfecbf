/*
 * The result of a verification, made of what the addon returns for a good token: the texts that it holds, or what was
 * kept of it. A client sends the same token again and again, and copying what its payload said costs a tenth of parsing
 * it. So the parsed form is kept from the second time on, in the core's own cache entry: within its bounds, and gone
 * with it.
 */
'use strict';

const util = require('node:util');

const native = require('./native.cjs');

const { signals } = native;
const { KEEP, EXPIRES_AT, CLIENT_ID, SUBJECT, RESOURCE, KID, SCOPES, FIRST_SCOPE } = native.constants;

class AccessToken {
  #kid; // for adapters, which may refuse the token after all

  constructor(token, parsed, scopes, claims) {
    this.token = token;
    this.clientId = parsed.clientId;
    this.scopes = scopes;
    this.expiresAt = parsed.expiresAt;
    this.subject = parsed.subject;
    this.resource = parsed.resource === undefined ? undefined : parseUrl(parsed.resource);
    this.claims = claims;
    this.extra = { claims };
    this.#kid = parsed.kid;
  }

  static kidOf(access) {
    return access.#kid;
  }

  /* Without the token, which is a credential, and without the claims, which are people's data. */
  [util.inspect.custom](depth, options) {
    const { clientId, scopes, expiresAt, subject, resource } = this;
    return `AccessToken ${util.inspect({ clientId, scopes, expiresAt, subject, resource: resource?.href }, options)}`;
  }
}

/* The core asks for scheme://; what WHATWG's parser does not take even so is not a URL to Node. */
function parseUrl(text) {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/* What a token says, parsed. */
class Parsed {
  constructor(clientId, subject, resource, kid, scopes, expiresAt, claims) {
    this.clientId = clientId;
    this.subject = subject;
    this.resource = resource;
    this.kid = kid;
    this.scopes = scopes;
    this.expiresAt = expiresAt;
    this.claims = claims;
    this.nested = undefined; // the names of claims that hold objects or arrays; known once it is kept
  }
}

/*
 * Of an array of texts, or of one text with all pieces one after the other. The lengths are copied out of the shared
 * numbers before anything else is done, see THE BOUNDARY in bindings/node/binding.h.
 */
function parse(answer) {
  const expires = signals[EXPIRES_AT];
  const expiresAt = Number.isNaN(expires) ? undefined : expires;
  if (typeof answer !== 'string') {
    const [payload, clientId, subject, resource, kid, scopes] = answer;
    return new Parsed(clientId, subject, resource, kid, scopes, expiresAt, JSON.parse(payload));
  }
  const lengths = [signals[CLIENT_ID], signals[SUBJECT], signals[RESOURCE], signals[KID]];
  const count = signals[SCOPES];
  for (let i = 0; i < count; i++) {
    lengths[4 + i] = signals[FIRST_SCOPE + i];
  }
  let used = 0;
  const next = (length) => {
    const start = used;
    used += Math.max(length, 0);
    return length < 0 ? undefined : answer.slice(start, used);
  };
  const clientId = next(lengths[0]);
  const subject = next(lengths[1]);
  const resource = next(lengths[2]);
  const kid = next(lengths[3]);
  const scopes = [];
  for (let i = 0; i < count; i++) {
    scopes.push(next(lengths[4 + i]));
  }
  return new Parsed(clientId, subject, resource, kid, scopes, expiresAt, JSON.parse(answer.slice(used)));
}

const isNested = (value) => typeof value === 'object' && value !== null;

function copy(value) {
  if (Array.isArray(value)) {
    return value.map((item) => (isNested(item) ? copy(item) : item));
  }
  return copyMembers(value, Object.keys(value));
}

function copyMembers(value, names) {
  const twin = { ...value };
  for (const name of names) {
    const member = twin[name];
    if (isNested(member)) {
      twin[name] = copy(member);
    }
  }
  return twin;
}

function copyOf(token, kept) {
  return new AccessToken(token, kept, kept.scopes.slice(), copyMembers(kept.claims, kept.nested));
}

/* To be called with the answer of native.verify before anything else runs. Each result is a copy of its own. */
function accessTokenOf(handle, token, answer) {
  if (answer instanceof Parsed) {
    return copyOf(token, answer);
  }
  const bytes = signals[KEEP];
  const parsed = parse(answer);
  if (bytes === 0) {
    return new AccessToken(token, parsed, parsed.scopes, parsed.claims);
  }
  parsed.nested = Object.keys(parsed.claims).filter((name) => isNested(parsed.claims[name]));
  native.keep(handle, token, parsed, bytes);
  return copyOf(token, parsed);
}

/* The key id that the token's header named, made printable. */
const { kidOf } = AccessToken;

module.exports = { accessTokenOf, kidOf };
