/* The binding of the core's rules for JSON-RPC bodies: arguments, answers, failures. The rules are tested in C. */
import assert from 'node:assert/strict';
import test from 'node:test';

import native from '../../node/lib/native.cjs';

const { constants, signals } = native;
const bytes = (text) => new TextEncoder().encode(text);
const call = (name) => bytes(JSON.stringify({ method: 'tools/call', params: { name } }));

function policy(options = {}) {
  return native.createRpcPolicy({
    anonymous: ['initialize'],
    tool_scopes: [
      ['delete_*', ['admin']],
      ['*_all', ['write', 'admin']],
    ],
    prompt_scopes: [['secret', ['read']]],
    ...options,
  });
}

test('a policy says what it is', () => {
  const made = policy();
  assert.equal(signals[constants.STATUS], constants.OK);
  assert.deepEqual(native.describeRpcPolicy(made), {
    scopes: ['admin', 'write', 'read'],
    hasAnonymous: true,
    maxBodyBytes: 4194304,
  });
  assert.deepEqual(native.rpcOptionNames, [
    'anonymous',
    'tool_scopes',
    'resource_scopes',
    'prompt_scopes',
    'max_body_bytes',
  ]);
});

test('a body is answered for', () => {
  const made = policy();
  assert.deepEqual(native.checkRpc(made, bytes('{"method":"initialize"}')), { anonymous: true, scopes: [] });
  assert.deepEqual(native.checkRpc(made, call('delete_all')), { anonymous: false, scopes: ['admin', 'write'] });
  assert.deepEqual(native.checkRpc(made, new Uint8Array()), { anonymous: false, scopes: [] });
  assert.equal(signals[constants.STATUS], constants.OK);
});

test('what is refused has its reason', () => {
  const made = policy({ max_body_bytes: 20 });
  for (const [outcome, code, status] of [
    [native.checkRpc(made, bytes('{"a":1,"a":2}')), 'request_malformed', 400],
    [native.checkRpc(made, call('a long name')), 'request_too_large', 413],
    [native.checkRpcHeaders(made, ['Content-Encoding', 'gzip']), 'request_unsupported', 415],
    [native.checkRpcHeaders(made, ['content-type', 'text/json; charset=utf-16']), 'request_unsupported', 415],
    [native.checkRpcHeaders(made, ['Content-Length', '21']), 'request_too_large', 413],
  ]) {
    assert.deepEqual([outcome.code, outcome.status, outcome.oauthError], [code, status, 'invalid_request']);
  }
  assert.equal(native.checkRpcHeaders(made, ['content-type', 'application/json; charset=utf-8']), undefined);
  assert.equal(signals[constants.STATUS], constants.OK);
});

test('wrong options are named', () => {
  for (const [options, text] of [
    [{ anonymous: [''] }, /^anonymous must not hold an empty name/u],
    [{ tool_scopes: [['x', ['a b']]] }, /^tool_scopes: a scope is visible ASCII/u],
    [{ resource_scopes: [['secret', ['a']]] }, /^resource_scopes: "secret" is not the URI/u],
    [{ max_body_bytes: 0 }, /^max_body_bytes must be between/u],
  ]) {
    const failure = policy(options);
    assert.equal(failure.code, 'configuration_invalid');
    assert.match(failure.message, text);
  }
});

test('another handle is no policy', () => {
  assert.throws(() => native.checkRpc({}, bytes('{}')));
});
