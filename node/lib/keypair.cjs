/*
 * Key pairs for tests and tools: generating them, minting tokens, publishing the public half. A server that verifies
 * tokens needs none of this. The private key is parsed once per object, and nothing that prints shows it.
 */
'use strict';

const util = require('node:util');

const { ConfigurationError, errorOf, unwrap } = require('./errors.cjs');
const native = require('./native.cjs');
const { data, members, text, texts, wrong } = require('./options.cjs');

const ADOPT = Symbol('adopt');
const TOKEN = [
  'subject', 'issuer', 'audience', 'scopes', 'expiresInSeconds', 'additionalClaims', 'kid', 'now', 'typ',
];

function bits(given) {
  const value = given ?? 0;
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) {
    throw new ConfigurationError('bits must be a whole number from 2048 to 8192');
  }
  return value;
}

function number(name, value) {
  if (typeof value !== 'number') {
    throw wrong(name, 'a number of seconds', value);
  }
  return value;
}

function claims(value) {
  if (value === undefined || value === null) {
    return undefined;
  }
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw wrong('additionalClaims', 'an object', value);
  }
  try {
    return JSON.stringify(value, function (name, member) {
      return this[name] instanceof Date ? Math.floor(this[name].getTime() / 1000) : member;
    });
  } catch (error) {
    throw new ConfigurationError(`additionalClaims cannot be written as JSON: ${error.message}`);
  }
}

/* Other calls may come between a promise and its continuation: so this one carries its failure itself. */
async function generate(algorithm, modulus) {
  const started = native.generate(algorithm, modulus);
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
    if (options?.[ADOPT] !== undefined) {
      this.#handle = options[ADOPT];
    } else {
      members('options', options, ['privateKey', 'publicKey', 'algorithm']);
      const { privateKey, algorithm = 'RS256' } = options;
      if (privateKey === undefined || privateKey === null) {
        throw new ConfigurationError('privateKey must be given');
      }
      this.#handle = unwrap(native.load(text('algorithm', algorithm), data('privateKey', privateKey)));
    }
    this.#publicKey = text('publicKey', options.publicKey) ?? native.publicKey(this.#handle);
  }

  /* The algorithm's name, RS256 when it is not given, and { bits } for RSA. On the thread pool. */
  static async generate(algorithm = 'RS256', options = {}) {
    members('options', options, ['bits']);
    return new this({ [ADOPT]: await generate(text('algorithm', algorithm), bits(options.bits)) });
  }

  static generateSync(algorithm = 'RS256', options = {}) {
    members('options', options, ['bits']);
    return new this({ [ADOPT]: unwrap(native.generateSync(text('algorithm', algorithm), bits(options.bits))) });
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
    return JSON.parse(unwrap(native.jwks(this.#handle, text('kid', kid ?? undefined))));
  }

  createToken(options = {}) {
    members('options', options, TOKEN);
    const { subject = 'fastmcp-user', issuer = 'https://fastmcp.example.com', audience, typ = 'JWT' } = options;
    return unwrap(
      native.createToken(this.#handle, {
        subject: text('subject', subject ?? undefined),
        issuer: text('issuer', issuer ?? undefined),
        audiences: texts('audience', audience ?? undefined)?.filter((item) => Array.isArray(audience) || item !== ''),
        audienceIsList: Array.isArray(audience),
        scopes: texts('scopes', options.scopes ?? undefined),
        expiresIn: number('expiresInSeconds', options.expiresInSeconds ?? 3600),
        claims: claims(options.additionalClaims),
        kid: text('kid', options.kid ?? undefined),
        now: number('now', options.now ?? Date.now() / 1000),
        type: text('typ', typ ?? ''),
      }),
    );
  }

  sign(header, payload) {
    return unwrap(native.sign(this.#handle, data('header', header) ?? '', data('payload', payload) ?? ''));
  }

  [util.inspect.custom]() {
    return `${this.constructor.name} { ${this.algorithm} }`;
  }
}

class RSAKeyPair extends KeyPair {
  constructor(options = {}) {
    if (options?.[ADOPT] === undefined) {
      members('options', options, ['privateKey', 'publicKey']);
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

/* For people and tools, never for a decision: anybody can write what stands there. */
function decodeUnverified(token) {
  if (typeof token !== 'string') {
    throw wrong('token', 'a string', token);
  }
  const [header, payload] = unwrap(native.decodeUnverified(token));
  return { header: JSON.parse(header), claims: JSON.parse(payload) };
}

module.exports = { KeyPair, RSAKeyPair, decodeUnverified };
