/* The same for require(): every sub-path once, and Fastify's plugin as CommonJS has it. */
import express = require('express');
import fastify = require('fastify');
import fastbearer = require('fastbearer');
import expressAuth = require('fastbearer/express');
import fastifyAuth = require('fastbearer/fastify');
import fastmcpAuth = require('fastbearer/fastmcp');
import fetchAuth = require('fastbearer/fetch');
import honoAuth = require('fastbearer/hono');
import koaAuth = require('fastbearer/koa');
import mcpAuth = require('fastbearer/mcp');
import nestAuth = require('fastbearer/nest');
import hono = require('hono');
import Koa = require('koa');
import sdk = require('@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js');

const verifier = new fastbearer.Verifier({ secret: 'x'.repeat(32), audience: 'me' });

express().use(expressAuth.bearerAuth({ verifier }));
express().use(sdk.requireBearerAuth({ verifier: mcpAuth.jwtVerifier({ verifier }) }));
new hono.Hono().use(honoAuth.bearerAuth({ verifier }));
new Koa().use(koaAuth.bearerAuth({ verifier }));
export const nestGuard = new nestAuth.BearerAuthGuard({ verifier });
void fastify.fastify().register(fastifyAuth, { verifier }).register(fastifyAuth.bearerAuth, { verifier });

export const handler = fetchAuth.bearerAuth({ verifier }, () => new Response(fetchAuth.getAccessToken()?.clientId));
export const check: (request: undefined) => Promise<fastbearer.AccessToken | undefined> = fastmcpAuth.authenticate({
  verifier,
});
