/*
 * Options of the adapters, what the application learns, and guards in unusual places: in this process, over loopback.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { describe, it } from 'node:test';

import { requireBearerAuth as gateV1 } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { requireBearerAuth as gateV2 } from '@modelcontextprotocol/server';
import express from 'express';
import express4 from 'express4';
import { BearerError, getAccessToken, requireAccessToken, Verifier } from 'fastbearer';
import { bearerAuth as guardExpress } from 'fastbearer/express';
import { bearerAuth as guardFastify } from 'fastbearer/fastify';
import { authenticate } from 'fastbearer/fastmcp';
import { bearerAuth as guardFetch } from 'fastbearer/fetch';
import { bearerAuth as guardHono } from 'fastbearer/hono';
import { bearerAuth as guardKoa } from 'fastbearer/koa';
import { jwtVerifier } from 'fastbearer/mcp';
import fastify from 'fastify';
import fastify4 from 'fastify4';
import { Hono } from 'hono';
import Koa from 'koa';
import Koa2 from 'koa2';

import { HOSTS } from '../hosts.mjs';
import {
  AUDIENCE,
  bearer,
  GUARD,
  ISSUER,
  KEYS,
  knock,
  METADATA_URL,
  mint,
  OPTIONS,
  request,
  serve,
} from '../support.mjs';

const POLICY = { publicKey: KEYS.publicKey, issuer: ISSUER, audience: AUDIENCE };
const METADATA = { resource: AUDIENCE, authorizationServers: [ISSUER] };
const ORIGIN = 'http://localhost';

async function serving(listener, work) {
  const server = http.createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    return await work(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

const asked = (handler, token, target = '/') =>
  handler(new Request(ORIGIN + target, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }));

describe('options', () => {
  const wrong = [
    [{ realm: 'a\r\nb' }, /^realm must be printable ASCII/u],
    [{ realm: 'é' }, /^realm must be printable ASCII/u],
    [{ realm: 7 }, /^realm must be printable ASCII/u],
    [{ resourceMetadataUrl: 'https://x/\n' }, /^resourceMetadataUrl must be printable ASCII/u],
    [{ requiredScopes: ['a\nb'] }, /requiredScopes/u],
    [{ exclude: '/health' }, /^exclude must be an array of paths/u],
    [{ challengeScopes: ['a\nb'] }, /^challengeScopes must be printable ASCII/u],
    [{ tokenHeader: 'Authorization' }, /^tokenHeader must be another header than Authorization and DPoP/u],
    [{ tokenHeader: 'dpop' }, /^tokenHeader must be another header/u],
    [{ tokenHeader: '' }, /^tokenHeader must be the name of a header/u],
    [{ tokenHeader: 'a b' }, /^tokenHeader must be the name of a header/u],
    [{ tokenHeader: 5 }, /^tokenHeader must be a string/u],
    [{ tokenHeader: 'X-A', dpop: { required: true } }, /^tokenHeader cannot go with dpop\.required/u],
    [{ challengeScopes: 7 }, /^challengeScopes must be a string, an array of strings or an object/u],
    [{ challengeScopes: [7] }, /^challengeScopes must be .*item 0 is number/u],
    [{ challengeScopes: ['a b'] }, /^challengeScopes must be scopes, without spaces/u],
    [{ challengeScopes: { read: 7 } }, /^challengeScopes\["read"\] must be a string/u],
    [{ challengeScopes: { read: 'a b' } }, /^challengeScopes must be scopes, without spaces/u],
    [{ challengeScopes: { read: 'é' } }, /^challengeScopes must be printable ASCII/u],
    [{ audience: 'resource' }, /^audience 'resource' stands for the resource of an adapter's resourceMetadata/u],
    [{ audience: 'resource', resourceMetadata: { ...METADATA, resource: 7 } }, /^resourceMetadata\.resource/u],
    [{ resourceMetadata: { ...METADATA, scopesSupported: [7] } }, /^resourceMetadata\.scopesSupported must be/u],
    [{ exclude: [7] }, /^exclude must be/u],
    [{ exlude: ['/health'] }, /did you mean 'exclude'/u],
    [{ resourceMetadata: { ...METADATA, resource: 'api' } }, /^resourceMetadata\.resource/u],
    [{ resourceMetadata: { ...METADATA, resource: 'https://x/#f' } }, /^resourceMetadata\.resource/u],
    [{ resourceMetadata: { ...METADATA, resource: 'ftp://x/' } }, /^resourceMetadata\.resource/u],
    [{ resourceMetadata: { ...METADATA, authorizationServers: [] } }, /^resourceMetadata\.authorizationServers/u],
    [{ resourceMetadata: { ...METADATA, authorizationServers: ISSUER } }, /^resourceMetadata\.authorizationServers/u],
    [{ verifier: { verify() {} } }, /^verifier must be a Verifier/u],
    [{ verifier: new Verifier(POLICY), audience: 'x' }, /either verifier or the options of one, not both: audience/u],
  ];
  for (const [options, message] of wrong) {
    it(`${Object.keys(options)}: ${message.source}`, () => {
      const given = options.verifier === undefined ? { ...POLICY, ...options } : options;
      for (const make of [guardExpress, guardHono, guardKoa, (all) => guardFetch(all, () => new Response())]) {
        assert.throws(() => make(given), { code: 'ERR_CONFIGURATION', message });
      }
    });
  }

  it('has no handler, or no options', () => {
    assert.throws(() => guardFetch(POLICY), { code: 'ERR_CONFIGURATION', message: /^handler/u });
    assert.throws(() => guardExpress(), { code: 'ERR_CONFIGURATION' });
    assert.throws(() => guardExpress(null), { code: 'ERR_CONFIGURATION' });
  });

  it('takes null for "not given"', async () => {
    const handler = guardFetch({ ...POLICY, realm: null, exclude: null, resourceMetadata: null }, () => new Response());
    assert.equal((await asked(handler)).headers.get('www-authenticate'), 'Bearer');
  });

  it('fails at registration in Fastify', async () => {
    const app = fastify().register(guardFastify, { ...POLICY, exlude: [] });
    await assert.rejects(app.ready(), { code: 'ERR_CONFIGURATION' });
  });
});

/* Where a proxy puts the token: alone, in a header of its own. */
describe('a token in another header', { concurrency: 4 }, () => {
  const NAME = 'Cf-Access-Jwt-Assertion';
  const options = { ...POLICY, tokenHeader: NAME };
  const check = async (ask) => {
    const good = mint();
    assert.equal(await ask({ [NAME]: good }), 200);
    for (const beside of [
      'nonsense',
      'Bearer x.y.z',
      `Bearer ${mint({ scopes: [] })}`,
      [`Bearer ${good}`, 'Basic x'],
    ]) {
      assert.equal(await ask({ [NAME.toLowerCase()]: good, authorization: beside }), 200);
      assert.equal(await ask({ [NAME]: mint({ scopes: [] }), authorization: `Bearer ${good}` }), 403);
    }
    assert.equal(await ask({ authorization: `Bearer ${good}` }), 401);
    assert.equal(await ask({ Cf_Access_Jwt_Assertion: good }), 401);
    assert.equal(await ask({ [NAME]: 'x.y.z' }), 401);
    assert.equal(await ask({ [NAME]: mint({ expiresInSeconds: -60 }) }), 401);
    for (const wrong of [`Bearer ${good}`, `${good}, ${good}`, [good, good], [good, ''], ['x', good]]) {
      assert.equal(await ask({ [NAME]: wrong }), 400, String(wrong));
    }
  };

  for (const [name, { answers, own }] of Object.entries(HOSTS)) {
    if (answers.malformed === 400) {
      it(`is found on ${name}`, async () => {
        const server = await serve(name, 'import', { ...OPTIONS, tokenHeader: NAME }, own ? GUARD : {});
        try {
          await check(async (headers) => (await knock(server.origin, { more: headers })).status);
        } finally {
          await server.stop();
        }
      });
    }
  }

  it('has no proof beside it', async () => {
    const handler = guardFetch({ ...options, dpop: { nonceSecret: Buffer.alloc(32) } }, () => new Response());
    const bound = mint({ additionalClaims: { cnf: { jkt: KEYS.thumbprint() } } });
    for (const token of [bound, 'x.y.z', undefined]) {
      const headers = token === undefined ? {} : { [NAME]: token };
      const answer = await handler(new Request(ORIGIN, { headers }));
      assert.equal(answer.status, 401);
      assert.doesNotMatch(answer.headers.get('www-authenticate'), /DPoP/u);
      assert.equal(answer.headers.get('dpop-nonce'), null);
    }
    assert.equal((await handler(new Request(ORIGIN, { headers: { [NAME]: mint() } }))).status, 200);
  });

  it('may be named for a single request, too', async () => {
    const verifier = new Verifier(POLICY);
    const token = mint();
    const headers = { [NAME]: token, Authorization: 'x' };
    assert.equal((await verifier.verifyRequest({ headers, tokenHeader: NAME })).token, token);
    await assert.rejects(verifier.verifyRequest({ headers }), { code: 'token_missing' });
    await assert.rejects(verifier.verifyRequest({ headers, tokenHeader: 'X-Other' }), { code: 'token_missing' });
    const code = 'ERR_CONFIGURATION';
    await assert.rejects(verifier.verifyRequest({ headers, tokenHeader: 'a b' }), { code, message: /tokenHeader/u });
    await assert.rejects(verifier.verifyRequest({ headers, tokenHeader: 5 }), {
      code,
      message: /^request\.tokenHeader/u,
    });
  });
});

