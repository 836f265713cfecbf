/* An Express server in TypeScript: all routes need a token, some need a scope, one needs nothing. */
import express from 'express';
import { requireAccessToken, Verifier } from 'fastbearer';
import { bearerAuth } from 'fastbearer/express';

const verifier = new Verifier({
  issuer: process.env.ISSUER ?? 'https://issuer.example',
  audience: process.env.AUDIENCE ?? 'https://api.example',
  onReject: ({ code, expected, actual }) => console.log('refused', code, expected, actual),
});
await verifier.refresh(); // a wrong configuration is found now, not with the first request

interface Claims {
  tenant?: string;
}

const app = express();
app.use(bearerAuth({ verifier, exclude: ['/health'] }));
app.get('/health', (_request, response) => {
  response.json({ keys: verifier.stats().keysHeld });
});
app.get('/who', (_request, response) => {
  const { clientId, claims } = requireAccessToken<Claims>();
  response.json({ client: clientId, tenant: claims.tenant ?? null });
});
app.get('/reports', bearerAuth({ verifier, requiredScopes: ['reports:read'] }), (request, response) => {
  response.json({ for: request.auth?.clientId });
});
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => console.log('listening'));
