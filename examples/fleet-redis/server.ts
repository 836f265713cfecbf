/* One of several servers that share keys, proofs and revocations, Node and Python: REDIS=redis://... PORT=8003 */
import express from 'express';
import { requireAccessToken, Verifier } from 'fastbearer';
import { bearerAuth } from 'fastbearer/express';
import { RedisStore } from 'fastbearer/redis';
import { createClient } from 'redis';

const client = createClient({ url: process.env.REDIS ?? 'redis://127.0.0.1:6379' });
const fleet = new RedisStore(client);
void client.connect(); // nobody waits: this server starts while Redis is away, too

const verifier = new Verifier({
  issuer: process.env.ISSUER ?? 'https://issuer.example',
  audience: process.env.AUDIENCE ?? 'https://api.example',
  keyStore: fleet,
  dpop: { replayStore: fleet },
  isRevoked: fleet.isRevoked,
});

const app = express();
app.use(bearerAuth({ verifier, baseUrl: process.env.BASE_URL ?? null }));
app.get('/who', (_request, response) => {
  response.json({ client: requireAccessToken().clientId });
});
/* Revokes the token that asks for it, on all servers. */
app.post('/logout', async (_request, response) => {
  const { issuer, claims, expiresAt } = requireAccessToken<{ jti: string }>();
  await fleet.revoke(issuer, claims.jti, { expiresAt: expiresAt ?? null });
  response.json({ revoked: true });
});
app.listen(Number(process.env.PORT ?? 8003), '127.0.0.1', () => console.log('listening'));
