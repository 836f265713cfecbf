/* npm fastmcp, with sessions and without. */
import { randomInt } from 'node:crypto';
import net from 'node:net';

import { listenFetch, whoami } from './common.mjs';
import { siteOf } from './fetch.mjs';

/*
 * fastmcp does not say which port it was given. Below those that the system hands out, so that nobody takes it
 * meanwhile.
 */
async function freePort() {
  const server = net.createServer();
  for (;;) {
    const port = randomInt(20000, 30000);
    const free = await new Promise((resolve) => {
      server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
    });
    if (free) {
      await new Promise((resolve) => server.close(resolve));
      return port;
    }
  }
}

export async function build(load, options) {
  const { FastMCP, requireScopes } = await load('fastmcp');
  const { authenticate, getAccessToken } = await load('fastbearer/fastmcp');
  const server = new FastMCP({ name: 'guarded', version: '1.0.0', authenticate: authenticate(options) });
  const execute = async (_arguments, { session }) => JSON.stringify(await whoami(getAccessToken, session));
  server.addTool({ name: 'whoami', description: 'Who calls', execute });
  server.addTool({ name: 'write', description: 'Needs more', canAccess: requireScopes('tools:write'), execute });
  return server;
}

const start = (stateless) => async (load, options) => {
  const server = await build(load, options);
  const port = await freePort();
  await server.start({ transportType: 'httpStream', httpStream: { port, host: '127.0.0.1', stateless } });
  return `http://127.0.0.1:${port}`;
};

export const sessions = start(false);
export const stateless = start(true);

/* Its server for edge runtimes, which authenticates nobody, guarded by fastbearer/fetch. */
export async function edge(load, options, guard) {
  const { EdgeFastMCP } = await load('fastmcp/edge');
  const { bearerAuth, getAccessToken } = await load('fastbearer/fetch');
  const server = new EdgeFastMCP({ name: 'guarded', version: '1.0.0' });
  const execute = async () => JSON.stringify(await whoami(getAccessToken, getAccessToken()));
  server.addTool({ name: 'whoami', description: 'Who calls', execute });
  const handler = siteOf(getAccessToken, (request) => server.fetch(request));
  return listenFetch(load, bearerAuth({ ...options, ...guard }, handler));
}
