/*
 * The Node servers of the soak (tests/soak): node soak.mjs sdk|express SETTINGS, which are JSON. An MCP server of the
 * official SDK, guarded by a Verifier, or Express, guarded by fastbearer/express. Prints its port, serves until its
 * input ends. With --expose-gc it collects every 5 seconds.
 */
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer, requireBearerAuth } from '@modelcontextprotocol/server';
import express from 'express';
import { Verifier } from 'fastbearer';
import { bearerAuth, getAccessToken } from 'fastbearer/express';
import { RedisStore } from 'fastbearer/redis';
import { Redis } from 'ioredis';
import { createClient } from 'redis';

const [kind, text] = process.argv.slice(2);
const settings = JSON.parse(text);
const { issuer, audience } = settings;

/* The one by npm redis, the other by ioredis; which server has which makes no difference. */
async function makeStore() {
  const client = kind === 'express' ? createClient({ url: settings.redis }) : new Redis(settings.redis);
  const { redis_timeout: timeout, max_silence: maxSilence } = settings;
  const store = new RedisStore(client, { timeout, maxSilence });
  if (kind === 'express') {
    await client.connect();
  }
  return store;
}

function makeVerifier(fleet) {
  const { jwks_uri: jwksUri, algorithms, refresh_interval: refreshInterval } = settings;
  const issuers = [{ issuer, jwksUri, algorithms, refreshInterval, fetchTimeout: 2, keyStore: fleet }];
  return new Verifier({
    issuers,
    audience,
    requiredScopes: ['read'],
    cacheSize: settings.cache_size,
    isRevoked: fleet.isRevoked,
    ...(kind === 'express' && { dpop: { maxAge: 60, replayStore: fleet } }),
  });
}

function sdkHandler(verifier) {
  const mcp = createMcpHandler(() => {
    const server = new McpServer({ name: 'soak', version: '1.0.0' });
    server.registerTool('whoami', { description: 'The verified subject' }, async ({ http: { authInfo } }) => ({
      content: [{ type: 'text', text: authInfo.extra.claims.sub }],
    }));
    return server;
  });
  const gate = requireBearerAuth({ verifier, requiredScopes: ['read'], expectedResource: new URL(audience) });
  return toNodeHandler({
    fetch: async (request) => {
      const authInfo = await gate(request);
      return authInfo instanceof Response ? authInfo : mcp.fetch(request, { authInfo });
    },
  });
}

function expressHandler(verifier) {
  const app = express();
  app.use(bearerAuth({ verifier, baseUrl: settings.base_url }));
  app.post('/mcp', (_request, response) => response.json({ subject: getAccessToken().subject }));
  return app;
}

/* Twice a second, for the soak: which keys this server holds, and its counters. */
function writeState(verifier) {
  const place = path.join(settings.folder, `${process.pid}.json`);
  const state = { kids: verifier.keys().map(({ kid }) => kid), stats: verifier.stats() };
  writeFileSync(`${place}.new`, JSON.stringify(state));
  renameSync(`${place}.new`, place);
}

const verifier = makeVerifier(await makeStore());
const handler = kind === 'express' ? expressHandler(verifier) : sdkHandler(verifier);
const server = http.createServer((request, response) => {
  response.setHeader('worker', String(process.pid));
  handler(request, response);
});
server.keepAliveTimeout = 60_000;
await once(server.listen(0, '127.0.0.1'), 'listening');
const timers = [setInterval(writeState, 500, verifier), setInterval(() => globalThis.gc?.(), 5000)];
console.log(server.address().port);
process.stdin.resume().on('end', () => {
  timers.forEach(clearInterval);
  server.closeAllConnections();
  server.close(() => process.exit());
});
