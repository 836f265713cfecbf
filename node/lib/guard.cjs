/*
 * The decision about a request, which each adapter asks for and sends in its framework's way. The request is handed to
 * the verifier as it came; responses hold nothing of it. The precise reason of a refusal goes to onReject, and to
 * standard error under NODE_DEBUG=fastbearer.
 */
'use strict';

const { debuglog } = require('node:util');

const { Challenger } = require('./challenge.cjs');
const { optional, texts } = require('./checks.cjs');
const { CertificateHeader } = require('./client-certificate.cjs');
const { BearerError, ConfigurationError } = require('./errors.cjs');
const { certificateOfSocket, requestInfo } = require('./request-info.cjs');
const { ResourceMetadata } = require('./resource-metadata.cjs');

const debug = debuglog('fastbearer');

const GUARD_OPTION_NAMES = Object.freeze([
  'realm',
  'resourceMetadata',
  'resourceMetadataUrl',
  'exclude',
  'challengeScopes',
  'baseUrl',
  'clientCertificateHeader',
]);

/* Without a slash at the end. */
function checkedBase(baseUrl) {
  const isText = typeof baseUrl === 'string' && /^[!-~]+$/u.test(baseUrl) && !/[?#]/u.test(baseUrl);
  const { protocol, username, password } = isText && URL.canParse(baseUrl) ? new URL(baseUrl) : {};
  if (!/^https?:\/\/[^/]/iu.test(baseUrl) || protocol === undefined || username !== '' || password !== '') {
    throw new ConfigurationError('baseUrl must be an absolute http(s) URL without user, query and fragment');
  }
  return baseUrl.replace(/\/+$/u, '');
}

/* The Verifier's method that counts and reports a guard's refusal of a token, and returns the error to throw. */
const REFUSE = Symbol('refuse');

class Guard {
  #verifier;
  #requiredScopes;
  #exclude;
  #metadata;
  #challenger;
  #settings; // of requestInfo

  /* requiredScopes: in addition to the verifier's own; the rest is GUARD_OPTION_NAMES. */
  constructor(verifier, requiredScopes, options) {
    const { realm, resourceMetadata, resourceMetadataUrl, exclude, baseUrl, clientCertificateHeader } = options;
    if (typeof exclude === 'string') {
      throw new ConfigurationError('exclude must be an array of paths, not one string');
    }
    const { dpop } = verifier;
    this.#verifier = verifier;
    this.#requiredScopes = requiredScopes;
    this.#exclude = new Set(optional(texts, 'exclude', exclude));
    const hasCertificates = clientCertificateHeader !== undefined;
    if (resourceMetadata !== undefined) {
      this.#metadata = new ResourceMetadata(resourceMetadata, { dpop, hasCertificates });
    }
    this.#challenger = new Challenger({
      realm,
      scopes: [...verifier.requiredScopes, ...requiredScopes],
      challengeScopes: options.challengeScopes,
      resourceMetadataUrl: resourceMetadataUrl ?? this.#metadata?.url,
      dpop,
    });
    this.#settings = {
      baseUrl: baseUrl === undefined ? this.#metadata?.origin : checkedBase(baseUrl),
      certificateHeader: hasCertificates ? new CertificateHeader(clientCertificateHeader) : undefined,
    };
  }

  get verifier() {
    return this.#verifier;
  }

  /* The response to a request for the metadata document; undefined for any other. */
  documentFor(request) {
    const { path, method } = requestInfo(request);
    return path === this.#metadata?.path ? this.#metadata.responseTo(method) : undefined;
  }

  /*
   * Resolves to { response } for a request that ends here, else to { token, nonce }: the token is undefined on excluded
   * paths, the nonce is for the header DPoP-Nonce of the response. socket: the connection of a request of fetch's;
   * scopes: what its route requires.
   */
  async decide(request, { socket, scopes: ofRoute = [] } = {}) {
    const info = this.#infoOf(request, socket);
    if (info.path === this.#metadata?.path) {
      return { response: this.#metadata.responseTo(info.method) };
    }
    if (this.#exclude.has(info.path)) {
      return { token: undefined };
    }
    try {
      return { token: await this.#verify(info, ofRoute), nonce: this.#verifier.dpopNonce() };
    } catch (error) {
      return { response: this.#responseFor(error, ofRoute) };
    }
  }

  #infoOf(request, socket) {
    const info = requestInfo(request, this.#settings);
    if (this.#settings.certificateHeader === undefined) {
      info.clientCertificate ??= certificateOfSocket(socket);
    }
    return info;
  }

  async #verify(info, ofRoute) {
    const token = await this.#verifier.verifyRequest(info);
    const missing = [...new Set([...this.#requiredScopes, ...ofRoute])].filter((scope) => !token.hasScope(scope));
    if (missing.length > 0) {
      throw this.#verifier[REFUSE](token, missing);
    }
    return token;
  }

  /* An error that is not a refusal, a closed verifier for example, is left to the application's error handling. */
  #responseFor(error, ofRoute) {
    if (!(error instanceof BearerError)) {
      throw error;
    }
    const { code, message, status, oauthError, retryAfter, expected, actual } = error;
    const values = expected === undefined ? '' : ` (expected ${expected}; actual ${actual})`;
    debug('request refused: %s: %s%s', code, message, values);
    const nonce = this.#verifier.dpopNonce();
    return this.#challenger.refuse(status, oauthError || undefined, { scopes: ofRoute, retryAfter, nonce });
  }
}

module.exports = { GUARD_OPTION_NAMES, Guard, REFUSE };
