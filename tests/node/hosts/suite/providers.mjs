/*
 * Express in front of two real providers at once, npm oidc-provider each: found by discovery, JWT access tokens for this
 * resource, keys that are replaced while requests come.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

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
