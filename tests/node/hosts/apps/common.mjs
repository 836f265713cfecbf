/* What the servers under test have in common: what a handler says about its caller, and an MCP server of either SDK. */
import http from 'node:http';

/* Seen before and after a pause, in which other requests run: the current token must be this request's both times. */
export async function whoami(getAccessToken, auth) {
  const before = getAccessToken();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const now = getAccessToken();
  return {
    clientId: now?.clientId ?? null,
    same: before === now && before?.token === auth?.token,
    scopes: auth?.scopes,
    issuer: auth?.extra?.claims?.iss,
    resource: auth?.resource === undefined ? null : String(auth.resource),
  };
}

const asText = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
const TOOL = { description: 'What the server knows about its caller' };

/* (req, res, body) of Node, over SDK v1, one server for each request. */
export async function mcpV1(load, getAccessToken) {
  const create = await serverV1(load, getAccessToken);
  const { StreamableHTTPServerTransport } = await load('@modelcontextprotocol/sdk/server/streamableHttp.js');
  return async (request, response, body) => {
    const server = create();
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    response.on('close', () => void server.close());
    await server.connect(transport);
    await transport.handleRequest(request, response, body);
  };
}

/* Of SDK v1, with its tool. */
export async function serverV1(load, getAccessToken) {
  const { McpServer } = await load('@modelcontextprotocol/sdk/server/mcp.js');
  return () => {
    const server = new McpServer({ name: 'guarded', version: '1' });
    server.registerTool('whoami', TOOL, async (extra) => asText(await whoami(getAccessToken, extra.authInfo)));
    return server;
  };
}

export function toolsV2(server, getAccessToken) {
  server.registerTool('whoami', TOOL, async (context) => asText(await whoami(getAccessToken, context.http?.authInfo)));
}

/* { fetch(request, { authInfo }) } of SDK v2. */
export async function mcpV2(load, getAccessToken) {
  const { McpServer, createMcpHandler } = await load('@modelcontextprotocol/server');
  return createMcpHandler(() => {
    const server = new McpServer({ name: 'guarded', version: '1' });
    toolsV2(server, getAccessToken);
    return server;
  });
}

export async function listen(listener) {
  const server = http.createServer(listener);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

/* A function (Request) => Response on a port, through Hono's adapter for Node. */
export async function listenFetch(load, fetch) {
  const { serve } = await load('@hono/node-server');
  return new Promise((resolve) => {
    serve({ fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(`http://127.0.0.1:${port}`));
  });
}
