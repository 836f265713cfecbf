/* Rules for JSON-RPC: on every host with an adapter of ours, and before and after what else reads bodies. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { after, before, describe, it } from 'node:test';

import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import express from 'express';
import express4 from 'express4';
import { getAccessToken, Verifier } from 'fastbearer';
import { bearerAuth as guardExpress } from 'fastbearer/express';
import { bearerAuth as guardFastify } from 'fastbearer/fastify';
import { authenticate } from 'fastbearer/fastmcp';
import { bearerAuth as guardFetch } from 'fastbearer/fetch';
import { bearerAuth as guardHono } from 'fastbearer/hono';
import { BearerAuthGuard } from 'fastbearer/nest';
import fastify from 'fastify';
import fastify4 from 'fastify4';
import { Hono } from 'hono';

import { mcpV1, toolsV2 } from '../apps/common.mjs';
import { FORMATS, HOSTS } from '../hosts.mjs';
import { AUDIENCE, bearer, callWhoami, ISSUER, json, KEYS, listTools, mint, request, serve } from '../support.mjs';
import { checksOfRules, RULED, RULES } from './rule-checks.mjs';

const POLICY = { publicKey: KEYS.publicKey, issuer: ISSUER, audience: AUDIENCE };
const CALL = { method: 'tools/call', params: { name: 'whoami' } };
const ALL = { scopes: ['tools:who'] };

async function serving(listener, work) {
  const server = http.createServer(listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    return await work(`http://127.0.0.1:${server.address().port}`, server);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('rules', { concurrency: 4 }, () => {
  for (const [name, host] of Object.entries(HOSTS).filter(([, { own }]) => own)) {
    for (const format of FORMATS) {
      describe(`${name} (${format})`, { concurrency: 1 }, () => {
        let server;
        before(async () => {
          server = await serve(name, format, ...RULED);
        });
        checksOfRules(() => server.origin, host);
        after(() => server.stop());
      });
    }
  }
});

/* The same request, to an application that reads its body in all the ways there are, and some that are wrong. */
describe('what else reads bodies', () => {
  const guard = () => guardExpress({ ...POLICY, ...RULES });
  const echo = (incoming, response) => response.json(incoming.body ?? null);
  const raw = async (incoming, response) => {
    const chunks = [];
    for await (const chunk of incoming) {
      chunks.push(chunk);
    }
    response.json(JSON.parse(Buffer.concat(chunks)));
  };
  const evented = (incoming, response) => {
    let text = '';
    incoming.on('data', (chunk) => {
      text += chunk;
    });
    incoming.on('end', () => response.json(JSON.parse(text)));
  };
  const piped = (incoming, response) => incoming.pipe(response);
  const texts = express.text({ type: () => true });
  const stacks = {
    'express.json after it': (app) => app.use(guard(), app.json(), echo),
    'express.json in front of it': (app) => app.use(app.json(), guard(), echo),
    'express.text in front of it': (app) =>
      app.use(texts, guard(), (incoming, response) => response.json(JSON.parse(incoming.body))),
    'express.raw in front of it': (app) =>
      app.use(express.raw({ type: () => true }), guard(), (incoming, response) =>
        response.json(JSON.parse(incoming.body)),
      ),
    'a guard after a guard': (app) => app.use(guard(), guard(), app.json(), guard(), echo),
    'an iterator after it': (app) => app.use(guard(), raw),
    'listeners after it': (app) => app.use(guard(), evented),
    'a pipe after it': (app) => app.use(guard(), piped),
    'listeners, later': (app) => app.use(guard(), (_, __, next) => setTimeout(next, 20), evented),
  };
  const versions = {
    'express 5': () => Object.assign(express(), { json: express.json }),
    'express 4': () => Object.assign(express4(), { json: express4.json }),
  };
  for (const [version, create] of Object.entries(versions)) {
    for (const [name, stack] of Object.entries(stacks)) {
      it(`${version}: ${name}`, async () => {
        await serving(stack(create()), async (origin) => {
          for (const size of [0, 1000, 60_000]) {
            const body = { ...CALL, text: 'x'.repeat(size) };
            const ask = (credentials, more) =>
              request(`${origin}/`, { method: 'POST', ...json(body), ...credentials, ...more });
            for (const late of [false, true]) {
              const answer = await ask(bearer(mint(ALL)), { late });
              assert.equal(answer.status, 200);
              assert.deepEqual(JSON.parse(answer.body), body);
            }
            assert.equal((await ask(bearer(mint()))).status, 403);
            assert.equal((await ask({})).status, 401);
          }
        });
      });
    }
  }

  it('is asked about what a parser in front has made of the body, since the application sees that', async () => {
    await serving(express().use(express.json({ strict: false }), guard(), echo), async (origin) => {
      const ask = (body) => request(`${origin}/`, { method: 'POST', ...json({}), body, ...bearer(mint()) });
      assert.equal((await ask('{"method":"tools/list","method":"tools/call","params":{"name":"whoami"}}')).status, 403);
      assert.equal((await ask('{"method":"tools/call","method":"tools/list"}')).status, 200);
      assert.equal((await ask('{"__proto__":{"method":"x"},"method":"tools/list"}')).status, 400);
      assert.equal((await ask('7')).status, 200);
    });
  });

  it('is the fault of the server where the body is gone', async () => {
    const drain = (incoming, _, next) => incoming.resume().on('end', next);
    const app = express().use(drain, guard(), echo);
    app.use((error, _request, response, _next) => response.status(error.status).json({ code: error.code }));
    await serving(app, async (origin) => {
      for (const credentials of [{}, bearer(mint(ALL))]) {
        const answer = await request(`${origin}/`, { method: 'POST', ...json(CALL), ...credentials });
        assert.deepEqual([answer.status, JSON.parse(answer.body)], [500, { code: 'ERR_BODY_READ' }]);
      }
      assert.equal((await request(`${origin}/`, { method: 'POST', ...bearer(mint()) })).status, 200); // has none
    });
    const fetched = guardFetch({ ...POLICY, ...RULES }, () => new Response());
    const read = new Request('http://x', { method: 'POST', body: '{}' });
    await read.text();
    await assert.rejects(fetched(read), { code: 'ERR_BODY_READ' });
  });

  it('never calls the application when the client goes away in the middle', async () => {
    let calls = 0;
    const app = express().use(guard(), () => {
      calls += 1;
    });
    await serving(app, async (origin, server) => {
      const sent = http.request(`${origin}/`, { method: 'POST', headers: { 'content-length': 1000 } });
      sent.on('error', () => {});
      sent.write('{"method":"initialize"');
      await once(server, 'request');
      await new Promise((resolve) => setTimeout(resolve, 20));
      sent.destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal((await request(`${origin}/`)).status, 401);
    });
    assert.equal(calls, 0);
  });

  it('has a body of nothing in chunks, which is read by nobody', async () => {
    const headers = { ...json({}).headers, 'transfer-encoding': 'chunked' };
    for (const app of [express().use(guard(), express.json(), echo), express4().use(guard(), express4.json(), echo)]) {
      await serving(app, async (origin) => {
        assert.equal((await request(`${origin}/`, { method: 'POST', headers, ...bearer(mint()) })).status, 200);
        assert.equal((await request(`${origin}/`, { method: 'POST', headers })).status, 401);
      });
    }
  });

  /* One message to who reads JSON, and another one to who reads forms. */
  it('lets no form through, which others read as a message', async () => {
    const asForm = 'jsonrpc=2.0&id=1&method=tools/call&params[name]=whoami';
    const asBoth = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', x: `&${asForm}&` });
    const headers = { 'content-type': 'application/x-www-form-urlencoded; x=application/json' };
    const ask = (origin, body, more) => request(`${origin}/`, { method: 'POST', headers, body, ...more });
    const forms = express.urlencoded({ extended: true });
    await serving(express().use(forms, echo), async (origin) => {
      const { method, params } = JSON.parse((await ask(origin, asBoth)).body);
      assert.deepEqual({ method, params }, CALL); // this is what there is to lose
    });
    for (const stack of [
      [guard(), forms],
      [forms, guard()],
    ]) {
      await serving(express().use(...stack, echo), async (origin) => {
        for (const body of [asForm, asBoth]) {
          assert.equal((await ask(origin, body, bearer(mint()))).status, 415);
          assert.equal((await ask(origin, body, {})).status, 415);
        }
      });
    }
  });

  it('demands everything of who opens a websocket, whose messages it does not see', async () => {
    const app = express().use(guard(), (_, response) => response.json({}));
    const upgrade = (value) => ({ headers: { connection: 'Upgrade', upgrade: value } });
    const fetched = guardFetch({ ...POLICY, ...RULES }, () => new Response());
    await serving(app, async (origin) => {
      for (const ask of [
        async (credentials, value) => (await request(`${origin}/`, { ...credentials, ...upgrade(value) })).status,
        async ({ authorization }, value) => {
          const headers = { upgrade: value, ...(authorization && { authorization: authorization[0] }) };
          return (await fetched({ url: `${origin}/`, method: 'GET', headers: new Headers(headers) })).status;
        },
      ]) {
        for (const value of ['websocket', 'WebSocket']) {
          assert.equal(await ask(bearer(mint(ALL)), value), 200);
          assert.equal(await ask(bearer(mint()), value), 403);
          assert.equal(await ask({}, value), 401);
        }
        assert.equal(await ask(bearer(mint()), 'h2c'), 200);
      }
    });
  });

  it('lets the SDKs read the stream themselves', async () => {
    const load = (specifier) => import(specifier);
    const v1 = await mcpV1(load, getAccessToken);
    const v2 = toNodeHandler(
      createMcpHandler(() => {
        const server = new McpServer({ name: 'guarded', version: '1' });
        toolsV2(server, getAccessToken);
        return server;
      }),
    );
    for (const [sdk, handler] of [
      [1, (incoming, response) => void v1(incoming, response)],
      [2, (incoming, response) => void v2(incoming, response)],
    ]) {
      await serving(express().use('/mcp', guard(), handler), async (origin) => {
        assert.deepEqual(await listTools(sdk, origin), ['whoami']);
        await assert.rejects(callWhoami(sdk, origin, mint()));
        const [caller] = await callWhoami(sdk, origin, mint(ALL));
        assert.deepEqual([caller.clientId, caller.same], ['alice', true]);
      });
    }
  });

  it('reads what Hono has read before it', async () => {
    for (const read of [() => {}, (context) => context.req.json(), (context) => context.req.text()]) {
      const app = new Hono();
      app.use(async (context, next) => {
        await read(context);
        await next();
      });
      app.use(guardHono({ ...POLICY, ...RULES }));
      app.post('/', async (context) => context.json(await context.req.json()));
      const ask = (more) =>
        app.request('/', {
          method: 'POST',
          body: JSON.stringify(CALL),
          headers: { authorization: `Bearer ${mint(more)}` },
        });
      assert.deepEqual(await (await ask(ALL)).json(), CALL);
      assert.equal((await ask({})).status, 403);
    }
  });

  it('reads what Fastify is given by its own tests, and over HTTP/2', async () => {
    for (const create of [fastify, fastify4]) {
      const app = create({ http2: create === fastify }).register(guardFastify, { ...POLICY, ...RULES });
      app.post('/', async (incoming) => incoming.body);
      const inject = (more) =>
        app.inject({ method: 'POST', url: '/', payload: CALL, headers: { authorization: `Bearer ${mint(more)}` } });
      assert.deepEqual((await inject(ALL)).json(), CALL);
      assert.equal((await inject({})).statusCode, 403);
      assert.equal((await app.inject({ method: 'POST', url: '/', payload: CALL })).statusCode, 401);
      if (create === fastify) {
        await overHttp2(await app.listen({ port: 0, host: '127.0.0.1' }));
      }
      await app.close();
    }
  });

  async function overHttp2(origin) {
    const session = http2.connect(origin);
    try {
      for (const [scopes, status] of [
        [ALL, 200],
        [{}, 403],
      ]) {
        const sent = session.request({
          ':method': 'POST',
          'content-type': 'application/json',
          authorization: `Bearer ${mint(scopes)}`,
        });
        sent.end(JSON.stringify(CALL));
        const [headers] = await once(sent, 'response');
        assert.equal(headers[':status'], status);
        sent.resume();
        await once(sent, 'end');
      }
    } finally {
      session.close();
    }
  }
});

