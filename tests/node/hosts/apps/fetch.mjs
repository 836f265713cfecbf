/* Plain functions (Request) => Response guarded by fastbearer/fetch; the MCP server is of SDK v2, or mcp-handler's. */
import { listenFetch, mcpV2, toolsV2, whoami } from './common.mjs';

export function siteOf(getAccessToken, mcp) {
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === '/mcp') {
      return mcp(request);
    }
    if (pathname === '/open') {
      return Response.json({ clientId: getAccessToken()?.clientId ?? null });
    }
    const body = request.method === 'POST' ? await request.json() : null;
    return Response.json({ ...(await whoami(getAccessToken, request.auth)), body });
  };
}

export async function site(load, getAccessToken) {
  const mcp = await mcpV2(load, getAccessToken);
  return siteOf(getAccessToken, (request) => mcp.fetch(request, { authInfo: request.auth }));
}

export async function fetch(load, options, guard) {
  const { bearerAuth, getAccessToken } = await load('fastbearer/fetch');
  return listenFetch(load, bearerAuth({ ...options, ...guard }, await site(load, getAccessToken)));
}

export async function mcpHandlerGuarded(load, options, guard) {
  const { bearerAuth, getAccessToken } = await load('fastbearer/fetch');
  const { createMcpHandler } = await load('mcp-handler');
  const handler = siteOf(
    getAccessToken,
    createMcpHandler((server) => toolsV2(server, getAccessToken)),
  );
  return listenFetch(load, bearerAuth({ ...options, ...guard }, handler));
}

/* mcp-handler as its own documentation has it. */
export async function mcpHandler(load, { requiredScopes, ...options }) {
  const { jwtVerifier, getAccessToken } = await load('fastbearer/mcp');
  const { createMcpHandler, withMcpAuth } = await load('mcp-handler');
  const verifier = jwtVerifier(options);
  const handler = createMcpHandler((server) => toolsV2(server, getAccessToken));
  const check = (request, token) => (token === undefined ? undefined : verifier.verifyAccessToken(token));
  return listenFetch(load, withMcpAuth(handler, check, { required: true, requiredScopes }));
}
