/* Introspection: which tokens are asked about, how, how often, and what becomes of the response. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import util from 'node:util';

import { bearerAuth } from '../../node/fetch.cjs';
import { BearerError, decodeUnverified, KeyPair, Verifier } from '../../node/index.cjs';
import { Introspector } from '../../node/introspection.cjs';
import { JWKSServer } from '../../node/testing.cjs';
import { nodeAsync, rejected, thrown, until } from './support/case.mjs';
import { IdentityProvider, ROOT } from './support/idp.mjs';
import { active, Endpoint, seconds } from './support/introspection-endpoint.mjs';

const PAIR = KeyPair.generateSync('ES256');
const STRANGER = KeyPair.generateSync('ES256');
const CLIENT = { clientId: 'server', clientSecret: 'secret' };
const ISSUER = 'https://issuer.example';
const jwtOf = (pair = PAIR, more = {}) => pair.createToken({ issuer: ISSUER, audience: 'a', ...more });

let endpoint;
const warnings = [];
const note = ({ code, message }) => code === 'FASTBEARER_INTROSPECTION' && warnings.push(message);
beforeEach(async () => {
  endpoint = await new Endpoint().start();
  warnings.length = 0;
  process.on('warning', note);
});
afterEach(() => {
  process.off('warning', note);
  endpoint.close();
});

/* Opaque tokens are asked about, JWTs verified with a key. */
function make(options, policy, where = endpoint) {
  const introspector = new Introspector({ endpoint: where.url, ...CLIENT, ...options });
  return new Verifier({
    issuer: ISSUER,
    publicKey: PAIR.publicKey,
    algorithms: 'ES256',
    audience: 'a',
    introspector,
    ...policy,
  });
}

const codeOf = async (promise) => (await rejected(promise)).code;
const bearer = (token) => ({
  method: 'GET',
  url: 'https://api.example/',
  headers: { authorization: `Bearer ${token}` },
});

// ---- which tokens

for (const [way, verify] of [
  ['verify', (verifier, token) => verifier.verify(token)],
  ['verifyRequest', (verifier, token) => verifier.verifyRequest(bearer(token))],
]) {
  test(`${way}: opaque tokens and JWTs side by side`, async () => {
    endpoint.answers.opaque = active({ scope: 'read write' });
    const verifier = make();
    const access = await verify(verifier, 'opaque');
    assert.deepEqual([access.subject, access.clientId, access.scopes], ['alice', 'c', ['read', 'write']]);
    assert.deepEqual([access.issuer, access.token, access.claims.active], [ISSUER, 'opaque', true]);
    const jwt = jwtOf();
    assert.equal((await verify(verifier, jwt)).token, jwt);
    const { code, status, oauthError, issuer } = await rejected(verify(verifier, 'unknown'));
    assert.deepEqual([code, status, oauthError, issuer], ['token_inactive', 401, 'invalid_token', ISSUER]);
    assert.deepEqual(
      endpoint.asked.map(({ token }) => token),
      ['opaque', 'unknown'],
    );
  });
}

