/* The options of a Verifier: every wrong one is refused by name. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import util from 'node:util';

import { BearerAuthProvider, ConfigurationError, Verifier } from '../../node/index.cjs';
import { AUDIENCE, good, ISSUER, PAIR, thrown } from './support/case.mjs';
import { ROOT } from './support/idp.mjs';

const KEY = { publicKey: PAIR.publicKey };

const WRONG = [
  [
    undefined,
    'one of publicKey, jwks, jwksUri or secret must be given, or one identifier by which discovery finds the keys',
  ],
  [null, 'options must be an object, not null'],
  ['x', 'options must be an object, not string'],
  [[], 'options must be an object, not an array'],
  [{ ...KEY, secret: 'x'.repeat(32) }, 'only one of publicKey, jwks, jwksUri and secret may be given'],
  [{ ...KEY, jwks_uri: 'x' }, "options has no member 'jwks_uri'; did you mean 'jwksUri'?"],
  [{ ...KEY, jwksURL: 'x' }, "options has no member 'jwksURL'; did you mean 'jwksUri'?"],
  [{ ...KEY, audiences: 'x' }, "options has no member 'audiences'; did you mean 'audience'?"],
  [{ ...KEY, requiredscope: 'x' }, "options has no member 'requiredscope'; did you mean 'requiredScopes'?"],
  [{ ...KEY, isuser: 'x' }, "options has no member 'isuser'; did you mean 'issuer'?"],
  [{ ...KEY, verify: false }, "options has no member 'verify'"],
  [{ ...KEY, algorithm: 'RS256' }, "options has no member 'algorithm'; did you mean 'algorithms'?"],
  [{ publicKey: 1 }, 'publicKey must be a string, a Buffer or a Uint8Array, not number'],
  [{ publicKey: 'nonsense' }, 'publicKey: no PEM block was found (-----BEGIN PUBLIC KEY-----)'],
  [{ publicKey: PAIR.privateKey }, /^publicKey: /u],
  [{ jwks: [] }, 'jwks must be a string, a Buffer or a key-set object, not an array'],
  [{ jwks: {} }, /^jwks: /u],
  [{ jwks: { keys: [1n] } }, /^jwks cannot be written as JSON: /u],
  [{ jwksUri: 7 }, 'jwksUri must be a string, not number'],
  [{ jwksUri: 'ftp://x' }, 'jwksUri must begin with https://'],
  [
    { jwksUri: 'http://x.example/' },
    'jwksUri must begin with https://; http:// is for loopback hosts, or with allowHttp',
  ],
  [{ jwksUri: 'https://u:p@x.example/' }, 'jwksUri must not hold a user name or password'],
  [{ secret: 'short' }, /^secret/u],
  [
    { secret: PAIR.publicKey },
    'secret: holds a PEM or SSH key; such keys verify public-key algorithms and go into publicKey',
  ],
  [{ ...KEY, algorithms: [] }, /^algorithms is an empty list/u],
  [{ ...KEY, algorithms: ['none'] }, /^algorithms/u],
  [{ ...KEY, algorithms: ['RS256', 'HS256'] }, 'algorithms must not mix HMAC (HS*) and public-key algorithms'],
  [{ ...KEY, algorithms: 256 }, 'algorithms must be a string or an array of strings, not number'],
  [{ ...KEY, issuer: [ISSUER, 1] }, 'issuer must be a string or an array of strings, but item 1 is number'],
  [{ ...KEY, issuer: new URL(ISSUER) }, 'issuer must be a string or an array of strings, not URL'],
  [{ ...KEY, audience: [] }, /^audience is an empty list/u],
  [{ ...KEY, audience: [''] }, 'audience must not hold an empty string'],
  [{ ...KEY, requiredScopes: ['a b'] }, /^requiredScopes must hold one scope per item/u],
  [{ ...KEY, leeway: '5' }, 'leeway must be a number of seconds, not string'],
  [{ ...KEY, leeway: -1 }, 'leeway must be between 0 and 86400 seconds'],
  [{ ...KEY, leeway: NaN }, 'leeway must be between 0 and 86400 seconds'],
  [{ ...KEY, requireExp: 'no' }, 'requireExp must be true or false, not string'],
  [{ ...KEY, tokenType: 'JWT' }, 'tokenType must be "at+jwt" or "any"'],
  [{ ...KEY, maxTokenBytes: 0 }, 'maxTokenBytes must be between 1 and 65536'],
  [{ ...KEY, maxTokenBytes: 1.5 }, 'maxTokenBytes must be a whole number, 0 or more, not 1.5'],
  [{ ...KEY, maxTokenBytes: Infinity }, 'maxTokenBytes must be a whole number, 0 or more, not Infinity'],
  [{ ...KEY, arithmetic: 'fast' }, 'arithmetic must be "auto" or "openssl"'],
  [{ ...KEY, arithmetic: true }, 'arithmetic must be a string, not boolean'],
  [{ ...KEY, cacheSize: -1 }, 'cacheSize must be a whole number, 0 or more, not -1'],
  [{ ...KEY, cacheSize: 2 ** 40 }, 'cacheSize must be below 2147483648'],
  [{ ...KEY, cacheBytes: '1' }, 'cacheBytes must be a whole number, not string'],
  [{ ...KEY, cacheBytes: -1 }, 'cacheBytes must be a whole number, 0 or more, not -1'],
  [{ ...KEY, senderConstrained: 'off' }, 'senderConstrained must be "verify" or "ignore"'],
  [{ ...KEY, senderConstrained: true }, 'senderConstrained must be a string, not boolean'],
  [{ ...KEY, dpop: true }, 'dpop must be an object, not boolean'],
  [{ ...KEY, dpop: { maxage: 1 } }, "dpop has no member 'maxage'; did you mean 'maxAge'?"],
  [{ ...KEY, dpop: { maxAge: 0 } }, 'dpop.maxAge must be more than 0 and at most 86400 seconds'],
  [{ ...KEY, dpop: { maxAge: '1' } }, 'dpop.maxAge must be a number of seconds, not string'],
  [{ ...KEY, dpop: { required: 1 } }, 'dpop.required must be true or false, not number'],
  [{ ...KEY, dpop: { algorithms: [] } }, /^dpop\.algorithms is an empty list/u],
  [
    { ...KEY, dpop: { algorithms: 'HS256' } },
    'dpop.algorithms: item 0 is not a public-key algorithm that is supported',
  ],
  [{ ...KEY, dpop: { nonceSecret: 'short' } }, 'dpop.nonceSecret must be at least 32 bytes'],
  [{ ...KEY, dpop: { nonceSecret: 7 } }, 'dpop.nonceSecret must be a string, a Buffer or a Uint8Array, not number'],
  [{ ...KEY, dpop: { replayCapacity: 0 } }, 'dpop.replayCapacity must be between 1 and 16777216'],
  [
    { ...KEY, dpop: { replayStore: new Map() } },
    'dpop.replayStore must be an object with a method add(key, expiresAt), not Map',
  ],
  [{ ...KEY, onReject: {} }, 'onReject must be a function, not Object'],
  [{ jwksUri: 'https://x/', fetch: 1 }, 'fetch must be a function, not number'],
  [{ jwksUri: 'https://x/', fetch() {}, ssrfSafe: true }, /^ssrfSafe .* cannot be combined with fetch$/u],
  [
    { jwksUri: 'https://x/', keyStore: new Map() },
    'keyStore must be an object with the methods load and save, as KeyStore says, not Map',
  ],
  [{ jwksUri: 'https://x/', keyStore: { load() {} } }, /^keyStore must be an object with the methods load and save/u],
  [{ jwksUri: 'https://x/', keyStore: '/var/cache' }, /^keyStore must be .*, not string$/u],
  [{ jwksUri: 'https://x/', fetchTimeout: 0 }, 'fetchTimeout must be more than 0 and at most 3600 seconds'],
  [{ jwksUri: 'https://x/', refreshInterval: -1 }, 'refreshInterval must be a finite number of seconds, 0 or more'],
  [{ jwksUri: 'https://x/', staleIfError: Infinity }, 'staleIfError must be a finite number of seconds, 0 or more'],
  [{ jwksUri: 'https://x/', maxJwksBytes: 0 }, 'maxJwksBytes must be 1 to 16777216'],
];

for (const [options, message] of WRONG) {
  test(`refused: ${util.inspect(options, { breakLength: Infinity, maxStringLength: 24 })}`, () => {
    const error = thrown(() => new Verifier(options));
    assert.ok(error instanceof ConfigurationError && error instanceof TypeError, String(error));
    assert.equal(error.code, 'ERR_CONFIGURATION');
    assert.equal(error.name, 'ConfigurationError');
    typeof message === 'string' ? assert.equal(error.message, message) : assert.match(error.message, message);
  });
}

// ---- the table of options

const { default: table } = await import('../../node/lib/option-table.cjs');
const { default: native } = await import('../../node/lib/native.cjs');
const INTERFACES = {
  KeyOptions: table.KEY_OPTIONS,
  ClaimOptions: table.CLAIM_OPTIONS,
  PolicyOptions: table.POLICY_OPTIONS,
  FetchOptions: table.FETCH_OPTIONS,
  DpopOptions: table.DPOP_OPTIONS,
};
const TYPES = {
  callable: /=>|^IsRevoked$/u,
  claims: /^string \| readonly string\[\] \| RequiredClaims$/u,
  data: /^string \| Uint8Array$/u,
  document: /^string \| Uint8Array \| object$/u,
  dpop: /^DpopOptions$/u,
  flag: /^boolean$/u,
  headers: /^Readonly<Record<string, string>>$/u,
  hierarchy: /^Readonly<Record<string, readonly string\[\]>>$/u,
  keyStore: /^KeyStore$/u,
  introspector: /^Introspector$/u,
  issuers: /^readonly Issuer\[\]$/u,
  scopes: /^string \| readonly string\[\]$/u,
  seconds: /^number$/u,
  size: /^number$/u,
  store: /^ReplayStore$/u,
  text: /^string$|^'/u,
  texts: /^string \| readonly string\[\]$/u,
};

/* The members of an interface of index.d.cts: [name, type, comment in one line]. */
function declared(name) {
  const [, body] = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, 'msu').exec(
    readFileSync(path.join(ROOT, 'node/index.d.cts'), 'utf8'),
  );
  const members = body.matchAll(/^ {2}\/\*\*(.*?)\*\/\n {2}(\w+)\?: (.*?);$/gmsu);
  return [...members].map(([, comment, member, type]) => [
    member,
    type.replace(/^\((.*)\) \| null$/u, '$1').replace(/ \| null$/u, ''),
    comment.replaceAll(/\s*\n\s*\* ?/gu, ' ').trim(),
  ]);
}

