/*
 * The decision about a request, which each adapter asks for and sends in its framework's way. The request is handed to
 * the verifier as it came; responses hold nothing of it. The precise reason of a refusal goes to onReject, and to
 * standard error under NODE_DEBUG=fastbearer.
 */
'use strict';

const { debuglog } = require('node:util');

const { ClientGone, bodyOf } = require('./body.cjs');
const { Challenger, refuseBody } = require('./challenge.cjs');
const { headerName, optional, texts } = require('./checks.cjs');
const { CertificateHeader } = require('./client-certificate.cjs');
const { BearerError, ConfigurationError } = require('./errors.cjs');
const { certificateOfSocket, opensWebSocket, requestInfo } = require('./request-info.cjs');
const { ResourceMetadata } = require('./resource-metadata.cjs');
const { BodyRefused, RULE_OPTION_NAMES, RpcRules } = require('./rpc-rules.cjs');

const debug = debuglog('fastbearer');

const GUARD_OPTION_NAMES = Object.freeze([
  'realm',
  'resourceMetadata',
  'resourceMetadataUrl',
  'exclude',
  'challengeScopes',
  'tokenHeader',
  'baseUrl',
  'clientCertificateHeader',
  ...RULE_OPTION_NAMES,
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

function checkedTokenHeader(name, value) {
  if (['authorization', 'dpop'].includes(headerName(name, value).toLowerCase())) {
    throw new ConfigurationError(`${name} must be another header than Authorization and DPoP`);
  }
  return value;
}

/* In any case of letters: some frameworks do not regard it. */
const isPost = ({ method }) => method?.toUpperCase() === 'POST';

/* Methods of the Verifier that are for a guard alone: see there. */
const HAS_CREDENTIAL = Symbol('hasCredential');
const REFUSE = Symbol('refuse');
const REFUSE_REQUEST = Symbol('refuseRequest');

class Guard {
  #verifier;
  #requiredScopes;
  #exclude;
  #metadata;
  #challenger;
  #rules; // of JSON-RPC; undefined without any
  #sendsNonces;
  #settings; // of requestInfo

  /* requiredScopes: in addition to the verifier's own; the rest is GUARD_OPTION_NAMES. */
  constructor(verifier, requiredScopes, options) {
    const { realm, resourceMetadata, resourceMetadataUrl, exclude, baseUrl, clientCertificateHeader } = options;
    if (typeof exclude === 'string') {
      throw new ConfigurationError('exclude must be an array of paths, not one string');
    }
    const tokenHeader = optional(checkedTokenHeader, 'tokenHeader', options.tokenHeader);
    const dpop = tokenHeader === undefined ? verifier.dpop : undefined;
    if (tokenHeader !== undefined && verifier.dpop?.required) {
      throw new ConfigurationError('tokenHeader cannot go with dpop.required: there is no proof beside it');
    }
    this.#verifier = verifier;
    this.#requiredScopes = requiredScopes;
    this.#exclude = new Set(optional(texts, 'exclude', exclude));
    this.#rules = RpcRules.of(options);
    this.#sendsNonces = dpop !== undefined;
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
      tokenHeader,
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
   * paths and for what needs none, the nonce is for the header DPoP-Nonce of the response. socket: the connection of a
   * request of fetch's; scopes: what its route requires; parsed: what something in front has made of its body.
   */
  async decide(request, { socket, scopes: ofRoute = [], parsed } = {}) {
    const info = this.#infoOf(request, socket);
    if (info.path === this.#metadata?.path) {
      return { response: this.#metadata.responseTo(info.method) };
    }
    if (this.#exclude.has(info.path)) {
      return { token: undefined };
    }
    const body = this.#rules !== undefined && isPost(info) ? bodyOf(request, parsed) : undefined;
    const needed = [...ofRoute];
    if (this.#rules !== undefined && opensWebSocket(request)) {
      needed.push(...this.#rules.scopes); // nobody sees its messages, which may ask for anything
    }
    try {
      return { token: await this.#admit(info, needed, body), nonce: this.#nonce() };
    } catch (error) {
      body?.discard();
      return { response: this.#responseFor(error, needed) };
    }
  }

  #infoOf(request, socket) {
    const info = requestInfo(request, this.#settings);
    if (this.#settings.certificateHeader === undefined) {
      info.clientCertificate ??= certificateOfSocket(socket);
    }
    return info;
  }

  #nonce() {
    return this.#sendsNonces ? this.#verifier.dpopNonce() : undefined;
  }

  /*
   * The token, or undefined where none is needed. needed: the scopes that are demanded beside those of the whole guard,
   * to which those of the body are added, if it is looked at: not for a token that is refused.
   */
  async #admit(info, needed, body) {
    let isAsked = body === undefined;
    const ask = async () => {
      isAsked = true;
      const { anonymous, scopes } = await this.#rules.ask(body);
      needed.push(...scopes);
      return anonymous;
    };
    if (!isAsked && this.#rules.hasAnonymous && !this.#verifier[HAS_CREDENTIAL](info) && (await ask())) {
      return undefined;
    }
    let token;
    try {
      token = await this.#verifier.verifyRequest(info);
    } catch (error) {
      if (error.code === 'insufficient_scope' && !isAsked) {
        await ask().catch(() => {}); // the token is refused in any case
      }
      throw error;
    }
    if (!isAsked) {
      await ask();
    }
    const missing = [...new Set([...this.#requiredScopes, ...needed])].filter((scope) => !token.hasScope(scope));
    if (missing.length > 0) {
      throw this.#verifier[REFUSE](token, missing);
    }
    return token;
  }

  /* An error that is not a refusal, a closed verifier for example, is left to the application's error handling. */
  #responseFor(error, needed) {
    if (error instanceof BodyRefused) {
      this.#verifier[REFUSE_REQUEST](error.status, error.reason);
      debug('request refused: %s: %s; see docs/reasons.md#%s', error.reason.code, error.message, error.reason.code);
      return refuseBody(error.reason.status);
    }
    if (error instanceof ClientGone) {
      return refuseBody(400); // to nobody
    }
    if (!(error instanceof BearerError)) {
      throw error;
    }
    const { code, message, status, oauthError, retryAfter, expected, actual } = error;
    const values = expected === undefined ? '' : ` (expected ${expected}; actual ${actual})`;
    debug('request refused: %s: %s%s; see docs/reasons.md#%s', code, message, values, code);
    return this.#challenger.refuse(status, oauthError || undefined, {
      scopes: needed,
      retryAfter,
      nonce: this.#nonce(),
    });
  }
}

module.exports = { GUARD_OPTION_NAMES, Guard, HAS_CREDENTIAL, REFUSE, REFUSE_REQUEST };
