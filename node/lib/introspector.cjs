/*
 * An introspection endpoint (RFC 7662), and how this server authenticates there. Immutable. It holds a secret, which
 * nothing that prints shows.
 */
'use strict';

const { randomBytes } = require('node:crypto');
const util = require('node:util');

const { CHECKS, assertKnownKeys, headerName, mapping, optional, text, typeError } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');
const { KeyPair } = require('./key-pair.cjs');
const native = require('./native.cjs');

const BASIC = 'client_secret_basic';
const POST = 'client_secret_post';
const PRIVATE_KEY = 'private_key_jwt';

const LONGEST_CACHE = 86_400;
const LARGEST_RESPONSE = 65_536;

/* An absolute https URL without user, password and fragment; http with a loopback host or allowHttp. */
function checkedEndpoint(value, allowHttp) {
  const url = /^[!-~]+$/u.test(text('endpoint', value)) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:\/\/[^/]/iu.test(value) || url.port === '0') {
    throw new ConfigurationError('endpoint must be an absolute URL');
  }
  if (value.includes('#') || url.username !== '' || url.password !== '' || /^https?:\/\/[^/?]*@/iu.test(value)) {
    throw new ConfigurationError('endpoint must hold no user, password and fragment');
  }
  const isLoopback = ['localhost', '[::1]'].includes(url.hostname) || /^127\./u.test(url.hostname);
  if (url.protocol !== 'https:' && !allowHttp && !isLoopback) {
    throw new ConfigurationError('endpoint must be https; http needs allowHttp or a loopback host');
  }
  return value;
}

function notEmpty(name, value) {
  if (text(name, value) === '') {
    throw new ConfigurationError(`${name} must not be empty`);
  }
  return value;
}

function keyPair(name, value) {
  if (!(value instanceof KeyPair)) {
    throw typeError(name, 'a KeyPair', value);
  }
  return value;
}

function headers(name, value) {
  return mapping(name, 'an object of header fields', value).map(([field, content]) => {
    headerName(`${name}: ${JSON.stringify(field)}`, field);
    if (!/^[ -~]*$/u.test(text(`${name}[${JSON.stringify(field)}]`, content))) {
      throw new ConfigurationError(`${name} must be printable ASCII`);
    }
    return [field.toLowerCase(), content];
  });
}

function within(check, least, most) {
  return (name, value) => {
    if (!(check(name, value) >= least && value <= most)) {
      throw new ConfigurationError(`${name} must be ${least} to ${most}`);
    }
    return value;
  };
}

const { callable, data, flag, seconds, size } = CHECKS;

/* [check, default] by name. */
const OPTIONS = Object.freeze({
  endpoint: [text],
  clientId: [notEmpty],
  clientSecret: [data],
  privateKey: [keyPair],
  kid: [text],
  authMethod: [text],
  assertionAudience: [text],
  jwts: [flag, false],
  signedResponse: [flag, false],
  cacheSeconds: [within(seconds, 0, LONGEST_CACHE), 60],
  negativeCacheSeconds: [within(seconds, 0, LONGEST_CACHE), 10],
  negativeCacheSize: [within(size, 0, 1 << 20), 1024],
  maxPending: [within(size, 1, 1 << 16), 64],
  timeout: [within(seconds, 0.001, 3600), 5],
  maxBytes: [within(size, 1, LARGEST_RESPONSE), LARGEST_RESPONSE],
  fetch: [callable],
  allowHttp: [flag, false],
  headers: [headers, []],
});