/* Who is meant, with no audience written down: who the server says that it is. */
describe("audience: 'resource'", () => {
  const bound = { ...POLICY, audience: 'resource' };
  const statusOf = async (handler, audience, more) => (await asked(handler, mint({ audience, ...more }))).status;

  it('is the URL of the resource', async () => {
    const handler = guardFetch({ ...bound, resourceMetadata: METADATA }, () => new Response());
    assert.equal(await statusOf(handler, AUDIENCE), 200);
    for (const audience of ['resource', `${AUDIENCE}/`, 'https://mcp.example.com', null]) {
      assert.equal(await statusOf(handler, audience), 401, audience);
    }
    assert.deepEqual(handler.verifier.audience, [AUDIENCE]);
  });

  it('is the same with and without the slash where there is no path', async () => {
    for (const resource of ['https://mcp.example.com', 'https://mcp.example.com/']) {
      const handler = guardFetch({ ...bound, resourceMetadata: { ...METADATA, resource } }, () => new Response());
      assert.equal(await statusOf(handler, 'https://mcp.example.com'), 200);
      assert.equal(await statusOf(handler, 'https://mcp.example.com/'), 200);
      assert.equal(await statusOf(handler, 'https://mcp.example.com/x'), 401);
    }
  });

  it('is that of one of several issuers', async () => {
    const { audience, ...one } = bound;
    const issuers = [
      { ...one, audience },
      { ...one, issuer: 'https://b.example', audience: 'b' },
    ];
    const handler = guardFetch({ issuers, resourceMetadata: METADATA }, () => new Response());
    assert.equal(await statusOf(handler, AUDIENCE), 200);
    assert.equal(await statusOf(handler, 'b'), 401);
    assert.equal(await statusOf(handler, 'b', { issuer: 'https://b.example' }), 200);
    assert.equal(await statusOf(handler, AUDIENCE, { issuer: 'https://b.example' }), 401);
  });

  it('is an error of configuration where no resource is known', () => {
    const message = /^audience 'resource' stands for the resource of an adapter's resourceMetadata/u;
    const code = 'ERR_CONFIGURATION';
    for (const make of [jwtVerifier, authenticate, (options) => new Verifier(options)]) {
      assert.throws(() => make(bound), { code, message });
    }
    const issuers = [{ issuer: ISSUER, publicKey: KEYS.publicKey, audience: 'resource' }];
    assert.throws(() => new Verifier({ issuers }), { code, message: /^issuers\[0\]: audience 'resource'/u });
    assert.deepEqual(new Verifier({ ...POLICY, audience: ['resource'] }).audience, ['resource']);
    assert.deepEqual(authenticate({ ...bound, resourceMetadata: METADATA }).verifier.audience, [AUDIENCE]);
  });
});

