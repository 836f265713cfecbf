/* Introspection responses that are JWTs (RFC 9701): asked for, verified, and nothing else is taken for one. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';

import { bearerAuth } from '../../node/fetch.cjs';
import { KeyPair, Verifier } from '../../node/index.cjs';
import { Introspector } from '../../node/introspection.cjs';
import { JWKSServer } from '../../node/testing.cjs';
import { rejected, thrown } from './support/case.mjs';
import { active, Endpoint, seconds } from './support/introspection-endpoint.mjs';

const ISSUER = 'https://issuer.example';
const PAIR = KeyPair.generateSync('ES256');
const STRANGER = KeyPair.generateSync('ES256');
const TYPE = 'application/token-introspection+jwt';
const HEADER = { alg: 'ES256', typ: 'token-introspection+jwt', kid: 'k' };

let endpoint;
beforeEach(async () => {
  endpoint = await new Endpoint().start();
  endpoint.more = { 'content-type': TYPE };
});
afterEach(() => endpoint.close());

/* Of a good response; undefined takes one away. */
const claims = (changes) => ({
  iss: ISSUER,
  aud: 'server',
  iat: seconds(),
  token_introspection: active(),
  ...changes,
});
const textOf = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
const signed = (payload, header, pair = PAIR) => pair.sign(textOf({ ...HEADER, ...header }), textOf(payload));

function make(options, policy, where = endpoint) {
  const client = { clientId: 'server', clientSecret: 's', signedResponse: true };
  return new Verifier({
    issuer: ISSUER,
    jwks: PAIR.jwks('k'),
    algorithms: 'ES256',
    audience: 'a',
    ...policy,
    introspector: new Introspector({ endpoint: where.url, ...client, ...options }),
  });
}

// ---- what is taken

for (const [what, jwts, token] of [
  ['opaque tokens', false, 'opaque'],
  ['all tokens', true, STRANGER.createToken({ issuer: ISSUER, audience: 'a' })],
]) {
  test(`what it holds is the response: ${what}`, async () => {
    const told = active({ scope: 'read write' });
    endpoint.raw = signed(claims({ token_introspection: told, sub: 'mallory', scope: 'all', exp: seconds() + 5 }));
    const verifier = make({ jwts });
    const access = await verifier.verify(token);
    assert.deepEqual({ ...access.claims }, told);
    assert.deepEqual([access.subject, access.scopes, access.issuer], ['alice', ['read', 'write'], ISSUER]);
    assert.equal(access.expiresAt, told.exp);
    assert.equal((await verifier.verify(token)).subject, 'alice');
    assert.equal(verifier.verifySync(token).subject, 'alice');
    const { introspections, verified } = verifier.stats();
    assert.deepEqual([introspections, verified, endpoint.asked.length], [1, 3, 1]);
    assert.equal(endpoint.headers[0].accept, TYPE);
  });
}

for (const [told, code] of [
  [{ active: false }, 'token_inactive'],
  [{ aud: 'b' }, 'audience_mismatch'],
  [{ exp: 1 }, 'token_expired'],
  [{ scope: 'other' }, 'insufficient_scope'],
]) {
  test(`what it holds is held against the policy, and remembered: ${code}`, async () => {
    endpoint.raw = signed(claims({ token_introspection: active(told) }));
    const verifier = make({}, { requiredScopes: 'read' });
    for (let i = 0; i < 2; i++) {
      assert.equal((await rejected(verifier.verify('opaque'))).code, code);
    }
    assert.equal(endpoint.asked.length, 1);
  });
}

test('a bound token', async () => {
  const client = KeyPair.generateSync('ES256');
  const url = 'https://api.example/mcp';
  endpoint.raw = signed(claims({ token_introspection: active({ cnf: { jkt: client.thumbprint() } }) }));
  const dpop = client.dpopProof('POST', url, { accessToken: 'opaque' });
  const request = { method: 'POST', url, headers: { authorization: 'DPoP opaque', dpop } };
  const verifier = make({}, { dpop: {} });
  assert.equal((await verifier.verifyRequest(request)).subject, 'alice');
  assert.equal((await rejected(verifier.verifyRequest(request))).code, 'proof_replayed');
});

// ---- what is refused

function hmacWithPublicKey() {
  const parts = [{ ...HEADER, alg: 'HS256' }, claims()].map((one) => Buffer.from(textOf(one)).toString('base64url'));
  const mac = createHmac('sha256', PAIR.publicKey).update(parts.join('.')).digest('base64url');
  return [...parts, mac].join('.');
}

