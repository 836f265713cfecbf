/*
 * What the adapters share: one verifier, one challenge, and the decision about a request, which every host asks for in
 * its own words and sends in its own way. The credential is taken out of the header and handed to the verifier as it
 * is; answers hold nothing of it. The precise reason of a refusal goes to onReject, and to standard error under
 * NODE_DEBUG=fastbearer.
 */
'use strict';

const { debuglog } = require('node:util');

const { kidOf } = require('./access_token.cjs');
const { Challenger, MalformedRequest, findToken } = require('./challenge.cjs');
const { enterRequest } = require('./context.cjs');
const { BearerError, ConfigurationError, insufficientScope, textOf } = require('./errors.cjs');
const { ResourceMetadata } = require('./metadata.cjs');
const { NAMES, members, scopes, texts } = require('./options.cjs');

const debug = debuglog('fastbearer');

/* ---- requests, as far as they matter here --------------------------------------------------------------------------- */

function split(target) {
  const end = target.indexOf('#');
  const whole = end < 0 ? target : target.slice(0, end);
  const mark = whole.indexOf('?');
  return mark < 0 ? { path: whole, query: '' } : { path: whole.slice(0, mark), query: whole.slice(mark + 1) };
}

/* Node keeps only the first of two Authorization headers in req.headers; rawHeaders has both. */
function authorizationValues(request) {
  if (request.rawHeaders === undefined) {
    return request.headers.authorization === undefined ? [] : [request.headers.authorization];
  }
  const values = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i].toLowerCase() === 'authorization') {
      values.push(request.rawHeaders[i + 1]);
    }
  }
  return values;
}

/* Of an IncomingMessage. Express shortens url where a router is mounted, and keeps originalUrl. */
function viewOfNode(request) {
  const target = request.originalUrl ?? request.url ?? '/';
  return { ...split(target), method: request.method, values: authorizationValues(request) };
}

/*
 * Of a fetch Request, which joins two headers with ", ". The path is cut out of the URL and not parsed again: what is
 * compared with the excluded paths must be the very text that the host routes by.
 */
function viewOfFetch(request) {
  const { url, method } = request;
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const joined = request.headers.get('authorization');
  const values = joined === null ? [] : joined.split(/,[ \t]*(?=bearer(?:[ \t,]|$))/iu);
  return { ...split(start < 0 ? '/' : url.slice(start)), method, values };
}

/* ---- answers -------------------------------------------------------------------------------------------------------- */

/*
 * A timeout's middleware may have answered while keys were fetched: then there is nothing left to say. A response that
 * is only begun cannot become a refusal either, but must not look complete to the client.
 */
function isAnswered(response) {
  if (response.headersSent && !response.writableEnded) {
    (response.stream ?? response).destroy(); // stream: of HTTP/2
  }
  return response.headersSent || response.writableEnded;
}

function sendToNode(response, { status, headers, body }) {
  if (isAnswered(response)) {
    return;
  }
  const length = status === 204 ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  response.writeHead(status, { ...headers, ...length });
  response.end(body);
}

function toResponse({ status, headers, body }, method) {
  return new Response(body === '' || method === 'HEAD' ? null : body, { status, headers });
}

/* ---- the decision --------------------------------------------------------------------------------------------------- */

const OWN = ['verifier', 'realm', 'resourceMetadata', 'resourceMetadataUrl', 'exclude'];

/* How a guard tells its verifier of a refusal that is the guard's own. */
const REFUSED = Symbol('refused');

/* Options are those of a Verifier, or { verifier } and, beside it, scopes that this place needs in addition. */
function verifierOf({ verifier, ...options }) {
  if (verifier === undefined) {
    const { Verifier } = require('./verifier.cjs'); // not above: a Verifier is a host's function too, and needs this file
    return { verifier: new Verifier(options), requiredScopes: [] };
  }
  if (typeof verifier?.[REFUSED] !== 'function') {
    throw new ConfigurationError('verifier must be a Verifier of this package');
  }
  const { requiredScopes, ...others } = options;
  if (Object.keys(others).length > 0) {
    throw new ConfigurationError(`give either verifier or the options of one, not both: ${Object.keys(others).join(', ')}`);
  }
  return { verifier, requiredScopes: scopes('requiredScopes', requiredScopes) ?? [] };
}

