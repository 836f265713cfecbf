/*
 * What the core is asked: about a token alone, or about a whole request. Each asks again by the key request of a
 * failure, when keys were needed and have come or not, or with what the token's issuer has said of it.
 */
'use strict';

const { typeError } = require('./checks.cjs');
const native = require('./native.cjs');

const { signals } = native;
const { STATUS, OK, TOKEN_MISSING } = native.constants;

class TokenQuestion {
  constructor(token) {
    if (typeof token !== 'string') {
      throw typeError('token', 'a string', token);
    }
    this.token = token;
  }

  ask(handle, now) {
    return native.verify(handle, this.token, now);
  }

  askAfterFetch(handle, now, keyRequest) {
    return native.verifyAfterFetch(handle, this.token, now, keyRequest);
  }

  /*
   * said: { issuer, response, reuseFor, contentType }, of the issuer that was asked about the token; with a keyRequest,
   * when keys were needed for that and have come or not.
   */
  askIntrospected(handle, now, said, keyRequest) {
    return native.verifyIntrospected(handle, this.token, now, said, keyRequest);
  }
}

class RequestQuestion {
  #parts;
  #credential;
  #hasReplayStore;

  /* What requestInfo returns; hasReplayStore: the verifier has one. */
  constructor({ method, url, clientCertificate, tokenHeader, headers }, hasReplayStore) {
    this.#parts = [method, url, clientCertificate, tokenHeader];
    const held = (tokenHeader ?? 'authorization').toLowerCase();
    for (const [name, value] of headers) {
      this.#parts.push(name, value);
      if (name.length === held.length && name.toLowerCase() === held) {
        this.#credential = value; // where there are two the core refuses the request
      }
    }
    this.#hasReplayStore = hasReplayStore;
    this.proof = undefined; // { key, expiresAt }, to be remembered of an accepted request
  }

  /* Of a request whose header the core has found to be a scheme, a space and a token, or a token alone. */
  get token() {
    return this.#credential.slice(this.#credential.indexOf(' ') + 1);
  }

  /* Whether there is something to verify, be it malformed. */
  hasCredential(handle) {
    native.findToken(handle, this.#parts);
    return signals[STATUS] !== TOKEN_MISSING;
  }

  ask(handle, now) {
    return this.#unpack(native.verifyRequest(handle, this.#parts, now));
  }

  askAfterFetch(handle, now, keyRequest) {
    return this.#unpack(native.verifyRequestAfterFetch(handle, this.#parts, now, keyRequest));
  }

  askIntrospected(handle, now, said, keyRequest) {
    return this.#unpack(native.verifyRequestIntrospected(handle, this.#parts, now, said, keyRequest));
  }

  #unpack(returned) {
    if (!this.#hasReplayStore || signals[STATUS] !== OK) {
      return returned;
    }
    const [verified, key, expiresAt] = returned;
    this.proof = key === undefined ? undefined : { key, expiresAt };
    return verified;
  }
}

module.exports = { RequestQuestion, TokenQuestion };
