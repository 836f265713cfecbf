/* Hono guarded by fastbearer/hono; the MCP server is of SDK v2. */
import { listenFetch, mcpV2, whoami } from './common.mjs';

export async function hono(load, options, guard) {
  const { Hono } = await load('hono');
  const { bearerAuth, getAccessToken } = await load('fastbearer/hono');
  const mcp = await mcpV2(load, getAccessToken);
  const app = new Hono();
  app.use(bearerAuth({ ...options, ...guard }));
  app.get('/open', (context) => context.json({ clientId: getAccessToken()?.clientId ?? null }));
  app.on(['GET', 'POST'], '/who', async (context) => {
    const body = context.req.method === 'POST' ? await context.req.json() : null;
    return context.json({ ...(await whoami(getAccessToken, context.get('auth'))), body });
  });
  app.all('/mcp', (context) => mcp.fetch(context.req.raw, { authInfo: context.get('auth') }));
  return listenFetch(load, app.fetch);
}
