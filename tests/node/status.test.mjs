/* What the core knows beyond the request at hand, through the binding: key sets kept between runs, introspected tokens,
 * revocations, and health. The rules are tested in C. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { KeyPair } from '../../node/index.cjs';
import native from '../../node/lib/native.cjs';

const { constants, signals } = native;
const PAIR = KeyPair.generateSync('ES256');
const DOCUMENT = JSON.stringify(PAIR.jwks('a'));
const ISSUER = 'https://issuer.example';
const OPAQUE = '2YotnFZFEjr1zCsicMWpAA';

const status = () => signals[constants.STATUS];
const seconds = () => Date.now() / 1000;
const make = (issuer, revocations) =>
  native.create({}, [{ issuer: [ISSUER], algorithms: ['ES256'], ...issuer }], undefined, revocations);
const fetching = () => make({ jwks_uri: 'https://issuer.example/keys?secret=swordfish' });
const asking = () => make({ algorithms: undefined, introspection: 'all' });
const fixed = (revocations) => make({ jwks: DOCUMENT }, revocations);

function load(verifier) {
  const { ticket } = native.refreshBegin(verifier, 1, constants.REFRESH_EXPLICIT, 0n);
  const fetched = { status: 200, body: DOCUMENT, etag: '"1"', cacheControl: 'max-age=600' };
  native.refreshComplete(verifier, 1, ticket, fetched);
}

const token = (claims = {}) => PAIR.createToken({ issuer: ISSUER, kid: 'a', additionalClaims: claims });
const said = (members = {}) => JSON.stringify({ active: true, exp: seconds() + 60, ...members });
const request = [undefined, undefined, undefined, undefined, 'authorization', `Bearer ${OPAQUE}`];

test('a stored set serves another verifier', () => {
  const [first, second] = [fetching(), fetching()];
  assert.equal(native.keysVersion(first, 1), 0);
  assert.equal(native.exportKeys(first, 1).code, 'keys_unavailable');
  load(first);
  assert.equal(native.keysVersion(first, 1), 1);
  const stored = native.exportKeys(first, 1);
  assert.equal(status(), constants.OK);
  assert.equal(stored.source, native.issuers(first)[0].source);
  assert.equal(stored.source.length, 43);
  assert.deepEqual([stored.document, stored.etag, stored.jwksUri], [DOCUMENT, '"1"', undefined]);
  assert.ok(Math.abs(stored.fetchedAt - seconds()) < 30 && Math.abs(stored.freshUntil - stored.fetchedAt - 600) < 0.01);
  native.verify(second, token(), NaN);
  assert.equal(status(), constants.KEYS_NEEDED);
  assert.equal(native.importKeys(second, 1, stored), undefined);
  assert.equal(status(), constants.OK);
  native.verify(second, token(), NaN);
  assert.equal(status(), constants.OK);
  assert.deepEqual([native.keysVersion(second, 1), native.issuers(second)[0].imports], [0, 1]);
  assert.equal(native.stats(second).imports, 1);
});

test('a stored set that cannot be used is refused', () => {
  const source = fetching();
  load(source);
  const stored = native.exportKeys(source, 1);
  const now = seconds();
  for (const [change, code, why] of [
    [{ source: 'x'.repeat(43) }, 'keys_unavailable', /another source/u],
    [{ document: '{}' }, 'keys_unavailable', /keys/u],
    [{ document: undefined }, 'keys_unavailable', /JSON/u],
    [{ fetchedAt: now + 60, freshUntil: now + 120 }, 'keys_unavailable', /future/u],
    [{ fetchedAt: now - 9000, freshUntil: now - 8000 }, 'keys_unavailable', /stale_if_error/u],
    [{ fetchedAt: NaN }, 'keys_unavailable', /times/u],
  ]) {
    const verifier = fetching();
    const failure = native.importKeys(verifier, 1, { ...stored, ...change });
    assert.equal(failure.code, code);
    assert.match(failure.message, why);
    assert.equal(native.exportKeys(verifier, 1).code, 'keys_unavailable');
  }
  assert.equal(native.importKeys(fetching(), 7, stored).code, 'configuration_invalid');
  assert.equal(native.exportKeys(fixed(), 1).code, 'configuration_invalid');
  native.close(source);
  assert.equal(native.exportKeys(source, 1), undefined);
  assert.equal(status(), constants.CLOSED);
});

test('an opaque token is introspected', () => {
  const verifier = asking();
  assert.ok(native.tokenIsJwt(token()) && !native.tokenIsJwt(OPAQUE) && !native.tokenIsJwt('v2.local.AAAA'));
  native.verify(verifier, OPAQUE, NaN);
  assert.deepEqual([status(), signals[constants.ISSUER]], [constants.INTROSPECTION_NEEDED, 1]);
  const response = said({ sub: 'alice', scope: 'read write' });
  const text = native.verifyIntrospected(verifier, OPAQUE, NaN, { issuer: 1, response, reuseFor: 0 });
  assert.equal(status(), constants.OK);
  assert.ok(text.includes('alice') && text.endsWith(response + ISSUER));
  native.verify(verifier, OPAQUE, NaN);
  assert.equal(status(), constants.INTROSPECTION_NEEDED);
  native.verifyIntrospected(verifier, OPAQUE, NaN, { issuer: 1, response, reuseFor: 30 });
  native.verify(verifier, OPAQUE, NaN);
  assert.equal(status(), constants.OK);
  assert.equal(native.stats(verifier).introspections, 2);
});

test('what it says is held against the policy', () => {
  const verifier = asking();
  for (const [response, code] of [
    ['{"active":false}', 'token_inactive'],
    ['{}', 'token_inactive'],
    ['<html>', 'status_unavailable'],
    [said({ exp: 1 }), 'token_expired'],
    [said({ iss: 'https://other.example' }), 'issuer_mismatch'],
    [said({ cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' } }), 'proof_missing'],
  ]) {
    const asked = { issuer: 1, response };
    assert.equal(native.verifyIntrospected(verifier, OPAQUE, NaN, asked).code, code);
    assert.equal(native.verifyRequestIntrospected(verifier, request, NaN, asked).code, code);
  }
  native.verifyRequest(verifier, request, NaN);
  assert.equal(status(), constants.INTROSPECTION_NEEDED);
  native.verifyRequestIntrospected(verifier, request, NaN, { issuer: 1, response: said(), reuseFor: 30 });
  assert.equal(status(), constants.OK);
  native.verifyRequest(verifier, request, NaN);
  assert.equal(status(), constants.OK);
});

test('mistakes with introspection', () => {
  assert.match(make({ introspection: 'jwt' }).message, /introspection/u);
  const codeOf = (verifier, asked, what = OPAQUE) => native.verifyIntrospected(verifier, what, NaN, asked).code;
  assert.equal(codeOf(fixed(), { issuer: 1, response: said() }), 'configuration_invalid');
  assert.equal(codeOf(asking(), { issuer: -1, response: said() }), 'configuration_invalid');
  assert.equal(codeOf(asking(), { issuer: 1, response: said(), reuseFor: -1 }), 'configuration_invalid');
  assert.equal(codeOf(asking(), { issuer: 1, response: said() }, 'not a token'), 'token_malformed');
});

test('a revoked token is refused, cached or not', () => {
  const set = native.createRevocations(100);
  const verifier = fixed(set);
  const [one, two] = [token({ jti: 't1', sub: 'alice' }), token({ jti: 't2', sub: 'bob' })];
  for (const each of [one, one, two, two]) {
    native.verify(verifier, each, NaN);
    assert.equal(status(), constants.OK);
  }
  assert.equal(native.revoke(set, { issuer: ISSUER, jti: 't1', until: seconds() + 60 }), undefined);
  const refused = native.verify(verifier, one, NaN);
  assert.deepEqual([refused.code, refused.claim, refused.status], ['token_revoked', 'jti', 401]);
  native.verify(verifier, two, NaN);
  assert.equal(status(), constants.OK);
  native.revoke(set, { issuer: ISSUER, subject: 'bob' }); // before: now; until: for ever
  assert.equal(native.verify(verifier, two, NaN).claim, 'sub');
  assert.deepEqual(native.stats(verifier).reasons, { token_revoked: 2 });
  assert.deepEqual(native.issuers(verifier)[0].reasons, { token_revoked: 2 });
  const { tokens, subjects, maxEntries, refused: full, hits, bytes } = native.describeRevocations(set);
  assert.deepEqual([tokens, subjects, maxEntries, full, hits, bytes > 0], [1, 1, 100, 0, 2, true]);
  native.refillBegin(set);
  native.revoke(set, { issuer: ISSUER, jti: 't1' });
  native.refillEnd(set);
  native.verify(verifier, two, NaN);
  assert.equal(status(), constants.OK);
  assert.equal(native.verify(verifier, one, NaN).code, 'token_revoked');
  native.clearRevocations(set);
  native.verify(verifier, one, NaN);
  assert.equal(status(), constants.OK);
});

test('a token is looked up by its names', () => {
  const set = native.createRevocations(10);
  const at = seconds();
  native.revoke(set, { issuer: ISSUER, jti: 't1' });
  native.revoke(set, { issuer: ISSUER, subject: 'alice', before: at });
  for (const [found, ...names] of [
    [true, ISSUER, 't1', 'bob', at],
    [true, ISSUER, undefined, 'alice', at],
    [true, ISSUER, 't2', 'alice', undefined],
    [true, ISSUER, 7, 'alice', '5'],
    [false, ISSUER, 't2', 'alice', at + 1],
    [false, ISSUER, 't1 ', 't1', at],
    [false, undefined, 't1', 'alice', at],
    [false, ISSUER, ['t1'], { sub: 'alice' }, at],
    [false],
  ]) {
    assert.equal(native.isRevoked(set, ...names), found, names.join());
    assert.equal(status(), constants.OK);
  }
  assert.throws(() => native.isRevoked({}, ISSUER, 't1'));
});

test('a set that is full says so', () => {
  const set = native.createRevocations(1);
  assert.equal(native.revoke(set, { jti: 'a', until: 100, now: 50 }), undefined);
  const failure = native.revoke(set, { jti: 'b', until: 200, now: 60 });
  assert.deepEqual([failure.code, failure.status], ['status_unavailable', 503]);
  assert.equal(native.revoke(set, { jti: 'b', until: 200, now: 100 }), undefined);
});

test('mistakes with revocations', () => {
  for (const size of [0, -1, 2 ** 40, NaN, undefined]) {
    assert.match(native.createRevocations(size).message, /max_entries/u);
  }
  const set = native.createRevocations(10);
  assert.match(native.revoke(set, { issuer: ISSUER }).message, /jti/u);
  assert.match(native.revoke(set, { subject: 'a', before: Infinity }).message, /before/u);
  assert.throws(() => native.revoke(fixed(), { jti: 'a' }));
  assert.throws(() => native.describeRevocations({}));
  assert.throws(() => make({ jwks: DOCUMENT }, fixed()));
});

test('health says what and why', () => {
  const verifier = fetching();
  let { health, issuers } = native.health(verifier);
  assert.deepEqual([health, issuers[0].health], ['not_ready', 'not_ready']);
  assert.match(issuers[0].problem, /no keys have been fetched yet/u);
  assert.deepEqual([issuers[0].keyAge, issuers[0].freshFor], [Infinity, -Infinity]);
  load(verifier);
  ({ health, issuers } = native.health(verifier));
  assert.deepEqual([health, issuers[0].problem, issuers[0].introspection], ['ready', '', undefined]);
  assert.ok(issuers[0].keyAge < 30 && issuers[0].freshFor > 570 && issuers[0].fetchSeconds >= 0);
  assert.ok(native.stats(verifier).keyAge < 30 && native.stats(verifier).fetchSeconds >= 0);
  assert.deepEqual([native.health(asking()).health, native.issuers(asking())[0].introspection], ['ready', 'all']);
  native.close(verifier);
  assert.equal(native.health(verifier), undefined);
});
