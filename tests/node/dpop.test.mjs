/* DPoP (RFC 9449) in Node: its options, the memory of proofs, nonces, key pairs, and what adapters say of it. */
import assert from 'node:assert/strict';
import { createHash, createPublicKey, createVerify } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import util from 'node:util';
import { bearerAuth } from '../../node/fetch.cjs';
import { ConfigurationError, decodeUnverified, KeyPair, Verifier } from '../../node/index.cjs';
import table from '../../node/lib/option-table.cjs';
import { AUDIENCE, good, ISSUER, node, PAIR, rejected, thrown } from './support/case.mjs';

const POLICY = { publicKey: PAIR.publicKey, issuer: ISSUER, audience: AUDIENCE };
const CLIENT = KeyPair.generateSync('ES256');
const TOKEN = good({ additionalClaims: { cnf: { jkt: CLIENT.thumbprint() } } });
const HERE = 'https://api.example/mcp';
const SECRET = 'a secret of 32 bytes or more, for nonces';

const proofOf = (more = {}, client = CLIENT) => client.dpopProof('GET', HERE, { accessToken: TOKEN, ...more });
const asking = (dpop = proofOf(), more = {}) => ({
  method: 'GET',
  url: HERE,
  headers: { authorization: `DPoP ${TOKEN}`, ...(dpop === undefined ? {} : { dpop }) },
  ...more,
});

async function codeOf(verifier, request, options) {
  return (await rejected(verifier.verifyRequest(request, options))).code;
}

// ---- key pairs