describe('scopes', () => {
  it('stand in one challenge, all that are needed, also when the verifier refuses first', async () => {
    const verifier = new Verifier({ ...POLICY, requiredScopes: ['read', 'list'] });
    const handler = guardFetch({ verifier, requiredScopes: 'write read' }, () => new Response('in'));
    for (const scopes of [[], ['list'], ['read', 'list'], ['write']]) {
      const answer = await asked(handler, mint({ scopes }));
      assert.equal(answer.status, 403);
      assert.match(answer.headers.get('www-authenticate'), /scope="read list write"/u);
    }
  });

  it('have other names where clients must ask for those', async () => {
    const names = [
      ['api://x/read openid', ['api://x/read', 'openid']],
      ['api://x/read openid', 'api://x/read openid'],
      ['api://x/read write', { read: 'api://x/read', other: 'x' }],
    ];
    const nothing = guardFetch({ ...POLICY, requiredScopes: 'read', challengeScopes: [] }, () => new Response('in'));
    assert.equal((await asked(nothing)).headers.get('www-authenticate'), 'Bearer');
    for (const [named, challengeScopes] of names) {
      const options = { ...POLICY, requiredScopes: ['read', 'write'], challengeScopes };
      const handler = guardFetch(options, () => new Response('in'));
      assert.equal((await asked(handler)).headers.get('www-authenticate'), `Bearer scope="${named}"`);
      const lacking = await asked(handler, mint({ scopes: ['read'] }));
      assert.ok(lacking.headers.get('www-authenticate').endsWith(`, scope="${named}"`));
      assert.equal((await asked(handler, mint({ scopes: ['read', 'write'] }))).status, 200);
    }
  });

  it('never say offline_access', async () => {
    const scopesSupported = ['read', 'offline_access'];
    for (const scopes of [{ requiredScopes: scopesSupported }, { challengeScopes: scopesSupported }]) {
      const handler = guardFetch(
        { ...POLICY, ...scopes, resourceMetadata: { ...METADATA, scopesSupported } },
        () => new Response('in'),
      );
      assert.match((await asked(handler)).headers.get('www-authenticate'), /^Bearer scope="read", resource_metadata/u);
      const document = await (await asked(handler, undefined, new URL(METADATA_URL).pathname)).json();
      assert.deepEqual(document.scopes_supported, ['read']);
    }
  });

  it("asks for the verifier's and its own, and reports those that are missing", async () => {
    const rejections = [];
    const onReject = (rejection) => rejections.push(rejection);
    const verifier = new Verifier({ ...POLICY, requiredScopes: ['read'], onReject });
    const handler = guardFetch({ verifier, requiredScopes: 'write admin' }, () => new Response('in'));
    assert.equal((await asked(handler)).headers.get('www-authenticate'), 'Bearer scope="read write admin"');
    const lacking = await asked(handler, mint({ scopes: ['read', 'admin'] }));
    assert.equal(lacking.status, 403);
    const both = await asked(handler, mint({ scopes: ['read'] }));
    assert.match(both.headers.get('www-authenticate'), /scope="read write admin"/u);
    assert.equal((await asked(handler, mint({ scopes: ['admin', 'write', 'read'] }))).status, 200);
    assert.deepEqual(
      rejections.map(({ code }) => code),
      ['insufficient_scope', 'insufficient_scope'],
    );
  });

  it('counts what it refuses, and names the key id', async () => {
    const rejections = [];
    const verifier = new Verifier({ ...POLICY, onReject: (rejection) => rejections.push(rejection) });
    const handler = guardFetch({ verifier, requiredScopes: ['admin'] }, () => new Response('in'));
    const token = mint({ kid: 'one' });
    for (let i = 1; i <= 3; i++) {
      // uncached, from the cache, and from what is kept
      assert.equal((await asked(handler, token)).status, 403);
      const { verified, rejected, reasons } = verifier.stats();
      assert.deepEqual([verified, rejected, reasons], [i, i, { insufficient_scope: i }]);
    }
    assert.deepEqual(
      rejections.map(({ code, kid }) => [code, kid]),
      Array(3).fill(['insufficient_scope', 'one']),
    );
    assert.equal((await asked(handler, mint())).status, 403);
    assert.equal(rejections.at(-1).kid, undefined);
  });
});

