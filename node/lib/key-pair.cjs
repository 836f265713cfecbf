/*
 * Key pairs for tests and tools: generating them, minting tokens, the public half as a key set. A server that verifies
 * tokens needs none of this. The private key is parsed once per object, and nothing that prints shows it.
 */
'use strict';

const util = require('node:util');

const { assertKnownKeys, data, json, optional, text, texts, typeError } = require('./checks.cjs');
const { ConfigurationError, errorOf, unwrap } = require('./errors.cjs');
const native = require('./native.cjs');

const HANDLE = Symbol('handle'); // for one that the addon has already
const TOKEN_OPTION_NAMES = Object.freeze(
  'subject issuer audience scopes expiresInSeconds additionalClaims kid now typ'.split(' '),
);

const PROOF_OPTION_NAMES = Object.freeze(['accessToken', 'nonce', 'jti', 'now']);

function bitsOf({ bits = 0 }) {
  if (!Number.isInteger(bits) || bits < 0 || bits > 0xffff) {
    throw new ConfigurationError('bits must be a whole number from 2048 to 8192');
  }
  return bits;
}

function number(name, value) {
  if (typeof value !== 'number') {
    throw typeError(name, 'a number of seconds', value);
  }
  return value;
}

function claims(name, value) {
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw typeError(name, 'an object', value);
  }
  return json(name, value, function (key, member) {
    return this[key] instanceof Date ? Math.floor(this[key].getTime() / 1000) : member;
  });
}

/* Other calls may come between a promise and its continuation: so this one carries its failure itself. */
async function generate(algorithm, bits) {
  const started = native.generate(algorithm, bits);
  if (started === undefined) {
    throw errorOf(undefined);
  }
  return started.catch((failure) => {
    throw errorOf(failure);
  });
}

class KeyPair {
  #handle;
  #publicKey;

  constructor(options = {}) {
    if (options?.[HANDLE] !== undefined) {
      this.#handle = options[HANDLE];
    } else {
      assertKnownKeys('options', options, ['privateKey', 'publicKey', 'algorithm']);
      const { privateKey, algorithm = 'RS256' } = options;
      if (privateKey === undefined || privateKey === null) {
        throw new ConfigurationError('privateKey must be given');
      }
      this.#handle = unwrap(native.load(text('algorithm', algorithm), data('privateKey', privateKey)));
    }
    this.#publicKey = optional(text, 'publicKey', options.publicKey) ?? native.publicKey(this.#handle);
  }

  /* algorithm: RS256 when it is not given; options: { bits } for RSA. On the thread pool. */
  static async generate(algorithm = 'RS256', options = {}) {
    assertKnownKeys('options', options, ['bits']);
    return new this({ [HANDLE]: await generate(text('algorithm', algorithm), bitsOf(options)) });
  }

  static generateSync(algorithm = 'RS256', options = {}) {
    assertKnownKeys('options', options, ['bits']);
    return new this({ [HANDLE]: unwrap(native.generateSync(text('algorithm', algorithm), bitsOf(options))) });
  }

  get algorithm() {
    return native.algorithm(this.#handle);
  }

  get publicKey() {
    return this.#publicKey;
  }

  get privateKey() {
    return native.privateKey(this.#handle).toString('latin1');
  }

  get secret() {
    if (!this.algorithm.startsWith('HS')) {
      throw new ConfigurationError(`${this.algorithm} keys have no shared secret`);
    }
    return native.privateKey(this.#handle);
  }

  jwks(kid) {
    return JSON.parse(unwrap(native.jwks(this.#handle, optional(text, 'kid', kid))));
  }

  createToken(options = {}) {
    assertKnownKeys('options', options, TOKEN_OPTION_NAMES);
    const { subject = 'fastmcp-user', issuer = 'https://fastmcp.example.com', audience, typ = 'JWT' } = options;
    const audiences = optional(texts, 'audience', audience);
    return unwrap(
      native.createToken(this.#handle, {
        subject: optional(text, 'subject', subject),
        issuer: optional(text, 'issuer', issuer),
        audiences: audiences?.filter((item) => Array.isArray(audience) || item !== ''),
        audienceIsList: Array.isArray(audience),
        scopes: optional(texts, 'scopes', options.scopes),
        expiresIn: number('expiresInSeconds', options.expiresInSeconds ?? 3600),
        claims: optional(claims, 'additionalClaims', options.additionalClaims),
        kid: optional(text, 'kid', options.kid),
        now: number('now', options.now ?? Date.now() / 1000),
        type: text('typ', typ ?? ''),
      }),
    );
  }

  /* A DPoP proof for one request (RFC 9449 section 4.2): the value of its header DPoP. */
  dpopProof(method, url, options = {}) {
    assertKnownKeys('options', options, PROOF_OPTION_NAMES);
    return unwrap(
      native.dpopProof(this.#handle, {
        method: text('method', method),
        url: text('url', url instanceof URL ? url.href : url),
        accessToken: optional(text, 'accessToken', options.accessToken),
        nonce: optional(text, 'nonce', options.nonce),
        jti: optional(text, 'jti', options.jti),
        now: number('now', options.now ?? Date.now() / 1000),
      }),
    );
  }

  /* Of the public key (RFC 7638, SHA-256): what `cnf.jkt` holds. */
  thumbprint() {
    return unwrap(native.thumbprint(this.#handle));
  }

  sign(header, payload) {
    const [head, body] = [optional(data, 'header', header) ?? '', optional(data, 'payload', payload) ?? ''];
    return unwrap(native.sign(this.#handle, head, body));
  }

  [util.inspect.custom]() {
    return `${this.constructor.name} { ${this.algorithm} }`;
  }
}

class RSAKeyPair extends KeyPair {
  constructor(options = {}) {
    if (options?.[HANDLE] === undefined) {
      assertKnownKeys('options', options, ['privateKey', 'publicKey']);
    }
    super(options);
  }

  static generate(options = {}) {
    return super.generate('RS256', options);
  }

  static generateSync(options = {}) {
    return super.generateSync('RS256', options);
  }
}

/* For people and tools, never for a decision: anybody can write what is in there. */
function decodeUnverified(token) {
  if (typeof token !== 'string') {
    throw typeError('token', 'a string', token);
  }
  const [header, payload] = unwrap(native.decodeUnverified(token));
  return { header: JSON.parse(header), claims: JSON.parse(payload) };
}

module.exports = { KeyPair, RSAKeyPair, decodeUnverified };
