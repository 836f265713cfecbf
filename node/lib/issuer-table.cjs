/*
 * The issuers of a verifier, which the core knows by number: those of the options are 1, 2, ..., those that
 * resolveIssuer finds come and go. Here each has what only this package knows of it, its fetch options, and its key
 * source.
 */
'use strict';

const { ConfigurationError } = require('./errors.cjs');
const { KeySource } = require('./key-source.cjs');
const native = require('./native.cjs');

const { REFRESH_EXPLICIT } = native.constants;

class IssuerTable {
  #handle;
  #configured;
  #sources = new Map(); // by number

  constructor(handle, configured) {
    this.#handle = handle;
    this.#configured = configured;
  }

  /* The first identifier; undefined for 0, which is no issuer, and for an issuer without one. */
  identifierOf(number) {
    return this.#configured[number - 1]?.issuer?.[0];
  }

  sourceOf(number) {
    let source = this.#sources.get(number);
    if (source === undefined) {
      source = new KeySource(this.#handle, number, this.#configured[number - 1]);
      this.#sources.set(number, source);
    }
    return source;
  }

  /* Fetches all key sets; resolves to the error that says which could not be had. */
  async refresh() {
    const { jwksUri } = this.#configured[0];
    if (jwksUri === undefined) {
      throw new ConfigurationError('only a verifier with jwksUri has keys to fetch');
    }
    return this.sourceOf(1).fetched(REFRESH_EXPLICIT);
  }

  close() {
    for (const source of this.#sources.values()) {
      source.close();
    }
  }
}

module.exports = { IssuerTable };
