/*
 * Express in front of two real providers at once, npm oidc-provider each: found by discovery, JWT access tokens for this
 * resource, keys that are replaced while requests come. The tokens of a third are bound to keys and certificates of
 * clients; openid-client makes the proofs. A fourth is asked about tokens that are not JWTs.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { KeyPair, Verifier } from 'fastbearer';
import { Introspector } from 'fastbearer/introspection';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';

import { certificateOf } from '../../support/certificate.mjs';
import { AUDIENCE, bearer, request, serve } from '../support.mjs';

const PLACE = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'providers');

function install() {
  const installed = path.join(PLACE, 'node_modules', '.package-lock.json');
  const wanted = path.join(PLACE, 'package-lock.json');
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs) {
    const parameters = ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'];
    execFileSync('npm', parameters, { cwd: PLACE, stdio: 'ignore' });
  }
}

class Provider {
  #child;
  #lines;

  static async start(algorithm) {
    const provider = new Provider();
    const program = path.join(PLACE, 'oidc_provider.mjs');
    provider.#child = spawn(process.execPath, [program, algorithm], { stdio: ['pipe', 'pipe', 'ignore'] });
    provider.#lines = readline.createInterface({ input: provider.#child.stdout })[Symbol.asyncIterator]();
    return Object.assign(provider, JSON.parse(await provider.#line((line) => line.startsWith('{'))));
  }

  /* The next that is meant for us: the provider prints advice of its own. */
  async #line(isOurs) {
    for (;;) {
      const { value, done } = await this.#lines.next();
      assert.ok(!done, 'the provider ended');
      if (isOurs(value)) {
        return value;
      }
    }
  }

  async mint({ resource = AUDIENCE, scope = 'read' } = {}) {
    const { client_id, client_secret } = this;
    const form = { grant_type: 'client_credentials', client_id, client_secret, scope, resource };
    const answer = await fetch(this.token, { method: 'POST', body: new URLSearchParams(form) });
    assert.equal(answer.status, 200);
    return (await answer.json()).access_token;
  }

  async revoke(token) {
    const { client_id, client_secret } = this;
    const body = new URLSearchParams({ client_id, client_secret, token });
    assert.equal((await fetch(this.revocation, { method: 'POST', body })).status, 200);
  }

  async rotate() {
    this.#child.stdin.write('rotate\n');
    await this.#line((line) => line === 'rotated');
  }

  stop() {
    this.#child.stdin.end();
  }
}

describe('real providers', () => {
  let providers;
  let server;
  before(async () => {
    install();
    providers = await Promise.all([Provider.start('RS256'), Provider.start('ES256')]);
    const [first, second] = providers;
    const options = {
      issuers: [
        { issuer: first.issuer, tokenType: 'at+jwt', algorithms: 'RS256' },
        { issuer: second.issuer, tokenType: 'at+jwt', algorithms: 'ES256' },
      ],
      audience: AUDIENCE,
      requiredScopes: ['read'],
    };
    server = await serve('express 5', 'import', options);
  });
  after(async () => {
    providers?.forEach((provider) => provider.stop());
    await server?.stop();
  });

  const ask = async (token) => (await request(`${server.origin}/who`, bearer(token))).status;

  it('serves the tokens of both, found by discovery', async () => {
    const tokens = await Promise.all(providers.map((provider) => provider.mint({ scope: 'read write' })));
    const answers = await Promise.all(
      [...tokens, ...tokens].map((token) => request(`${server.origin}/who`, bearer(token))),
    );
    assert.deepEqual(
      answers.map(({ status, body }) => [status, JSON.parse(body).issuer, JSON.parse(body).clientId]),
      [...providers, ...providers].map(({ issuer }) => [200, issuer, 'worker']),
    );
  });

  it('refuses what is for another resource, and what lacks the scope', async () => {
    for (const provider of providers) {
      assert.equal(await ask(await provider.mint({ resource: 'https://other.example.com/' })), 401);
      assert.equal(await ask(await provider.mint({ scope: 'write' })), 403);
    }
  });

  it('follows a rotation of one; its old tokens are refused, those of the other go on', async () => {
    const [first, second] = providers;
    const [old, others] = [await first.mint(), await second.mint()];
    assert.deepEqual([await ask(old), await ask(others)], [200, 200]);
    await first.rotate();
    assert.equal(await ask(await first.mint()), 200);
    assert.deepEqual([await ask(old), await ask(others)], [401, 200]);
  });
});

