/* Shadow: the verifier in service answers, whatever the candidate says or does, and each difference is reported. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import util from 'node:util';

import { bearerAuth } from '../../node/fetch.cjs';
import { getAccessToken, KeyPair, Verifier } from '../../node/index.cjs';
import { jwtVerifier } from '../../node/mcp.cjs';
import { Shadow, stats } from '../../node/shadow.cjs';
import { node, rejected, thrown, until } from './support/case.mjs';

const PAIR = KeyPair.generateSync('ES256');
const OPTIONS = { publicKey: PAIR.publicKey, algorithms: 'ES256' };
const HERE = 'https://api.example/mcp';
const tokenFor = (audience, more) => PAIR.createToken({ subject: 'alice', audience, ...more });
const requestWith = (token) => new Request(HERE, { headers: { authorization: `Bearer ${token}` } });
const verifierFor = (audience, more) => new Verifier({ ...OPTIONS, audience, ...more });

const warnings = [];
const note = ({ code, message }) => code === 'FASTBEARER_SHADOW' && warnings.push(message);
beforeEach(() => {
  warnings.length = 0;
  process.on('warning', note);
});
afterEach(() => process.off('warning', note));

const finished = (shadow, count = 1) =>
  until(() => stats(shadow).compared + stats(shadow).skipped >= count).then(() => new Promise(setImmediate));

/* { answer or error, differences, shadow } of one call. */
async function ask(serving, candidate, token = 't', options = {}) {
  const differences = [];
  const shadow = Shadow(serving, candidate, { onDifference: (one) => differences.push(one), ...options });
  const call = typeof shadow === 'function' ? () => shadow(token) : () => shadow.verifyToken(token);
  const outcome = await (async () => call())().then(
    (answer) => ({ answer }),
    (error) => ({ error }),
  );
  await finished(shadow);
  return { ...outcome, differences, shadow };
}

const says = (answer) => ({ verifyToken: async () => answer });
const fails = (error) => ({
  verifyToken: async () => {
    throw error;
  },
});

test('the answer is that of the verifier in service', async () => {
  const result = { clientId: 'a' };
  const error = new RangeError('no');
  for (const candidate of [says(result), says(undefined), fails(new Error('broken')), fails(error)]) {
    assert.equal((await ask(says(result), candidate)).answer, result);
    assert.equal((await ask(fails(error), candidate)).error, error);
    assert.equal((await ask(() => result, candidate)).answer, result);
    assert.equal(
      (
        await ask(() => {
          throw error;
        }, candidate)
      ).error,
      error,
    );
  }
  const promise = Promise.resolve(result);
  assert.equal(Shadow(() => promise, says(1))('t'), promise);
});

const REFUSED = (code, claim) => ({ serving: 'accepted', servingReason: undefined, candidate: 'refused', code, claim });
for (const [what, serving, candidate, expected] of [
  ['both accept', says({ subject: 'alice' }), says({ subject: 'alice' }), undefined],
  ['both refuse', says(null), fails(new Error('x')), { candidate: 'failed' }],
  ['both refuse, each in its way', fails(new RangeError('x')), says(false), undefined],
  ['ours refuses', says({}), verifierFor('b'), { ...REFUSED('audience_mismatch', 'aud'), fields: [] }],
  [
    'ours accepts',
    fails(new RangeError('x')),
    verifierFor('a'),
    { serving: 'refused', servingReason: 'RangeError', candidate: 'accepted', code: undefined, claim: undefined },
  ],
  [
    'another subject and other scopes',
    says({ subject: 'bob', scopes: ['b', 'a'], expiresAt: 5 }),
    says({ subject: 'alice', scopes: ['a'], clientId: 'c', expiresAt: 5 }),
    { serving: 'accepted', candidate: 'accepted', fields: ['subject', 'scopes'] },
  ],
  ['the same scopes in another order', says({ scopes: ['b', 'a'] }), says({ scopes: ['a', 'b'] }), undefined],
  ["jose's result", says({ payload: { sub: 'alice', exp: 1 } }), verifierFor('a'), { fields: ['expiresAt'] }],
  ['503', says({}), fails(Object.assign(new Error('x'), { cause: await unavailable() })), { candidate: 'unavailable' }],
  ['a code', says({}), fails(Object.assign(new Error('x'), { code: 'E_X' })), { candidate: 'failed', code: 'E_X' }],
  ['no error', says({}), { verifyToken: () => Promise.reject('text') }, { candidate: 'failed', code: undefined }],
]) {
  test(`what is compared: ${what}`, async () => {
    const { differences, shadow } = await ask(serving, candidate, tokenFor('a'));
    const different = expected === undefined ? 0 : 1;
    assert.deepEqual(stats(shadow), { compared: 1, different, skipped: 0 });
    assert.equal(differences.length, different);
    if (expected !== undefined) {
      const names = Object.keys(expected);
      assert.deepEqual(Object.fromEntries(names.map((name) => [name, differences[0][name]])), expected);
      assert.ok(Object.isFrozen(differences[0]));
      assert.equal(warnings.length, 1);
    }
  });
}

