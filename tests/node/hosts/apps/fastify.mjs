/* Fastify 4 and 5 guarded by fastbearer/fastify; the MCP server is of SDK v1, or of v2 with its own adapter. */
import { mcpV1, toolsV2, whoami } from './common.mjs';

const start = (appOf, mcpOf) => async (load, options, guard) => {
  const { bearerAuth, getAccessToken } = await load('fastbearer/fastify');
  const mcp = await mcpOf(load, getAccessToken);
  const app = await appOf(load);
  app.register(bearerAuth, { ...options, ...guard });
  app.get('/open', async () => ({ clientId: getAccessToken()?.clientId ?? null }));
  const handler = async (request) => ({ ...(await whoami(getAccessToken, request.auth)), body: request.body ?? null });
  app.route({ method: ['GET', 'POST'], url: '/who', handler });
  app.all('/mcp', (request, reply) => {
    reply.hijack();
    return mcp(request.raw, reply.raw, request.body);
  });
  return app.listen({ port: 0, host: '127.0.0.1' });
};

const fastifyOf = (name) => async (load) => {
  const { fastify: create } = await load(name);
  // Its own log of requests writes down the URL, whatever is in it: that is why a token there is refused.
  return create({ logger: { level: 'trace' }, disableRequestLogging: true });
};

const appOfSdk = async (load) =>
  (await load('@modelcontextprotocol/fastify')).createMcpFastifyApp({ allowedOrigins: ['app.example.com'] });

async function mcpOfSdk(load, getAccessToken) {
  const { McpServer } = await load('@modelcontextprotocol/server');
  const { NodeStreamableHTTPServerTransport } = await load('@modelcontextprotocol/node');
  return async (request, response, body) => {
    const server = new McpServer({ name: 'guarded', version: '1' });
    toolsV2(server, getAccessToken);
    const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response, body);
  };
}

export const fastify4 = start(fastifyOf('fastify4'), mcpV1);
export const fastify5 = start(fastifyOf('fastify'), mcpV1);
export const sdkV2 = start(appOfSdk, mcpOfSdk);
