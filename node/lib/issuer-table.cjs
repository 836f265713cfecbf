/*
 * The issuers of a verifier, which the core knows by number: those of the options are 1, 2, ..., those that
 * resolveIssuer finds come and go. Here each has what only this package knows of it: its fetch function, and the
 * fetches that are under way.
 */
'use strict';

const { BearerError, ConfigurationError, keysUnavailable, unwrap } = require('./errors.cjs');
const { Endpoint } = require('./introspection-endpoint.cjs');
const { KeySource } = require('./key-source.cjs');
const native = require('./native.cjs');

/* A refresh of hundreds of issuers is not a burst of connections. */
const FETCHES_AT_A_TIME = 16;

class IssuerTable {
  #handle;
  #configured;
  #maxIssuers;
  #resolved = new Map(); // options by identifier, of those that resolveIssuer has found
  #identifiers = new Map(); // of these, by number
  #sources = new Map(); // by number
  #endpoints = new Map(); // where they are asked about tokens, by number

  constructor(handle, configured, maxIssuers) {
    this.#handle = handle;
    this.#configured = configured;
    this.#maxIssuers = maxIssuers;
  }

  /* What resolveIssuer has found. */
  add(identifier, options) {
    this.#resolved.set(identifier, options);
    if (this.#resolved.size > 2 * this.#maxIssuers) {
      this.#update();
    }
  }

  /* The first identifier; undefined for an issuer without one, for 0 and for one that is gone. */
  identifierOf(number) {
    if (number <= this.#configured.length) {
      return this.#configured[number - 1]?.issuer?.[0];
    }
    if (!this.#identifiers.has(number)) {
      this.#update();
    }
    return this.#identifiers.get(number);
  }

  /* Undefined for an issuer that is gone. */
  sourceOf(number) {
    if (!this.#sources.has(number)) {
      const options = this.#optionsOf(number);
      if (options === undefined) {
        return undefined;
      }
      this.#sources.set(number, new KeySource(this.#handle, number, options));
    }
    return this.#sources.get(number);
  }

  #optionsOf(number) {
    return this.#configured[number - 1] ?? this.#resolved.get(this.identifierOf(number));
  }

  /*
   * Whom to ask about a token that this issuer is to be asked about: if it is not a JWT, and so says nothing of its
   * issuer, every other configured one that is introspected, too.
   */
  endpointsFor(number, token) {
    const others = native.tokenIsJwt(token) ? [] : this.#configured.map((_, i) => i + 1);
    return [...new Set([number, ...others])].flatMap((one) => this.#endpointOf(one) ?? []);
  }

  #endpointOf(number) {
    const introspector = this.#endpoints.has(number) ? undefined : this.#optionsOf(number)?.introspector;
    if (introspector !== undefined) {
      this.#endpoints.set(number, new Endpoint(number, this.identifierOf(number), introspector));
    }
    return this.#endpoints.get(number);
  }

  /* Endpoints that fail now: what is wrong, by the issuer's number. */
  endpointProblems() {
    const problems = [...this.#endpoints].map(([number, endpoint]) => [number, endpoint.problem()]);
    return new Map(problems.filter(([, problem]) => problem !== undefined));
  }

  /* Asks the core who is still there, and forgets the others. */
  #update() {
    const added = (native.issuers(this.#handle) ?? []).filter((info) => info.added);
    this.#identifiers = new Map(added.map(({ number, issuer }) => [number, issuer]));
    const held = new Set(this.#identifiers.values());
    const keep = (map, isHeld) => new Map([...map].filter(([key]) => isHeld(key)));
    this.#resolved = keep(this.#resolved, (identifier) => held.has(identifier));
    const isThere = (number) => number <= this.#configured.length || this.#identifiers.has(number);
    this.#sources = keep(this.#sources, isThere);
    this.#endpoints = keep(this.#endpoints, isThere);
  }

  /* Fetches all key sets at the same time; rejects with an error that says which could not be had. */
  async refresh() {
    const fetched = unwrap(native.issuers(this.#handle)).filter((info) => info.fetched);
    if (fetched.length === 0) {
      throw new ConfigurationError('no issuer of this verifier has keys to fetch');
    }
    const errors = await this.#fetchEach(fetched.map(({ number }) => number));
    const failed = fetched.map(({ issuer }, i) => ({ issuer, error: errors[i] })).filter(({ error }) => error);
    if (failed.length > 0) {
      throw fetched.length === 1 ? failed[0].error : severalFailed(failed, fetched.length);
    }
  }

  async #fetchEach(numbers) {
    const errors = [];
    let at = 0;
    const fetchOneAfterAnother = async () => {
      while (at < numbers.length) {
        const mine = at++;
        errors[mine] = await this.sourceOf(numbers[mine])?.refresh();
      }
    };
    await Promise.all(Array.from({ length: FETCHES_AT_A_TIME }, fetchOneAfterAnother));
    return errors;
  }

  close() {
    for (const one of [...this.#sources.values(), ...this.#endpoints.values()]) {
      one.close();
    }
  }
}

function severalFailed(failed, count) {
  const each = failed.map(({ issuer, error }) => `${issuer}: ${error.message}`).join('; ');
  const retryAfter = Math.max(...failed.map(({ error }) => error.retryAfter ?? 0));
  const sentence = `the keys of ${failed.length} of ${count} issuers could not be fetched: ${each}`;
  const { message, ...details } = keysUnavailable(sentence, retryAfter);
  return new BearerError(sentence, { ...details, cause: new AggregateError(failed.map(({ error }) => error)) });
}

module.exports = { IssuerTable };
