/* Servers guarded by requireBearerAuth of the MCP SDK itself: v1, and the three faces of v2. */
import { listen, listenFetch, mcpV1, mcpV2 } from './common.mjs';

const gateOf = ({ requiredScopes, ...options }) => ({
  options,
  gate: { requiredScopes, expectedResource: new URL([options.audience].flat()[0]) },
});

export async function v1(load, all) {
  const { options, gate } = gateOf(all);
  const imported = await load('express');
  const express = imported.default ?? imported;
  const { requireBearerAuth } = await load('@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js');
  const { jwtVerifier, getAccessToken } = await load('fastbearer/mcp');
  const mcp = await mcpV1(load, getAccessToken);
  const app = express();
  app.use('/mcp', requireBearerAuth({ verifier: jwtVerifier(options), ...gate }), express.json());
  app.all('/mcp', (request, response, next) => mcp(request, response, request.body).catch(next));
  app.get('/open', (request, response) => response.json({ clientId: getAccessToken()?.clientId ?? null }));
  return listen(app);
}

/* The plain Verifier: v2 knows its errors by their brand. */
export async function v2Fetch(load, all) {
  const { options, gate } = gateOf(all);
  const { requireBearerAuth } = await load('@modelcontextprotocol/server');
  const { Verifier, getAccessToken } = await load('fastbearer');
  const mcp = await mcpV2(load, getAccessToken);
  const admit = requireBearerAuth({ verifier: new Verifier(options), ...gate });
  return listenFetch(load, async (request) => {
    const authInfo = await admit(request);
    return authInfo instanceof Response ? authInfo : mcp.fetch(request, { authInfo });
  });
}

export async function v2Express(load, all) {
  const { options, gate } = gateOf(all);
  const { createMcpExpressApp, requireBearerAuth } = await load('@modelcontextprotocol/express');
  const { toNodeHandler } = await load('@modelcontextprotocol/node');
  const { jwtVerifier, getAccessToken } = await load('fastbearer/mcp');
  const handler = toNodeHandler(await mcpV2(load, getAccessToken));
  const app = createMcpExpressApp();
  app.use('/mcp', requireBearerAuth({ verifier: jwtVerifier(options), ...gate }));
  app.all('/mcp', (request, response) => void handler(request, response, request.body));
  app.get('/open', (request, response) => response.json({ clientId: getAccessToken()?.clientId ?? null }));
  return listen(app);
}

export async function v2Hono(load, all) {
  const { options, gate } = gateOf(all);
  const { createMcpHonoApp } = await load('@modelcontextprotocol/hono');
  const { requireBearerAuth } = await load('@modelcontextprotocol/server');
  const { jwtVerifier, getAccessToken } = await load('fastbearer/mcp');
  const mcp = await mcpV2(load, getAccessToken);
  const admit = requireBearerAuth({ verifier: jwtVerifier(options), ...gate });
  const app = createMcpHonoApp();
  app.get('/open', (context) => context.json({ clientId: getAccessToken()?.clientId ?? null }));
  app.all('/mcp', async (context) => {
    const authInfo = await admit(context.req.raw);
    return authInfo instanceof Response ? authInfo : mcp.fetch(context.req.raw, { authInfo });
  });
  return listenFetch(load, app.fetch);
}
