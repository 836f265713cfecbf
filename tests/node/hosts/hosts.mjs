/*
 * The hosts that the adapters are tested on: who starts each one, and what it must answer to which request. Where a
 * host reads the request itself, before a verifier is asked, its answer is its own and not always ours.
 */
import * as expressApps from './apps/express.mjs';
import * as fastifyApps from './apps/fastify.mjs';
import * as fastmcp from './apps/fastmcp.mjs';
import * as fetchApps from './apps/fetch.mjs';
import { hono, honoMcp } from './apps/hono.mjs';
import * as koa from './apps/koa.mjs';
import * as nest from './apps/nest.mjs';
import * as runtimes from './apps/runtimes.mjs';
import * as sdk from './apps/sdk.mjs';

const REFUSED = {
  none: 401,
  garbage: 401,
  expired: 401,
  'not-yet-valid': 401,
  'wrong-issuer': 401,
  'wrong-audience': 401,
  'bad-signature': 401,
  'missing-scope': 403,
};

/* Guarded by one of our own adapters. */
const OURS = { ...REFUSED, malformed: 400, 'two-headers': 400, 'in-query': 400, 'no-keys': 503 };

/* The SDKs have no 503; anything but "Bearer TOKEN" is 401 to them, and v1 and v2 read the first of two headers. */
const SDK = { ...REFUSED, malformed: 401, 'two-headers': 200, 'in-query': 401, 'no-keys': 401 };

/*
 * client: the SDK whose client speaks to it. own: guarded by our adapter, with routes of its own beside /mcp. entered:
 * getAccessToken() works in its handlers.
 */
export const HOSTS = {
  'sdk v1': { start: sdk.v1, answers: SDK, client: 1, entered: true },
  'sdk v2 fetch': { start: sdk.v2Fetch, answers: SDK, client: 2, entered: false },
  'sdk v2 express': { start: sdk.v2Express, answers: SDK, client: 2, entered: true },
  'sdk v2 hono': { start: sdk.v2Hono, answers: SDK, client: 2, entered: true },
  // withMcpAuth gets the two headers joined, which is not a token.
  'mcp-handler': { start: fetchApps.mcpHandler, answers: { ...SDK, 'two-headers': 401 }, client: 2, entered: true },
  'mcp-handler, guarded': { start: fetchApps.mcpHandlerGuarded, answers: OURS, client: 2, own: true, entered: true },
  fastmcp: { start: fastmcp.sessions, answers: OURS, client: 1, entered: true },
  'fastmcp stateless': { start: fastmcp.stateless, answers: OURS, client: 1, entered: true },
  'fastmcp edge': { start: fastmcp.edge, answers: OURS, client: 1, own: true, entered: true },
  'express 4': { start: expressApps.express4, answers: OURS, client: 1, own: true, entered: true },
  'express 5': { start: expressApps.express5, answers: OURS, client: 1, own: true, entered: true },
  'fastify 4': { start: fastifyApps.fastify4, answers: OURS, client: 1, own: true, entered: true },
  'fastify 5': { start: fastifyApps.fastify5, answers: OURS, client: 1, own: true, entered: true },
  'fastify, sdk v2': { start: fastifyApps.sdkV2, answers: OURS, client: 2, own: true, entered: true },
  hono: { start: hono, answers: OURS, client: 2, own: true, entered: true },
  'hono, @hono/mcp': { start: honoMcp, answers: OURS, client: 1, own: true, entered: true },
  'koa 2': { start: koa.koa2, answers: OURS, client: 1, own: true, entered: true },
  'koa 3': { start: koa.koa3, answers: OURS, client: 1, own: true, entered: true },
  'nest, express': { start: nest.express, answers: OURS, client: 1, entered: true },
  'nest, fastify': { start: nest.fastify, answers: OURS, client: 1, entered: true },
  fetch: { start: fetchApps.fetch, answers: OURS, client: 2, own: true, entered: true },
};

/* The servers that Bun and Deno have themselves. */
export const RUNTIME_HOSTS = {
  'Bun.serve': { start: runtimes.bun, answers: OURS, client: 2, own: true, entered: true },
  'Deno.serve': { start: runtimes.deno, answers: OURS, client: 2, own: true, entered: true },
};

const EVERYWHERE = ['express 5', 'fastify 5', 'hono', 'koa 3', 'fastmcp', 'nest, express', 'sdk v1', 'sdk v2 fetch'];

/*
 * Which of the hosts are tested under another runtime, and what it needs to run them. follows: whether its node:http
 * tells of requests that begin, which getAccessToken() needs after a guard that a framework calls without the request.
 */
export const RUNTIMES = {
  Bun: {
    program: ['@oven/bun-linux-x64/bin/bun'],
    hosts: ['Bun.serve', ...EVERYWHERE],
    follows: false,
  },
  // --allow-sys: Fastify's log has the name of the machine in it.
  Deno: {
    program: ['@deno/linux-x64-glibc/deno', 'run', '--no-prompt'].concat(
      ['ffi', 'read', 'env', 'net', 'sys'].map((what) => `--allow-${what}`),
    ),
    hosts: ['Deno.serve', ...EVERYWHERE],
    follows: true,
  },
};

export const FORMATS = ['import', 'require'];
