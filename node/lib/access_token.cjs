/*
 * The result of a verification, made of what the addon hands over: one text with all pieces one behind the other, and
 * their lengths in `meta` (bindings/node/convert.h names the same places).
 */
'use strict';

const util = require('node:util');

const native = require('./native.cjs');

const { meta } = native;
const EXPIRES_AT = 2;
const CLIENT_ID = 3;
const SUBJECT = 4;
const RESOURCE = 5;
const SCOPES = 6;
const PAYLOAD = 7;
const SLOT = 8;
const FIRST_SCOPE = 10;
const MAX_SLOTS = 1024;

class AccessToken {
  constructor(token, { clientId, scopes, subject, resource }, claims) {
    const expiresAt = meta[EXPIRES_AT];
    this.token = token;
    this.clientId = clientId;
    this.scopes = scopes.slice();
    this.expiresAt = Number.isNaN(expiresAt) ? undefined : expiresAt;
    this.subject = subject;
    this.resource = resource === undefined ? undefined : url(resource);
    this.claims = claims;
    this.extra = { claims };
  }

  /* Without the token, which is a credential, and without the claims, which are people's data. */
  [util.inspect.custom](depth, options) {
    const { clientId, scopes, expiresAt, subject, resource } = this;
    return `AccessToken ${util.inspect({ clientId, scopes, expiresAt, subject, resource: resource?.href }, options)}`;
  }
}

/* The core asks for scheme://; what WHATWG's parser does not take even so is no URL to Node. */
function url(text) {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/* One text: everything in it is ASCII. An array: something is not, and lengths in bytes would not be lengths here. */
function parse(answer) {
  if (typeof answer !== 'string') {
    const [payload, clientId, subject, resource, scopes] = answer;
    return { clientId, subject, resource, scopes, claims: JSON.parse(payload) };
  }
  let used = 0;
  const piece = (length) => (length < 0 ? undefined : answer.slice(used, (used += length)));
  const clientId = piece(meta[CLIENT_ID]);
  const subject = piece(meta[SUBJECT]);
  const resource = piece(meta[RESOURCE]);
  const count = meta[SCOPES];
  const scopes = [];
  for (let i = 0; i < count; i++) {
    scopes.push(piece(meta[FIRST_SCOPE + i]));
  }
  return { clientId, subject, resource, scopes, claims: JSON.parse(answer.slice(meta[PAYLOAD])) };
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

/*
 * Makes access tokens for one verifier. A client sends the same token again and again, and copying what its payload said
 * costs a tenth of parsing it: so the parsed form is kept from the second time on. It is found by the whole text, and
 * only after the core has accepted the token once more; each result is a copy of its own.
 */
class Results {
  #slots = [];
  #mask = -1;

  /* size: how many to keep at most; 0 for none. */
  constructor(size) {
    if (size > 0) {
      this.#mask = 2 ** Math.ceil(Math.log2(Math.min(size, MAX_SLOTS))) - 1;
      this.#slots = Array(this.#mask + 1).fill(undefined);
    }
  }

  accessToken(token, answer) {
    if (this.#mask < 0 || typeof answer !== 'string') {
      const parsed = parse(answer);
      return new AccessToken(token, parsed, parsed.claims);
    }
    const slot = meta[SLOT] & this.#mask;
    const held = this.#slots[slot];
    if (held === undefined || held.payload !== meta[PAYLOAD] || held.text !== answer) {
      const parsed = parse(answer);
      this.#slots[slot] = { text: answer, payload: meta[PAYLOAD], parsed: undefined, nested: undefined };
      return new AccessToken(token, parsed, parsed.claims);
    }
    if (held.parsed === undefined) {
      held.parsed = parse(answer);
      held.nested = Object.keys(held.parsed.claims).filter((name) => isNested(held.parsed.claims[name]));
    }
    return new AccessToken(token, held.parsed, copyMembers(held.parsed.claims, held.nested));
  }
}

module.exports = { Results };
