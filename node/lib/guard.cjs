/*
 * The decision about a request, which each adapter asks for and sends in its framework's way. The credential is taken
 * out of the header and handed to the verifier unchanged; responses hold nothing of it. The precise reason of a refusal
 * goes to onReject, and to standard error under NODE_DEBUG=fastbearer.
 */
'use strict';

const { debuglog } = require('node:util');

const { Challenger, MalformedRequest, findToken } = require('./challenge.cjs');
const { optional, texts } = require('./checks.cjs');
const { BearerError, ConfigurationError } = require('./errors.cjs');
const { ResourceMetadata } = require('./resource-metadata.cjs');

const debug = debuglog('fastbearer');

const GUARD_OPTION_NAMES = Object.freeze(['realm', 'resourceMetadata', 'resourceMetadataUrl', 'exclude']);

/* The Verifier's method that counts and reports a guard's refusal of a token, and returns the error to throw. */
const REFUSE = Symbol('refuse');

class Guard {
  #verifier;
  #requiredScopes;
  #exclude;
  #metadata;
  #challenger;

  /* requiredScopes: in addition to the verifier's own. */
  constructor(verifier, requiredScopes, { realm, resourceMetadata, resourceMetadataUrl, exclude }) {
    if (typeof exclude === 'string') {
      throw new ConfigurationError('exclude must be an array of paths, not one string');
    }
    this.#verifier = verifier;
    this.#requiredScopes = requiredScopes;
    this.#exclude = new Set(optional(texts, 'exclude', exclude));
    this.#metadata = resourceMetadata === undefined ? undefined : new ResourceMetadata(resourceMetadata);
    this.#challenger = new Challenger({
      realm,
      scopes: [...new Set([...verifier.requiredScopes, ...requiredScopes])],
      resourceMetadataUrl: resourceMetadataUrl ?? this.#metadata?.url,
    });
  }

  get verifier() {
    return this.#verifier;
  }

  /* Resolves to { response } for a request that ends here, else to { token }, undefined on excluded paths. */
  async decide({ path, query, method, authorization }) {
    if (path === this.#metadata?.path) {
      return { response: this.#metadata.responseTo(method) };
    }
    if (this.#exclude.has(path)) {
      return { token: undefined };
    }
    let credential;
    try {
      credential = findToken(authorization, query);
    } catch (error) {
      if (!(error instanceof MalformedRequest)) {
        throw error;
      }
      debug('request refused: %s', error.message);
      return { response: this.#challenger.refuse(400, 'invalid_request') };
    }
    if (credential === undefined) {
      return { response: this.#challenger.refuse(401) };
    }
    try {
      return { token: await this.#verify(credential) };
    } catch (error) {
      return { response: this.#responseFor(error) };
    }
  }

  async #verify(credential) {
    const token = await this.#verifier.verify(credential);
    const missing = this.#requiredScopes.filter((scope) => !token.hasScope(scope));
    if (missing.length > 0) {
      throw this.#verifier[REFUSE](token, missing);
    }
    return token;
  }

  /* An error that is not a refusal, a closed verifier for example, is left to the application's error handling. */
  #responseFor(error) {
    if (!(error instanceof BearerError)) {
      throw error;
    }
    const { code, message, expected, actual } = error;
    const values = expected === undefined ? '' : ` (expected ${expected}; actual ${actual})`;
    debug('token refused: %s: %s%s', code, message, values);
    if (error.status === 403) {
      return this.#challenger.refuse(403, error.oauthError, { scopes: error.missing });
    }
    return this.#challenger.refuse(error.status, error.oauthError, { retryAfter: error.retryAfter });
  }
}

module.exports = { GUARD_OPTION_NAMES, Guard, REFUSE };
