/* Express 4 and 5 guarded by fastbearer/express; the MCP server is of SDK v1. */
import { listen, mcpV1, whoami } from './common.mjs';

const start = (name) => async (load, options, guard) => {
  const imported = await load(name);
  const express = imported.default ?? imported;
  const { bearerAuth, getAccessToken } = await load('fastbearer/express');
  const mcp = await mcpV1(load, getAccessToken);
  const app = express();
  app.use(bearerAuth({ ...options, ...guard }));
  app.use(express.json());
  app.get('/open', (request, response) => response.json({ clientId: getAccessToken()?.clientId ?? null }));
  const who = (request, response, next) =>
    whoami(getAccessToken, request.auth).then((seen) => response.json({ ...seen, body: request.body ?? null }), next);
  app.get('/who', who);
  app.post('/who', who);
  app.all('/mcp', (request, response, next) => mcp(request, response, request.body).catch(next));
  return listen(app);
};

export const express4 = start('express4');
export const express5 = start('express');