for (const [name, options] of Object.entries(INTERFACES)) {
  test(`the types and comments of ${name} are those of the table`, () => {
    const members = declared(name);
    assert.deepEqual(
      members.map(([member]) => member),
      options.map((option) => option.name),
    );
    for (const [i, [member, type, comment]] of members.entries()) {
      const { kind, doc, default: value } = options[i];
      assert.match(type, TYPES[kind], member);
      assert.equal(comment, value === undefined ? doc : `${doc} Default ${value}.`);
    }
  });
}

test("the table knows what the addon knows, and defaults are the core's", () => {
  const { policy, issuer, dpop } = native.optionNames;
  for (const [rows, names, defaults] of [
    [table.VERIFIER_OPTIONS, policy.filter((name) => name !== 'resolves_issuers'), native.optionDefaults],
    [table.ISSUER_OPTIONS, issuer, native.optionDefaults],
    [table.DPOP_OPTIONS, dpop.filter((name) => name !== 'replay_by_host'), native.optionDefaults.dpop],
  ]) {
    const ours = rows.filter(({ core }) => core !== undefined);
    assert.deepEqual(ours.map(({ core }) => core).sort(), [...names].sort());
    for (const { core, default: value } of ours) {
      assert.equal(value, defaults[core]);
    }
    assert.ok(ours.filter(({ default: value }) => value !== undefined).length >= 3);
  }
});