test('all tokens with jwts: there are no keys, and a signature is the business of the provider', async () => {
  const jwt = jwtOf(STRANGER);
  endpoint.answers[jwt] = active({ iss: ISSUER });
  const introspector = new Introspector({ endpoint: endpoint.url, ...CLIENT, jwts: true });
  const verifier = new Verifier({ issuer: ISSUER, audience: 'a', introspector });
  assert.equal((await verifier.verify(jwt)).issuer, ISSUER);
  assert.equal(await codeOf(verifier.verify(jwtOf())), 'token_inactive');
  assert.equal(await codeOf(verifier.verify('not a token')), 'token_malformed');
  assert.equal(endpoint.asked.length, 2);
  assert.match(util.inspect(verifier), /^Verifier \{ introspector, /u);
  const both = { issuer: ISSUER, audience: 'a', introspector, publicKey: PAIR.publicKey };
  assert.equal(thrown(() => new Verifier(both)).code, 'ERR_CONFIGURATION');
});

for (const token of ['a b', '', 'a\nb', 'é', 'a=b=c', 'x'.repeat(20000)]) {
  test(`what can be no token is not asked about: ${JSON.stringify(token.slice(0, 5))}`, async () => {
    assert.ok((await rejected(make().verify(token))) instanceof BearerError);
    assert.deepEqual(endpoint.asked, []);
  });
}

test('several issuers are asked one after the other about opaque tokens; a JWT goes to its own', async () => {
  const other = await new Endpoint().start();
  other.answers['of-the-other'] = active();
  const issuers = Object.entries({ one: endpoint, other }).map(([name, { url }]) => ({
    issuer: `https://${name}.example`,
    introspector: new Introspector({ endpoint: url, ...CLIENT, jwts: true }),
  }));
  const seen = [];
  const verifier = new Verifier({ issuers, audience: 'a', onReject: ({ code }) => seen.push(code) });
  assert.equal((await verifier.verify('of-the-other')).subject, 'alice');
  assert.equal(verifier.stats().issuers[1].verified, 1);
  assert.equal(await codeOf(verifier.verify(jwtOf(PAIR, { issuer: 'https://other.example' }))), 'token_inactive');
  assert.deepEqual([endpoint.asked.length, other.asked.length], [1, 2]);
  assert.deepEqual(seen, ['token_inactive']); // that the first did not know a good token is no refusal
  endpoint.status = 500;
  assert.equal(await codeOf(verifier.verify('of-nobody')), 'status_unavailable'); // who is down may know it
  other.answers['of-the-other-too'] = active();
  assert.ok(await verifier.verify('of-the-other-too'));
  other.answers['for-another'] = active({ aud: 'b' });
  assert.equal(await codeOf(verifier.verify('for-another')), 'audience_mismatch');
  other.close();
});

test('one that resolveIssuer finds', async () => {
  const jwt = jwtOf(PAIR, { issuer: 'https://tenant.example' });
  endpoint.answers[jwt] = active({ iss: 'https://tenant.example' });
  const introspector = new Introspector({ endpoint: endpoint.url, ...CLIENT, jwts: true });
  const verifier = new Verifier({ audience: 'a', resolveIssuer: async (issuer) => ({ issuer, introspector }) });
  assert.equal((await verifier.verify(jwt)).issuer, 'https://tenant.example');
});

test('verifySync only begins to ask, and goes by what is cached', async () => {
  endpoint.answers.opaque = active();
  const seen = [];
  const verifier = make({}, { onReject: ({ code }) => seen.push(code) });
  for (const token of ['opaque', 'unknown']) {
    const { code, status, retryAfter } = thrown(() => verifier.verifySync(token));
    assert.deepEqual([code, status, retryAfter], ['status_unavailable', 503, 1]);
  }
  await verifier.verify('opaque');
  await rejected(verifier.verify('unknown'));
  assert.equal(endpoint.asked.length, 2);
  assert.equal(verifier.verifySync('opaque').subject, 'alice');
  assert.equal(thrown(() => verifier.verifySync('unknown')).code, 'token_inactive');
  assert.deepEqual(seen, ['status_unavailable', 'status_unavailable', 'token_inactive', 'token_inactive']);
  assert.equal(verifier.verifySync(jwtOf()).subject, 'fastmcp-user');
});

// ---- what the response is worth

for (const [answer, code] of [
  [{ active: 'true' }, 'token_inactive'],
  [{}, 'token_inactive'],
  [active({ aud: 'b' }), 'audience_mismatch'],
  [active({ exp: 1 }), 'token_expired'],
  [active({ exp: 'soon' }), 'exp_invalid'],
  [active({ nbf: 99999999999 }), 'token_not_yet_valid'],
  [active({ iss: 'https://evil.example' }), 'issuer_mismatch'],
  [active({ scope: 5 }), 'scope_invalid'],
  [active({ scope: 'other' }), 'insufficient_scope'],
  [active({ cnf: { jkt: '0'.repeat(43) }, scope: 'read' }), 'proof_missing'],
]) {
  test(`the same policy: ${code} of ${JSON.stringify(answer).slice(0, 60)}`, async () => {
    endpoint.answers.t = answer;
    assert.equal(await codeOf(make({}, { requiredScopes: 'read' }).verify('t')), code);
  });
}

for (const [what, status, raw, more] of [
  ['nothing', 200, ''],
  ['an array', 200, '[]'],
  ['no JSON', 200, 'no json'],
  ['a member twice', 200, '{"active":true,"active":false}'],
  ['more than JSON', 200, '{"active":true}x'],
  ['500', 500, ''],
  ['401', 401, '{}'],
  ['a redirect', 302, ''],
  ['204', 204, undefined],
  ['too much', 200, ' '.repeat(70000)],
  ['400', 400, '{}'],
  ['a content coding', 200, '{"active":true}', { 'content-encoding': 'br' }],
  ['less than it announces', 200, '{"active":true}', { 'content-length': '100', connection: 'close' }],
]) {
  test(`what is no response: ${what}`, async () => {
    Object.assign(endpoint, { status, raw, more });
    const seen = [];
    const verifier = make({ timeout: 1 }, { onReject: ({ code }) => seen.push(code) });
    const { code, status: answered, oauthError, retryAfter } = await rejected(verifier.verify('t'));
    assert.deepEqual([code, answered, oauthError], ['status_unavailable', 503, 'temporarily_unavailable']);
    assert.ok(retryAfter === undefined || retryAfter >= 1);
    assert.deepEqual([seen, endpoint.asked.length], [['status_unavailable'], 1]);
    const { reasons, issuers } = verifier.stats();
    assert.deepEqual([reasons, issuers[0].reasons], [{ status_unavailable: 1 }, { status_unavailable: 1 }]);
  });
}

test('tokens that are bound to a key need a proof of it', async () => {
  const client = KeyPair.generateSync('ES256');
  const url = 'https://api.example/mcp';
  endpoint.answers.bound = active({ cnf: { jkt: client.thumbprint() } });
  const request = (pair) => {
    const dpop = pair.dpopProof('POST', url, { accessToken: 'bound' });
    return { method: 'POST', url, headers: { authorization: 'DPoP bound', dpop } };
  };
  const added = [];
  const replayStore = { add: (key) => added.push(key) > 0 };
  for (const dpop of [{}, { replayStore }]) {
    const verifier = make({ cacheSeconds: 0 }, { dpop });
    assert.equal((await verifier.verifyRequest(request(client))).subject, 'alice');
    for (let i = 0; i < 2; i++) {
      assert.equal(await codeOf(verifier.verifyRequest(request(STRANGER))), 'proof_mismatch');
    }
    assert.ok(await verifier.verifyRequest(request(client))); // that refusal was about the request
  }
  assert.equal(added.length, 2);
});

test('isRevoked is asked too', async () => {
  endpoint.answers.t = active();
  const verifier = make({}, { isRevoked: ({ subject }) => subject === 'alice' });
  for (let i = 0; i < 2; i++) {
    assert.equal(await codeOf(verifier.verify('t')), 'token_revoked');
  }
});

test('behind an adapter', async () => {
  endpoint.answers.t = active();
  const guard = bearerAuth({ verifier: make() }, () => new Response('in'));
  const answer = (token) => guard(new Request('https://api.example/', { headers: bearer(token).headers }));
  assert.equal((await answer('t')).status, 200);
  assert.equal((await answer('other')).status, 401);
  endpoint.status = 500;
  const unavailable = await answer('third');
  assert.deepEqual([unavailable.status, unavailable.headers.get('retry-after')], [503, '1']);
});

// ---- how often

test('what was accepted is remembered, unless it is asked about every time', async () => {
  endpoint.answers.t = active();
  const verifier = make();
  for (let i = 0; i < 3; i++) {
    await verifier.verify('t');
  }
  assert.deepEqual([endpoint.asked.length, verifier.stats().cacheHits, verifier.stats().introspections], [1, 2, 1]);
  const always = make({ cacheSeconds: 0 });
  for (let i = 0; i < 3; i++) {
    await always.verify('t');
  }
  assert.equal(endpoint.asked.length, 4);
});

test('no longer than until it expires', async () => {
  endpoint.answers.t = active({ exp: seconds() + 100 });
  const verifier = make({ cacheSeconds: 3600 });
  await verifier.verify('t');
  assert.equal(await codeOf(verifier.verify('t', { now: seconds() + 102 })), 'token_expired');
});

test('what was refused is remembered, with its reason', async () => {
  endpoint.answers.other = active({ aud: 'b' });
  const verifier = make();
  const errors = [];
  for (let i = 0; i < 3; i++) {
    assert.equal(await codeOf(verifier.verify('t')), 'token_inactive');
    const error = await rejected(verifier.verify('other'));
    assert.deepEqual([error.code, error.claim, error.actual], ['audience_mismatch', 'aud', 'b']);
    errors.push(error);
  }
  assert.equal(new Set(errors).size, 3);
  const { rejected: refused, reasons } = verifier.stats();
  assert.deepEqual([endpoint.asked.length, refused, reasons.audience_mismatch], [2, 6, 3]);
  const always = make({ negativeCacheSeconds: 0 });
  await rejected(always.verify('t'));
  await rejected(always.verify('t'));
  assert.equal(endpoint.asked.length, 4);
});

test('that is bounded in time and number', async () => {
  const verifier = make({ negativeCacheSeconds: 0.3, negativeCacheSize: 10 });
  for (let i = 0; i < 50; i++) {
    await rejected(verifier.verify(`t${i}`));
  }
  endpoint.answers.t0 = endpoint.answers.t49 = active();
  assert.equal(await codeOf(verifier.verify('t49')), 'token_inactive');
  assert.ok(await verifier.verify('t0')); // made room
  await sleep(320);
  assert.ok(await verifier.verify('t49'));
});

test('one question for all who wait', async () => {
  endpoint.answers.t = active();
  endpoint.hold();
  const verifier = make({ cacheSeconds: 0 });
  const waiting = Array.from({ length: 20 }, () => verifier.verify('t'));
  await until(() => endpoint.asked.length === 1);
  endpoint.go();
  const subjects = new Set((await Promise.all(waiting)).map(({ subject }) => subject));
  assert.deepEqual([[...subjects], endpoint.asked.length], [['alice'], 1]);
});

test('not too many at a time', async () => {
  endpoint.hold();
  const verifier = make({ maxPending: 4 });
  const codes = Promise.all(Array.from({ length: 20 }, (_, i) => codeOf(verifier.verify(`t${i}`))));
  await until(() => endpoint.asked.length === 4);
  endpoint.go();
  const counted = (await codes).filter((code) => code === 'status_unavailable').length;
  assert.deepEqual([endpoint.most, endpoint.asked.length, counted], [4, 4, 16]);
});

// ---- when it fails

test('one that hangs is left alone, and asked again later', async () => {
  endpoint.answers.good = active();
  endpoint.hold();
  const verifier = make({ timeout: 0.2 });
  for (let i = 0; i < 3; i++) {
    assert.equal(await codeOf(verifier.verify(`t${i}`)), 'status_unavailable');
  }
  assert.deepEqual(verifier.health().status, 'degraded');
  assert.match(verifier.health().problems[0], /^the introspection endpoint http:\S+ fails$/u);
  assert.deepEqual(verifier.health().issuers[0].health, 'degraded');
  const { retryAfter } = await rejected(verifier.verify('t9'));
  assert.ok(retryAfter > 0 && retryAfter <= 1);
  assert.equal(endpoint.asked.length, 3);
  endpoint.go();
  await sleep(1100);
  assert.ok(await verifier.verify('good'));
  assert.deepEqual([verifier.health().status, verifier.health().problems], ['ready', []]);
  await new Promise(setImmediate);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0], /^introspection: http:\S+ failed: timed out; tokens are refused with 503/u);
  assert.match(warnings[1], /^introspection: http:\S+ answers again after 3 failures$/u);
});

