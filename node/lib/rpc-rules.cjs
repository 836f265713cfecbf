/*
 * What the bodies of JSON-RPC requests ask for: the options of an adapter as the core takes them, and its answers. Which
 * methods need no token, and which tools, resources and prompts need which scopes, is the core's to say (fb_rpc_check).
 */
'use strict';

const { mapping, optional, scopes, size, texts } = require('./checks.cjs');
const { ConfigurationError, errorOf } = require('./errors.cjs');
const native = require('./native.cjs');

const { signals } = native;
const { STATUS, OK } = native.constants;

const RULE_OPTION_NAMES = Object.freeze(['anonymous', 'toolScopes', 'resourceScopes', 'promptScopes', 'maxBodyBytes']);

/* The body, and not the credential, is refused: there is no challenge. */
class BodyRefused extends Error {
  /* status: the core's number; reason: a BearerError. */
  constructor(status, reason) {
    super(reason.message);
    this.status = status;
    this.reason = reason;
  }
}

function methods(name, value) {
  if (typeof value === 'string') {
    throw new ConfigurationError(`${name} must be an array of methods, not one string`);
  }
  return texts(name, value);
}

/* Pairs of a pattern and its scopes. */
function patterns(name, value) {
  const pairs = mapping(name, 'an object of patterns and their scopes', value);
  return pairs.map(([pattern, needed]) => [pattern, scopes(`${name}[${JSON.stringify(pattern)}]`, needed) ?? []]);
}

/* Throws the failure of a call about a body. */
function unwrapBody(outcome) {
  const status = signals[STATUS];
  if (status !== OK) {
    throw new BodyRefused(status, errorOf(outcome));
  }
  return outcome;
}

class RpcRules {
  #policy;
  #maxBodyBytes;

  constructor({ anonymous, toolScopes, resourceScopes, promptScopes, maxBodyBytes }) {
    this.#policy = native.createRpcPolicy({
      anonymous: optional(methods, 'anonymous', anonymous),
      tool_scopes: optional(patterns, 'toolScopes', toolScopes),
      resource_scopes: optional(patterns, 'resourceScopes', resourceScopes),
      prompt_scopes: optional(patterns, 'promptScopes', promptScopes),
      max_body_bytes: optional(size, 'maxBodyBytes', maxBodyBytes),
    });
    if (signals[STATUS] !== OK) {
      throw errorOf(this.#policy);
    }
    const { hasAnonymous, scopes: all, maxBodyBytes: limit } = native.describeRpcPolicy(this.#policy);
    this.#maxBodyBytes = limit;
    /* Whether a request without a token may be good. */
    this.hasAnonymous = hasAnonymous;
    /* All that may be needed. */
    this.scopes = all;
    this.isEmpty = !hasAnonymous && all.length === 0;
  }

  /* undefined where there are none: bodies are not looked at then. */
  static of(options) {
    const rules = new RpcRules(options);
    return rules.isEmpty ? undefined : rules;
  }

  /* { anonymous, scopes }: whether the request needs no token, and otherwise which scopes. */
  async ask(body) {
    unwrapBody(native.checkRpcHeaders(this.#policy, body.headers.flat()));
    const bytes = await body.read(this.#maxBodyBytes);
    return unwrapBody(native.checkRpc(this.#policy, bytes));
  }
}

module.exports = { BodyRefused, RULE_OPTION_NAMES, RpcRules };