test('forms that an option may have', () => {
  const token = good({ scopes: ['a', 'b'] });
  for (const options of [
    { publicKey: Buffer.from(PAIR.publicKey) },
    { publicKey: new TextEncoder().encode(PAIR.publicKey), issuer: ISSUER, audience: [AUDIENCE, 'x'] },
    { jwks: PAIR.jwks('k'), algorithms: 'RS256' },
    { jwks: JSON.stringify(PAIR.jwks('k')), algorithms: ['RS256', 'ES256'] },
    { jwks: Buffer.from(JSON.stringify(PAIR.jwks('k'))) },
    { ...KEY, requiredScopes: 'a b', requiredClaims: ['exp'], tokenType: 'any' },
    { ...KEY, requiredScopes: [], requiredClaims: [], scopeClaims: ['scope'], clientIdClaims: 'sub' },
    { ...KEY, issuer: null, audience: undefined, algorithms: null, leeway: null, onReject: null, secret: null },
  ]) {
    assert.equal(new Verifier(options).verifySync(token).clientId, 'fastmcp-user');
  }
});

test('options can be read back, and are copies', () => {
  const audience = ['a', 'b'];
  const verifier = new Verifier({ ...KEY, issuer: ISSUER, audience, requiredScopes: 'r w' });
  audience.push('c');
  assert.deepEqual(
    [verifier.issuer, verifier.audience, verifier.requiredScopes, verifier.jwksUri],
    [[ISSUER], ['a', 'b'], ['r', 'w'], undefined],
  );
  assert.match(util.inspect(verifier), /^Verifier \{ publicKey, issuer: /u);
});

test('BearerAuthProvider takes algorithm beside algorithms', () => {
  const provider = new BearerAuthProvider({ ...KEY, algorithm: 'RS256', issuer: ISSUER });
  assert.ok(provider instanceof Verifier);
  assert.equal(provider.verifySync(good()).subject, 'fastmcp-user');
  assert.equal(new BearerAuthProvider(KEY).verifySync(good()).subject, 'fastmcp-user');
  assert.match(
    thrown(() => new BearerAuthProvider({ ...KEY, algorithm: 'a', algorithms: 'b' })).message,
    /same option/u,
  );
  assert.match(thrown(() => new BearerAuthProvider({ ...KEY, algorithm: 'RS257' })).message, /^algorithms/u);
  assert.match(thrown(() => new BearerAuthProvider(null)).message, /options must be an object/u);
  assert.match(util.inspect(provider), /^BearerAuthProvider/u);
});