describe('what the application learns', () => {
  it('has the reason, and the client has not', async () => {
    const rejections = [];
    const handler = guardFetch(
      { ...POLICY, onReject: (rejection) => rejections.push(rejection) },
      () => new Response(),
    );
    const answer = await asked(handler, mint({ expiresInSeconds: -60 }));
    assert.deepEqual(
      rejections.map(({ code, claim }) => [code, claim]),
      [['token_expired', 'exp']],
    );
    assert.doesNotMatch([...answer.headers].join() + (await answer.text()), /token_expired/u);
  });

  it('gets errors that are not refusals: a closed verifier', async () => {
    const verifier = new Verifier(POLICY);
    verifier.close();
    await assert.rejects(
      asked(
        guardFetch({ verifier }, () => new Response()),
        mint(),
      ),
      { code: 'ERR_VERIFIER_CLOSED' },
    );
    const app = express().use(guardExpress({ verifier }));
    app.use((error, _request, response, _next) => response.status(500).json({ code: error.code }));
    await serving(app, async (origin) => {
      const answer = await request(`${origin}/`, bearer(mint()));
      assert.deepEqual([answer.status, JSON.parse(answer.body)], [500, { code: 'ERR_VERIFIER_CLOSED' }]);
    });
  });

  it('keeps errors of its handlers to itself', async () => {
    const handler = guardFetch(POLICY, () => {
      throw new RangeError('mine');
    });
    await assert.rejects(asked(handler, mint()), RangeError);
    const app = new Hono().use(guardHono(POLICY)).get('/', () => {
      throw new RangeError('mine');
    });
    app.onError((error, context) => context.text(error.name, 500));
    assert.equal(await (await asked((incoming) => app.fetch(incoming), mint())).text(), 'RangeError');
  });
});