test('nobody there; a query is not told', async () => {
  const gone = await new Endpoint().start();
  gone.close();
  const verifier = make({}, {}, { url: `${gone.url}?key=very-secret` });
  const error = await rejected(verifier.verify('the-token'));
  await new Promise(setImmediate);
  const told = `${util.inspect(error)} ${warnings.join()} ${verifier.health().problems.join()}`;
  assert.match(warnings[0], /^introspection: http:\S+\/introspect failed: .*ECONNREFUSED/u);
  assert.ok(!told.includes('very-secret') && !told.includes('the-token'), told);
});

test('one bad token stops no others: 400 may be about the token', async () => {
  endpoint.status = 400;
  const verifier = make();
  for (let i = 0; i < 6; i++) {
    assert.equal(await codeOf(verifier.verify(`t${i}`)), 'status_unavailable');
  }
  endpoint.status = 200;
  endpoint.answers.good = active();
  assert.ok(await verifier.verify('good'));
});

test('connections are kept; one that the other side has closed is replaced', async () => {
  endpoint.answers.t = active();
  const verifier = make({ cacheSeconds: 0 });
  for (let i = 0; i < 6; i++) {
    await verifier.verify('t');
  }
  assert.ok(endpoint.sockets.size <= 2); // fetch itself opens one too many at first
  for (const socket of endpoint.sockets) {
    socket.destroy();
  }
  await verifier.verify('t');
  assert.equal(endpoint.asked.length, 7);
});

