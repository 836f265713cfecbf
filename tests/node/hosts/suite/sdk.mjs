/* The MCP SDK's own gates: whose error classes, whose resource, whose clock. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';

import { FORMATS } from '../hosts.mjs';
import { AUDIENCE, bearer, ISSUER, KEYS, knock, mint, OPTIONS, serve } from '../support.mjs';

const require = createRequire(import.meta.url);
const OTHER = 'https://mcp.example.com/other';
const POLICY = { publicKey: KEYS.publicKey, issuer: ISSUER, audience: AUDIENCE };

const loaders = { import: (specifier) => import(specifier), require: async (specifier) => require(specifier) };

async function thrownBy(promise) {
  return promise.then(
    () => assert.fail('nothing was thrown'),
    (error) => error,
  );
}

function classes(load) {
  it('throws the classes of the SDK copy that was loaded the same way', async () => {
    const errors = await load('@modelcontextprotocol/sdk/server/auth/errors.js');
    const { InsufficientScopeError, InvalidTokenError, OAuthError } = errors;
    const { jwtVerifier } = await load('fastbearer/mcp');
    const verifier = jwtVerifier({ ...POLICY, requiredScopes: ['a', 'b'] });
    const invalid = await thrownBy(verifier.verifyAccessToken('x.y.z'));
    assert.ok(invalid instanceof InvalidTokenError && invalid instanceof OAuthError);
    assert.equal(invalid.errorCode, 'invalid_token');
    assert.equal(invalid.reason, 'token_malformed');
    assert.deepEqual(invalid.toResponseObject(), {
      error: 'invalid_token',
      error_description: 'The access token is invalid or has expired.',
    });
    const { verifier: shared } = jwtVerifier({ ...POLICY, dpop: {} });
    assert.deepEqual(shared.dpop.required, false);
    assert.throws(() => jwtVerifier({ ...POLICY, dpop: { required: true } }), {
      code: 'ERR_CONFIGURATION',
      message: /^dpop\.required would refuse every token here/u,
    });
    const bound = mint({ additionalClaims: { cnf: { jkt: 'A'.repeat(43) } } });
    const unproved = await thrownBy(jwtVerifier(POLICY).verifyAccessToken(bound));
    assert.ok(unproved instanceof InvalidTokenError);
    assert.deepEqual([unproved.errorCode, unproved.reason], ['invalid_token', 'proof_missing']);
    const lacking = await thrownBy(verifier.verifyAccessToken(mint({ scopes: [] })));
    assert.ok(lacking instanceof InsufficientScopeError);
    assert.deepEqual(lacking.missing, ['a', 'b']);
    verifier.verifier.close();
  });

  it('has errors that SDK v2 takes for its own', async () => {
    const { OAuthError, bearerAuthChallengeResponse } = await load('@modelcontextprotocol/server');
    const { jwtVerifier } = await load('fastbearer/mcp');
    const { Verifier } = await load('fastbearer');
    const verifier = new Verifier({ ...POLICY, requiredScopes: ['a'] });
    for (const face of [verifier, jwtVerifier({ verifier })]) {
      const refused = [
        ['x.y.z', 401, 'token_malformed'],
        [mint({ scopes: [] }), 403, 'insufficient_scope'],
      ];
      for (const [token, status, reason] of refused) {
        const error = await thrownBy(face.verifyAccessToken(token));
        assert.ok(OAuthError.isInstance(error));
        assert.equal(error.reason, reason);
        assert.equal(bearerAuthChallengeResponse(error).status, status);
      }
    }
  });

  it('takes the classes of a copy that it would not find', async () => {
    const { jwtVerifier } = await load('fastbearer/mcp');
    class InvalidTokenError extends Error {}
    class InsufficientScopeError extends Error {}
    const verifier = jwtVerifier({ ...POLICY, errors: { InvalidTokenError, InsufficientScopeError } });
    assert.ok((await thrownBy(verifier.verifyAccessToken('x'))) instanceof InvalidTokenError);
    assert.throws(() => jwtVerifier({ ...POLICY, errors: {} }), {
      code: 'ERR_CONFIGURATION',
      message: /^errors must be/u,
    });
  });

  it('refuses options that would do nothing', async () => {
    const { jwtVerifier } = await load('fastbearer/mcp');
    const { verifier } = jwtVerifier(POLICY);
    assert.throws(() => jwtVerifier({ verifier, requiredScopes: ['a'] }), /requiredScopes are for requireBearerAuth/u);
    assert.throws(
      () => jwtVerifier({ verifier, issuer: 'me' }),
      /either verifier or the options of one, not both: issuer/u,
    );
    assert.throws(() => jwtVerifier({ verifier: {} }), /verifier must be a Verifier/u);
    assert.throws(() => jwtVerifier({ ...POLICY, realm: 'x' }), /has no member 'realm'/u);
  });
}

function results(load) {
  it('gives what the SDKs copy by spreading, leeway included', async () => {
    const { Verifier, decodeUnverified } = await load('fastbearer');
    const verifier = new Verifier({ ...POLICY, leeway: 30.5 });
    const token = mint({ expiresInSeconds: -10 });
    const info = { ...(await verifier.verifyAccessToken(token)) };
    assert.equal(info.token, token);
    assert.equal(info.clientId, 'alice');
    assert.deepEqual(info.scopes, ['tools:call']);
    assert.equal(info.resource.href, AUDIENCE);
    assert.equal(info.extra.claims.iss, ISSUER);
    assert.equal(info.expiresAt, decodeUnverified(token).claims.exp + 31);
  });

  it('says nothing of the token, however it is printed', async () => {
    const { Verifier } = await load('fastbearer');
    const { inspect } = await load('node:util');
    const verifier = new Verifier({ ...POLICY });
    const token = mint({ audience: 'elsewhere', subject: 'somebody-secret' });
    const error = await thrownBy(verifier.verifyAccessToken(token));
    const printed = inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error) + error.stack;
    for (const piece of [...token.split('.').slice(1), 'somebody-secret', 'elsewhere']) {
      assert.ok(!printed.includes(piece), piece.slice(0, 20));
    }
  });
}

/* What is verified outside of any request, at start-up, must not be current in the requests that follow. */
function startUp(load) {
  it('leaves nothing behind when it is called outside of a request', async () => {
    const { jwtVerifier, getAccessToken } = await load('fastbearer/mcp');
    const verifier = jwtVerifier(POLICY);
    await verifier.verifyAccessToken(mint());
    assert.equal(getAccessToken(), undefined);
    const server = http.createServer(async (request, response) => {
      const before = getAccessToken()?.clientId;
      if (request.url === '/guarded') {
        await verifier.verifyAccessToken(mint({ subject: 'caller' }));
        await verifier.verifyAccessToken(mint({ subject: 'somebody-else' }));
      }
      response.end(JSON.stringify([before ?? null, getAccessToken()?.clientId ?? null]));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const ask = async (path) => (await fetch(`http://127.0.0.1:${server.address().port}${path}`)).json();
    try {
      assert.deepEqual(await ask('/guarded'), [null, 'caller']);
      assert.deepEqual(await ask('/open'), [null, null]);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
}

function resources(format) {
  for (const name of ['sdk v1', 'sdk v2 fetch', 'sdk v2 express']) {
    describe(`${name}: another audience of ours is not this server`, () => {
      let server;
      before(async () => {
        server = await serve(name, format, { ...OPTIONS, audience: [AUDIENCE, OTHER], requireExp: false });
      });
      it('compares the resource', async () => {
        assert.equal((await knock(server.origin, bearer(mint({ audience: OTHER })))).status, 401);
        assert.equal((await knock(server.origin, bearer(mint({ audience: [OTHER, AUDIENCE] })))).status, 200);
      });
      it('answers 401 where the SDK wants an expiry', async () => {
        const claims = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', scope: 'tools:call' };
        const token = KEYS.sign('{"alg":"RS256"}', JSON.stringify(claims));
        assert.equal((await knock(server.origin, bearer(token))).status, 401);
      });
      after(() => server.stop());
    });
  }
}

for (const format of FORMATS) {
  describe(`sdk (${format})`, () => {
    const load = loaders[format];
    classes(load);
    results(load);
    startUp(load);
    resources(format);
  });
}