describe('places', () => {
  it('guards one mounted router, at the paths that clients use', async () => {
    const router = express
      .Router()
      .use(guardExpress({ ...POLICY, resourceMetadata: METADATA, exclude: ['/api/health'] }));
    router.get('/{*rest}', (_request, response) => response.send(getAccessToken()?.clientId ?? 'nobody'));
    const app = express()
      .use('/api', router)
      .use((_request, response) => response.send('open'));
    await serving(app, async (origin) => {
      const seen = async (path, credentials) => {
        const { status, body } = await request(origin + path, credentials);
        return [status, body];
      };
      assert.deepEqual(await seen('/'), [200, 'open']);
      assert.deepEqual(await seen('/api/x'), [401, '']);
      assert.deepEqual(await seen('/api/health'), [200, 'nobody']);
      assert.deepEqual(await seen('/api/x', bearer(mint())), [200, 'alice']);
      assert.equal((await seen('/api/x?access_token=x', bearer(mint())))[0], 400);
    });
  });

  it('guards a part of Koa that is mounted, at the paths that clients use', async () => {
    for (const app of [new Koa(), new Koa2()]) {
      const guard = guardKoa({ ...POLICY, resourceMetadata: METADATA, exclude: ['/api/health'] });
      app.use((context, next) => {
        context.path = context.path.replace('/api', ''); // as koa-mount does
        return guard(context, next);
      });
      app.use((context) => {
        context.body = getAccessToken()?.clientId ?? 'nobody';
      });
      await serving(app.callback(), async (origin) => {
        assert.equal((await request(`${origin}/api/x`)).status, 401);
        assert.equal((await request(`${origin}/health`)).status, 401);
        assert.equal((await request(`${origin}/api/health`)).body, 'nobody');
        assert.equal((await request(`${origin}/api/x`, bearer(mint()))).body, 'alice');
        assert.equal(JSON.parse((await request(origin + new URL(METADATA_URL).pathname)).body).resource, AUDIENCE);
      });
    }
  });

  it('guards one scope of Fastify, or all routes and what is not found', async () => {
    const app = fastify();
    app.get('/open', async () => ({ client: getAccessToken()?.clientId ?? null }));
    app.register(async (scope) => {
      scope.register(guardFastify, POLICY);
      scope.get('/inner', async (incoming) => ({ client: incoming.auth.clientId }));
      scope.register(async (deeper) => {
        deeper.register(guardFastify, { ...POLICY, requiredScopes: ['admin'] });
        deeper.get('/admin', async () => ({ client: getAccessToken().clientId }));
      });
    });
    const headers = { authorization: `Bearer ${mint()}` };
    const status = async (url, more) => (await app.inject({ url, ...more })).statusCode;
    assert.equal(await status('/open'), 200);
    assert.equal(await status('/inner'), 401);
    assert.equal(await status('/inner', { headers }), 200);
    assert.equal(await status('/admin', { headers }), 403);
    assert.equal(await status('/admin', { headers: { authorization: `Bearer ${mint({ scopes: ['admin'] })}` } }), 200);
    const whole = fastify().register(guardFastify, POLICY);
    const seenByHooks = [];
    whole.register(async (scope) => {
      for (const hook of ['onRequest', 'preParsing', 'preHandler', 'onSend']) {
        scope.addHook(hook, async () => void seenByHooks.push(getAccessToken()?.clientId));
      }
      scope.post('/hooks', async () => 'ok');
    });
    assert.equal((await whole.inject({ method: 'POST', url: '/hooks', headers, payload: { a: 1 } })).statusCode, 200);
    assert.deepEqual(seenByHooks, ['alice', 'alice', 'alice', 'alice']);
    assert.equal((await whole.inject('/nowhere')).statusCode, 401);
    assert.equal((await whole.inject({ url: '/nowhere', headers })).statusCode, 404);
    await Promise.all([app.close(), whole.close()]);
  });

  it('demands a token only where one is', async () => {
    const handler = guardFetch({ ...POLICY, exclude: ['/open'] }, () => new Response(requireAccessToken().clientId));
    assert.equal(await (await asked(handler, mint())).text(), 'alice');
    await assert.rejects(asked(handler, mint(), '/open'), { code: 'ERR_NO_ACCESS_TOKEN', status: 500 });
  });

  it('has no body for HEAD, where no server takes it away', async () => {
    const handler = guardFetch({ ...POLICY, resourceMetadata: METADATA }, () => new Response());
    for (const url of [ORIGIN, METADATA_URL]) {
      const answer = await handler(new Request(url, { method: 'HEAD', headers: { authorization: 'Bearer x' } }));
      assert.equal(answer.body, null);
      assert.equal(answer.headers.get('content-type'), 'application/json');
    }
  });

  it('hands over further arguments of a fetch handler', async () => {
    const handler = guardFetch(POLICY, (_request, context, more) => Response.json([context, more]));
    const answer = await handler(
      new Request(ORIGIN, { headers: { authorization: `Bearer ${mint()}` } }),
      { params: 1 },
      2,
    );
    assert.deepEqual(await answer.json(), [{ params: 1 }, 2]);
    assert.equal(getAccessToken(), undefined);
  });

  it("names the document beside the path of the resource, or somebody else's", async () => {
    const resourceMetadata = { ...METADATA, resource: 'https://api.example.com', x: 1 };
    const here = guardFetch({ ...POLICY, resourceMetadata }, () => new Response());
    const challenge = (await asked(here)).headers.get('www-authenticate');
    assert.equal(challenge, 'Bearer resource_metadata="https://api.example.com/.well-known/oauth-protected-resource"');
    const document = await (await asked(here, undefined, '/.well-known/oauth-protected-resource')).json();
    assert.deepEqual(document, {
      resource: 'https://api.example.com',
      authorization_servers: [ISSUER],
      bearer_methods_supported: ['header'],
      x: 1,
    });
    const there = guardFetch({ ...POLICY, resourceMetadataUrl: METADATA_URL }, () => new Response());
    assert.equal((await asked(there)).headers.get('www-authenticate'), `Bearer resource_metadata="${METADATA_URL}"`);
  });
});