for (const [what, raw, reason, claim] of [
  ['JSON', () => textOf(active()), 'token_malformed'],
  ['no typ', () => signed(claims(), { typ: undefined }), 'token_type_not_allowed'],
  ['typ of an access token', () => signed(claims(), { typ: 'at+jwt' }), 'token_type_not_allowed'],
  ['another key', () => signed(claims(), {}, STRANGER), 'signature_invalid'],
  ['another kid', () => signed(claims(), { kid: 'x' }), 'key_not_found'],
  ['alg none', () => signed(claims(), { alg: 'none' }), 'algorithm_not_allowed'],
  ['unsigned', () => signed(claims(), { alg: 'none' }).replace(/[^.]*$/u, ''), 'token_malformed'],
  ['HMAC with the public key', hmacWithPublicKey, 'algorithm_not_allowed'],
  ['encrypted', () => 'eyJhbGciOiJkaXIifQ.a2V5.aXY.dGV4dA.dGFn', 'token_malformed'],
  ['nested', () => signed(claims(), { cty: 'JWT' }), 'header_unsupported'],
  ['no iss', () => signed(claims({ iss: undefined })), 'iss_missing', 'iss'],
  ['another iss', () => signed(claims({ iss: 'https://evil.example' })), 'issuer_mismatch', 'iss'],
  ['no aud', () => signed(claims({ aud: undefined })), 'aud_missing', 'aud'],
  ['another aud', () => signed(claims({ aud: ['other', 'a'] })), 'audience_mismatch', 'aud'],
  ['no iat', () => signed(claims({ iat: undefined })), 'claim_missing', 'iat'],
  ['iat is text', () => signed(claims({ iat: 'now' })), 'iat_invalid', 'iat'],
  ['iat to come', () => signed(claims({ iat: seconds() + 3600 })), 'token_issued_in_future', 'iat'],
  ['expired', () => signed(claims({ exp: seconds() - 3600 })), 'token_expired', 'exp'],
  ['nothing told', () => signed(claims({ token_introspection: undefined })), 'claim_missing', 'token_introspection'],
  ['a list told', () => signed(claims({ token_introspection: [active()] })), 'claim_mismatch', 'token_introspection'],
  [
    'told beside',
    () => signed({ ...active(), ...claims({ token_introspection: undefined }) }),
    'claim_missing',
    'token_introspection',
  ],
  [
    'told twice',
    () => signed(`${textOf(claims()).slice(0, -1)},"token_introspection":{"active":true}}`),
    'payload_invalid',
  ],
]) {
  test(`no response: ${what}`, async () => {
    const seen = [];
    const verifier = make({}, { onReject: (rejection) => seen.push(rejection) });
    for (let i = 0; i < 2; i++) {
      endpoint.raw = raw();
      const error = await rejected(verifier.verify('opaque'));
      assert.deepEqual([error.code, error.status, error.claim], ['status_unavailable', 503, claim]);
      assert.ok(error.message.startsWith(`the introspection response is refused, ${reason}: `), error.message);
    }
    endpoint.raw = signed(claims());
    assert.equal((await verifier.verify('opaque')).subject, 'alice');
    assert.deepEqual(verifier.stats().reasons, { status_unavailable: 2 });
    assert.equal(endpoint.asked.length, 3); // none of it was about the token, and is not remembered
    assert.deepEqual(
      seen.map((one) => [one.code, one.claim, one.message.includes(reason), one.message.includes('opaque')]),
      Array(2).fill(['status_unavailable', claim, true, false]),
    );
  });
}

for (const contentType of [undefined, 'application/json', 'application/jwt', 'token-introspection+jwt']) {
  test(`another content type: ${contentType}`, async () => {
    const verifier = make();
    endpoint.more = contentType === undefined ? {} : { 'content-type': contentType };
    for (const raw of [textOf(active()), signed(claims())]) {
      endpoint.raw = raw;
      const { code, message } = await rejected(verifier.verify('opaque'));
      assert.equal(code, 'status_unavailable');
      assert.ok(message.includes(`not of the type ${TYPE}`), message);
    }
    endpoint.more = { 'content-type': 'Application/Token-Introspection+JWT; charset=utf-8' };
    assert.equal((await verifier.verify('opaque')).subject, 'alice');
  });
}

test('off by default: JSON is asked for, and a JWT is no response', async () => {
  endpoint.answers.opaque = active();
  const verifier = make({ signedResponse: null });
  assert.equal((await verifier.verify('opaque')).subject, 'alice');
  assert.equal(endpoint.headers[0].accept, 'application/json');
  endpoint.raw = signed(claims());
  assert.match((await rejected(verifier.verify('another'))).message, /not a valid JSON object/u);
});

test('a huge response', async () => {
  endpoint.raw = signed(claims({ padding: 'x'.repeat(60_000) }));
  assert.match((await rejected(make().verify('opaque'))).message, /more than 65536 bytes/u);
});

