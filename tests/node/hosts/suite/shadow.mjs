/* Shadow in front of real verifiers: a function with jose, and Express behind requireBearerAuth of the MCP SDK. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';

import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import express from 'express';
import { KeyPair, Verifier } from 'fastbearer';
import { jwtVerifier } from 'fastbearer/mcp';
import { Shadow, stats } from 'fastbearer/shadow';
import { JWKSServer } from 'fastbearer/testing';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const AUDIENCE = 'https://api.example';

describe('a shadow', () => {
  let server;
  let byJose;
  before(async () => {
    server = await JWKSServer.start({ key: await KeyPair.generate('ES256') });
    const keys = createRemoteJWKSet(new URL(server.jwksUri));
    byJose = async (token) =>
      (await jwtVerify(token, keys, { issuer: server.issuer, audience: AUDIENCE, algorithms: ['ES256'] })).payload;
  });
  after(() => server.close());

  const ours = (more) => new Verifier({ issuer: server.issuer, algorithms: 'ES256', audience: AUDIENCE, ...more });
  const compared = async (shadow, count) => {
    while (stats(shadow).compared < count) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  it('of jose agrees with it about good and bad tokens, and says where it does not', async () => {
    const differences = [];
    const onDifference = (one) => differences.push([one.serving, one.servingReason, one.candidate, one.code]);
    const shadow = Shadow(byJose, ours(), { onDifference });
    const mint = (more) => server.mint({ audience: AUDIENCE, ...more });
    const hour = 3600;
    const now = Math.floor(Date.now() / 1000);
    for (const [token, name] of [
      [mint()],
      [mint({ audience: 'https://other.example' }), 'JWTClaimValidationFailed'],
      [mint({ expiresInSeconds: -hour }), 'JWTExpired'],
      ['nonsense', 'JWSInvalid'],
      [
        KeyPair.generateSync('ES256').createToken({ issuer: server.issuer, kid: server.kid }),
        'JWSSignatureVerificationFailed',
      ],
    ]) {
      const found = await shadow(token).then(
        () => undefined,
        (error) => error.name,
      );
      assert.equal(found, name);
    }
    await compared(shadow, 5);
    assert.deepEqual(differences, []);
    await shadow(mint({ additionalClaims: { iat: now + hour } })); // jose does not look at it
    await shadow(mint({ additionalClaims: { exp: null } })).catch(() => {});
    await compared(shadow, 7);
    assert.deepEqual(differences, [['accepted', undefined, 'refused', 'token_issued_in_future']]);
  });

  it('in an MCP server answers requests as the verifier in service', async () => {
    const serving = {
      verifyAccessToken: async (token) => {
        const { sub, exp } = await byJose(token);
        return { token, clientId: sub, scopes: [], expiresAt: exp };
      },
    };
    const differences = [];
    const onDifference = ({ serving: said, candidate, code }) => differences.push([said, candidate, code]);
    const options = { issuer: server.issuer, algorithms: 'ES256', audience: AUDIENCE, requiredScopes: ['admin'] };
    const verifier = Shadow(serving, jwtVerifier(options), { onDifference });
    const app = express();
    app.get('/', requireBearerAuth({ verifier }), (request, response) => response.send(request.auth.clientId));
    const listening = app.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const url = `http://127.0.0.1:${listening.address().port}/`;
    const headers = { authorization: `Bearer ${server.mint({ audience: AUDIENCE, subject: 'alice' })}` };
    const answer = await fetch(url, { headers });
    assert.deepEqual([answer.status, await answer.text()], [200, 'alice']);
    await compared(verifier, 1);
    assert.deepEqual(differences, [['accepted', 'refused', 'insufficient_scope']]);
    listening.close();
    listening.closeAllConnections();
  });
});