test('closing the verifier ends what is asked', async () => {
  endpoint.hold();
  const verifier = make();
  const waiting = codeOf(verifier.verify('t'));
  await until(() => endpoint.asked.length === 1);
  verifier.close();
  assert.equal(await waiting, 'ERR_VERIFIER_CLOSED');
  assert.deepEqual(warnings, []);
});

// ---- how

test('client_secret_basic', async () => {
  endpoint.answers.t = active();
  await make({ clientId: 'a:b c', clientSecret: "p%&ä'(", headers: { 'X-Tenant': '7' } }).verify('t');
  const [{ authorization, 'x-tenant': tenant, accept }] = endpoint.headers;
  const credentials = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
  assert.equal(credentials, 'a%3Ab%20c:p%25%26%C3%A4%27%28');
  assert.deepEqual(endpoint.asked, [{ token: 't', token_type_hint: 'access_token' }]);
  assert.deepEqual([tenant, accept], ['7', 'application/json']);
});

test('client_secret_post, and a client without a secret', async () => {
  endpoint.answers.t = active();
  await make({ authMethod: 'client_secret_post', clientSecret: Buffer.from('s3cret') }).verify('t');
  await make({ clientSecret: undefined }).verify('t');
  assert.deepEqual(endpoint.asked, [
    { token: 't', token_type_hint: 'access_token', client_id: 'server', client_secret: 's3cret' },
    { token: 't', token_type_hint: 'access_token', client_id: 'server' },
  ]);
  assert.deepEqual(
    endpoint.headers.map(({ authorization }) => authorization),
    [undefined, undefined],
  );
});

