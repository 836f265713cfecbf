/* Fastify 4 and 5 guarded by fastbearer/fastify; the MCP server is of SDK v1. */
import { mcpV1, whoami } from './common.mjs';

const start = (name) => async (load, options, guard) => {
  const { fastify: create } = await load(name);
  const { bearerAuth, getAccessToken } = await load('fastbearer/fastify');
  const mcp = await mcpV1(load, getAccessToken);
  // Its own log of requests writes down the URL, whatever is in it: that is why a token there is refused.
  const app = create({ logger: { level: 'trace' }, disableRequestLogging: true });
  app.register(bearerAuth, { ...options, ...guard });
  app.get('/open', async () => ({ clientId: getAccessToken()?.clientId ?? null }));
  const handler = async (request) => ({ ...(await whoami(getAccessToken, request.auth)), body: request.body ?? null });
  app.route({ method: ['GET', 'POST'], url: '/who', handler });
  app.all('/mcp', (request, reply) => {
    reply.hijack();
    request.raw.auth = request.auth;
    return mcp(request.raw, reply.raw, request.body);
  });
  return app.listen({ port: 0, host: '127.0.0.1' });
};

export const fastify4 = start('fastify4');
export const fastify5 = start('fastify');