/* null means "not given", like undefined. */
function withoutNull(given) {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== undefined));
}

class Guard {
  #requiredScopes;
  #exclude;
  #metadata;
  #challenger;

  constructor(given = {}) {
    members('options', given, [...OWN, ...NAMES]);
    const { realm, resourceMetadata, resourceMetadataUrl, exclude, ...options } = withoutNull(given);
    if (typeof exclude === 'string') {
      throw new ConfigurationError('exclude must be an array of paths, not one string');
    }
    this.#exclude = new Set(texts('exclude', exclude));
    this.#metadata = resourceMetadata === undefined ? undefined : new ResourceMetadata(resourceMetadata);
    const { verifier, requiredScopes } = verifierOf(options);
    this.verifier = verifier;
    this.#requiredScopes = requiredScopes;
    this.#challenger = new Challenger({
      realm,
      scopes: [...new Set([...verifier.requiredScopes, ...requiredScopes])],
      resourceMetadataUrl: resourceMetadataUrl ?? this.#metadata?.url,
    });
  }

  /* Resolves to { answer } for a request that ends here, else to { token }: undefined where none is needed. */
  async decide(view) {
    if (view.path === this.#metadata?.path) {
      return { answer: this.#metadata.answer(view.method) };
    }
    if (this.#exclude.has(view.path)) {
      return { token: undefined };
    }
    let credential;
    try {
      credential = findToken(view.values, view.query);
    } catch (error) {
      if (!(error instanceof MalformedRequest)) {
        throw error;
      }
      debug('request refused: %s', error.message);
      return { answer: this.#challenger.refuse(400, 'invalid_request') };
    }
    if (credential === undefined) {
      return { answer: this.#challenger.refuse(401) };
    }
    try {
      return { token: await this.#verify(credential) };
    } catch (error) {
      return { answer: this.#refuse(error) };
    }
  }

  async #verify(credential) {
    const token = await this.verifier.verify(credential);
    const missing = this.#requiredScopes.filter((scope) => !token.scopes.includes(scope));
    if (missing.length > 0) {
      throw this.verifier[REFUSED](insufficientScope(missing, kidOf(token)));
    }
    return token;
  }

  /* What is no refusal, a closed verifier for example, is for the application's error handling, not for clients. */
  #refuse(error) {
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

/* Whatever is thrown, fastmcp prints it whole and calls it 401; but a closed verifier is the server's own trouble. */
function warnOfServerError(error) {
  const sentence = `requests cannot be authenticated; this is said once: ${textOf(error)}`;
  process.emitWarning(sentence, { type: 'FastBearerWarning', code: 'FASTBEARER_SERVER_ERROR' });
}

/* For npm fastmcp, which awaits it with the request, and with undefined for stdio, and sends a Response that is thrown. */
function authenticatorOf(guard) {
  let hasWarned = false;
  const toAnswer = (error) => {
    if (!hasWarned) {
      hasWarned = true;
      warnOfServerError(error);
    }
    return { answer: Challenger.serverError() };
  };
  return async (request) => {
    if (request === undefined) {
      return undefined;
    }
    const place = enterRequest();
    const view = typeof request.headers?.get === 'function' ? viewOfFetch(request) : viewOfNode(request);
    const { answer, token } = await guard.decide(view).catch(toAnswer);
    if (answer !== undefined) {
      throw toResponse(answer, view.method);
    }
    place.token = token;
    return token;
  };
}

module.exports = { Guard, REFUSED, authenticatorOf, isAnswered, sendToNode, toResponse, verifierOf, viewOfFetch, viewOfNode };