test('private_key_jwt', async () => {
  endpoint.answers.t = active();
  const pair = KeyPair.generateSync('ES256');
  const verifier = make({ clientSecret: null, privateKey: pair, kid: 'k', cacheSeconds: 0 });
  await verifier.verify('t');
  await verifier.verify('t');
  const judge = new Verifier({
    publicKey: pair.publicKey,
    algorithms: 'ES256',
    issuer: 'server',
    audience: endpoint.url,
  });
  const assertions = [];
  for (const { client_assertion: assertion, client_assertion_type: type, client_id: client } of endpoint.asked) {
    assert.deepEqual([type, client], ['urn:ietf:params:oauth:client-assertion-type:jwt-bearer', 'server']);
    assertions.push(await judge.verify(assertion));
  }
  const [first, second] = assertions;
  assert.equal(first.subject, 'server');
  assert.notEqual(first.claims.jti, second.claims.jti);
  assert.ok(first.expiresAt <= seconds() + 61);
  assert.equal(decodeUnverified(first.token).header.kid, 'k');
  await make({ clientSecret: null, privateKey: pair, assertionAudience: ISSUER, cacheSeconds: 0 }).verify('t');
  assert.equal(decodeUnverified(endpoint.asked.at(-1).client_assertion).claims.aud, ISSUER);
});

