/*
 * The Node server of the soak (tests/soak): node soak.mjs JWKS_URI ISSUER AUDIENCE. An MCP server of the official SDK,
 * guarded by a Verifier. Prints its port, serves until its input ends.
 */
import { once } from 'node:events';
import http from 'node:http';

import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer, requireBearerAuth } from '@modelcontextprotocol/server';
import { Verifier } from 'fastbearer';

const [jwksUri, issuer, audience] = process.argv.slice(2);

const mcp = createMcpHandler(() => {
  const server = new McpServer({ name: 'soak', version: '1.0.0' });
  server.registerTool('whoami', { description: 'The verified subject' }, async ({ http: { authInfo } }) => ({
    content: [{ type: 'text', text: authInfo.extra.claims.sub }],
  }));
  return server;
});
const verifier = new Verifier({
  jwksUri,
  issuer,
  audience,
  algorithms: ['ES256'],
  refreshInterval: 5,
  fetchTimeout: 2,
});
const gate = requireBearerAuth({ verifier, requiredScopes: ['read'], expectedResource: new URL(audience) });

async function handle(request) {
  const authInfo = await gate(request);
  return authInfo instanceof Response ? authInfo : mcp.fetch(request, { authInfo });
}

const server = http.createServer(toNodeHandler({ fetch: handle }));
await once(server.listen(0, '127.0.0.1'), 'listening');
console.log(server.address().port);
process.stdin.resume().on('end', () => {
  server.closeAllConnections();
  server.close();
});