async function unavailable() {
  const down = { ...OPTIONS, audience: 'a', isRevoked: () => Promise.reject(new Error('down')) };
  return rejected(new Verifier(down).verify(tokenFor('a')));
}

test('nothing of a token is reported', async () => {
  const token = tokenFor('a', { subject: 'somebody' });
  const { differences } = await ask(says({ subject: 'somebody else' }), verifierFor('b'), token);
  await ask(says({ subject: 'somebody else' }), verifierFor('a'), token);
  assert.deepEqual(warnings, [
    'in service: accepted; candidate: refused (audience_mismatch, claim aud) (more of this kind is not reported)',
    'in service: accepted; candidate: accepted (subject) (more of this kind is not reported)',
  ]);
  const told = util.inspect([differences, warnings], { depth: 9 });
  assert.ok(!told.includes(token) && !told.includes('somebody'));
});

test('each kind is reported once, and every difference is counted', async () => {
  const shadow = Shadow(says({}), verifierFor('b'));
  for (let i = 0; i < 5; i++) {
    await shadow.verifyToken(tokenFor('a'));
    await shadow.verifyToken('nonsense');
  }
  await finished(shadow, 10);
  assert.deepEqual([warnings.length, stats(shadow).different], [2, 10]);
});

test('a slow candidate delays nobody and is bounded in time and number', async () => {
  const never = { verifyToken: () => new Promise(() => {}) };
  const differences = [];
  const options = { timeout: 0.1, maxPending: 3, onDifference: ({ candidate }) => differences.push(candidate) };
  const shadow = Shadow(says(1), never, options);
  const start = performance.now();
  for (let i = 0; i < 10; i++) {
    await shadow.verifyToken('t');
  }
  assert.ok(performance.now() - start < 90);
  await finished(shadow, 10);
  assert.deepEqual(stats(shadow), { compared: 3, different: 3, skipped: 7 });
  assert.deepEqual(differences, Array(3).fill('timed_out'));
  await shadow.verifyToken('t');
  await finished(shadow, 11);
  assert.equal(stats(shadow).compared, 4);
});

test('a candidate is asked after the answer has been given', async () => {
  const order = [];
  const shadow = Shadow(
    () => Promise.resolve('yes'),
    () => order.push('candidate'),
  );
  await shadow('t');
  order.push('answered');
  await finished(shadow);
  assert.deepEqual(order, ['answered', 'candidate']);
});

test('a candidate that never answers keeps no process alive', () => {
  const path = JSON.stringify(new URL('../../node/shadow.cjs', import.meta.url).pathname);
  const program = `const { Shadow } = require(${path}); Shadow(() => true, () => new Promise(() => {}))('t');`;
  const start = performance.now();
  assert.equal(node(program).status, 0);
  assert.ok(performance.now() - start < 9000);
});