/* The server's own trouble: what each adapter makes of it. */
describe('trouble of the server', () => {
  const broken = {
    'a clock that is not a number': (verifier) => verifier.verify.bind(verifier, mint(), { now: NaN }),
    memory: () => async () => {
      throw new BearerError('no memory', { code: 'out_of_memory', status: 500, oauthError: 'server_error' });
    },
    'a closed verifier': (verifier) => {
      verifier.close();
      return verifier.verify.bind(verifier);
    },
  };
  const adapters = {
    'express 5': (verifier, ask) => serving(express().use(guardExpress({ verifier })), ask),
    'express 4': (verifier, ask) => serving(express4().use(guardExpress({ verifier })), ask),
    'fastify 5': (verifier, ask) => listening(fastify().register(guardFastify, { verifier }), ask),
    'fastify 4': (verifier, ask) => listening(fastify4().register(guardFastify, { verifier }), ask),
    hono: (verifier, ask) =>
      serving(
        answering(new Hono().use(guardHono({ verifier })).onError((_, context) => context.text('', 500)).fetch),
        ask,
      ),
    'koa 3': (verifier, ask) => serving(silent(new Koa()).use(guardKoa({ verifier })).callback(), ask),
    'koa 2': (verifier, ask) => serving(silent(new Koa2()).use(guardKoa({ verifier })).callback(), ask),
    fetch: (verifier, ask) => serving(answering(guardFetch({ verifier }, () => new Response())), ask),
    fastmcp: (verifier, ask) => serving(answering(asFastmcp(authenticate({ verifier }))), ask),
    'sdk v1': (verifier, ask) => serving(express().use(gateV1({ verifier: jwtVerifier({ verifier }) })), ask),
    'sdk v2': (verifier, ask) => serving(answering(gateV2({ verifier: jwtVerifier({ verifier }) })), ask),
    'sdk v2, plain': (verifier, ask) => serving(answering(gateV2({ verifier })), ask),
  };

  /* What npm fastmcp does: a Response that is thrown is sent, whatever else is thrown is 401. */
  function asFastmcp(check) {
    return (incoming) =>
      check(incoming).catch((thrown) => (thrown instanceof Response ? thrown : new Response(null, { status: 401 })));
  }

  const silent = (app) => Object.assign(app, { silent: true });

  async function listening(app, ask) {
    app.get('/', async () => 'in');
    try {
      return await ask(await app.listen({ port: 0, host: '127.0.0.1' }));
    } finally {
      await app.close();
    }
  }

  /* A function of a Request on node:http, with a Response that is thrown for one that is returned, as hosts have it. */
  function answering(handler) {
    return async (incoming, response) => {
      const { authorization } = incoming.headers;
      const answer = await Promise.resolve(handler(new Request(ORIGIN, { headers: { authorization } }))).catch(
        (thrown) => thrown,
      );
      response.writeHead(answer instanceof Response ? answer.status : (answer.status ?? 500)).end();
    };
  }

  for (const [what, breaking] of Object.entries(broken)) {
    for (const [name, adapter] of Object.entries(adapters)) {
      it(`${name}: ${what} is 500, never 401`, async () => {
        const verifier = new Verifier({ ...POLICY });
        verifier.verify = breaking(verifier);
        verifier.verifyRequest = verifier.verify;
        await adapter(verifier, async (origin) => {
          const answer = await request(`${origin}/`, bearer(mint()));
          assert.equal(answer.status, 500);
          assert.equal(answer.headers['www-authenticate'], undefined);
        });
      });
    }
  }
});

