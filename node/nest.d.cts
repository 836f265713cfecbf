/// <reference types="node" />
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Verifier } from './index.cjs';
import type { GuardOptions, VerifierOrOptions } from './lib/guard.cjs';

export type { AccessToken } from './index.cjs';
export { getAccessToken, requireAccessToken } from './index.cjs';
export type { ResourceMetadataOptions } from './lib/guard.cjs';

export type BearerAuthOptions = GuardOptions & VerifierOrOptions;

/** What is used of Nest's ExecutionContext. */
export interface Context {
  getType(): string;
  // biome-ignore lint/complexity/noBannedTypes: Nest's own type of it
  getHandler(): Function;
  getClass(): new (...parameters: never[]) => unknown;
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown };
}

/**
 * A guard that lets requests through which carry one good bearer token, under Nest's Express and Fastify adapters:
 * `{ provide: APP_GUARD, useValue: new BearerAuthGuard(options) }`, `app.useGlobalGuards(...)` or `@UseGuards(...)`.
 * The token is at `request.auth` then, what `@Auth()` gives and what `getAccessToken()` returns. A refusal is an
 * HttpException of 400, 401, 403 or 503, whose challenge is among the response's headers already.
 *
 * A guard runs after the body was parsed. Where rules for single MCP tools are needed, or requests that no handler serves
 * are to be refused too, `app.use(bearerAuth(options))` of fastbearer/express does the same in front of everything.
 */
export declare class BearerAuthGuard {
  constructor(options: BearerAuthOptions);
  canActivate(context: Context): Promise<boolean>;
  /** The request of HTTP; override it for others, such as `GqlExecutionContext.create(context).getContext().req`. */
  protected getRequest(context: Context): unknown;
  /** Where the challenge's headers go; undefined: nowhere. */
  protected getResponse(context: Context): unknown;
  /** Serves the document of `resourceMetadata`: `app.use(guard.metadata)`. */
  readonly metadata: (request: IncomingMessage, response: ServerResponse, next: () => void) => void;
  /** The verifier that checks the tokens. */
  readonly verifier: Verifier;
}

/** A handler, or all of a controller, needs these scopes, in addition to those that the guard requires of all. */
export declare function RequireScopes(...scopes: string[]): MethodDecorator & ClassDecorator;

/** A handler, or all of a controller but what has RequireScopes, needs no token. */
export declare function Public(): MethodDecorator & ClassDecorator;

/** The AccessToken, as a parameter of a handler; undefined where none is needed. */
export declare function Auth(): ParameterDecorator;
