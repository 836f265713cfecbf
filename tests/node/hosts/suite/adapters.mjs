/* Our own adapters beyond the table: challenges word for word, excluded paths, the RFC 9728 document, bodies. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';

import { FORMATS, HOSTS } from '../hosts.mjs';
import { AUDIENCE, bearer, ISSUER, json, METADATA_URL, mint, request, SCOPES, serve } from '../support.mjs';

const REALM = String.raw`realm="the \"mcp\""`;
const METADATA = `resource_metadata="${METADATA_URL}"`;
const INVALID = 'error_description="The access token is invalid or has expired."';
const TWICE = 'error_description="Send exactly one bearer token, in one Authorization header."';
const LACKING = 'error_description="The access token does not grant what this resource requires."';

const MALFORMED = [
  'Bearer',
  'Bearer  TOKEN',
  'Bearer TOKEN, Bearer TOKEN',
  'bearer TOKENx y',
  'Bearer a\tb',
  'Bearer \xe9',
];

function challenges(origin) {
  it('has challenges of RFC 6750, word for word', async () => {
    const challenge = async (credentials) =>
      (await request(`${origin()}/who`, credentials)).headers['www-authenticate'];
    assert.equal(await challenge({}), `Bearer ${REALM}, scope="tools:call", ${METADATA}`);
    assert.equal(
      await challenge({ authorization: ['Basic YTpi'] }),
      `Bearer ${REALM}, scope="tools:call", ${METADATA}`,
    );
    assert.equal(
      await challenge(bearer('garbage')),
      `Bearer ${REALM}, error="invalid_token", ${INVALID}, scope="tools:call", ${METADATA}`,
    );
    assert.equal(
      await challenge({ authorization: ['Bearer a b'] }),
      `Bearer ${REALM}, error="invalid_request", ${TWICE}, ${METADATA}`,
    );
    assert.equal(
      await challenge(bearer(mint({ scopes: [] }))),
      `Bearer ${REALM}, error="insufficient_scope", ${LACKING}, scope="tools:call", ${METADATA}`,
    );
  });

  it('has bodies in JSON that nobody keeps', async () => {
    const bare = await request(`${origin()}/who`);
    assert.equal(bare.body, '');
    const refused = await request(`${origin()}/who`, bearer('garbage'));
    assert.deepEqual(JSON.parse(refused.body), {
      error: 'invalid_token',
      error_description: 'The access token is invalid or has expired.',
    });
    assert.match(refused.headers['content-type'], /^application\/json/u);
    for (const answer of [bare, refused]) {
      assert.equal(answer.headers['cache-control'], 'no-store');
    }
  });

  it('answers HEAD without a body', async () => {
    const refused = await request(`${origin()}/who`, { method: 'HEAD', ...bearer('garbage') });
    assert.deepEqual([refused.status, refused.body], [401, '']);
  });
}

function credentials(origin) {
  for (const value of MALFORMED) {
    it(`refuses ${JSON.stringify(value)}`, async () => {
      const answer = await request(`${origin()}/who`, { authorization: [value.replaceAll('TOKEN', mint())] });
      assert.equal(answer.status, 400);
      assert.equal(JSON.parse(answer.body).error, 'invalid_request');
    });
  }

  it('takes the scheme in any case', async () => {
    assert.equal((await request(`${origin()}/who`, { authorization: [`bEARER ${mint()}`] })).status, 200);
  });

  it('refuses two headers whatever they hold', async () => {
    for (const first of [`Bearer ${mint()}`, 'Basic YTpi', 'Bearer x']) {
      const answer = await request(`${origin()}/who`, { authorization: [first, `Bearer ${mint()}`] });
      assert.equal(answer.status, 400, first.slice(0, 8));
    }
  });

  it('refuses a token in the query, in any writing and beside a good header', async () => {
    for (const query of ['?access_token=x', '?a=1&access%5Ftoken=x', '?b;access_token=x', '?%61ccess_token']) {
      assert.equal((await request(`${origin()}/who`, { query })).status, 400, query);
      assert.equal((await request(`${origin()}/who`, { query, ...bearer(mint()) })).status, 400, query);
    }
  });

  it('lets other queries pass', async () => {
    const query = '?token=x&xaccess_token=1&access_token_hint&%zz=1';
    assert.equal((await request(`${origin()}/who`, { query, ...bearer(mint()) })).status, 200);
  });
}

function paths(origin) {
  it('excludes whole paths only', async () => {
    assert.deepEqual(JSON.parse((await request(`${origin()}/open`)).body), { clientId: null });
    for (const path of ['/open/', '/open/x', '/opener', '/OPEN', '//open', '/%6fpen', '/x/../who', '/open/../who']) {
      assert.equal(await rawStatus(origin(), path), 401, path);
    }
  });

  it('leaves no token behind on a connection', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    try {
      for (let i = 0; i < 3; i++) {
        const ask = async (path, token) =>
          JSON.parse((await request(origin() + path, { agent, ...bearer(token) })).body);
        assert.equal((await ask('/who', mint({ subject: `s${i}` }))).clientId, `s${i}`);
        assert.equal((await ask('/open', mint())).clientId, null);
      }
    } finally {
      agent.destroy();
    }
  });

  it('keeps the current token across the reading of a body', async () => {
    const big = { text: 'x'.repeat(90_000) };
    for (const late of [false, true]) {
      const answer = await request(`${origin()}/who`, { method: 'POST', ...json(big), ...bearer(mint()), late });
      const { clientId, same, body, scopes } = JSON.parse(answer.body);
      assert.deepEqual({ clientId, same, body, scopes }, { clientId: 'alice', same: true, body: big, scopes: SCOPES });
    }
  });
}

/* The path as it is written, which http.request and URL would change. */
function rawStatus(origin, path) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const sent = http.request({ hostname, port, path, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.on('error', reject).end();
  });
}

function metadata(origin) {
  const url = () => origin() + new URL(METADATA_URL).pathname;

  it('serves the document of RFC 9728 to everybody', async () => {
    const answer = await request(url());
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/json/u);
    assert.equal(answer.headers['access-control-allow-origin'], '*');
    assert.equal(answer.headers['cache-control'], 'public, max-age=3600');
    assert.deepEqual(JSON.parse(answer.body), {
      resource: AUDIENCE,
      authorization_servers: [ISSUER],
      bearer_methods_supported: ['header'],
      scopes_supported: SCOPES,
    });
  });

  it('answers HEAD, a preflight and what else there is', async () => {
    const head = await request(url(), { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, '']);
    const preflight = await request(url(), { method: 'OPTIONS', headers: { origin: 'https://app.example.com' } });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers['access-control-allow-methods'], 'GET, HEAD, OPTIONS');
    assert.equal(preflight.headers['access-control-allow-headers'], '*');
    const post = await request(url(), { method: 'POST' });
    assert.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD, OPTIONS']);
    assert.equal((await request(`${url()}/more`)).status, 401);
  });
}

describe('adapters', { concurrency: 4 }, () => {
  for (const name of Object.keys(HOSTS).filter((host) => HOSTS[host].own)) {
    for (const format of FORMATS) {
      describe(`${name} (${format})`, { concurrency: 1 }, () => {
        let server;
        before(async () => {
          server = await serve(name, format);
        });
        const origin = () => server.origin;
        challenges(origin);
        credentials(origin);
        paths(origin);
        metadata(origin);
        after(() => server.stop());
      });
    }
  }
});
