/*
 * A guard for NestJS, and the decorators that say what a controller or a handler of one needs. Nest is handed in by each
 * entry of fastbearer/nest, which loads it in its own way: import or require.
 *
 * Nest calls a guard after its middleware, with the handler that was chosen, and goes on by itself. So a refusal is
 * thrown, for the application's exception filters; and what serves no handler, the metadata document, is a middleware.
 */
'use strict';

const { STATUS_CODES } = require('node:http');

const { assertNoRules, guardOf } = require('./adapter.cjs');
const { text } = require('./checks.cjs');
const { followRequests, noteAccessToken } = require('./context.cjs');
const { ConfigurationError } = require('./errors.cjs');
const { sendToNode, setNonce } = require('./send.cjs');

/* Texts, so that the decorators of one entry are read by the guard of the other. */
const SCOPES = 'fastbearer:scopes';
const PUBLIC = 'fastbearer:public';

/* Sets metadata of a method's function, or of a class. Reflect is extended by reflect-metadata, which Nest loads. */
const decorator = (key, value) => (target, _name, descriptor) => {
  Reflect.defineMetadata(key, value, descriptor?.value ?? target);
};

function RequireScopes(...scopes) {
  scopes.forEach((scope) => text('RequireScopes', scope));
  if (scopes.length === 0) {
    throw new ConfigurationError('RequireScopes must name a scope');
  }
  return decorator(SCOPES, scopes);
}

const Public = () => decorator(PUBLIC, true);

/* What the handler says goes before what its controller says; who demands scopes is not public. */
function demandOf(context) {
  const [own, all] = [context.getHandler(), context.getClass()].map((target) => ({
    scopes: Reflect.getMetadata(SCOPES, target) ?? [],
    isPublic: Reflect.getMetadata(PUBLIC, target) === true,
  }));
  const isPublic = own.scopes.length === 0 && (own.isPublic || (all.isPublic && all.scopes.length === 0));
  return { isPublic, scopes: [...all.scopes, ...own.scopes] };
}

/* Node's own request or response, of Fastify's. */
const rawOf = (one) => one?.raw ?? one;

function nestOf({ HttpException, createParamDecorator }) {
  class BearerAuthGuard {
    #guard;

    constructor(options) {
      assertNoRules(options, 'a guard runs after the body was parsed; fastbearer/express runs in front: app.use(...)');
      this.#guard = guardOf(options);
      followRequests();
    }

    get verifier() {
      return this.#guard.verifier;
    }

    /* To be overridden where the request is elsewhere: GraphQL. */
    getRequest(context) {
      if (context.getType() !== 'http') {
        throw new Error(`BearerAuthGuard finds no HTTP request in a ${context.getType()} context: override getRequest`);
      }
      return context.switchToHttp().getRequest();
    }

    getResponse(context) {
      return context.getType() === 'http' ? context.switchToHttp().getResponse() : undefined;
    }

    async canActivate(context) {
      const request = this.getRequest(context);
      const { isPublic, scopes } = demandOf(context);
      if (isPublic) {
        return true;
      }
      const { response, token, nonce } = await this.#guard.decide(rawOf(request), { scopes });
      const sent = rawOf(this.getResponse(context));
      if (response !== undefined) {
        throw this.#exceptionOf(response, sent);
      }
      request.auth = token;
      rawOf(request).auth = token;
      if (sent !== undefined) {
        setNonce(sent, nonce);
      }
      noteAccessToken(token);
      return true;
    }

    /* The body is Nest's to write, and so its type. */
    #exceptionOf({ status, headers, body }, sent) {
      for (const [name, value] of Object.entries(headers)) {
        if (name !== 'content-type' && sent?.headersSent === false) {
          sent.setHeader(name, value);
        }
      }
      return new HttpException(body === '' ? STATUS_CODES[status] : JSON.parse(body), status);
    }

    /* The document has no handler, and so no guard. */
    get metadata() {
      return (request, response, next) => {
        const document = this.#guard.documentFor(request);
        if (document === undefined) {
          next();
        } else {
          sendToNode(response, document);
        }
      };
    }
  }

  const Auth = createParamDecorator((_data, context) => {
    const [request, , graphql] = context.getArgs();
    return request?.auth ?? graphql?.req?.auth;
  });
  return { Auth, BearerAuthGuard, Public, RequireScopes };
}

module.exports = { nestOf };
