import { requireAccessToken } from 'fastbearer';
import { bearerAuth } from 'fastbearer/fetch';

const issuer = process.env.ISSUER ?? 'https://issuer.example';
const audience = process.env.AUDIENCE ?? 'https://api.example';

export const GET = bearerAuth({ issuer, audience, requiredScopes: ['read'] }, (request) =>
  Response.json({ client: requireAccessToken().clientId, path: new URL(request.url).pathname }),
);
