/* Tokens, servers in processes of their own, a plain HTTP client, and the MCP clients of both SDKs. */
import { spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { RSAKeyPair } from 'fastbearer';

export const ISSUER = 'https://issuer.example.com';
export const AUDIENCE = 'https://mcp.example.com/mcp';
export const SCOPES = ['tools:call'];
export const METADATA_URL = 'https://mcp.example.com/.well-known/oauth-protected-resource/mcp';

export const KEYS = RSAKeyPair.generateSync();
const OTHER_KEYS = RSAKeyPair.generateSync();

const GOOD = { subject: 'alice', issuer: ISSUER, audience: AUDIENCE, scopes: SCOPES };

/* Every token that was made, so that a test can look for all of them where none may be. */
export const minted = new Set();

export function mint(changes = {}, keys = KEYS) {
  const token = keys.createToken({ ...GOOD, ...changes });
  minted.add(token);
  return token;
}

export const OPTIONS = { publicKey: KEYS.publicKey, issuer: ISSUER, audience: AUDIENCE, requiredScopes: SCOPES };
export const GUARD = {
  realm: 'the "mcp"',
  exclude: ['/open'],
  resourceMetadata: { resource: AUDIENCE, authorizationServers: [ISSUER], scopesSupported: SCOPES },
};

/* What each check sends: values of Authorization headers, and a query. */
export const REQUESTS = {
  none: () => ({}),
  malformed: () => ({ authorization: [`Bearer x ${mint()}`] }),
  'two-headers': () => ({ authorization: [`Bearer ${mint()}`, `Bearer ${mint({ subject: 'mallory' })}`] }),
  'in-query': () => ({ query: `?access_token=${mint()}` }),
  garbage: () => bearer('not-a-token'),
  expired: () => bearer(mint({ expiresInSeconds: -60 })),
  'not-yet-valid': () => bearer(mint({ additionalClaims: { nbf: Math.floor(Date.now() / 1000) + 3600 } })),
  'wrong-issuer': () => bearer(mint({ issuer: 'https://evil.example.com' })),
  'wrong-audience': () => bearer(mint({ audience: 'https://other.example.com/mcp' })),
  'bad-signature': () => bearer(mint({}, OTHER_KEYS)),
  'missing-scope': () => bearer(mint({ scopes: ['something:else'] })),
};

export function bearer(token) {
  return { authorization: [`Bearer ${token}`] };
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

/* All that each server has said: heads and bodies of answers, by origin. */
const heard = new Map();

function note(origin, text) {
  heard.set(origin, (heard.get(origin) ?? '') + text);
}

/*
 * One plain request; authorization is a list of header values, sent as as many lines. A late body comes in two pieces.
 */
export function request(
  url,
  { method = 'GET', authorization, query = '', headers = {}, body, late = false, agent } = {},
) {
  return new Promise((resolve, reject) => {
    const sent = http.request(url + query, {
      method,
      agent: agent ?? false,
      headers: { ...headers, ...(authorization === undefined ? {} : { authorization }) },
    });
    sent.on('error', reject);
    sent.setTimeout(20_000, () => sent.destroy(new Error('no answer')));
    sent.on('response', (answer) => {
      const stream = (answer.headers['content-type'] ?? '').startsWith('text/event-stream');
      const chunks = [];
      const done = () => {
        const text = Buffer.concat(chunks).toString();
        note(new URL(url).origin, JSON.stringify(answer.rawHeaders) + text);
        resolve({ status: answer.statusCode, headers: answer.headers, body: text });
      };
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', done);
      answer.on('error', reject);
      if (stream) {
        // Some streams never begin, others do not end.
        const end = (delay) => setTimeout(() => answer.destroy(), delay).unref();
        end(2_000);
        answer.once('data', () => end(100));
        answer.on('close', done);
        answer.on('error', () => {});
      }
    });
    if (late) {
      sent.write(body.slice(0, body.length / 2));
      setTimeout(() => sent.end(body.slice(body.length / 2)), 50);
    } else {
      sent.end(body);
    }
  });
}

export const json = (value) => ({ body: JSON.stringify(value), headers: { 'content-type': 'application/json' } });

/* The first request of an MCP client; more: headers. */
export function knock(origin, { more, ...credentials }) {
  const { body, headers } = json(INITIALIZE);
  const accept = 'application/json, text/event-stream';
  return request(`${origin}/mcp`, { method: 'POST', body, headers: { ...headers, accept, ...more }, ...credentials });
}

/* Works with the real client of an SDK; without a token it sends none. */
async function asClient(sdk, origin, token, work) {
  const [Client, Transport] = sdk === 1 ? [ClientV1, TransportV1] : [ClientV2, TransportV2];
  const client = new Client({ name: 'test', version: '1' });
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  await client.connect(new Transport(new URL(`${origin}/mcp`), { requestInit: { headers } }));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/* Calls whoami; many times at once where calls says so. */
export function callWhoami(sdk, origin, token, { calls = 1 } = {}) {
  return asClient(sdk, origin, token, async (client) => {
    const call = () => client.callTool({ name: 'whoami', arguments: {} });
    const results = await Promise.all(Array.from({ length: calls }, call));
    return results.map((result) => JSON.parse(result.content[0].text));
  });
}

export function listTools(sdk, origin, token) {
  return asClient(sdk, origin, token, async (client) => (await client.listTools()).tools.map(({ name }) => name));
}

/* Starts server.mjs, by Node unless told otherwise; NODE_DEBUG makes it say all that it would ever log. */
export async function serve(host, format, options = OPTIONS, guard = GUARD, runtime = [process.execPath]) {
  const place = path.join(path.dirname(fileURLToPath(import.meta.url)), 'server.mjs');
  const [command, ...parameters] = [...runtime, place, host, format, JSON.stringify({ options, guard })];
  const child = spawn(command, parameters, {
    env: { ...process.env, NODE_DEBUG: 'fastbearer', NODE_OPTIONS: '' },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = [];
  child.stderr.on('data', (chunk) => output.push(chunk.toString()));
  const ended = new Promise((resolve) => child.on('close', resolve));
  const ready = await new Promise((resolve, reject) => {
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      output.push(line);
      if (line.startsWith('READY ')) {
        resolve(JSON.parse(line.slice(6)));
      }
    });
    ended.then(() => reject(new Error(`the server ended: ${output.join('\n')}`)));
  });
  return {
    ...ready,
    /* Resolves to all that it has said: standard output and error, and its answers. */
    async stop() {
      child.stdin.end();
      await ended;
      return [...output, heard.get(ready.origin), heard.get(ready.keyless)].join('\n');
    },
  };
}