/* By what is given unless it is said; refuses what does not go together. */
function methodOf({ authMethod, clientSecret, privateKey }) {
  if (clientSecret !== undefined && privateKey !== undefined) {
    throw new ConfigurationError('clientSecret and privateKey exclude each other');
  }
  if (authMethod === undefined) {
    const fitting = clientSecret === undefined ? POST : BASIC;
    return privateKey === undefined ? fitting : PRIVATE_KEY;
  }
  if (![BASIC, POST, PRIVATE_KEY].includes(authMethod)) {
    throw new ConfigurationError(`authMethod must be '${BASIC}', '${POST}' or '${PRIVATE_KEY}', not '${authMethod}'`);
  }
  const hasKey = privateKey !== undefined;
  if ((authMethod === PRIVATE_KEY) !== hasKey || (authMethod === BASIC && clientSecret === undefined)) {
    throw new ConfigurationError(`authMethod '${authMethod}' does not fit the credentials that are given`);
  }
  return authMethod;
}

/* RFC 6749 section 2.3.1, with %20 for a space, since some servers know no plus there. */
function escaped(part) {
  return encodeURIComponent(part).replaceAll(/[!'()*]/gu, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

class Introspector {
  #settings;

  constructor(options) {
    assertKnownKeys('options', options, Object.keys(OPTIONS));
    const given = {};
    for (const [name, [check, fallback]] of Object.entries(OPTIONS)) {
      given[name] = optional(check, name, options[name]) ?? fallback;
    }
    for (const name of ['endpoint', 'clientId']) {
      if (given[name] === undefined) {
        throw new ConfigurationError(`${name} must be given`);
      }
    }
    checkedEndpoint(given.endpoint, given.allowHttp);
    const { clientSecret } = given;
    this.#settings = Object.freeze({
      ...given,
      authMethod: methodOf(given),
      assertionAudience: given.assertionAudience ?? given.endpoint,
      clientSecret: typeof clientSecret === 'object' ? Buffer.from(clientSecret).toString() : clientSecret,
    });
    Object.freeze(this);
  }

  get endpoint() {
    return this.#settings.endpoint;
  }

  get clientId() {
    return this.#settings.clientId;
  }

  get authMethod() {
    return this.#settings.authMethod;
  }

  get jwts() {
    return this.#settings.jwts;
  }

  get signedResponse() {
    return this.#settings.signedResponse;
  }

  static settingsOf(introspector) {
    return introspector.#settings;
  }

  /* { headers, body } of the question about a token. */
  static questionOf(introspector, token) {
    const { authMethod, clientId, clientSecret, headers: given, signedResponse } = introspector.#settings;
    const form = new URLSearchParams({ token, token_type_hint: 'access_token' });
    const fields = {
      accept: signedResponse ? 'application/token-introspection+jwt' : 'application/json',
      'accept-encoding': 'identity',
      'content-type': 'application/x-www-form-urlencoded',
      'user-agent': `fastbearer/${native.versions.fastbearer}`,
      ...Object.fromEntries(given),
    };
    if (authMethod === BASIC) {
      const pair = `${escaped(clientId)}:${escaped(clientSecret)}`;
      fields.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
      return { headers: fields, body: form.toString() };
    }
    form.set('client_id', clientId);
    if (authMethod === PRIVATE_KEY) {
      form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
      form.set('client_assertion', introspector.#assertion());
    } else if (clientSecret !== undefined) {
      form.set('client_secret', clientSecret);
    }
    return { headers: fields, body: form.toString() };
  }

  /* Who this server is, signed (RFC 7523 section 3). */
  #assertion() {
    const { privateKey, clientId, assertionAudience, kid } = this.#settings;
    return privateKey.createToken({
      subject: clientId,
      issuer: clientId,
      audience: assertionAudience,
      expiresInSeconds: 60,
      additionalClaims: { jti: randomBytes(16).toString('base64url') },
      kid,
    });
  }

  [util.inspect.custom]() {
    return `Introspector { ${this.endpoint.split('?', 1)[0]} as ${util.inspect(this.clientId)} }`;
  }
}

const { questionOf, settingsOf } = Introspector;

/* The check of an option, as those of checks.cjs. */
function introspector(name, value) {
  if (!(value instanceof Introspector)) {
    throw typeError(name, 'an Introspector of fastbearer/introspection', value);
  }
  return value;
}

module.exports = { Introspector, introspector, questionOf, settingsOf };