test('a thumbprint is that of RFC 7638, of any key', () => {
  for (const algorithm of ['RS256', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    const pair = KeyPair.generateSync(algorithm);
    const { crv, e, kty, n, x, y } = pair.jwks().keys[0];
    const members = JSON.stringify({ crv, e, kty, n, x, y }); // undefined ones are left out
    assert.equal(pair.thumbprint(), createHash('sha256').update(members).digest('base64url'), algorithm);
  }
  const secret = new KeyPair({ privateKey: SECRET, algorithm: 'HS256' });
  assert.ok(thrown(() => secret.thumbprint()) instanceof ConfigurationError);
  assert.ok(thrown(() => secret.dpopProof('GET', HERE)) instanceof ConfigurationError);
});

test('a proof says what it is asked to say', () => {
  const proof = CLIENT.dpopProof('POST', `${HERE}?a=1#b`, { accessToken: 'x', nonce: 'n', jti: 'j', now: 7.9 });
  const { header, claims } = decodeUnverified(proof);
  const { kty, crv, x, y } = CLIENT.jwks().keys[0];
  assert.deepEqual(header, { typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
  const ath = createHash('sha256').update('x').digest('base64url');
  assert.deepEqual(claims, { jti: 'j', htm: 'POST', htu: HERE, iat: 7, ath, nonce: 'n' });
  const [head, body, signature] = proof.split('.');
  const key = createPublicKey({ key: header.jwk, format: 'jwk' });
  const verify = createVerify('sha256').update(`${head}.${body}`);
  assert.ok(verify.verify({ key, dsaEncoding: 'ieee-p1363' }, signature, 'base64url'));
  const plain = decodeUnverified(CLIENT.dpopProof('GET', new URL(HERE))).claims;
  assert.ok(Math.abs(plain.iat - Date.now() / 1000) < 60 && plain.jti.length >= 22);
  assert.deepEqual([plain.ath, plain.nonce], [undefined, undefined]);
  assert.notEqual(decodeUnverified(CLIENT.dpopProof('GET', HERE)).claims.jti, plain.jti);
  for (const [call, message] of [
    [() => CLIENT.dpopProof(), 'method must be a string, not undefined'],
    [() => CLIENT.dpopProof('GET', 7), 'url must be a string, not number'],
    [() => CLIENT.dpopProof('GET', HERE, { token: 'x' }), /^options has no member 'token'/u],
    [() => CLIENT.dpopProof('GET', HERE, { now: 'x' }), 'now must be a number of seconds, not string'],
    [() => CLIENT.dpopProof('GET', HERE, { nonce: 7 }), 'nonce must be a string, not number'],
  ]) {
    assert.throws(call, { code: 'ERR_CONFIGURATION', message });
  }
});

// ---- verifying

test('a proof of this request is accepted, once; one of another is refused for what is different', async () => {
  const verifier = new Verifier({ ...POLICY, dpop: {} });
  const proof = proofOf();
  assert.equal((await verifier.verifyRequest(asking(proof))).token, TOKEN);
  assert.equal(await codeOf(verifier, asking(proof)), 'proof_replayed');
  for (const [claim, code, dpop] of [
    ['htm', 'proof_mismatch', CLIENT.dpopProof('POST', HERE, { accessToken: TOKEN })],
    ['htu', 'proof_mismatch', CLIENT.dpopProof('GET', 'http://api.example/mcp', { accessToken: TOKEN })],
    ['ath', 'proof_mismatch', proofOf({ accessToken: 'other' })],
    ['cnf', 'proof_mismatch', proofOf({}, KeyPair.generateSync('ES256'))],
    ['iat', 'proof_expired', proofOf({ now: Date.now() / 1000 - 400 })],
    ['iat', 'proof_expired', proofOf({ now: Date.now() / 1000 + 100 })],
    ['ath', 'proof_invalid', proofOf({ accessToken: null })],
    ['cnf', 'proof_missing', null],
    [undefined, 'proof_invalid', [proofOf(), proofOf()]],
    [undefined, 'proof_invalid', 'x.y.z'],
  ]) {
    const error = await rejected(
      verifier.verifyRequest(
        asking(
          dpop ?? undefined,
          dpop === null
            ? {
                headers: { authorization: `DPoP ${TOKEN}` },
              }
            : {},
        ),
      ),
    );
    assert.deepEqual(
      [error.code, error.claim, error.status, error.oauthError],
      [code, claim, 401, 'invalid_dpop_proof'],
    );
  }
  const error = await rejected(verifier.verifyRequest(asking(CLIENT.dpopProof('POST', HERE, { accessToken: TOKEN }))));
  assert.deepEqual([error.expected, error.actual], ['GET', 'POST']);
  const { replayEntries, replayEvictions, proofKeys } = verifier.stats();
  assert.deepEqual([replayEntries, replayEvictions, proofKeys], [1, 0, 1]);
});

test("a request that is the server's own mistake is no refusal", async () => {
  const verifier = new Verifier({ ...POLICY, dpop: {} });
  for (const more of [{ url: '/mcp' }, { url: undefined }, { method: undefined }]) {
    assert.ok((await rejected(verifier.verifyRequest(asking(proofOf(), more)))) instanceof ConfigurationError);
  }
});

test('options decide: maxAge, required, algorithms, now', async () => {
  const now = 1_800_000_000;
  const token = good({ now, additionalClaims: { cnf: { jkt: CLIENT.thumbprint() } } });
  const at = (seconds) => ({
    method: 'GET',
    url: HERE,
    headers: {
      authorization: `DPoP ${token}`,
      dpop: CLIENT.dpopProof('GET', HERE, { accessToken: token, now: now - seconds }),
    },
  });
  const short = new Verifier({ ...POLICY, dpop: { maxAge: 10 } });
  assert.equal(await codeOf(short, at(10), { now }), 'proof_expired');
  assert.equal((await short.verifyRequest(at(9), { now })).token, token);
  const ed = new Verifier({ ...POLICY, dpop: { algorithms: 'EdDSA' } });
  assert.equal(await codeOf(ed, asking()), 'proof_invalid');
  const strict = new Verifier({ ...POLICY, dpop: { required: true } });
  assert.equal((await strict.verifyRequest(asking())).token, TOKEN);
  const bearer = { headers: { authorization: `Bearer ${good()}` } };
  assert.equal(await codeOf(strict, bearer), 'proof_missing');
  assert.equal((await rejected(strict.verify(good()))).code, 'proof_missing');
  assert.equal((await new Verifier({ ...POLICY, dpop: {} }).verifyRequest(bearer)).confirmation, undefined);
  assert.equal(await codeOf(new Verifier(POLICY), asking()), 'token_missing');
});

test('what the verifier says of itself holds no secret', () => {
  const verifier = new Verifier({ ...POLICY, dpop: { nonceSecret: SECRET, algorithms: ['ES256', 'EdDSA'] } });
  assert.deepEqual(verifier.dpop, { maxAge: 300, required: false, algorithms: ['ES256', 'EdDSA'] });
  assert.ok(Object.isFrozen(verifier.dpop) && Object.isFrozen(verifier.dpop.algorithms));
  assert.ok(!util.inspect(verifier, { showHidden: true, depth: 9 }).includes(SECRET));
  assert.equal(new Verifier(POLICY).dpop, undefined);
});

const ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 ES256K EdDSA Ed25519 Ed448'.split(' ');

test('the algorithms that are advertised are those that the core accepts', async () => {
  const verifier = new Verifier({ ...POLICY, dpop: {} });
  assert.deepEqual(verifier.dpop.algorithms, [...table.DPOP_ALGORITHMS]);
  const accepted = [];
  for (const algorithm of ALGORITHMS) {
    const client = KeyPair.generateSync(algorithm);
    const token = good({ additionalClaims: { cnf: { jkt: client.thumbprint() } } });
    const headers = { authorization: `DPoP ${token}`, dpop: client.dpopProof('GET', HERE, { accessToken: token }) };
    const outcome = await verifier.verifyRequest({ method: 'GET', url: HERE, headers }).catch(({ code }) => code);
    if (outcome.token === token) {
      accepted.push(algorithm);
    } else {
      assert.equal(outcome, 'proof_invalid', algorithm);
    }
  }
  assert.deepEqual(accepted, verifier.dpop.algorithms);
});

// ---- the memory of proofs

/* A store as a fleet has it, shared by all verifiers. */
class Store {
  #until = new Map();

  async add(key, expiresAt) {
    await sleep(1);
    assert.match(key, /^[\w-]{43}$/u);
    const isNew = !this.#until.has(key);
    this.#until.set(key, expiresAt);
    return isNew;
  }

  get times() {
    return [...this.#until.values()];
  }
}

test('a store of the host: one of many equal proofs passes, in a whole fleet', async () => {
  const replayStore = new Store();
  const rejections = [];
  const onReject = ({ code, kid, issuer }) => rejections.push([code, kid, issuer]);
  const fleet = Array.from({ length: 3 }, () => new Verifier({ ...POLICY, onReject, dpop: { replayStore } }));
  const now = Math.floor(Date.now() / 1000);
  const proof = proofOf({ now });
  const outcomes = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      fleet[i % 3].verifyRequest(asking(proof)).then(
        () => 'accepted',
        ({ code, status, oauthError, message }) => `${code} ${status} ${oauthError}: ${message}`,
      ),
    ),
  );
  const replayed = 'proof_replayed 401 invalid_dpop_proof: the proof of possession has been used before';
  assert.deepEqual(outcomes.sort(), ['accepted', ...Array(29).fill(replayed)]);
  assert.deepEqual(rejections, Array(29).fill(['proof_replayed', 'k', ISSUER]));
  assert.deepEqual(replayStore.times, [now + 300]);
  const counted = fleet.map((verifier) => verifier.stats());
  assert.equal(
    counted.reduce((sum, { reasons }) => sum + (reasons.proof_replayed ?? 0), 0),
    29,
  );
  assert.ok(counted.every(({ replayEntries }) => replayEntries === 0));
  // A refused request uses nothing up, and a token without a proof asks nobody.
  assert.equal(await codeOf(fleet[0], asking(CLIENT.dpopProof('PUT', HERE, { accessToken: TOKEN }))), 'proof_mismatch');
  await fleet[0].verifyRequest({ headers: { authorization: `Bearer ${good()}` } });
  assert.equal(replayStore.times.length, 1);
});

test('a store may be synchronous, and go with kept tokens and hierarchies', async () => {
  const seen = new Set();
  const replayStore = { add: (key) => !seen.has(key) && Boolean(seen.add(key)) };
  const verifier = new Verifier({ ...POLICY, scopeHierarchy: { a: ['b'] }, dpop: { replayStore } });
  for (let i = 1; i <= 3; i++) {
    const proof = proofOf();
    assert.equal((await verifier.verifyRequest(asking(proof))).hasScope('b'), false);
    assert.equal(await codeOf(verifier, asking(proof)), 'proof_replayed');
    assert.equal(seen.size, i);
  }
});

const FAILING = {
  throws: () => {
    throw new Error('down');
  },
  rejects: async () => {
    throw new Error('down');
  },
  'says nothing': async () => undefined,
  'says 1': () => 1,
  'rejects with nothing': () => Promise.reject(),
};
for (const [what, add] of Object.entries(FAILING)) {
  test(`a store that ${what} accepts nothing: 503`, async () => {
    const rejections = [];
    const verifier = new Verifier({
      ...POLICY,
      dpop: { replayStore: { add } },
      onReject: ({ code, message }) => rejections.push(`${code}: ${message}`),
    });
    const warned = once(process, 'warning');
    const { code, status, oauthError, retryAfter } = await rejected(verifier.verifyRequest(asking()));
    assert.deepEqual([code, status, oauthError, retryAfter], ['status_unavailable', 503, 'temporarily_unavailable', 1]);
    const [warning] = await warned;
    assert.equal(warning.code, 'FASTBEARER_REPLAY');
    assert.match(warning.message, /^replayStore failed, requests with a DPoP proof get 503/u);
    let more = 0;
    process.on('warning', ({ code: one }) => {
      more += one === 'FASTBEARER_REPLAY' ? 1 : 0;
    });
    const answer = await bearerAuth(
      { verifier },
      () => new Response('in'),
    )(new Request(HERE, { headers: asking().headers }));
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
    await sleep(5);
    assert.equal(more, 0);
    assert.deepEqual(rejections, Array(2).fill('status_unavailable: the store that remembers DPoP proofs failed'));
    assert.deepEqual(verifier.stats().reasons, { status_unavailable: 2 });
    // What needs no memory goes on.
    await verifier.verifyRequest({ headers: { authorization: `Bearer ${good()}` } });
  });
}

test('a store that never answers is not waited for', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const verifier = new Verifier({ ...POLICY, dpop: { replayStore: { add: () => new Promise(() => {}) } } });
  const refused = rejected(verifier.verifyRequest(asking()));
  await Promise.resolve();
  context.mock.timers.tick(5000);
  assert.equal((await refused).code, 'status_unavailable');
});

test('a memory that is too small is warned of, once', async () => {
  const verifier = new Verifier({ ...POLICY, dpop: { replayCapacity: 1 } });
  const warnings = [];
  const note = ({ code, message }) => message.startsWith('more') && warnings.push(`${code}: ${message}`);
  process.on('warning', note);
  for (let i = 0; i < 2100; i++) {
    await verifier.verifyRequest(asking());
  }
  await sleep(5);
  process.off('warning', note);
  assert.ok(verifier.stats().replayEvictions > 0);
  assert.deepEqual(warnings, [
    'FASTBEARER_REPLAY: more DPoP proofs within maxAge than replayCapacity: the oldest are forgotten, and could be ' +
      'used again',
  ]);
});

// ---- nonces, and what adapters say

const guarded = (options, answer = () => new Response('in')) => bearerAuth({ ...POLICY, ...options }, answer);
const send = (handler, headers, url = HERE) => handler(new Request(url, { headers }));
const challengeOf = (response) => response.headers.get('www-authenticate');

test('a nonce is asked for with a challenge, and goes with every answer', async () => {
  const handler = guarded({ dpop: { nonceSecret: SECRET }, exclude: ['/open'] });
  const first = await send(handler, asking().headers);
  assert.equal(first.status, 401);
  const text = 'error_description="The DPoP proof must have the nonce of the header DPoP-Nonce."';
  assert.ok(challengeOf(first).endsWith(`error="use_dpop_nonce", ${text}`), challengeOf(first));
  assert.equal((await first.json()).error, 'use_dpop_nonce');
  const nonce = first.headers.get('dpop-nonce');
  assert.equal(nonce, handler.verifier.dpopNonce());
  const second = await send(handler, asking(proofOf({ nonce })).headers);
  assert.deepEqual([second.status, second.headers.get('dpop-nonce')], [200, nonce]);
  for (const headers of [{}, { authorization: 'Bearer x' }, { authorization: 'Bearer a b' }]) {
    assert.equal((await send(handler, headers)).headers.get('dpop-nonce'), nonce);
  }
  assert.equal((await send(handler, {}, 'https://api.example/open')).headers.get('dpop-nonce'), null);
  const without = guarded({ dpop: {} });
  assert.equal((await send(without, asking().headers)).headers.get('dpop-nonce'), null);
  assert.equal(without.verifier.dpopNonce(), undefined);
  handler.verifier.close();
  assert.equal(handler.verifier.dpopNonce(), undefined);
  // Another server of the fleet, with the secret as bytes; and a response that cannot be changed.
  const frozen = guarded({ dpop: { nonceSecret: Buffer.from(SECRET) } }, () => Response.redirect('https://x.example/'));
  const third = await send(frozen, asking(proofOf({ nonce })).headers);
  assert.deepEqual([third.status, third.headers.get('dpop-nonce')], [302, frozen.verifier.dpopNonce()]);
  assert.equal(third.headers.get('location'), 'https://x.example/');
});

test('challenges name the schemes that are accepted', async () => {
  const algorithms = ['ES256', 'EdDSA'];
  const algs = 'algs="ES256 EdDSA"';
  const invalid = 'error="invalid_token", error_description="The access token is invalid or has expired."';
  const proof = 'error="invalid_dpop_proof", error_description="The DPoP proof is missing or invalid."';
  const garbage = { authorization: 'Bearer garbage' };
  const stolen = { authorization: `Bearer ${TOKEN}` };
  const both = guarded({ dpop: { algorithms }, realm: 'r' });
  assert.equal(challengeOf(await send(both, {})), `Bearer realm="r", DPoP ${algs}, realm="r"`);
  assert.equal(
    challengeOf(await send(both, garbage)),
    `Bearer realm="r", ${invalid}, DPoP ${algs}, realm="r", ${invalid}`,
  );
  assert.equal(
    challengeOf(await send(both, stolen)),
    `Bearer realm="r", ${invalid}, DPoP ${algs}, realm="r", ${proof}`,
  );
  const required = guarded({ dpop: { algorithms, required: true } });
  assert.equal(challengeOf(await send(required, {})), `DPoP ${algs}`);
  assert.equal(challengeOf(await send(required, stolen)), `DPoP ${algs}, ${proof}`);
  const bearer = guarded({});
  const refused = await send(bearer, stolen);
  assert.equal(challengeOf(refused), `Bearer ${invalid}`);
  assert.equal((await refused.json()).error, 'invalid_token');
  assert.equal(challengeOf(await send(bearer, asking().headers)), 'Bearer');
});

test('the metadata says how tokens may be bound', async () => {
  const resourceMetadata = { resource: HERE, authorizationServers: [ISSUER] };
  const documentOf = async (options) =>
    (
      await send(
        guarded({ resourceMetadata, ...options }),
        {},
        'https://api.example/.well-known/oauth-protected-resource/mcp',
      )
    ).json();
  const plain = { resource: HERE, authorization_servers: [ISSUER], bearer_methods_supported: ['header'] };
  assert.deepEqual(await documentOf({}), plain);
  assert.deepEqual(await documentOf({ dpop: { algorithms: 'ES256', required: true } }), {
    ...plain,
    dpop_signing_alg_values_supported: ['ES256'],
    dpop_bound_access_tokens_required: true,
  });
  const header = { name: 'Client-Cert', format: 'rfc9440' };
  assert.deepEqual(await documentOf({ dpop: {}, clientCertificateHeader: header }), {
    ...plain,
    dpop_signing_alg_values_supported: [...table.DPOP_ALGORITHMS],
    dpop_bound_access_tokens_required: false,
    tls_client_certificate_bound_access_tokens: true,
  });
  const own = { ...resourceMetadata, dpop_bound_access_tokens_required: true };
  assert.equal((await documentOf({ dpop: {}, resourceMetadata: own })).dpop_bound_access_tokens_required, true);
});

test('baseUrl is what proofs are compared with', async () => {
  const inside = 'http://10.0.0.1:8080/mcp';
  const ask = async (options, url = inside) => {
    const reasons = [];
    const onReject = ({ code, claim }) => reasons.push(`${code} ${claim}`);
    const response = await send(guarded({ dpop: {}, onReject, ...options }), asking().headers, url);
    return response.status === 200 ? 'accepted' : reasons.join();
  };
  assert.equal(await ask({}), 'proof_mismatch htu');
  assert.equal(await ask({ baseUrl: 'https://api.example' }), 'accepted');
  assert.equal(await ask({ baseUrl: 'HTTPS://API.example:443/' }), 'accepted');
  assert.equal(await ask({ baseUrl: 'https://api.example/' }, `${inside}?a=1`), 'accepted');
  assert.equal(await ask({ baseUrl: 'https://api.example/mcp' }, 'http://10.0.0.1:8080/'), 'proof_mismatch htu');
  const stripped = guarded({ dpop: {}, baseUrl: 'https://api.example/a' });
  const proof = CLIENT.dpopProof('GET', 'https://api.example/a/mcp', { accessToken: TOKEN });
  assert.equal((await send(stripped, asking(proof).headers, inside)).status, 200);
  const resourceMetadata = { resource: HERE, authorizationServers: [ISSUER] };
  assert.equal(await ask({ resourceMetadata }), 'accepted');
  assert.equal(await ask({ resourceMetadata, baseUrl: 'https://other.example' }), 'proof_mismatch htu');
  for (const baseUrl of [
    'api.example',
    'ftp://x',
    'https://',
    'https://u@x',
    'https://x?a',
    'https://x#a',
    'https://x y',
    7,
  ]) {
    assert.throws(() => guarded({ baseUrl }), {
      code: 'ERR_CONFIGURATION',
      message: 'baseUrl must be an absolute http(s) URL without user, query and fragment',
    });
  }
});

test('waiting for a store leaves no timer that keeps the process', () => {
  const program = `
    const { Verifier, KeyPair } = require('./node/index.cjs');
    const verifier = new Verifier({ secret: 'x'.repeat(32), audience: 'a', dpop: { replayStore: { add: async () => true } } });
    const issuer = new KeyPair({ privateKey: 'x'.repeat(32), algorithm: 'HS256' });
    const client = KeyPair.generateSync('ES256');
    const token = issuer.createToken({ audience: 'a', additionalClaims: { cnf: { jkt: client.thumbprint() } } });
    const dpop = client.dpopProof('GET', 'https://x/', { accessToken: token });
    verifier.verifyRequest({ method: 'GET', url: 'https://x/', headers: { authorization: 'DPoP ' + token, dpop } })
      .then((access) => console.log(access.confirmation.jkt, process.getActiveResourcesInfo().includes('Timeout')));`;
  const { stdout, status } = node(program);
  assert.match(stdout, /^[\w-]{43} false\n$/u);
  assert.equal(status, 0);
});
