/* An Express app whose routes ask for a token, and a token for it: npm install express fastbearer; node express.mjs */
import express from 'express';
import { getAccessToken, RSAKeyPair, Verifier } from 'fastbearer';
import { bearerAuth } from 'fastbearer/express';

const pair = await RSAKeyPair.generate();
const verifier = new Verifier({ publicKey: pair.publicKey, issuer: 'https://issuer.example', audience: 'my-api' });

const app = express();
app.use(bearerAuth({ verifier, requiredScopes: ['read'], exclude: ['/health'] }));
app.get('/who', (request, response) => response.json({ client: getAccessToken().clientId }));
app.listen(process.env.PORT ?? 3000);

const token = pair.createToken({
  subject: 'alice',
  issuer: 'https://issuer.example',
  audience: 'my-api',
  scopes: ['read'],
});
try {
  console.log((await verifier.verify(token)).claims);
} catch (error) {
  console.log(error.code, error.status);
}
