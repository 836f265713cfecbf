/*
 * An MCP server of the official SDK, guarded by a Verifier, and a client that knocks: `make demo-node`. Shows what is
 * refused, what the server learns about it, and what a tool sees of a good token.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer, requireBearerAuth } from '@modelcontextprotocol/server';
import { RSAKeyPair, Verifier, versions } from 'fastbearer';

const ISSUER = 'https://issuer.example.com';
const AUDIENCE = 'https://mcp.example.com/mcp';

/* What a user writes: a server, its tool, a verifier, and the SDK's own gate in front. */
function guardedServer(publicKey, onReject) {
  const mcp = createMcpHandler(() => {
    const server = new McpServer({ name: 'demo', version: '1.0.0' });
    const description = 'What the server knows about the caller';
    server.registerTool('whoami', { description }, async (context) => {
      const { clientId, scopes, expiresAt } = context.http.authInfo;
      return { content: [{ type: 'text', text: JSON.stringify({ clientId, scopes, expiresAt }) }] };
    });
    return server;
  });
  const verifier = new Verifier({ publicKey, issuer: ISSUER, audience: AUDIENCE, onReject });
  const gate = requireBearerAuth({ verifier, requiredScopes: ['tools:call'], expectedResource: new URL(AUDIENCE) });
  return async (request) => {
    const authInfo = await gate(request);
    return authInfo instanceof Response ? authInfo : mcp.fetch(request, { authInfo });
  };
}

async function start(handler) {
  const server = http.createServer(toNodeHandler({ fetch: handler }));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, url: new URL(`http://127.0.0.1:${server.address().port}/mcp`) };
}

const authorization = (token) => (token === undefined ? {} : { Authorization: `Bearer ${token}` });

/* One tool call with the real client. */
async function call(url, token) {
  const client = new Client({ name: 'demo', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers: authorization(token) } }));
  const result = await client.callTool({ name: 'whoami', arguments: {} });
  await client.close();
  return JSON.parse(result.content[0].text);
}

/* Status and challenge of a refused request, as any HTTP client sees them. */
async function refusal(url, token) {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
  const response = await fetch(url, { method: 'POST', body: '{}', headers: { ...headers, ...authorization(token) } });
  assert.ok(response.status === 401 || response.status === 403);
  const challenge = response.headers.get('www-authenticate');
  return `${response.status}  ${challenge.length < 60 ? challenge : `${challenge.slice(0, 57)}...`}`;
}

/* What one call costs, the best of five runs. */
function microseconds(work, rounds = 2000) {
  let best = Infinity;
  for (let run = 0; run < 5; run++) {
    const started = performance.now();
    for (let i = 0; i < rounds; i++) {
      work();
    }
    best = Math.min(best, performance.now() - started);
  }
  return ((best / rounds) * 1e3).toFixed(1);
}

const keys = await RSAKeyPair.generate();
const mint = (changes) =>
  keys.createToken({ subject: 'alice', issuer: ISSUER, audience: AUDIENCE, scopes: ['tools:call'], ...changes });

const reasons = [];
const onReject = ({ code, message }) => reasons.push(`${code}: ${message}`);
const { server, url } = await start(guardedServer(keys.publicKey, onReject));
console.log(`An MCP SDK server guarded by fastbearer ${versions.fastbearer} at ${url}`);
console.log(`no token         -> ${await refusal(url)}`);
console.log(`garbage          -> ${await refusal(url, 'garbage')}`);
console.log(`wrong audience   -> ${await refusal(url, mint({ audience: 'https://other.example.com' }))}`);
console.log(`   server learns :  ${reasons.at(-1)}`);
console.log(`missing scope    -> ${await refusal(url, mint({ scopes: ['other'] }))}`);
const token = mint();
const seen = await call(url, token);
assert.equal(seen.clientId, 'alice');
assert.deepEqual(seen.scopes, ['tools:call']);
console.log(`good token       -> whoami() = ${JSON.stringify(seen)}`);
server.closeAllConnections();
server.close();

const options = { publicKey: keys.publicKey, issuer: ISSUER, audience: AUDIENCE };
const verifier = new Verifier({ ...options, cacheSize: 0 });
const cached = new Verifier(options);
console.log(`one verification :  ${microseconds(() => verifier.verifySync(token))} us, RS256 and all checks`);
console.log(`   cached        :  ${microseconds(() => cached.verifySync(token))} us, from the verified-token cache`);
console.log('done');