/* What a client of the provider's has: its configuration by discovery, and a pair of keys for proofs. */
async function clientOf(provider, algorithm) {
  const config = await oidc.discovery(
    new URL(provider.issuer),
    provider.client_id,
    undefined,
    oidc.ClientSecretPost(provider.client_secret),
    { execute: [oidc.allowInsecureRequests] },
  );
  const keys = await oidc.randomDPoPKeyPair(algorithm);
  const DPoP = oidc.getDPoPHandle(config, keys);
  const grant = await oidc.clientCredentialsGrant(config, { resource: AUDIENCE, scope: 'read' }, { DPoP });
  assert.equal(grant.token_type, 'dpop');
  return { config, DPoP, keys, token: grant.access_token };
}

describe('tokens that a real provider binds', () => {
  let provider;
  let server; // at the URL that it sees
  let strict; // with nonces, DPoP only
  before(async () => {
    install();
    provider = await Provider.start('ES256');
    const options = {
      issuer: provider.issuer,
      tokenType: 'at+jwt',
      algorithms: 'ES256',
      audience: AUDIENCE,
      requiredScopes: ['read'],
    };
    const header = { clientCertificateHeader: { name: 'x-certificate', format: 'nginx' } };
    [server, strict] = await Promise.all([
      serve('express 5', 'import', { ...options, dpop: {} }, header),
      serve('hono', 'import', { ...options, dpop: { required: true, nonceSecret: 's'.repeat(32) } }, {}),
    ]);
  });
  after(async () => {
    provider?.stop();
    await Promise.all([server?.stop(), strict?.stop()]);
  });

  for (const algorithm of ['ES256', 'EdDSA']) {
    it(`${algorithm}: openid-client makes the proofs, and does the dance of the nonce`, async () => {
      const { config, DPoP, token } = await clientOf(provider, algorithm);
      for (const { origin } of [server, strict, server, strict]) {
        for (const method of ['GET', 'POST']) {
          const body = method === 'POST' ? JSON.stringify({ a: 1 }) : undefined;
          const headers = new Headers(body === undefined ? {} : { 'content-type': 'application/json' });
          const url = new URL(`${origin}/who?a=1`);
          const answer = await oidc.fetchProtectedResource(config, token, url, method, body, headers, { DPoP });
          assert.equal(answer.status, 200, await answer.clone().text());
          assert.equal((await answer.json()).clientId, 'worker');
        }
      }
      assert.equal((await request(`${server.origin}/who`, bearer(token))).status, 401);
    });
  }

  it('the first answer to oauth4webapi is the challenge; a proof is good once', async () => {
    const { keys, token } = await clientOf(provider, 'ES256');
    const DPoP = oauth.DPoP({ client_id: 'worker' }, keys);
    const url = new URL(`${strict.origin}/who`);
    const sent = [];
    const settings = {
      DPoP,
      [oauth.allowInsecureRequests]: true,
      [oauth.customFetch]: (target, init) => {
        sent.push(init);
        return fetch(target, init);
      },
    };
    const ask = () => oauth.protectedResourceRequest(token, 'GET', url, undefined, undefined, settings);
    const refused = await ask().catch((error) => error);
    assert.ok(oauth.isDPoPNonceError(refused), String(refused));
    assert.deepEqual(
      refused.cause.map(({ scheme, parameters }) => [scheme, parameters.error]),
      [['dpop', 'use_dpop_nonce']],
    );
    assert.equal((await ask()).status, 200);
    const again = await fetch(url, { ...sent.at(-1), signal: undefined });
    assert.equal(again.status, 401);
    assert.match(again.headers.get('www-authenticate'), /^DPoP .*error="invalid_dpop_proof"/u);
    assert.equal((await ask()).status, 200);
  });

  it('a stranger with the token and a key of his own is refused', async () => {
    const { token } = await clientOf(provider, 'ES256');
    const stranger = await clientOf(provider, 'ES256');
    const url = new URL(`${server.origin}/who`);
    const { config, DPoP } = stranger;
    const refused = await oidc
      .fetchProtectedResource(config, token, url, 'GET', null, undefined, { DPoP })
      .catch((error) => error);
    const challenges = refused.cause;
    assert.deepEqual(
      challenges.map(({ scheme, parameters }) => [scheme, parameters.error]),
      [
        ['bearer', 'invalid_token'],
        ['dpop', 'invalid_dpop_proof'],
      ],
    );
  });

  it('a token that is bound to a certificate is good with it, and with no other', async () => {
    const [own, other] = [certificateOf('client'), certificateOf('other')].map(({ pem }) => encodeURIComponent(pem));
    const { client_secret } = provider;
    const client_id = 'certified';
    const form = { grant_type: 'client_credentials', client_id, client_secret, scope: 'read', resource: AUDIENCE };
    const headers = { 'client-certificate': own };
    const answer = await fetch(provider.token, { method: 'POST', headers, body: new URLSearchParams(form) });
    const { access_token: token } = await answer.json();
    const ask = async (certificate) => {
      const shown = certificate === undefined ? {} : { 'x-certificate': certificate };
      return (await request(`${server.origin}/who`, { ...bearer(token), headers: shown })).status;
    };
    assert.deepEqual([await ask(own), await ask(other), await ask(undefined)], [200, 401, 401]);
  });
});

