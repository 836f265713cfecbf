/* Key pairs and minting, and that Python and Node take each other's tokens. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import { test } from 'node:test';
import util from 'node:util';

import { ConfigurationError, decodeUnverified, KeyPair, RSAKeyPair, Verifier } from '../../node/index.cjs';
import { PAIR, rejected, thrown } from './support/case.mjs';
import { pythonPath, ROOT } from './support/idp.mjs';

const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'ES256K',
  'EdDSA',
  'Ed25519',
  'Ed448',
  'HS256',
  'HS384',
  'HS512',
];

function keyOf(pair) {
  return pair.algorithm.startsWith('HS') ? { secret: pair.secret } : { publicKey: pair.publicKey };
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: generated, loaded again, published`, async () => {
    const pair = await KeyPair.generate(algorithm);
    assert.equal(pair.algorithm, algorithm);
    const hmac = algorithm.startsWith('HS');
    const again = new KeyPair({ privateKey: hmac ? pair.secret : pair.privateKey, algorithm });
    const verifier = new Verifier({ ...keyOf(pair), algorithms: algorithm, audience: 'a' });
    assert.equal(verifier.verifySync(again.createToken({ audience: 'a' })).claims.aud, 'a');
    assert.equal(again.publicKey, pair.publicKey);
    if (hmac) {
      assert.match(thrown(() => pair.jwks()).message, /HMAC/u);
    } else {
      const byKid = new Verifier({ jwks: pair.jwks('k'), algorithms: algorithm });
      assert.ok(byKid.verifySync(pair.createToken({ kid: 'k' })));
      assert.match(thrown(() => pair.secret).message, /no shared secret/u);
    }
  });
}

test('RSAKeyPair', async () => {
  const pair = await RSAKeyPair.generate({ bits: 2048 });
  assert.ok(pair instanceof RSAKeyPair && pair instanceof KeyPair);
  assert.equal(pair.algorithm, 'RS256');
  assert.match(pair.publicKey, /^-----BEGIN PUBLIC KEY-----\n.*\n$/su);
  assert.match(pair.privateKey, /^-----BEGIN PRIVATE KEY-----\n.*\n$/su);
  assert.equal(crypto.createPublicKey(pair.publicKey).asymmetricKeyDetails.modulusLength, 2048);
  assert.equal(new RSAKeyPair({ privateKey: pair.privateKey }).publicKey, pair.publicKey);
  assert.equal(new RSAKeyPair({ privateKey: pair.privateKey, publicKey: 'mine' }).publicKey, 'mine');
});

test('generate leaves the event loop alone', async () => {
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 1);
  await RSAKeyPair.generate({ bits: 4096 });
  clearInterval(timer);
  assert.ok(ticks > 3, `${ticks} ticks`);
});

test('what a token says', () => {
  const claims = (options) => decodeUnverified(PAIR.createToken({ now: 1000.9, ...options })).claims;
  assert.deepEqual(claims({}), { sub: 'fastmcp-user', iss: 'https://fastmcp.example.com', iat: 1000, exp: 4600 });
  assert.deepEqual(claims({ subject: null, issuer: null, expiresInSeconds: -1.5 }), { iat: 1000, exp: 998.5 });
  assert.deepEqual(claims({ audience: 'a' }).aud, 'a');
  assert.deepEqual(claims({ audience: ['a'] }).aud, ['a']);
  assert.equal('aud' in claims({ audience: '' }), false);
  assert.equal(claims({ scopes: ['a', 'b'] }).scope, 'a b');
  assert.equal('scope' in claims({ scopes: [] }), false);
  const more = claims({ additionalClaims: { exp: new Date(5999), aud: [1], sub: undefined, text: 'é"\u2028' } });
  assert.deepEqual([more.exp, more.aud, more.sub, more.text], [5, [1], 'fastmcp-user', 'é"\u2028']);
  const header = (options) => decodeUnverified(PAIR.createToken(options)).header;
  assert.deepEqual(header({ kid: 'k', typ: 'at+jwt' }), { typ: 'at+jwt', alg: 'RS256', kid: 'k' });
  assert.deepEqual(header({ kid: '', typ: null }), { alg: 'RS256' });
});

test('what is wrong is named', async () => {
  for (const [call, message] of [
    [() => new KeyPair(), /^privateKey must be given/u],
    [() => new KeyPair({ privateKey: 1 }), /^privateKey must be a string/u],
    [() => new KeyPair({ privateKey: 'x' }), /^privateKey/u],
    [() => new KeyPair({ privateKey: PAIR.privateKey, algorithm: 'ES256' }), /^privateKey/u],
    [() => new KeyPair({ privateKey: PAIR.privateKey, algorithm: 'none' }), /algorithm/u],
    [() => new KeyPair({ privatekey: 'x' }), /did you mean 'privateKey'/u],
    [() => new RSAKeyPair({ privateKey: PAIR.privateKey, algorithm: 'RS256' }), /no member 'algorithm'/u],
    [() => KeyPair.generateSync('RS257'), /RS257|algorithm/u],
    [() => RSAKeyPair.generateSync({ bits: 1024 }), /bits/u],
    [() => RSAKeyPair.generateSync({ bits: 2048.5 }), /bits/u],
    [() => KeyPair.generateSync('ES256', { bits: 2048 }), /bits/u],
    [() => PAIR.createToken({ expires: 1 }), /no member 'expires'/u],
    [() => PAIR.createToken({ expiresIn: 1 }), /no member 'expiresIn'/u],
    [() => PAIR.createToken({ expiresInSeconds: '1' }), /^expiresInSeconds must be a number of seconds/u],
    [() => PAIR.createToken({ expiresInSeconds: Infinity }), /expiresInSeconds must be/u],
    [() => PAIR.createToken({ additionalClaims: [] }), /^additionalClaims must be an object/u],
    [() => PAIR.createToken({ additionalClaims: { big: 1n } }), /^additionalClaims cannot be written as JSON/u],
    [() => PAIR.createToken({ additionalClaims: { text: '\ud800' } }), /^additionalClaims is not a JSON object/u],
    [() => PAIR.createToken({ audience: [1] }), /^audience must be/u],
  ]) {
    const error = thrown(call);
    assert.ok(error instanceof ConfigurationError, String(error));
    assert.match(error.message, message);
    assert.ok(!error.message.includes('BEGIN'));
  }
  assert.ok((await rejected(KeyPair.generate('RS257'))) instanceof ConfigurationError);
  assert.ok((await rejected(RSAKeyPair.generate({ bits: 3 }))) instanceof ConfigurationError);
});

test('nothing that prints shows the private key', () => {
  const secret = PAIR.privateKey.split('\n')[2];
  for (const text of [util.inspect(PAIR, { showHidden: true, depth: 9 }), JSON.stringify({ PAIR }), String(PAIR)]) {
    assert.ok(!text.includes(secret), text);
  }
});

test('another implementation takes the tokens', () => {
  for (const algorithm of ['RS256', 'ES256', 'EdDSA']) {
    const pair = KeyPair.generateSync(algorithm);
    const [head, body, signature] = pair.createToken().split('.');
    const key = { key: pair.publicKey, dsaEncoding: 'ieee-p1363' };
    const digest = algorithm === 'EdDSA' ? null : 'sha256';
    assert.ok(crypto.verify(digest, Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')));
  }
});

// ---- Python

const PYTHON = `
import json, sys
from fastbearer import KeyPair, Verifier
for line in sys.stdin:
    case = json.loads(line)
    algorithm = case["algorithm"]
    pair = KeyPair(private_key=bytes.fromhex(case["secret"]) if "secret" in case else case["private"], algorithm=algorithm)
    key = {"secret": pair.secret} if "secret" in case else {"jwks": pair.jwks("k")}
    verifier = Verifier(**key, algorithms=algorithm, issuer="https://issuer.example", audience="aud")
    access = verifier.verify(case["token"])
    minted = pair.create_token(issuer="https://issuer.example", audience="aud", kid="k", additional_claims=case["claims"])
    print(json.dumps({"claims": access.claims, "scopes": access.scopes, "client_id": access.client_id, "token": minted}))
`;

test('tokens minted in Node are accepted in Python, and the other way round, claims equal', () => {
  const claims = {
    text: 'Zoë 日本 🙂 \u2028 " \\ / \u0001',
    list: [1, -0.5, 1e21, null, true, {}],
    deep: { a: { b: [] } },
    scope: 'a b',
    client_id: 'c',
  };
  const cases = ALGORITHMS.map((algorithm) => {
    const pair = KeyPair.generateSync(algorithm);
    const token = pair.createToken({
      issuer: 'https://issuer.example',
      audience: 'aud',
      kid: 'k',
      additionalClaims: claims,
    });
    const key = algorithm.startsWith('HS') ? { secret: pair.secret.toString('hex') } : { private: pair.privateKey };
    return { pair, sent: { algorithm, token, claims, ...key } };
  });
  const input = cases.map(({ sent }) => JSON.stringify(sent)).join('\n');
  const done = spawnSync(pythonPath(), ['-c', PYTHON], { input, cwd: ROOT, encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
  const answers = done.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(answers.length, ALGORITHMS.length);
  for (const [i, { pair, sent }] of cases.entries()) {
    const verifier = new Verifier({
      ...keyOf(pair),
      algorithms: pair.algorithm,
      issuer: 'https://issuer.example',
      audience: 'aud',
    });
    const mine = verifier.verifySync(sent.token);
    assert.deepEqual(answers[i].claims, mine.claims);
    assert.deepEqual([answers[i].scopes, answers[i].client_id], [mine.scopes, mine.clientId]);
    const theirs = verifier.verifySync(answers[i].token);
    assert.deepEqual({ ...theirs.claims, iat: 0, exp: 0 }, { ...mine.claims, iat: 0, exp: 0 });
    assert.deepEqual([theirs.scopes, theirs.clientId], [mine.scopes, mine.clientId]);
  }
});
