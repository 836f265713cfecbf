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
const FIRST_SCOPE = 7;

class AccessToken {
  constructor(token, clientId, scopes, subject, resource, claims) {
    const expiresAt = meta[EXPIRES_AT];
    this.token = token;
    this.clientId = clientId;
    this.scopes = scopes;
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
function accessToken(token, answer) {
  if (typeof answer !== 'string') {
    const [payload, clientId, subject, resource, scopes] = answer;
    return new AccessToken(token, clientId, scopes, subject, resource, JSON.parse(payload));
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
  return new AccessToken(token, clientId, scopes, subject, resource, JSON.parse(answer.slice(used)));
}

module.exports = { AccessToken, accessToken };
