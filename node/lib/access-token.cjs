/*
 * The result of a verification, made of what the addon returns for a good token: the texts that it holds, or its parsed
 * form from an earlier verification. A client sends the same token again and again, and copying parsed claims costs a
 * tenth of parsing them. So the parsed form is kept from the second verification on, attached to the core's cache
 * entry: within the cache's bounds, and freed with the entry.
 */
'use strict';

const util = require('node:util');

const { unwrap } = require('./errors.cjs');
const native = require('./native.cjs');

const { signals } = native;
const { ISSUER, KEEP, EXPIRES_AT, CLIENT_ID, SUBJECT, RESOURCE, KID, PAYLOAD, ISSUER_TEXT } = native.constants;
const { SCOPES, FIRST_SCOPE } = native.constants;

class AccessToken {
  #parsed; // for adapters, which can still refuse the token
  #result; // the core's, where scopes can include others and it is not yet known which
  #resource;

  constructor(token, parsed, result, scopes, claims) {
    this.token = token;
    this.issuer = parsed.issuer;
    this.clientId = parsed.clientId;
    this.scopes = scopes;
    this.expiresAt = parsed.expiresAt;
    this.subject = parsed.subject;
    this.claims = claims;
    this.confirmation = claims.cnf;
    this.extra = { claims };
    this.#parsed = parsed;
    this.#result = result;
  }

  /* Made when it is read: a URL costs as much as everything else of a token from the cache. */
  get resource() {
    if (this.#resource === undefined && this.#parsed.resource !== undefined) {
      this.#resource = parseUrl(this.#parsed.resource);
    }
    return this.#resource;
  }

  /* Whether the scope was granted, or is included in one that was. */
  hasScope(scope) {
    return (
      this.scopes.includes(scope) ||
      this.#parsed.implied.includes(scope) ||
      (this.#result !== undefined && unwrap(native.hasScope(this.#result, scope)))
    );
  }

  /* { kid, issuerNumber }: the key id that the token's header named, made printable; whose key it is. */
  static originOf(access) {
    return access.#parsed;
  }

  /* Without the token, which is a credential, and without the claims, which are people's data. */
  [util.inspect.custom](depth, options) {
    const { issuer, clientId, scopes, expiresAt, subject, resource } = this;
    const shown = { issuer, clientId, scopes, expiresAt, subject, resource: resource?.href };
    return `AccessToken ${util.inspect(shown, options)}`;
  }
}

/* The core requires scheme://; what the WHATWG parser rejects even so is not a URL to Node. */
function parseUrl(text) {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

const NONE = Object.freeze([]);

/* The content of a token, parsed. */
class Parsed {
  constructor(issuerNumber, issuer, clientId, subject, resource, kid, scopes, expiresAt, claims) {
    this.issuerNumber = issuerNumber;
    this.issuer = issuer;
    this.clientId = clientId;
    this.subject = subject;
    this.resource = resource;
    this.kid = kid;
    this.scopes = scopes;
    this.expiresAt = expiresAt;
    this.claims = claims;
    this.nested = undefined; // the names of claims that hold objects or arrays; known once it is kept
    this.implied = NONE; // scopes that are included in others; known once it is kept
  }
}

/*
 * Parses an array of texts, or one text in which all pieces follow each other. The lengths are copied out of the shared
 * signals before anything else is done, see THE BOUNDARY in bindings/node/binding.h.
 */
function parse(texts) {
  const number = signals[ISSUER];
  const expires = signals[EXPIRES_AT];
  const expiresAt = Number.isNaN(expires) ? undefined : expires;
  if (typeof texts !== 'string') {
    const [payload, clientId, subject, resource, kid, scopes, issuer] = texts;
    return new Parsed(number, issuer, clientId, subject, resource, kid, scopes, expiresAt, JSON.parse(payload));
  }
  const lengths = [signals[CLIENT_ID], signals[SUBJECT], signals[RESOURCE], signals[KID]];
  const ends = [signals[PAYLOAD], signals[ISSUER_TEXT]];
  const count = signals[SCOPES];
  for (let i = 0; i < count; i++) {
    lengths[4 + i] = signals[FIRST_SCOPE + i];
  }
  let used = 0;
  const next = (length) => {
    const start = used;
    used += Math.max(length, 0);
    return length < 0 ? undefined : texts.slice(start, used);
  };
  const clientId = next(lengths[0]);
  const subject = next(lengths[1]);
  const resource = next(lengths[2]);
  const kid = next(lengths[3]);
  const scopes = [];
  for (let i = 0; i < count; i++) {
    scopes.push(next(lengths[4 + i]));
  }
  const claims = JSON.parse(next(ends[0]));
  const issuer = claims.iss ?? next(ends[1]); // a text that is there already is not made again
  return new Parsed(number, issuer, clientId, subject, resource, kid, scopes, expiresAt, claims);
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
  return new AccessToken(token, kept, undefined, kept.scopes.slice(), copyMembers(kept.claims, kept.nested));
}

/*
 * To be called with what native.verify returned, before anything else runs. impliable: scopes that others can include;
 * undefined without a hierarchy. Each access token is a copy of its own.
 */
function accessTokenOf(handle, token, returned, impliable) {
  if (returned instanceof Parsed) {
    return copyOf(token, returned);
  }
  const [verified, result] = impliable === undefined ? [returned] : returned;
  const bytes = signals[KEEP];
  const parsed = parse(verified);
  if (bytes === 0) {
    return new AccessToken(token, parsed, result, parsed.scopes, parsed.claims);
  }
  parsed.nested = Object.keys(parsed.claims).filter((name) => isNested(parsed.claims[name]));
  if (impliable !== undefined) {
    parsed.implied = impliable.filter((scope) => unwrap(native.hasScope(result, scope)));
  }
  native.keep(handle, token, parsed, bytes);
  return copyOf(token, parsed);
}

/* For those who copy it as the plain data that the SDKs' AuthInfo is: with the resource among its own properties. */
function toAuthInfo(access) {
  const { resource: value } = access;
  return Object.defineProperty(access, 'resource', { value, writable: true, enumerable: true, configurable: true });
}

const { originOf } = AccessToken;

module.exports = { accessTokenOf, originOf, toAuthInfo };