describe('options of rules', () => {
  const wrong = [
    [{ anonymous: 'tools/list' }, /^anonymous must be an array of methods, not one string/u],
    [{ anonymous: [''] }, /^anonymous must not hold an empty name/u],
    [{ anonymous: [7] }, /^anonymous must be a string or an array of strings, but item 0/u],
    [{ anonymous: ['tools/*'] }, /^anonymous: .* is a pattern/u],
    [{ toolScopes: ['x'] }, /^toolScopes must be an object of patterns/u],
    [{ toolScopes: { '': ['a'] } }, /^toolScopes must not hold an empty name/u],
    [{ toolScopes: { x: [] } }, /^toolScopes: .* must name at least one scope/u],
    [{ toolScopes: { x: 7 } }, /^toolScopes\["x"\] must be a string or an array/u],
    [{ toolScopes: { x: ['a b'] } }, /^toolScopes: a scope is visible ASCII/u],
    [{ promptScopes: { x: ['a"'] } }, /^promptScopes: a scope is visible ASCII/u],
    [{ resourceScopes: { secret: 'a' } }, /^resourceScopes: "secret" is not the URI/u],
    [{ maxBodyBytes: 0 }, /^maxBodyBytes must be between/u],
    [{ maxBodyBytes: 1.5 }, /^maxBodyBytes must be a whole number/u],
    [{ toolScope: { x: 'a' } }, /did you mean 'toolScopes'/u],
  ];
  for (const [options, message] of wrong) {
    it(message.source, () => {
      assert.throws(() => guardExpress({ ...POLICY, ...options }), { code: 'ERR_CONFIGURATION', message });
    });
  }

  it('are refused where bodies are not handed over as they came', () => {
    for (const make of [authenticate, (options) => new BearerAuthGuard(options)]) {
      for (const [name, value] of Object.entries(RULES)) {
        const message = new RegExp(`^${name} cannot be used here`, 'u');
        assert.throws(() => make({ ...POLICY, [name]: value }), { code: 'ERR_CONFIGURATION', message });
      }
      make({ ...POLICY, anonymous: null });
    }
  });

  it('are looked at on POST alone, for no more than they must, and counted', async () => {
    const rejections = [];
    const verifier = new Verifier({ ...POLICY, onReject: ({ code }) => rejections.push(code) });
    const handler = guardFetch({ verifier, toolScopes: { x: 'a' }, maxBodyBytes: 50 }, () => new Response('in'));
    const ask = (token, init) =>
      handler(
        new Request('http://x', { method: 'POST', ...init, headers: { authorization: token && `Bearer ${token}` } }),
      );
    const unread = () => new ReadableStream({ pull: () => assert.fail('the body was read') }, { highWaterMark: 0 });
    const stream = () => ({ body: unread(), duplex: 'half' });
    assert.equal((await ask('', stream())).status, 401); // nothing is anonymous here
    assert.equal((await ask('x.y.z', stream())).status, 401);
    assert.equal((await ask(mint(), { ...stream(), method: 'PUT' })).status, 200);
    const lower = { url: 'http://x', method: 'post', headers: new Headers({ authorization: `Bearer ${mint()}` }) };
    const call = { clone: () => new Request('http://x', { method: 'POST', body: '{"method":"tools/call"}' }) };
    assert.equal((await handler({ ...lower, ...call })).status, 403); // Deno hands over methods as they came
    assert.equal((await ask(mint(), { body: 'x'.repeat(51) })).status, 413);
    assert.equal((await ask(mint(), { body: '{"a":1,"a":1}' })).status, 400);
    assert.equal((await ask(mint(), { body: 'no JSON' })).status, 200);
    assert.deepEqual(rejections.slice(1), ['insufficient_scope', 'request_too_large', 'request_malformed']);
    assert.deepEqual([verifier.stats().reasons.request_too_large, verifier.stats().verified], [1, 5]);
  });

  it('are fulfilled by scopes that include others, and asked for by the names of clients', async () => {
    const handler = guardFetch(
      {
        ...POLICY,
        scopeHierarchy: { root: ['admin'] },
        toolScopes: { 'w*': 'admin' },
        challengeScopes: { admin: 'api://x/admin' },
      },
      () => new Response('in'),
    );
    const ask = (scopes) =>
      handler(
        new Request('http://x', {
          method: 'POST',
          body: JSON.stringify(CALL),
          headers: { authorization: `Bearer ${mint({ scopes })}` },
        }),
      );
    assert.equal((await ask(['root'])).status, 200);
    assert.match((await ask(['user'])).headers.get('www-authenticate'), /scope="api:\/\/x\/admin"/u);
  });
});
