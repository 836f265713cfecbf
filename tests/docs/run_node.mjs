/*
 * Runs one block for Node: run_node.mjs FILE. A server that it starts gets a free port of loopback, and must refuse a
 * request without a token, and so must a handler that it exports.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const file = path.resolve(process.argv[2]);
const source = readFileSync(file, 'utf8');
const servers = new Set();
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (...parameters) {
  servers.add(this);
  const callback = parameters.findLast((parameter) => typeof parameter === 'function');
  return listen.call(this, { port: 0, host: '127.0.0.1' }, callback);
};

function target() {
  const decorated = [...source.matchAll(/Get\('([^']+)'\)/gu)].at(-1);
  if (decorated !== undefined) {
    return { method: 'GET', url: `/${decorated[1]}` };
  }
  const route = /\.(get|post)\('([^']+)'/u.exec(source);
  if (route !== null) {
    return { method: route[1].toUpperCase(), url: route[2] };
  }
  return { method: 'POST', url: '/mcp' };
}

function refused(response) {
  assert.equal(response.status, 401, `${file}: ${response.status} without a token`);
  assert.match(response.headers.get('www-authenticate') ?? '', /^(?:Bearer|DPoP)/u);
}

const headers = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };
const { method, url } = target();
const init = { method, headers, ...(method === 'POST' ? { body: '{}' } : {}) };
const module = await import(pathToFileURL(file).href);
for (const server of servers) {
  if (!server.listening) {
    await once(server, 'listening');
  }
  refused(await fetch(`http://127.0.0.1:${server.address().port}${url}`, init));
}
for (const handler of Object.values(module).filter((exported) => typeof exported === 'function')) {
  refused(await handler(new Request(`http://127.0.0.1${url}`, init)));
}
process.exit(0);
