/* What a host with rules for JSON-RPC is asked, with a plain client and with a real one. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { it } from 'node:test';

import {
  bearer,
  callWhoami,
  GUARD,
  json,
  knock,
  listTools,
  METADATA_URL,
  mint,
  OPTIONS,
  request,
} from '../support.mjs';

export const RULES = {
  anonymous: ['initialize', 'tools/list'],
  toolScopes: { 'who*': 'tools:who' },
  maxBodyBytes: 200_000,
};
export const RULED = [OPTIONS, { ...GUARD, ...RULES }];

const ACCEPT = { accept: 'application/json, text/event-stream' };
const WHOAMI = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami', arguments: {} } };
const ALL = ['tools:call', 'tools:who'];
const NEEDED = 'scope="tools:call tools:who"';

const post = (origin, body, more = {}) => {
  const { body: text, headers } = typeof body === 'string' ? { body, headers: json({}).headers } : json(body);
  return request(`${origin}/mcp`, {
    method: 'POST',
    body: text,
    ...more,
    headers: { ...headers, ...ACCEPT, ...more.headers },
  });
};

function assertRefused(answer, status, challenge) {
  assert.equal(answer.status, status, answer.body);
  challenge === undefined
    ? assert.equal(answer.headers['www-authenticate'], undefined)
    : assert.ok(answer.headers['www-authenticate'].includes(challenge), answer.headers['www-authenticate']);
}

function asksForTokens(origin, { client }) {
  it('lets listed methods through without a token, and refuses a bad one even so', async () => {
    assert.equal((await knock(origin(), {})).status, 200);
    assertRefused(await knock(origin(), bearer('x.y.z')), 401, 'error="invalid_token"');
    assertRefused(await knock(origin(), { authorization: ['Bearer a b'] }), 400, 'error="invalid_request"');
    assertRefused(await request(`${origin()}/mcp`, { headers: ACCEPT }), 401, 'scope="tools:call"');
    assertRefused(await post(origin(), { ...WHOAMI, method: 'ping' }), 401, 'scope="tools:call"');
    assertRefused(
      await post(origin(), WHOAMI),
      401,
      `Bearer realm="the \\"mcp\\"", ${NEEDED}, resource_metadata="${METADATA_URL}"`,
    );
  });

  it('serves clients without a token as far as the rules say', async () => {
    assert.deepEqual(await listTools(client, origin()), ['whoami']);
    await assert.rejects(callWhoami(client, origin(), undefined));
    assert.deepEqual(await listTools(client, origin(), mint()), ['whoami']);
  });

  it('demands the scopes of a tool, all in one challenge', async () => {
    for (const scopes of [[], ['tools:call'], ['tools:who'], ['other']]) {
      assertRefused(await post(origin(), WHOAMI, bearer(mint({ scopes }))), 403, NEEDED);
    }
    await assert.rejects(callWhoami(client, origin(), mint()));
    const [caller] = await callWhoami(client, origin(), mint({ scopes: ALL }));
    assert.deepEqual([caller.clientId, caller.same], ['alice', true]);
  });
}

function handsOn(origin) {
  const token = () => bearer(mint({ scopes: ALL }));

  it('hands bodies on as they came', async () => {
    const big = { ...WHOAMI, method: 'x', text: 'ä"\\u0000'.repeat(5_000) };
    for (const more of [{}, { late: true }, { headers: { 'transfer-encoding': 'chunked' } }]) {
      const answer = await request(`${origin()}/who`, {
        method: 'POST',
        ...token(),
        ...more,
        body: JSON.stringify(big),
        headers: { ...json({}).headers, ...more.headers },
      });
      assert.deepEqual(JSON.parse(answer.body).body, big);
    }
    assert.match((await post(origin(), WHOAMI, { ...token(), late: true })).body, /alice/u);
  });

  it('refuses what it cannot look at, and goes on with the connection', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const large = { ...WHOAMI, text: 'x'.repeat(300_000) };
    const chunked = { headers: { 'transfer-encoding': 'chunked' } };
    try {
      const ask = (body, more) => post(origin(), body, { agent, ...token(), ...more });
      assertRefused(await ask(large), 413);
      assertRefused(await ask(large, chunked), 413);
      assertRefused(await ask(WHOAMI, { headers: { 'content-encoding': 'gzip' } }), 415);
      assertRefused(await ask(WHOAMI, { headers: { 'content-type': 'application/json; charset=utf-16' } }), 415);
      assertRefused(await ask('{"method":"tools/list","method":"tools/call"}'), 400);
      assertRefused(await ask('{"method":"tools/list","method":"tools/call"}', { authorization: undefined }), 400);
      assertRefused(await ask({ ...WHOAMI, text: 'x'.repeat(150_000) }, bearer(mint())), 403, NEEDED);
      assert.match((await ask(WHOAMI)).body, /alice/u);
    } finally {
      agent.destroy();
    }
  });
}

export function checksOfRules(origin, host) {
  asksForTokens(origin, host);
  handsOn(origin);
}