test('another client, and what it may do wrong', async () => {
  const calls = [];
  const fetching = (fetch) => make({ fetch }, {}, { url: 'https://login.example/introspect' });
  const good = async (url, init) => {
    calls.push([url, init]);
    return new Response(JSON.stringify(active()));
  };
  assert.equal((await fetching(good).verify('t')).subject, 'alice');
  const [[url, init]] = calls;
  assert.deepEqual([url, init.method, init.redirect], ['https://login.example/introspect', 'POST', 'manual']);
  assert.ok(init.signal instanceof AbortSignal && init.body.includes('token=t'));
  const late = make({ fetch: () => new Promise(() => {}), timeout: 0.05 });
  for (const [verifier, why] of [
    [fetching((_, { body }) => Promise.reject(new RangeError(body))), 'RangeError'],
    [fetching((_, { body }) => Promise.reject(Object.assign(new Error(body), { code: 'E_X' }))), 'Error: E_X'],
    [fetching((_, { body }) => Promise.reject(body)), 'something that is not an error'],
    [fetching(async () => ({ status: 200 })), 'fetch must return a Response'],
    [fetching(async () => ({ status: 200, headers: new Headers(), redirected: true })), 'a redirect, and'],
    [late, 'timed out'],
  ]) {
    warnings.length = 0;
    const error = await rejected(verifier.verify('the-token'));
    await new Promise(setImmediate);
    assert.equal(error.code, 'status_unavailable');
    assert.ok(error.message.startsWith(`the introspection endpoint could not be asked: ${why}`), error.message);
    assert.ok(!`${util.inspect(error)}${warnings.join()}`.includes('the-token'));
  }
});

test('a fetch function may ask about the same token', async () => {
  const verifier = make({
    fetch: async () => {
      void verifier.verify('t');
      return new Response(JSON.stringify(active()));
    },
  });
  assert.equal((await verifier.verify('t')).subject, 'alice');
});