test('the shadow is an instance of what it stands for, with its members', () => {
  class Custom {
    #secret = 5;
    scopes = ['a'];

    async verifyToken() {
      return this.#secret;
    }

    get secret() {
      return this.#secret;
    }

    change() {
      this.#secret += 1;
      return this;
    }
  }
  const serving = new Custom();
  const shadow = Shadow(serving, says(1));
  assert.ok(shadow instanceof Custom && shadow.constructor === Custom);
  assert.deepEqual([shadow.secret, shadow.change() === serving, shadow.secret], [5, true, 6]);
  shadow.scopes = ['b'];
  assert.deepEqual([serving.scopes, Object.keys(shadow), 'scopes' in shadow], [['b'], ['scopes'], true]);
  assert.equal(shadow.verifyToken, shadow.verifyToken);
  assert.match(util.inspect(shadow), /^Shadow of Custom/u);
  delete shadow.scopes;
  assert.equal(serving.scopes, undefined);
  const frozen = Shadow(Object.freeze({ verifyToken: () => 'yes' }), says(1));
  assert.equal(frozen.verifyToken('t'), 'yes');
  assert.deepEqual(Object.keys({ ...frozen }), ['verifyToken']);
});

test('functions stay what they are', async () => {
  const serving = Object.assign(
    async function named(token, more) {
      return [this, token, more];
    },
    { extra: 5 },
  );
  const shadow = Shadow(serving, says(1));
  const self = {};
  assert.deepEqual([shadow.name, shadow.length, shadow.extra], ['named', 2, 5]);
  assert.deepEqual(await shadow.call(self, 't', 'more'), [self, 't', 'more']);
});

test('two of ours: verify, verifySync, verifyRequest, verifyAccessToken', async () => {
  const serving = verifierFor('a', { leeway: 5 });
  const differences = [];
  const onDifference = ({ candidate, code }) => differences.push(`${candidate} ${code}`);
  const same = Shadow(serving, verifierFor('a', { leeway: 5 }));
  const other = Shadow(serving, verifierFor('b'), { onDifference });
  const good = tokenFor('a');
  for (const [i, call] of [
    (shadow) => shadow.verify(good),
    (shadow) => shadow.verifySync(good),
    (shadow) => shadow.verifyRequest(requestWith(good)),
    (shadow) => shadow.verifyAccessToken(good),
  ].entries()) {
    assert.equal((await call(same)).clientId, 'alice');
    await call(other);
    await finished(same, i + 1);
    await finished(other, i + 1);
  }
  assert.deepEqual(stats(same), { compared: 4, different: 0, skipped: 0 });
  assert.deepEqual(differences, Array(4).fill('refused audience_mismatch'));
  assert.equal(thrown(() => other.verifySync('x')).code, 'token_malformed');
  assert.equal(await rejected(other.verify(tokenFor('c'))).then(({ code }) => code), 'audience_mismatch');
  await finished(other, 6);
  assert.equal(stats(other).different, 4); // both refuse
  assert.ok(other instanceof Verifier);
  assert.deepEqual([other.audience, other.stats().verified], [['a'], 8]);
});

test('behind an adapter, and for fastmcp', async () => {
  const differences = [];
  const onDifference = ({ serving, candidate, code }) => differences.push(`${serving} ${candidate} ${code}`);
  const shadow = Shadow(verifierFor('a'), verifierFor('b'), { onDifference });
  const guard = bearerAuth({ verifier: shadow, requiredScopes: [] }, () => new Response(getAccessToken().clientId));
  assert.equal(await (await guard(requestWith(tokenFor('a')))).text(), 'alice');
  await finished(shadow);
  assert.equal((await guard(requestWith(tokenFor('b')))).status, 401);
  await finished(shadow, 2);
  assert.equal((await shadow.authenticate(requestWith(tokenFor('a')))).clientId, 'alice');
  assert.equal((await rejected(shadow.authenticate(requestWith(tokenFor('b'))))).status, 401);
  assert.equal(await shadow.authenticate(undefined), undefined);
  await finished(shadow, 4);
  assert.deepEqual(differences, [
    'accepted refused audience_mismatch',
    'refused accepted undefined',
    'accepted refused audience_mismatch',
    'refused accepted undefined',
  ]);
});

