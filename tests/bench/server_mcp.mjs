/*
 * A real server of the MCP TypeScript SDK for the end-to-end measurement:
 *
 *     node server_mcp.mjs none|host|fastbearer TOKENS.json PEERS
 *
 * One tool, streamable HTTP without sessions, on a free loopback port, which is printed. Ends when its standard input
 * does. The SDK brings no verifier of its own; "host" is what its users write, jose under requireBearerAuth.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [how, path, peers] = process.argv.slice(2);
const require = createRequire(`${peers}/`);
const load = (peer) => import(pathToFileURL(require.resolve(peer)).href);
const { default: express } = await load('express');
const { McpServer } = await load('@modelcontextprotocol/sdk/server/mcp.js');
const { StreamableHTTPServerTransport } = await load('@modelcontextprotocol/sdk/server/streamableHttp.js');
const { requireBearerAuth } = await load('@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js');
const { InsufficientScopeError, InvalidTokenError } = await load('@modelcontextprotocol/sdk/server/auth/errors.js');
const { z } = await load('zod');
const issuer = 'https://issuer.example';
const audience = 'https://api.example/mcp';
const { key } = JSON.parse(readFileSync(path)).RS256;

async function withJose() {
  const { jwtVerify, importSPKI } = await load('jose');
  const imported = await importSPKI(key, 'RS256');
  return {
    async verifyAccessToken(token) {
      try {
        const { payload } = await jwtVerify(token, imported, {
          algorithms: ['RS256'],
          issuer,
          audience,
          requiredClaims: ['exp'],
        });
        return {
          token,
          clientId: payload.client_id,
          scopes: payload.scope.split(' '),
          expiresAt: payload.exp,
          extra: { claims: payload },
        };
      } catch (error) {
        throw new InvalidTokenError(error.message);
      }
    },
  };
}

/* fastbearer/mcp looks for the SDK beside itself; here it lies with the peers, so its error classes are given by hand. */
async function withFastbearer() {
  const { jwtVerifier } = await import('../../node/mcp.mjs');
  return jwtVerifier({
    publicKey: key,
    algorithms: 'RS256',
    issuer,
    audience,
    errors: { InsufficientScopeError, InvalidTokenError },
  });
}

function makeServer() {
  const server = new McpServer({ name: 'bench', version: '1.0.0' });
  server.registerTool('add', { inputSchema: { a: z.number(), b: z.number() } }, ({ a, b }) => ({
    content: [{ type: 'text', text: String(a + b) }],
  }));
  return server;
}

const app = express();
app.use(express.json());
if (how !== 'none') {
  app.use(
    requireBearerAuth({
      verifier: await (how === 'host' ? withJose() : withFastbearer()),
      requiredScopes: ['tools:read'],
    }),
  );
}
app.post('/mcp', async (request, response) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  const server = makeServer();
  response.on('close', () => {
    transport.close();
    server.close();
  });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
});
const listener = app.listen(0, '127.0.0.1', () => console.log(listener.address().port));
process.stdin.resume().on('end', () => process.exit(0));