describe('opaque tokens of a real provider', () => {
  const OPAQUE = `${AUDIENCE}/opaque`;
  let provider;
  before(async () => {
    install();
    provider = await Provider.start('ES256');
  });
  after(() => provider?.stop());

  const credentials = {
    client_secret_basic: ({ client_secret: clientSecret }) => ({ clientId: 'basic', clientSecret }),
    client_secret_post: ({ client_id: clientId, client_secret: clientSecret }) => ({ clientId, clientSecret }),
    private_key_jwt: ({ signer, issuer }) => ({
      clientId: 'signer',
      privateKey: new KeyPair({ privateKey: signer, algorithm: 'ES256' }),
      assertionAudience: issuer,
    }),
  };
  for (const [authMethod, of] of Object.entries(credentials)) {
    it(`are introspected beside its JWTs, with ${authMethod}, until they are revoked`, async () => {
      const introspector = new Introspector({
        endpoint: provider.introspection,
        authMethod,
        cacheSeconds: 0,
        ...of(provider),
      });
      const { issuer } = provider;
      const verifier = new Verifier({
        issuers: [{ issuer, algorithms: 'ES256', introspector }],
        audience: [AUDIENCE, OPAQUE],
        requiredScopes: 'read',
      });
      const token = await provider.mint({ resource: OPAQUE });
      assert.ok(!token.includes('.'));
      const access = await verifier.verify(token);
      assert.deepEqual([access.issuer, access.clientId, access.scopes], [issuer, 'worker', ['read']]);
      assert.equal(access.resource.href, OPAQUE);
      assert.equal((await verifier.verify(await provider.mint())).resource.href, AUDIENCE);
      const elsewhere = await provider.mint({ resource: 'https://other.example.com/opaque' });
      await assert.rejects(verifier.verify(elsewhere), { code: 'audience_mismatch' });
      await provider.revoke(token);
      await assert.rejects(verifier.verify(token), { code: 'token_inactive' });
    });
  }

  for (const [authMethod, jwts] of [
    ['client_secret_basic', false],
    ['private_key_jwt', false],
    ['private_key_jwt', true],
  ]) {
    it(`signed responses (RFC 9701), with ${authMethod}${jwts ? ', about all tokens' : ''}`, async () => {
      const { issuer } = provider;
      // oidc-provider signs with RS256 unless the client is registered for another algorithm.
      const algorithms = authMethod === 'private_key_jwt' ? ['ES256'] : ['ES256', 'RS256'];
      const introspector = new Introspector({
        endpoint: provider.introspection,
        cacheSeconds: 0,
        signedResponse: true,
        jwts,
        ...credentials[authMethod](provider),
      });
      const policy = { audience: [AUDIENCE, OPAQUE], requiredScopes: 'read' };
      const verifier = new Verifier({ issuers: [{ issuer, algorithms, introspector }], ...policy });
      const token = await provider.mint({ resource: OPAQUE });
      const access = await verifier.verify(token);
      assert.deepEqual([access.issuer, access.clientId, access.scopes], [issuer, 'worker', ['read']]);
      await provider.revoke(token);
      await assert.rejects(verifier.verify(token), { code: 'token_inactive' });
      await verifier.verify(await provider.mint({ resource: OPAQUE }));
      assert.equal(verifier.stats().fetches, 1);
    });
  }

  it('a response that is signed for another client says nothing', async () => {
    const { clientId, clientSecret } = credentials.client_secret_basic(provider);
    const introspector = new Introspector({
      endpoint: provider.introspection,
      clientId: 'another',
      clientSecret: 'x',
      signedResponse: true,
      fetch: (url, init) => {
        const authorization = `Basic ${Buffer.from(`${clientId}:${encodeURIComponent(clientSecret)}`).toString('base64')}`;
        return fetch(url, { ...init, headers: { ...init.headers, authorization } });
      },
    });
    const algorithms = ['ES256', 'RS256'];
    const verifier = new Verifier({ issuer: provider.issuer, algorithms, audience: OPAQUE, introspector });
    const token = await provider.mint({ resource: OPAQUE });
    await assert.rejects(verifier.verify(token), { code: 'status_unavailable', message: /audience_mismatch/u });
  });

  it('nobody learns anything with a wrong secret', async () => {
    const introspector = new Introspector({ endpoint: provider.introspection, clientId: 'basic', clientSecret: 'x' });
    const verifier = new Verifier({ issuer: provider.issuer, audience: OPAQUE, introspector });
    const token = await provider.mint({ resource: OPAQUE });
    await assert.rejects(verifier.verify(token), { code: 'status_unavailable', message: /HTTP status 401/u });
  });
});
