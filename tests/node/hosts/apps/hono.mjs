/* Hono guarded by fastbearer/hono; the MCP server is of SDK v2, or of v1 with the transport of @hono/mcp. */
import { listenFetch, mcpV2, serverV1, whoami } from './common.mjs';

const start = (mcpOf) => async (load, options, guard) => {
  const { Hono } = await load('hono');
  const { bearerAuth, getAccessToken } = await load('fastbearer/hono');
  const mcp = await mcpOf(load, getAccessToken);
  const app = new Hono();
  app.use(bearerAuth({ ...options, ...guard }));
  app.get('/open', (context) => context.json({ clientId: getAccessToken()?.clientId ?? null }));
  app.on(['GET', 'POST'], '/who', async (context) => {
    const body = context.req.method === 'POST' ? await context.req.json() : null;
    return context.json({ ...(await whoami(getAccessToken, context.get('auth'))), body });
  });
  app.all('/mcp', mcp);
  return listenFetch(load, app.fetch);
};

export const hono = start(async (load, getAccessToken) => {
  const mcp = await mcpV2(load, getAccessToken);
  return (context) => mcp.fetch(context.req.raw, { authInfo: context.get('auth') });
});

/* Its transport takes the token from the context by itself. */
export const honoMcp = start(async (load, getAccessToken) => {
  const { StreamableHTTPTransport } = await load('@hono/mcp');
  const create = await serverV1(load, getAccessToken);
  return async (context) => {
    const transport = new StreamableHTTPTransport({ sessionIdGenerator: undefined });
    await create().connect(transport);
    return transport.handleRequest(context);
  };
});
