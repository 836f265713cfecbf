/* The servers of Bun and Deno themselves, guarded by fastbearer/fetch; they hand over more than the request. */
import { site } from './fetch.mjs';

async function guarded(load, options, guard) {
  const { bearerAuth, getAccessToken } = await load('fastbearer/fetch');
  const handler = await site(load, getAccessToken);
  return bearerAuth({ ...options, ...guard }, (request, more) => {
    if (more === undefined) {
      throw new Error('the second argument is not handed on');
    }
    return handler(request);
  });
}

export async function bun(load, options, guard) {
  const { port } = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: await guarded(load, options, guard) });
  return `http://127.0.0.1:${port}`;
}

export async function deno(load, options, guard) {
  const { addr } = Deno.serve({ port: 0, hostname: '127.0.0.1', onListen() {} }, await guarded(load, options, guard));
  return `http://127.0.0.1:${addr.port}`;
}