test('a verifier for the MCP SDKs as either; its reasons are ours, and it notes nothing for the request', async () => {
  const differences = [];
  const onDifference = ({ servingReason, code }) => differences.push([servingReason, code]);
  const shadow = Shadow(jwtVerifier({ ...OPTIONS, audience: 'a' }), jwtVerifier({ ...OPTIONS, audience: 'b' }), {
    onDifference,
  });
  assert.equal((await shadow.verifyAccessToken(tokenFor('a'))).clientId, 'alice');
  await finished(shadow);
  await rejected(shadow.verifyAccessToken(tokenFor('b')));
  await finished(shadow, 2);
  assert.deepEqual(differences, [
    [undefined, 'audience_mismatch'],
    ['audience_mismatch', undefined],
  ]);
});

test('what is neither a token nor a request is not compared, nor a request by a function', async () => {
  const shadow = Shadow(verifierFor('a'), () => true);
  await shadow.verifyRequest(requestWith(tokenFor('a')));
  await rejected(shadow.verify(5));
  await rejected(shadow.verifyRequest(5));
  await sleep(5);
  assert.deepEqual(stats(shadow), { compared: 0, different: 0, skipped: 0 });
});

test('a hook that fails is reported once', async () => {
  const codes = [];
  const heard = ({ code, message }) => message.startsWith('onDifference') && codes.push(code);
  process.on('warning', heard);
  for (const onDifference of [
    () => {
      throw new Error('x');
    },
    async () => {
      throw new Error('x');
    },
  ]) {
    const shadow = Shadow(says(1), says(undefined), { onDifference });
    await shadow.verifyToken('t');
    await shadow.verifyToken('t');
    await finished(shadow, 2);
  }
  process.off('warning', heard);
  assert.deepEqual(codes, ['FASTBEARER_HOOK', 'FASTBEARER_HOOK']);
});

test('a thenable is waited for once', async () => {
  let started = 0;
  const lazy = {
    // biome-ignore lint/suspicious/noThenProperty: query builders are made like this
    then(resolve) {
      started += 1;
      resolve('yes');
    },
  };
  const shadow = Shadow(() => lazy, says(1));
  assert.equal(await shadow('t'), 'yes');
  await finished(shadow);
  assert.equal(started, 1);
});

for (const [given, message] of [
  [[5, says(1)], 'serving must be a verifier or a function, not number'],
  [[{}, says(1)], 'serving must be a verifier or a function, not Object'],
  [[says(1), undefined], 'candidate must be a verifier or a function, not undefined'],
  [[says(1), { authenticate: () => 1 }], 'candidate must be a verifier or a function, not Object'],
  [[says(1), says(1), { onDifference: 5 }], 'onDifference must be a function, not number'],
  [[says(1), says(1), { timeout: 0 }], 'timeout must be more than 0, at most 3600'],
  [[says(1), says(1), { timeout: NaN }], 'timeout must be more than 0, at most 3600'],
  [[says(1), says(1), { maxPending: 0 }], 'maxPending must be at least 1'],
  [[says(1), says(1), { max_pending: 1 }], "options has no member 'max_pending'; did you mean 'maxPending'?"],
]) {
  test(`refused: ${message}`, () => {
    const error = thrown(() => Shadow(...given));
    assert.deepEqual([error.message, error.code], [message, 'ERR_CONFIGURATION']);
  });
}

test('stats of what is not a shadow', () => {
  assert.match(thrown(() => stats(verifierFor('a'))).message, /^shadow must be what Shadow has returned/u);
});