test('over TLS, with the authorities that the process trusts and no others', async () => {
  const idp = await IdentityProvider.start('--tls');
  const program = (tls) => `
    const { Introspector } = require(${JSON.stringify(`${ROOT}/node/introspection.cjs`)});
    const { KeyPair, Verifier } = require(${JSON.stringify(`${ROOT}/node/index.cjs`)});
    const introspector = new Introspector({ endpoint: ${JSON.stringify(idp.jwksUri)}, clientId: 'c' });
    const { publicKey } = KeyPair.generateSync('ES256');
    new Verifier({ publicKey, algorithms: 'ES256', issuer: 'https://i', audience: 'a', introspector })
      .verify('t').then(() => 'accepted', ({ code, message }) => code + ' ' + message).then(console.log, ${tls});`;
  const trusting = await nodeAsync(program(), { env: { NODE_EXTRA_CA_CERTS: idp.caFile } });
  const other = await nodeAsync(program());
  const careless = await nodeAsync(program(), { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
  await idp.stop();
  assert.match(trusting.stdout, /^status_unavailable .*HTTP status|^token_inactive/u);
  assert.match(other.stdout, /^status_unavailable .*certificate/iu);
  assert.match(careless.stdout, /^status_unavailable .*NODE_TLS_REJECT_UNAUTHORIZED/u);
});

test('JWTs that are not asked about are verified with fetched keys as ever', async () => {
  const server = await JWKSServer.start();
  endpoint.answers.t = active();
  const introspector = new Introspector({ endpoint: endpoint.url, ...CLIENT });
  const verifier = new Verifier({ issuer: server.issuer, audience: 'a', introspector });
  assert.equal((await verifier.verify(server.mint({ audience: 'a' }))).issuer, server.issuer);
  assert.equal((await verifier.verify('t')).subject, 'alice');
  assert.equal(endpoint.asked.length, 1);
  await server.close();
});

// ---- options

for (const [options, message] of [
  [undefined, 'endpoint must be given'],
  [{ clientId: undefined }, 'clientId must be given'],
  [{ clientId: '' }, 'clientId must not be empty'],
  [{ client_id: 'x' }, "options has no member 'client_id'; did you mean 'clientId'?"],
  [{ endpoint: 'login' }, 'endpoint must be an absolute URL'],
  [{ endpoint: 'ftp://login.example/i' }, 'endpoint must be an absolute URL'],
  [{ endpoint: 'https://login.example/ü' }, 'endpoint must be an absolute URL'],
  [{ endpoint: 'http://login.example/i' }, 'endpoint must be https; http needs allowHttp or a loopback host'],
  [{ endpoint: 'https://u:p@login.example/i' }, 'endpoint must hold no user, password and fragment'],
  [{ endpoint: 'https://@login.example/i' }, 'endpoint must hold no user, password and fragment'],
  [{ endpoint: 'https://login.example/i#' }, 'endpoint must hold no user, password and fragment'],
  [{ endpoint: 5 }, 'endpoint must be a string, not number'],
  [{ clientSecret: 5 }, 'clientSecret must be a string, a Buffer or a Uint8Array, not number'],
  [
    { authMethod: 'none' },
    "authMethod must be 'client_secret_basic', 'client_secret_post' or 'private_key_jwt', not 'none'",
  ],
  [{ authMethod: 'private_key_jwt' }, "authMethod 'private_key_jwt' does not fit the credentials that are given"],
  [
    { authMethod: 'client_secret_basic', clientSecret: null },
    "authMethod 'client_secret_basic' does not fit the credentials that are given",
  ],
  [{ privateKey: PAIR }, 'clientSecret and privateKey exclude each other'],
  [{ privateKey: 'pem', clientSecret: null }, 'privateKey must be a KeyPair, not string'],
  [{ cacheSeconds: -1 }, 'cacheSeconds must be 0 to 86400'],
  [{ cacheSeconds: NaN }, 'cacheSeconds must be 0 to 86400'],
  [{ negativeCacheSeconds: 1e9 }, 'negativeCacheSeconds must be 0 to 86400'],
  [{ negativeCacheSize: -1 }, 'negativeCacheSize must be a whole number, 0 or more, not -1'],
  [{ timeout: 0 }, 'timeout must be 0.001 to 3600'],
  [{ maxBytes: 0 }, 'maxBytes must be 1 to 65536'],
  [{ maxPending: 0 }, 'maxPending must be 1 to 65536'],
  [{ jwts: 'yes' }, 'jwts must be true or false, not string'],
  [{ fetch: 5 }, 'fetch must be a function, not number'],
  [{ headers: 5 }, 'headers must be an object of header fields, not number'],
  [{ headers: { 'A\n': 'b' } }, 'headers: "A\\n" must be the name of a header'],
  [{ headers: { A: 'b\r\nC: d' } }, 'headers must be printable ASCII'],
]) {
  test(`refused: ${message}`, () => {
    const given = options === undefined ? {} : { endpoint: 'https://login.example/i', ...CLIENT, ...options };
    const error = thrown(() => new Introspector(given));
    assert.deepEqual([error.message, error.code], [message, 'ERR_CONFIGURATION']);
  });
}

test('the secret stays where it is, and nothing can be changed', () => {
  const introspector = new Introspector({
    endpoint: 'https://login.example/i?key=hidden-too',
    clientId: 'me',
    clientSecret: 'very-secret',
  });
  const printed = `${util.inspect(introspector, { showHidden: true, depth: 9 })} ${JSON.stringify(introspector)}`;
  assert.equal(printed, "Introspector { https://login.example/i as 'me' } {}");
  assert.throws(() => Object.assign(introspector, { timeout: 5 }), TypeError);
  assert.deepEqual([introspector.authMethod, introspector.jwts], ['client_secret_basic', false]);
  const message = 'introspector must be an Introspector of fastbearer/introspection, not object';
  assert.equal(
    thrown(() => new Verifier({ issuer: ISSUER, introspector: {} })).message.replace('Object', 'object'),
    message,
  );
});
