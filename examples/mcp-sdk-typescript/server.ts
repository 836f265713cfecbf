/* A server of the MCP TypeScript SDK v2, guarded by its own gate with a Verifier. */
import http from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer, requireBearerAuth } from '@modelcontextprotocol/server';
import { Verifier } from 'fastbearer';

const port = Number(process.env.PORT ?? 3000);
const resource = process.env.RESOURCE ?? `http://127.0.0.1:${port}/mcp`;

const mcp = createMcpHandler(() => {
  const server = new McpServer({ name: 'notes', version: '1.0.0' });
  server.registerTool('who_am_i', { description: 'Who the token speaks for' }, async (context) => ({
    content: [{ type: 'text', text: context.http?.authInfo?.clientId ?? 'nobody' }],
  }));
  return server;
});

const verifier = new Verifier({
  issuer: process.env.ISSUER ?? 'https://issuer.example',
  audience: resource,
  onReject: ({ code, message }) => console.log('refused', code, message),
});
const gate = requireBearerAuth({ verifier, requiredScopes: ['mcp:tools'], expectedResource: new URL(resource) });

async function handler(request: Request): Promise<Response> {
  const authInfo = await gate(request);
  return authInfo instanceof Response ? authInfo : mcp.fetch(request, { authInfo });
}

http.createServer(toNodeHandler({ fetch: handler })).listen(port, '127.0.0.1', () => console.log('listening'));