/* A timeout's middleware answers, or begins to, while keys are fetched that cannot be had. */
describe('a response that was begun already', () => {
  const begin = {
    ended: (response) => response.writeHead(504).end('late'),
    begun: (response) => response.writeHead(200).write('half'),
  };
  const hosts = {
    'express 5': (options, before, work) =>
      serving(
        express()
          .use((_, response, next) => {
            before(response);
            next();
          })
          .use(guardExpress(options)),
        work,
      ),
    'express 4': (options, before, work) =>
      serving(
        express4()
          .use((_, response, next) => {
            before(response);
            next();
          })
          .use(guardExpress(options)),
        work,
      ),
    'koa 3': (options, before, work) => koa(new Koa(), options, before, work),
    'koa 2': (options, before, work) => koa(new Koa2(), options, before, work),
    'node:http': (options, before, work) => {
      const guard = guardExpress(options);
      return serving((incoming, response) => {
        before(response);
        guard(incoming, response, () => response.end('in'));
      }, work);
    },
    'fastify 5': (options, before, work) => guarded(fastify(), options, before, work),
    'fastify 4': (options, before, work) => guarded(fastify4(), options, before, work),
  };

  function koa(app, options, before, work) {
    app.use((context, next) => {
      before(context.res);
      return next();
    });
    return serving(app.use(guardKoa(options)).callback(), work);
  }

  async function guarded(app, options, before, work) {
    app.addHook('onRequest', async (_, reply) => void before(reply.raw));
    app.register(guardFastify, options).get('/', async () => 'in');
    try {
      await work(await app.listen({ port: 0, host: '127.0.0.1' }));
    } finally {
      await app.close();
    }
  }

  for (const [name, host] of Object.entries(hosts)) {
    for (const [how, start] of Object.entries(begin)) {
      it(`${name}: ${how}`, async () => {
        const failures = [];
        const note = (error) => failures.push(error);
        process.on('unhandledRejection', note).on('uncaughtException', note);
        let fail;
        const fetch = () =>
          new Promise((_, reject) => {
            fail = () => reject(new Error('down'));
          });
        const verifier = new Verifier({ jwksUri: 'https://issuer.example/jwks', fetch, issuer: ISSUER });
        const before = (response) =>
          setTimeout(() => {
            start(response);
            setTimeout(fail, 5);
          }, 5);
        try {
          await host({ verifier }, before, async (origin) => {
            const answer = await request(`${origin}/`, bearer(mint({ kid: 'k' }))).catch((error) => error);
            // Cut off, not complete: the client cannot take it for an answer.
            how === 'ended'
              ? assert.deepEqual([answer.status, answer.body], [504, 'late'])
              : assert.equal(answer.code, 'ECONNRESET');
            await new Promise((resolve) => setTimeout(resolve, 20));
          });
        } finally {
          process.off('unhandledRejection', note).off('uncaughtException', note);
          verifier.close();
        }
        assert.deepEqual(failures, []);
      });
    }
  }
});

describe('Verifier.authenticate', () => {
  const verifier = new Verifier({ ...POLICY, requiredScopes: ['tools:call'] });

  it('takes a Request, a request of node:http, or nothing', async () => {
    assert.equal(await verifier.authenticate(undefined), undefined);
    const good = new Request(ORIGIN, { headers: { authorization: `Bearer ${mint()}` } });
    assert.equal((await verifier.authenticate(good)).clientId, 'alice');
    const listener = (incoming, response) =>
      verifier.authenticate(incoming).then(
        (token) => response.end(`${token.clientId} ${getAccessToken() === token}`),
        async (refusal) =>
          response.writeHead(refusal.status, Object.fromEntries(refusal.headers)).end(await refusal.text()),
      );
    await serving(listener, async (origin) => {
      assert.equal((await request(origin, bearer(mint()))).body, 'alice true');
      const answer = await request(origin, bearer(mint({ scopes: [] })));
      assert.equal(answer.status, 403);
      assert.match(answer.headers['www-authenticate'], /scope="tools:call"/u);
      assert.equal((await request(origin, { authorization: [`Bearer ${mint()}`, 'Bearer x'] })).status, 400);
    });
  });
});
