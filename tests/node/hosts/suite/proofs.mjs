/*
 * Bound tokens over real HTTP: every host that hands the whole request over checks DPoP proofs, at the URL that it sees
 * and behind a proxy; the others refuse what they cannot check.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { KeyPair } from 'fastbearer';

import { HOSTS } from '../hosts.mjs';
import { AUDIENCE, bearer, json, knock, METADATA_URL, mint, minted, OPTIONS, request, serve } from '../support.mjs';

const CLIENT = KeyPair.generateSync('ES256');
const PUBLIC = new URL(AUDIENCE).origin;
const NONCE_SECRET = 'a secret that all servers of a fleet share';
const PROOF_ERROR = 'error="invalid_dpop_proof", error_description="The DPoP proof is missing or invalid."';

const boundToken = () => mint({ additionalClaims: { cnf: { jkt: CLIENT.thumbprint() } } });
const proofs = [];
function prove(method, url, accessToken, more = {}) {
  const proof = CLIENT.dpopProof(method, url, { accessToken, ...more });
  proofs.push(proof);
  return proof;
}

/* The first request of an MCP client, with a proof; url is what the proof says. */
async function ask(origin, token, { url = `${origin}/mcp`, method = 'POST', proof, query, more } = {}) {
  const dpop = proof ?? prove(method, url, token, more);
  const { body, headers } = json({
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
  });
  return request(`${origin}/mcp`, {
    method: 'POST',
    body,
    query,
    authorization: [`DPoP ${token}`],
    headers: { ...headers, accept: 'application/json, text/event-stream', dpop },
  });
}

function assertRefused(answer, error) {
  assert.equal(answer.status, 401);
  const challenge = answer.headers['www-authenticate'];
  assert.match(challenge, /^Bearer .*error="invalid_token".*, DPoP algs="[\w ]*ES256[\w ]*", /u);
  assert.ok(challenge.split('DPoP algs=')[1].includes(error), challenge);
}

function checksOfProofs(origin) {
  it('takes a proof once, under any spelling of scheme and URL', async () => {
    const token = boundToken();
    const proof = prove('POST', `${origin()}/mcp`, token);
    assert.equal((await ask(origin(), token, { proof })).status, 200);
    assertRefused(await ask(origin(), token, { proof }), PROOF_ERROR);
    const { host } = new URL(origin());
    assert.equal((await ask(origin(), token, { url: `HTTP://${host}/%6dcp` })).status, 200);
    assert.equal((await ask(origin(), token, { query: '?a=1' })).status, 200);
  });

  it('refuses proofs of another method, URL, token, and two of them', async () => {
    const token = boundToken();
    for (const other of [
      { method: 'GET' },
      { url: `${origin()}/` },
      { url: `${PUBLIC}/mcp` },
      { proof: prove('POST', `${origin()}/mcp`, mint()) },
      { proof: [prove('POST', `${origin()}/mcp`, token), prove('POST', `${origin()}/mcp`, token)] },
      { proof: 'x.y.z' },
    ]) {
      assertRefused(await ask(origin(), token, other), PROOF_ERROR);
    }
  });

  it('refuses a bound token as a bearer token, and the other way round', async () => {
    const token = boundToken();
    assertRefused(await knock(origin(), bearer(token)), PROOF_ERROR);
    assertRefused(await ask(origin(), mint()), PROOF_ERROR);
    assert.equal((await knock(origin(), bearer(mint()))).status, 200);
    const twice = { authorization: [`DPoP ${token}`, ...bearer(token).authorization] };
    assert.equal((await knock(origin(), twice)).status, 400);
    assert.equal((await knock(origin(), {})).headers['dpop-nonce'], undefined);
  });
}

function checksOfNonces(origin) {
  it('asks for a nonce, compares the URL with that of the proxy', async () => {
    const token = boundToken();
    const url = `${PUBLIC}/mcp`;
    const first = await ask(origin(), token, { url });
    assert.equal(first.status, 401);
    assert.match(first.headers['www-authenticate'], /^DPoP algs="ES256", .*error="use_dpop_nonce"/u);
    assert.doesNotMatch(first.headers['www-authenticate'], /Bearer|scope=/u);
    assert.equal(JSON.parse(first.body).error, 'use_dpop_nonce');
    const nonce = first.headers['dpop-nonce'];
    const second = await ask(origin(), token, { url, more: { nonce } });
    assert.equal(second.status, 200);
    assert.notEqual(second.headers['dpop-nonce'], undefined);
    assert.equal((await ask(origin(), token, { more: { nonce } })).status, 401); // the server's own URL
    assert.notEqual((await knock(origin(), bearer(mint()))).headers['dpop-nonce'], undefined);
  });
}

describe('proofs', { concurrency: 4 }, () => {
  for (const [name, host] of Object.entries(HOSTS)) {
    if (host.answers.malformed !== 400) {
      it(`${name}: bound tokens are refused, since the SDK hands over no request`, async () => {
        const server = await serve(name, 'import', { ...OPTIONS, dpop: {} });
        const answers = [await knock(server.origin, bearer(boundToken())), await ask(server.origin, boundToken())];
        await server.stop();
        for (const { status, headers } of answers) {
          assert.equal(status, 401);
          assert.match(headers['www-authenticate'], /^Bearer /u);
        }
      });
      continue;
    }
    describe(name, { concurrency: 1 }, () => {
      let servers;
      before(async () => {
        const dpop = { algorithms: 'ES256', required: true, nonceSecret: NONCE_SECRET };
        // npm fastmcp's adapter gets the options alone.
        const behindProxy = name.startsWith('fastmcp') ? { baseUrl: PUBLIC } : undefined;
        servers = await Promise.all([
          serve(name, 'import', { ...OPTIONS, dpop: {} }, {}),
          serve(name, 'import', { ...OPTIONS, ...behindProxy, dpop }),
        ]);
      });
      checksOfProofs(() => servers[0].origin);
      checksOfNonces(() => servers[1].origin);
      if (host.own) {
        it('says so in its metadata', async () => {
          const { pathname } = new URL(METADATA_URL);
          const document = JSON.parse((await request(servers[1].origin + pathname)).body);
          assert.deepEqual(document.dpop_signing_alg_values_supported, ['ES256']);
          assert.equal(document.dpop_bound_access_tokens_required, true);
        });
      }
      after(async () => {
        for (const said of await Promise.all((servers ?? []).map((server) => server.stop()))) {
          assert.match(said, /READY/u);
          for (const secret of [...minted, ...proofs].map((one) => one.split('.')[2])) {
            assert.ok(!said.includes(secret), 'a token or a proof');
          }
        }
      });
    });
  }
});
