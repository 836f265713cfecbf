/* npm fastmcp beyond the table: standard input, requireScopes, the other transport, and what else can be thrown. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { FORMATS } from '../hosts.mjs';
import { bearer, knock, METADATA_URL, mint, request, SCOPES, serve } from '../support.mjs';

const STDIO = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'apps', 'fastmcp_stdio.mjs');

async function connected(transport, work) {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

function over(origin, token) {
  const headers = { Authorization: `Bearer ${token}` };
  return new StreamableHTTPClientTransport(new URL(`${origin}/mcp`), { requestInit: { headers } });
}

const names = (client) => client.listTools().then(({ tools }) => tools.map(({ name }) => name).sort());

for (const format of FORMATS) {
  describe(`fastmcp (${format})`, () => {
    let server;
    before(async () => {
      server = await serve('fastmcp', format);
    });

    it('shows requireScopes the scopes of the token', async () => {
      const more = mint({ scopes: [...SCOPES, 'tools:write'] });
      assert.deepEqual(await connected(over(server.origin, mint()), names), ['whoami']);
      assert.deepEqual(await connected(over(server.origin, more), names), ['whoami', 'write']);
    });

    it('answers in our own words', async () => {
      const answer = await knock(server.origin, bearer('garbage'));
      assert.equal(answer.status, 401);
      assert.equal(
        answer.headers['www-authenticate'],
        'Bearer error="invalid_token", error_description="The access token is invalid or has expired.", scope="tools:call"',
      );
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.equal(JSON.parse(answer.body).error, 'invalid_token');
    });

    it('guards the event stream endpoint too', async () => {
      const headers = { accept: 'text/event-stream' };
      assert.equal((await request(`${server.origin}/sse`, { headers })).status, 401);
      assert.equal((await request(`${server.origin}/sse`, { headers, ...bearer(mint({ scopes: [] })) })).status, 403);
      assert.equal((await request(`${server.origin}/sse`, { headers, ...bearer(mint()) })).status, 200);
    });

    it('prints nothing for a refusal', async () => {
      await knock(server.origin, bearer(mint({ audience: 'https://other.example.com' })));
      assert.doesNotMatch(await server.stop(), /Authentication error/u);
    });

    it('is a session without a token over standard input', async () => {
      const transport = new StdioClientTransport({
        command: process.execPath,
        args: [STDIO, format],
        stderr: 'ignore',
      });
      await connected(transport, async (client) => {
        const { content } = await client.callTool({ name: 'whoami', arguments: {} });
        assert.equal(JSON.parse(content[0].text).clientId, null);
      });
    });

    after(() => server.stop());
  });
}

it('fastmcp: options', async () => {
  const { authenticate } = await import('fastbearer/fastmcp');
  const { Verifier } = await import('fastbearer');
  const verifier = new Verifier({ secret: 'x'.repeat(32), audience: 'me' });
  assert.throws(() => authenticate({ verifier, exclude: ['/x'] }), { code: 'ERR_CONFIGURATION', message: /^exclude/u });
  const check = authenticate({ verifier, realm: 'r', resourceMetadataUrl: METADATA_URL });
  assert.equal(check.verifier, verifier);
  assert.equal(await check(undefined), undefined);
  const response = await check(new Request('http://localhost/mcp')).catch((thrown) => thrown);
  assert.ok(response instanceof Response);
  assert.equal(response.headers.get('www-authenticate'), `Bearer realm="r", resource_metadata="${METADATA_URL}"`);
});
