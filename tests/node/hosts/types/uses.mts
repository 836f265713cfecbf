/* Typical uses, type-checked: what these lines say must be what the declarations of the hosts allow. */
import { createMcpExpressApp, requireBearerAuth as requireExpressV2 } from '@modelcontextprotocol/express';
import { requireBearerAuth as requireV1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { createMcpHandler, McpServer, requireBearerAuth as requireV2 } from '@modelcontextprotocol/server';
import { type CanActivate, Controller, type ExecutionContext, Get, Injectable, UseGuards } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { metrics, trace as otelTrace } from '@opentelemetry/api';
import express from 'express';
import { type AccessToken, requireAccessToken, Verifier } from 'fastbearer';
import { bearerAuth as expressAuth } from 'fastbearer/express';
import fastifyAuth, { bearerAuth as namedFastifyAuth } from 'fastbearer/fastify';
import { authenticate } from 'fastbearer/fastmcp';
import { bearerAuth as fetchAuth, getAccessToken } from 'fastbearer/fetch';
import { bearerAuth as honoAuth } from 'fastbearer/hono';
import { bearerAuth as koaAuth } from 'fastbearer/koa';
import { jwtVerifier } from 'fastbearer/mcp';
import { Auth, BearerAuthGuard, Public, RequireScopes } from 'fastbearer/nest';
import { measure, PrometheusCollector, trace } from 'fastbearer/telemetry';
import fastify from 'fastify';
import { FastMCP, requireScopes } from 'fastmcp';
import { Hono } from 'hono';
import Koa from 'koa';
import { createMcpHandler as createHandler, withMcpAuth } from 'mcp-handler';
import { Registry } from 'prom-client';

const verifier = new Verifier({ jwksUri: 'https://issuer.example.com/jwks', audience: 'https://mcp.example.com/mcp' });
const guard = {
  verifier,
  requiredScopes: ['tools:call'],
  realm: 'mcp',
  resourceMetadata: {
    resource: 'https://mcp.example.com/mcp',
    authorizationServers: ['https://issuer.example.com'],
    resource_name: 'tools',
  },
  exclude: ['/health'],
};

const app = express();
app.use(expressAuth(guard));
app.get('/', (request, response) => void response.send(request.auth?.clientId));
app.use(
  '/mcp',
  requireV1({ verifier: jwtVerifier({ verifier }), expectedResource: new URL('https://mcp.example.com/mcp') }),
);
createMcpExpressApp().use(requireExpressV2({ verifier }), requireExpressV2({ verifier: jwtVerifier({ verifier }) }));

const mcp = createMcpHandler(() => new McpServer({ name: 'x', version: '1' }));
const gate = requireV2({ verifier, requiredScopes: ['tools:call'] });
export const fetchHandler = async (request: Request): Promise<Response> => {
  const authInfo = await gate(request);
  return authInfo instanceof Response ? authInfo : mcp.fetch(request, { authInfo });
};

export const guarded = fetchAuth({ jwks: '{"keys":[]}', audience: 'x' }, async (_request, context: { id: number }) => {
  const token: AccessToken | undefined = getAccessToken();
  return Response.json({ client: token?.clientId, id: context.id });
});
await guarded(new Request('http://localhost/'), { id: 1 });

export const vercel = withMcpAuth(
  createHandler(() => {}),
  (_request, token) => (token === undefined ? undefined : verifier.verifyAccessToken(token)),
  { required: true },
);

const web = new Hono().use(honoAuth(guard)).get('/', (context) => context.text(context.get('auth').clientId));
export default web;
/* Handlers that are not chained to the middleware, a Hono's own variables beside it. */
const routes = new Hono<{ Variables: { tenant: string } }>();
routes.use(honoAuth(guard));
routes.get('/', (context) => context.text(context.get('auth').clientId + context.var.auth.scopes + context.var.tenant));
// @ts-expect-error a token has no such member
routes.get('/', (context) => context.text(context.get('auth').hasScopes('a')));

interface MyClaims {
  email: string;
}
const server = fastify();
await server.register(fastifyAuth, guard);
await server.register(namedFastifyAuth, { publicKey: 'pem', issuer: 'me' });
server.get('/', async (request) => request.auth.scopes);
server.get('/email', async () => requireAccessToken<MyClaims>().claims.email.length);
// @ts-expect-error what nobody has said of the claims is unknown
server.get('/unknown', async (request) => request.auth.claims['email'].length);

const koa = new Koa();
koa.use(koaAuth(guard));
koa.use((context) => {
  context.body = context.state.auth.scopes;
});

const one: CanActivate = new BearerAuthGuard(guard);
export const parameter: ParameterDecorator = Auth();
export const provider = { provide: APP_GUARD, useValue: one };
@Injectable()
class InnerGuard extends BearerAuthGuard {
  protected override getRequest(context: ExecutionContext): unknown {
    return context.getArgByIndex(2);
  }
}
@Controller()
@RequireScopes('tools:call')
@UseGuards(new InnerGuard({ verifier }))
export class Site {
  @Get()
  @RequireScopes('admin', 'tools:list')
  who(token: AccessToken): string {
    return token.clientId;
  }
  @Get('health')
  @Public()
  health(): string {
    return 'ok';
  }
}

const tools = new FastMCP<AccessToken>({
  name: 'tools',
  version: '1.0.0',
  authenticate: async (request) => (await authenticate({ verifier, realm: 'x' })(request)) as AccessToken,
});
tools.addTool({
  name: 'whoami',
  canAccess: requireScopes('tools:call'),
  execute: async (_arguments, { session }) => session?.clientId ?? 'nobody',
});
new FastMCP({ name: 'direct', version: '1.0.0', authenticate: authenticate({ verifier }) });

expressAuth({
  verifier,
  anonymous: ['initialize', 'tools/list'],
  toolScopes: { 'delete_*': ['admin'], write: 'files:write' },
  resourceScopes: { 'file:///secret/*': ['admin'] },
  promptScopes: null,
  maxBodyBytes: 1 << 20,
  tokenHeader: 'Cf-Access-Jwt-Assertion',
  challengeScopes: { admin: 'api://id/admin' },
});
// @ts-expect-error scopes are texts
honoAuth({ verifier, toolScopes: { x: 5 } });
// @ts-expect-error fastmcp has read the body before it asks
authenticate({ verifier, anonymous: ['tools/list'] });
// @ts-expect-error a guard runs after the body was parsed
new BearerAuthGuard({ verifier, toolScopes: {} });
await verifier.verifyRequest({ headers: {}, tokenHeader: 'X-Token' });
// @ts-expect-error a verifier has been made with its options already
expressAuth({ verifier, issuer: 'me' });
// @ts-expect-error fastmcp asks only about its own endpoint
authenticate({ verifier, exclude: ['/health'] });
// @ts-expect-error a list, not a text
honoAuth({ verifier, exclude: '/health' });
// @ts-expect-error a misspelled option
fetchAuth({ jwksURI: 'https://issuer.example.com/jwks' }, () => new Response());

measure(verifier);
measure(verifier, { name: 'api', meterProvider: metrics.getMeterProvider() });
trace({ tracerProvider: otelTrace.getTracerProvider() });
new PrometheusCollector({ api: verifier }, { registry: new Registry() });
new PrometheusCollector(verifier, { registry: null });
// @ts-expect-error what has no counters
measure({ verify: () => undefined });
