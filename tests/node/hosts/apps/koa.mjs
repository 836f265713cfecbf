/* Koa 2 and 3 guarded by fastbearer/koa; the MCP server is of SDK v1. */
import { listen, mcpV1, whoami } from './common.mjs';

const start = (name) => async (load, options, guard) => {
  const imported = await load(name);
  const Koa = imported.default ?? imported;
  const { bodyParser } = await load('@koa/bodyparser');
  const { bearerAuth, getAccessToken } = await load('fastbearer/koa');
  const mcp = await mcpV1(load, getAccessToken);
  const app = new Koa();
  app.use(bearerAuth({ ...options, ...guard }));
  app.use(bodyParser());
  app.use(async (context) => {
    const body = context.request.body ?? null;
    if (context.path === '/open') {
      context.body = { clientId: getAccessToken()?.clientId ?? null };
    } else if (context.path === '/who') {
      context.body = { ...(await whoami(getAccessToken, context.state.auth)), body };
    } else if (context.path === '/mcp') {
      context.respond = false;
      await mcp(context.req, context.res, body ?? undefined);
    }
  });
  return listen(app.callback());
};

export const koa2 = start('koa2');
export const koa3 = start('koa');
