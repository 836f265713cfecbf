/* Two issuers in front of every host: whose tokens pass, and that nothing crosses over. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { KeyPair } from 'fastbearer';

import { HOSTS } from '../hosts.mjs';
import { AUDIENCE, bearer, callWhoami, ISSUER, KEYS, knock, mint, SCOPES, serve } from '../support.mjs';

const SECOND = 'https://second.example.com';
const SECOND_KEYS = KeyPair.generateSync('ES256');

const OPTIONS = {
  issuers: [
    { issuer: ISSUER, publicKey: KEYS.publicKey },
    { issuer: SECOND, publicKey: SECOND_KEYS.publicKey, algorithms: 'ES256', scopeClaims: '/realm/roles' },
  ],
  audience: AUDIENCE,
  requiredScopes: SCOPES,
  scopeHierarchy: { admin: SCOPES },
};

const ofSecond = (changes = {}, keys = SECOND_KEYS) =>
  mint({ issuer: SECOND, scopes: null, additionalClaims: { realm: { roles: SCOPES } }, ...changes }, keys);

const REFUSED = {
  'the key of the second for the first': () => mint({}, SECOND_KEYS),
  'the key of the first for the second': () => ofSecond({}, KEYS),
  'an issuer that nobody configured': () => mint({ issuer: 'https://third.example.com' }),
  'no issuer': () => mint({ issuer: null }),
};

describe('two issuers', { concurrency: 4 }, () => {
  for (const [name, host] of Object.entries(HOSTS)) {
    describe(name, { concurrency: 1 }, () => {
      let server;
      before(async () => {
        server = await serve(name, 'import', OPTIONS);
      });
      after(() => server.stop());

      it('serves both', async () => {
        for (const [token, issuer] of [
          [mint(), ISSUER],
          [ofSecond(), SECOND],
        ]) {
          const callers = await callWhoami(host.client, server.origin, token, { calls: 2 });
          assert.deepEqual(
            callers.map((caller) => [caller.issuer, caller.scopes]),
            Array(2).fill([issuer, SCOPES]),
          );
        }
      });

      for (const [what, token] of Object.entries(REFUSED)) {
        it(`refuses ${what}`, async () => {
          assert.equal((await knock(server.origin, bearer(token()))).status, 401);
        });
      }

      it('asks each for the scopes where it has them', async () => {
        assert.equal(
          (await knock(server.origin, bearer(ofSecond({ scopes: SCOPES, additionalClaims: {} })))).status,
          403,
        );
        // requireBearerAuth of the SDKs compares what was granted, and knows of no hierarchy.
        const isOurs = host.answers['no-keys'] === 503;
        assert.equal((await knock(server.origin, bearer(mint({ scopes: ['admin'] })))).status, isOurs ? 200 : 403);
      });
    });
  }
});
