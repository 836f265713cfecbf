/* The guard of NestJS beyond the table: decorators, exceptions, the metadata document, other contexts than HTTP's. */
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { Auth, BearerAuthGuard, Public, RequireScopes } from 'fastbearer/nest';

import { FORMATS } from '../hosts.mjs';
import { AUDIENCE, bearer, GUARD, ISSUER, json, KEYS, METADATA_URL, mint, request, serve } from '../support.mjs';

const INVALID = { error: 'invalid_token', error_description: 'The access token is invalid or has expired.' };
const LACKING = 'error_description="The access token does not grant what this resource requires."';

function refusals(origin) {
  it('throws exceptions of Nest, with the challenge among the headers', async () => {
    const none = await request(`${origin()}/who`);
    assert.deepEqual([none.status, JSON.parse(none.body)], [401, { statusCode: 401, message: 'Unauthorized' }]);
    const challenge = `Bearer realm="the \\"mcp\\"", scope="tools:call", resource_metadata="${METADATA_URL}"`;
    assert.equal(none.headers['www-authenticate'], challenge);
    const bad = await request(`${origin()}/who`, bearer('garbage'));
    assert.deepEqual([bad.status, JSON.parse(bad.body)], [401, INVALID]);
    assert.match(bad.headers['www-authenticate'], /error="invalid_token"/u);
    for (const answer of [none, bad]) {
      assert.match(answer.headers['content-type'], /^application\/json/u);
      assert.equal(answer.headers['cache-control'], 'no-store');
    }
    assert.equal((await request(`${origin()}/who`, { authorization: ['Bearer a b'] })).status, 400);
    assert.equal((await request(`${origin()}/who`, { query: '?access_token=x', ...bearer(mint()) })).status, 400);
  });

  it('guards what has a handler, and leaves to Nest what has none', async () => {
    assert.equal((await request(`${origin()}/nowhere`)).status, 404);
    const document = await request(origin() + new URL(METADATA_URL).pathname);
    assert.deepEqual([document.status, JSON.parse(document.body).resource], [200, AUDIENCE]);
    assert.equal((await request(origin() + new URL(METADATA_URL).pathname, { method: 'OPTIONS' })).status, 204);
  });
}

function decorators(origin) {
  const ask = async (path, ...scopes) => {
    const token = scopes[0] === 'none' ? {} : bearer(mint({ scopes: ['tools:call', ...scopes] }));
    const answer = await request(origin() + path, token);
    return [answer.status, /scope="([^"]*)"/u.exec(answer.headers['www-authenticate'])?.[1]];
  };

  it('gives the token to handlers', async () => {
    const answer = await request(`${origin()}/who`, { method: 'POST', ...json({ a: 1 }), ...bearer(mint()) });
    const { clientId, same, sameRequest, body } = JSON.parse(answer.body);
    assert.deepEqual(
      { clientId, same, sameRequest, body },
      { clientId: 'alice', same: true, sameRequest: true, body: { a: 1 } },
    );
  });

  it('requires scopes of a handler, of a controller and of both, in one challenge', async () => {
    assert.deepEqual(await ask('/admin'), [403, 'tools:call admin']);
    assert.deepEqual(await ask('/admin', 'admin'), [200, undefined]);
    const only = await request(`${origin()}/admin`, bearer(mint({ scopes: ['admin'] })));
    assert.ok(only.headers['www-authenticate'].includes(`${LACKING}, scope="tools:call admin"`)); // the verifier's first
    assert.deepEqual(await ask('/staff/home'), [403, 'tools:call staff']);
    assert.deepEqual(await ask('/staff/home', 'staff'), [200, undefined]);
    assert.deepEqual(await ask('/staff/vault', 'staff'), [403, 'tools:call staff vault']);
    assert.deepEqual(await ask('/staff/vault', 'vault'), [403, 'tools:call staff vault']);
    assert.deepEqual(await ask('/staff/vault', 'staff', 'vault'), [200, undefined]);
    assert.deepEqual(await ask('/staff/vault', 'none'), [401, 'tools:call staff vault']);
  });

  it('opens a handler, or a controller but for what demands scopes', async () => {
    for (const path of ['/public', '/open/home', '/staff/lobby']) {
      assert.deepEqual(await ask(path, 'none'), [200, undefined], path);
    }
    assert.deepEqual(JSON.parse((await request(`${origin()}/public`, bearer(mint()))).body), {
      clientId: null,
      auth: null,
    });
    assert.deepEqual(await ask('/open/vault', 'none'), [401, 'tools:call vault']);
    assert.deepEqual(await ask('/open/vault', 'vault'), [200, undefined]);
  });
}

describe('nest', { concurrency: 2 }, () => {
  for (const name of ['nest, express', 'nest, fastify']) {
    for (const format of FORMATS) {
      describe(`${name} (${format})`, { concurrency: 1 }, () => {
        let server;
        before(async () => {
          server = await serve(name, format);
        });
        const origin = () => server.origin;
        refusals(origin);
        decorators(origin);
        after(() => server.stop());
      });
    }
  }
});

describe('nest, by itself', () => {
  const guard = new BearerAuthGuard({ publicKey: KEYS.publicKey, issuer: ISSUER, audience: AUDIENCE });
  const handler = () => {};
  class Resolver {}
  const contextOf = (type, request) => ({
    getType: () => type,
    getHandler: () => handler,
    getClass: () => Resolver,
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => undefined }),
  });

  it('refuses what has no HTTP request, unless it is said where that is', async () => {
    await assert.rejects(guard.canActivate(contextOf('ws', {})), /finds no HTTP request in a ws context/u);
    const incoming = { method: 'POST', url: 'http://x/graphql', headers: { authorization: `Bearer ${mint()}` } };
    class Inner extends BearerAuthGuard {
      getRequest() {
        return incoming;
      }
    }
    const inner = new Inner({ verifier: guard.verifier });
    assert.equal(await inner.canActivate(contextOf('graphql', {})), true);
    assert.equal(incoming.auth.clientId, 'alice');
    incoming.headers = {};
    await assert.rejects(inner.canActivate(contextOf('graphql', {})), { name: 'HttpException', status: 401 });
  });

  it('has wrong options', () => {
    const code = 'ERR_CONFIGURATION';
    assert.throws(() => new BearerAuthGuard({ ...GUARD, exlude: [] }), { code, message: /did you mean 'exclude'/u });
    assert.throws(() => new BearerAuthGuard(), { code });
    assert.throws(() => RequireScopes(), { code, message: /^RequireScopes must name a scope/u });
    assert.throws(() => RequireScopes(['a']), { code, message: /^RequireScopes must be a string/u });
    assert.equal(typeof Public(), 'function');
    assert.equal(typeof Auth(), 'function');
  });
});
