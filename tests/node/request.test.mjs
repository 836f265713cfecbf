/* Whole requests: of node:http, of fetch, and in parts. What the rules are is tested by the suites of vectors. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { test } from 'node:test';
import util from 'node:util';
import { bearerAuth } from '../../node/fetch.cjs';
import { BearerError, ConfigurationError, KeyPair, Verifier } from '../../node/index.cjs';
import { AUDIENCE, good, ISSUER, PAIR, rejected } from './support/case.mjs';
import { certificateOf } from './support/certificate.mjs';

const POLICY = { publicKey: PAIR.publicKey, issuer: ISSUER, audience: AUDIENCE };
const CLIENT = KeyPair.generateSync('ES256');
const BOUND = { additionalClaims: { cnf: { jkt: CLIENT.thumbprint(), 'kc-jkt-type': 'x' } } };
const HERE = 'https://api.example/mcp';

const parts = (token, more = {}) => ({
  method: 'GET',
  url: HERE,
  headers: { authorization: `Bearer ${token}` },
  ...more,
});

/* What verifyRequest says of a real request over HTTP. */
async function overHttp(verifier, headers, path = '/mcp') {
  const server = http.createServer(async (incoming, response) => {
    const outcome = await verifier.verifyRequest(incoming).catch((error) => error);
    response.end(outcome instanceof Error ? outcome.code : outcome.subject);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const sent = http.request({ port: server.address().port, path, headers, agent: false }).end();
  const [answer] = await once(sent, 'response');
  const body = (await answer.toArray()).join('');
  server.close();
  return body;
}

test('a request in every form that there is', async () => {
  const verifier = new Verifier(POLICY);
  const token = good({ subject: 's' });
  const authorization = `bEARER ${token}`;
  for (const request of [
    parts(token),
    { headers: { authorization } },
    { url: '/mcp', headers: { Authorization: [authorization], other: undefined } },
    {
      url: new URL(HERE),
      method: null,
      headers: [
        ['AUTHORIZATION', authorization],
        ['x', 'y'],
      ],
    },
    { url: HERE, headers: new Headers({ authorization }), clientCertificate: null },
    new Request(HERE, { method: 'POST', headers: { authorization } }),
  ]) {
    const access = await verifier.verifyRequest(request);
    assert.deepEqual([access.subject, access.token, access.confirmation], ['s', token, undefined]);
  }
  assert.equal(await overHttp(verifier, { authorization }), 's');
  assert.deepEqual(await verifier.verifyRequest(parts(token)), await verifier.verify(token));
});

test('two credentials are seen, however they are hidden', async () => {
  const verifier = new Verifier({ ...POLICY, dpop: {} });
  const one = `Bearer ${good()}`;
  const after = (second) =>
    new Headers([
      ['authorization', 'Basic YTpi'],
      ['authorization', second],
    ]);
  for (const [code, request] of [
    ['token_missing', { headers: {} }],
    ['token_missing', { headers: { authorization: 'Basic YTpi' } }],
    ['request_malformed', { headers: { authorization: [one, one] } }],
    [
      'request_malformed',
      {
        headers: [
          ['authorization', 'Basic YTpi'],
          ['Authorization', one],
        ],
      },
    ],
    ['request_malformed', new Request(HERE, { headers: after(one) })],
    ['request_malformed', new Request(HERE, { headers: after(`dPoP ${good()}`) })],
    ['request_malformed', parts(good(), { url: `${HERE}?access_token=x` })],
    ['request_malformed', parts(good(), { url: '/mcp?a=1&access_token=x' })],
    ['request_malformed', { headers: { authorization: 'DPoP a b' } }],
  ]) {
    const error = await rejected(verifier.verifyRequest(request));
    assert.ok(error instanceof BearerError);
    assert.equal(error.code, code);
    const [status, oauthError] = code === 'token_missing' ? [401, ''] : [400, 'invalid_request'];
    assert.deepEqual([error.status, error.oauthError], [status, oauthError]);
  }
  assert.equal(await overHttp(verifier, { authorization: [one, one] }), 'request_malformed');
  assert.equal(await overHttp(verifier, { authorization: one }, '/mcp?access_token=x'), 'request_malformed');
  // A Host that would make a query a part of something else.
  for (const host of ['x?', 'x#', 'x/?y']) {
    assert.equal(await overHttp(verifier, { authorization: one, host }, '/?access_token=x'), 'request_malformed', host);
  }
  assert.equal(await overHttp(verifier, { authorization: one }, 'http://x/mcp?access_token=x'), 'request_malformed');
});

test('what is no request is refused by name', async () => {
  const verifier = new Verifier(POLICY);
  for (const [request, message] of [
    [undefined, 'request must be an object, not undefined'],
    [null, 'request must be an object, not null'],
    ['x', 'request must be an object, not string'],
    [{}, 'request.headers must be an object, Headers or an array of pairs, not undefined'],
    [{ headers: 'x' }, 'request.headers must be an object, Headers or an array of pairs, not string'],
    [{ headers: { a: 7 } }, 'request.headers must hold names and values that are strings'],
    [{ headers: ['a'] }, 'request.headers must hold names and values that are strings'],
    [{ headers: [undefined] }, 'request.headers must hold names and values that are strings'],
    [{ headers: {}, method: 7 }, 'request.method must be a string, not number'],
    [{ headers: {}, url: {} }, 'request.url must be a string, not Object'],
    [
      { headers: {}, clientCertificate: 7 },
      'request.clientCertificate must be a string, a Buffer or a Uint8Array, not number',
    ],
  ]) {
    const error = await rejected(verifier.verifyRequest(request));
    assert.ok(error instanceof ConfigurationError, String(error));
    assert.equal(error.message, message);
  }
  verifier.close();
  assert.equal((await rejected(verifier.verifyRequest(parts(good())))).code, 'ERR_VERIFIER_CLOSED');
});

test('a bound token is refused without a proof, wherever there is no request to look at', async () => {
  const rejections = [];
  const verifier = new Verifier({ ...POLICY, onReject: (rejection) => rejections.push(rejection) });
  const token = good(BOUND);
  for (const call of [
    () => verifier.verify(token),
    async () => verifier.verifySync(token),
    () => verifier.verifyRequest(parts(token)),
  ]) {
    const { code, status, oauthError, claim } = await rejected(call());
    assert.deepEqual([code, status, oauthError, claim], ['proof_missing', 401, 'invalid_dpop_proof', 'cnf']);
  }
  const forSdk = await rejected(verifier.verifyAccessToken(token));
  assert.deepEqual([forSdk.code, forSdk.reason, forSdk.status], ['invalid_token', 'proof_missing', 401]);
  assert.deepEqual(forSdk.toResponseObject(), {
    error: 'invalid_token',
    error_description: 'The DPoP proof is missing or invalid.',
  });
  assert.deepEqual(
    rejections.map(({ code, claim, kid }) => [code, claim, kid]),
    Array(4).fill(['proof_missing', 'cnf', 'k']),
  );
  const lax = new Verifier({ ...POLICY, senderConstrained: 'ignore' });
  assert.deepEqual((await lax.verify(token)).confirmation, { jkt: CLIENT.thumbprint(), 'kc-jkt-type': 'x' });
  const odd = good({ additionalClaims: { cnf: {} } });
  assert.equal((await rejected(verifier.verify(odd))).code, 'confirmation_invalid');
});

test('onReject is told of malformed requests and of wrong tokens, but not of those without any', async () => {
  const rejections = [];
  const verifier = new Verifier({ ...POLICY, onReject: ({ code }) => rejections.push(code) });
  for (const headers of [{}, { authorization: 'Bearer a b' }, { authorization: 'Bearer x' }]) {
    await rejected(verifier.verifyRequest({ headers }));
  }
  assert.deepEqual(rejections, ['request_malformed', 'token_malformed']);
  assert.deepEqual(verifier.stats().reasons, { token_missing: 1, request_malformed: 1, token_malformed: 1 });
});

test('keys are fetched and issuers resolved for a request as for a token', async () => {
  let fetches = 0;
  const fetch = async () => {
    fetches += 1;
    return new Response(JSON.stringify(PAIR.jwks('k')));
  };
  const resolved = [];
  const verifier = new Verifier({
    audience: AUDIENCE,
    dpop: {},
    resolveIssuer: async (issuer) => {
      resolved.push(issuer);
      return issuer === ISSUER ? { issuer, jwksUri: 'https://issuer.example/keys', fetch } : undefined;
    },
  });
  const token = good(BOUND);
  const headers = { authorization: `DPoP ${token}`, dpop: CLIENT.dpopProof('GET', HERE, { accessToken: token }) };
  const access = await verifier.verifyRequest({ method: 'GET', url: HERE, headers });
  assert.deepEqual([access.subject, fetches, resolved], ['fastmcp-user', 1, [ISSUER]]);
  const stranger = await rejected(verifier.verifyRequest(parts(good({ issuer: 'https://other.example' }))));
  assert.equal(stranger.code, 'issuer_mismatch');
  const down = new Verifier({
    ...POLICY,
    publicKey: null,
    jwksUri: 'https://x.example/',
    fetch: () => Promise.reject(),
  });
  const unavailable = await rejected(down.verifyRequest(parts(good())));
  assert.deepEqual([unavailable.code, unavailable.status], ['keys_unavailable', 503]);
});

test('a token that is kept is verified as a request all the same', async () => {
  const verifier = new Verifier({ ...POLICY, scopeHierarchy: { admin: ['read'] }, dpop: {} });
  const token = good({ ...BOUND, scopes: ['admin'] });
  for (let i = 0; i < 4; i++) {
    const headers = { authorization: `DPoP ${token}`, dpop: CLIENT.dpopProof('GET', HERE, { accessToken: token }) };
    const access = await verifier.verifyRequest({ method: 'GET', url: HERE, headers });
    assert.ok(access.hasScope('read') && !access.hasScope('write'));
    assert.deepEqual(access.confirmation, access.claims.cnf);
    assert.equal((await rejected(verifier.verifyRequest(parts(token)))).code, 'proof_missing');
  }
  assert.ok(verifier.stats().cacheHits >= 3);
});

test('errors hold neither token nor proof', async () => {
  const verifier = new Verifier({ ...POLICY, dpop: {} });
  const token = good(BOUND);
  const proof = CLIENT.dpopProof('POST', HERE, { accessToken: token });
  const stray = KeyPair.generateSync('ES256').dpopProof('GET', HERE, { accessToken: token });
  for (const headers of [
    { authorization: `DPoP ${token}`, dpop: proof },
    { authorization: `DPoP ${token}`, dpop: stray },
    { authorization: `DPoP ${token}`, dpop: [proof, stray] },
    { authorization: `DPoP ${token}`, dpop: `${proof}x` },
    { authorization: `Bearer ${token}, Bearer ${token}` },
    { authorization: `Bearer ${token}` },
  ]) {
    const error = await rejected(verifier.verifyRequest({ method: 'GET', url: HERE, headers }));
    const text = util.inspect(error, { showHidden: true, depth: 9 }) + JSON.stringify(error) + error.stack;
    for (const secret of [token, proof, stray].flatMap((one) => one.split('.'))) {
      assert.ok(!text.includes(secret), text);
    }
  }
});

// ---- client certificates (RFC 8705)

const { pem, der, hash } = certificateOf('client');
const OTHER = certificateOf('other');
const CERTIFIED = good({ additionalClaims: { cnf: { 'x5t#S256': hash } } });

test('a client certificate, as DER or PEM', async () => {
  const verifier = new Verifier(POLICY);
  for (const clientCertificate of [pem, Buffer.from(pem), der, new Uint8Array(der)]) {
    assert.equal((await verifier.verifyRequest(parts(CERTIFIED, { clientCertificate }))).token, CERTIFIED);
  }
  for (const [clientCertificate, code] of [
    [undefined, 'proof_missing'],
    [OTHER.der, 'proof_mismatch'],
    ['x', 'proof_invalid'],
    ['', 'proof_invalid'],
    [pem + OTHER.pem, 'proof_invalid'],
  ]) {
    const error = await rejected(verifier.verifyRequest(parts(CERTIFIED, { clientCertificate })));
    assert.deepEqual([error.code, error.status], [code, 401]);
  }
});

/* The cases are those of Python. */
const { about, ...FORMATS } = JSON.parse(readFileSync(new URL('../certificate_headers.json', import.meta.url), 'utf8'));
assert.ok(about.length > 0);

const TEXTS = {};
for (const [prefix, one] of [
  ['', { pem, der }],
  ['other_', OTHER],
]) {
  const base64 = one.der.toString('base64');
  TEXTS[`${prefix}base64`] = base64;
  TEXTS[`${prefix}unpadded`] = base64.replace(/=+$/u, '');
  TEXTS[`${prefix}pem`] = encodeURIComponent(one.pem);
  TEXTS[`${prefix}raw`] = encodeURI(one.pem);
}

test('every format has cases', () => {
  assert.deepEqual(Object.keys(FORMATS).sort(), ['nginx', 'rfc9440', 'xfcc']);
});

for (const [format, reasons] of Object.entries(FORMATS)) {
  test(`a certificate in a header: ${format}`, async () => {
    const rejections = [];
    const options = { ...POLICY, onReject: ({ code }) => rejections.push(code) };
    const clientCertificateHeader = { name: 'Client-Cert', format };
    const handler = bearerAuth({ ...options, clientCertificateHeader }, () => new Response('in'));
    const ask = async (guarded, value) => {
      const headers = {
        authorization: `Bearer ${CERTIFIED}`,
        ...(value === undefined ? {} : { 'client-cert': value }),
      };
      const { status } = await guarded(new Request(HERE, { headers }));
      const code = rejections.pop();
      assert.equal(status, code === undefined ? 200 : 401, value);
      return code ?? 'accepted';
    };
    for (const [reason, values] of Object.entries(reasons)) {
      for (const value of values) {
        const text = value.replaceAll(/\{(\w+)\}/gu, (_, name) => TEXTS[name]);
        assert.equal(await ask(handler, text), reason, value);
      }
    }
    assert.equal(await ask(handler, undefined), 'proof_missing');
    // Only where an option names it.
    const deaf = bearerAuth(options, () => new Response('in'));
    assert.equal(await ask(deaf, TEXTS.pem), 'proof_missing');
  });
}

test('options of the header are refused by name', () => {
  for (const [clientCertificateHeader, message] of [
    [true, 'clientCertificateHeader must be an object, not boolean'],
    [{}, 'clientCertificateHeader.name must be a string, not undefined'],
    [{ name: 'a b', format: 'xfcc' }, 'clientCertificateHeader.name must be the name of a header'],
    [{ name: 'a', format: 'pem' }, 'clientCertificateHeader.format must be one of rfc9440, xfcc, nginx'],
    [{ name: 'a', format: 'toString' }, 'clientCertificateHeader.format must be one of rfc9440, xfcc, nginx'],
    [{ name: 'a', formt: 'xfcc' }, "clientCertificateHeader has no member 'formt'; did you mean 'format'?"],
  ]) {
    const make = () => bearerAuth({ ...POLICY, clientCertificateHeader }, () => new Response());
    assert.throws(make, { code: 'ERR_CONFIGURATION', message });
  }
});