for (const tokenType of [undefined, 'any', 'at+jwt']) {
  test(`it is no access token, with tokenType ${tokenType}`, async () => {
    const more = { exp: seconds() + 60, sub: 's', client_id: 'c', jti: 'j', aud: ['server', 'a'] };
    const verifier = make({}, { tokenType });
    assert.equal((await rejected(verifier.verify(signed(claims(more))))).code, 'token_type_not_allowed');
    assert.equal((await verifier.verify(signed(claims(more), { typ: 'at+jwt' }))).subject, 's');
    assert.equal(endpoint.asked.length, 0);
  });
}

test('behind an adapter it is 503, and the client is not told why', async () => {
  endpoint.raw = signed(claims({ aud: 'other' }));
  const seen = [];
  const verifier = make({}, { onReject: (rejection) => seen.push(rejection) });
  const handler = bearerAuth({ verifier }, () => new Response('in'));
  const response = await handler(new Request('https://api.example/', { headers: { authorization: 'Bearer opaque' } }));
  assert.equal(response.status, 503);
  assert.ok(!`${await response.text()}${JSON.stringify([...response.headers])}`.includes('audience_mismatch'));
  assert.deepEqual(
    seen.map(({ code, claim, expected, actual }) => [code, claim, expected, actual]),
    [['status_unavailable', 'aud', 'server', 'other']],
  );
});

// ---- how it is had

test('by a fetch function of the user', async () => {
  const answering = (headers) => make({ fetch: async () => new Response(signed(claims()), { headers }) });
  assert.equal((await answering({ 'content-type': TYPE }).verify('opaque')).subject, 'alice');
  assert.equal((await rejected(answering({}).verify('opaque'))).code, 'status_unavailable');
  const hostile = { get: (name) => (name === 'content-type' ? { toString: () => TYPE } : null) };
  const fetch = async () => ({ status: 200, headers: hostile, body: [Buffer.from(signed(claims()))] });
  assert.equal((await rejected(make({ fetch }).verify('opaque'))).code, 'status_unavailable');
});

test('keys are fetched for it as for a token, found by discovery, after a rotation too', async () => {
  const server = await JWKSServer.start();
  const response = () =>
    server.mint({
      typ: 'token-introspection+jwt',
      audience: 'server',
      additionalClaims: { token_introspection: active() },
    });
  const policy = { issuer: server.issuer, jwks: null, algorithms: null, refreshInterval: 0 };
  const verifier = make({ jwts: true, cacheSeconds: 0 }, policy);
  endpoint.raw = response();
  for (let i = 0; i < 2; i++) {
    assert.equal((await verifier.verify('opaque')).subject, 'alice');
  }
  assert.equal(verifier.stats().fetches, 1);
  server.rotate();
  endpoint.raw = response();
  assert.equal((await verifier.verify('opaque')).subject, 'alice');
  assert.equal(verifier.stats().introspections, 3);
  await server.close();

  const away = make({ jwts: true }, policy);
  const { code, status } = await rejected(away.verify('opaque'));
  assert.deepEqual([code, status], ['keys_unavailable', 503]);
});

test('of several issuers another may know the token, even when the keys of the first cannot be had', async () => {
  const other = await new Endpoint().start();
  other.answers.opaque = active();
  endpoint.raw = signed(claims());
  const client = { clientId: 'server', clientSecret: 's', jwts: true };
  const jwksUri = 'http://127.0.0.1:1/jwks';
  const asked = new Introspector({ endpoint: endpoint.url, ...client, signedResponse: true });
  const verifier = new Verifier({
    issuers: [
      { issuer: ISSUER, algorithms: 'ES256', jwksUri, introspector: asked },
      { issuer: 'https://other.example', introspector: new Introspector({ endpoint: other.url, ...client }) },
    ],
    audience: 'a',
  });
  assert.equal((await verifier.verify('opaque')).issuer, 'https://other.example');
  assert.equal((await rejected(verifier.verify('of-nobody'))).code, 'keys_unavailable');
  other.close();
});

// ---- mistakes

for (const [what, policy] of [
  ['no issuer', { issuer: null }],
  ['a template', { issuer: 'https://issuer.example/{tid}' }],
  ['a secret', { jwks: null, algorithms: null, secret: 'x'.repeat(32) }],
]) {
  test(`what cannot be verified is refused: ${what}`, () => {
    make();
    const { code, message } = thrown(() => make({}, policy));
    assert.equal(code, 'ERR_CONFIGURATION');
    assert.ok(message.includes('signedResponse'), message);
  });
}

test('the option is a flag', () => {
  const client = { endpoint: endpoint.url, clientId: 'server' };
  assert.equal(new Introspector(client).signedResponse, false);
  assert.equal(new Introspector({ ...client, signedResponse: true }).signedResponse, true);
  assert.match(thrown(() => new Introspector({ ...client, signedResponse: 'jwt' })).message, /signedResponse/u);
});
