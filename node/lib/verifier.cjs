/*
 * The verifier. Everything about tokens is the core's; this file gives it names, promises and errors that Node's hosts
 * expect.
 */
'use strict';

const util = require('node:util');

const { accessTokenOf } = require('./access_token.cjs');
const { BearerError, ConfigurationError, closed, errorOf, renamed, textOf, toOAuthError, unwrap } =
  require('./errors.cjs');
const { Guard, REFUSED, authenticatorOf } = require('./hosts.cjs');
const native = require('./native.cjs');
const { forNative, members, read, wrong } = require('./options.cjs');
const { KeySource } = require('./refresh.cjs');

const { signals } = native;
const { STATUS, DUE, WARNING, OK, CLOSED, INSUFFICIENT_SCOPE, KEYS_NEEDED, REFRESH_AHEAD, REFRESH_EXPLICIT, REFRESH_TOKEN } = native.constants;

/* Seconds since the epoch; NaN: the system's clock. */
function moment(given) {
  if (given === undefined) {
    return NaN;
  }
  members('verify options', given, ['now']);
  if (given.now === undefined) {
    return NaN;
  }
  if (!Number.isFinite(given.now)) {
    throw new ConfigurationError('now must be a finite number of seconds');
  }
  return given.now;
}

/* Said once in an environment; tokens are verified all the same. */
let told = false;
function tellProblem() {
  if (!told) {
    told = true;
    process.emitWarning(native.arithmeticProblem(), { type: 'FastBearerWarning', code: 'FASTBEARER_ARITHMETIC' });
  }
}

/* No verdict yet: which fetch it takes, and how many seconds it is worth waiting for. */
class KeysNeeded {
  constructor({ keyRequest, wait }) {
    this.keyRequest = keyRequest;
    this.wait = wait;
  }
}

class Verifier {
  #handle;
  #options;
  #source;
  #authenticate;
  #hookFailed = false;

  constructor(options = {}) {
    this.#options = read(options);
    this.#handle = unwrap(native.create(forNative(this.#options)));
    if (this.#options.jwksUri !== undefined) {
      this.#source = new KeySource(this.#handle, this.#options);
    }
  }

  // ---- verifying

  /* Stays on this thread and in this turn of the event loop unless keys must be fetched first. */
  async verify(token, options) {
    const now = moment(options);
    const outcome = this.#attempt(token, now);
    return outcome instanceof KeysNeeded ? this.#fetchAndVerify(token, now, outcome) : outcome;
  }

  verifySync(token, options) {
    const outcome = this.#attempt(token, moment(options));
    if (outcome instanceof KeysNeeded) {
      this.#source.start(REFRESH_TOKEN, outcome.keyRequest);
      return this.#attempt(token, moment(options), outcome.keyRequest); // refused: its fetch has only begun
    }
    return outcome;
  }

  /* expiresAt includes the leeway: the SDKs compare it with the clock again. */
  async verifyAccessToken(token) {
    try {
      const access = await this.verify(token);
      if (access.expiresAt !== undefined) {
        access.expiresAt += Math.ceil(this.#options.leeway);
      }
      return access;
    } catch (error) {
      throw error instanceof BearerError ? toOAuthError(error) : error;
    }
  }

  authenticate(request) {
    this.#authenticate ??= authenticatorOf(new Guard({ verifier: this }));
    return this.#authenticate(request);
  }

  /*
   * The AccessToken, or a KeysNeeded when keys must be fetched first; never the latter when the key request of one
   * before is given.
   */
  #attempt(token, now, keyRequest) {
    if (typeof token !== 'string') {
      throw wrong('token', 'a string', token);
    }
    const answer =
      keyRequest === undefined
        ? native.verify(this.#handle, token, now)
        : native.verifyAfterFetch(this.#handle, token, now, keyRequest);
    // The boundary of bindings/node/binding.h: what the signals say is copied before anything of anybody else runs.
    const status = signals[STATUS];
    const isDue = signals[DUE] === 1;
    const isWarning = signals[WARNING] === 1;
    const outcome = status === OK ? accessTokenOf(this.#handle, token, answer) : this.#failed(status, answer);
    if (isWarning) {
      tellProblem();
    }
    if (isDue) {
      this.#source.start(REFRESH_AHEAD);
    }
    if (outcome instanceof Error) {
      throw this.#refused(outcome);
    }
    return outcome;
  }

  #failed(status, failure) {
    if (status === KEYS_NEEDED) {
      return new KeysNeeded(failure);
    }
    return status === CLOSED ? closed() : errorOf(failure, this.#options.requiredScopes);
  }

  async #fetchAndVerify(token, now, { keyRequest, wait }) {
    await this.#source.fetched(REFRESH_TOKEN, keyRequest, wait);
    return this.#attempt(token, now, keyRequest);
  }

  /* Tells the hook; returns the error to throw. */
  #refused(error) {
    const hook = this.#options.onReject;
    if (hook === undefined || !(error instanceof BearerError)) {
      return error;
    }
    const { code, message, claim, kid, expected, actual } = error;
    try {
      const outcome = hook(Object.freeze({ code, message, claim, kid, expected, actual }));
      if (typeof outcome === 'object' && outcome !== null) {
        Promise.resolve(outcome).then(undefined, (thrown) => this.#noteHookFailure(thrown));
      }
    } catch (thrown) {
      this.#noteHookFailure(thrown);
    }
    return error;
  }

  #noteHookFailure(thrown) {
    if (this.#hookFailed) {
      return;
    }
    this.#hookFailed = true;
    process.emitWarning(`onReject failed; this is said once: ${textOf(thrown)}`, { code: 'FASTBEARER_HOOK' });
  }

  /* For the adapters, which can require more scopes in one place than the verifier does. */
  [REFUSED](error) {
    native.countRefusal(this.#handle, INSUFFICIENT_SCOPE);
    return this.#refused(error);
  }

  // ---- keys

  async refresh() {
    if (this.#source === undefined) {
      throw new ConfigurationError('only a verifier with jwksUri has keys to fetch');
    }
    this.stats(); // throws when closed
    const error = await this.#source.fetched(REFRESH_EXPLICIT);
    if (error !== undefined) {
      throw error;
    }
  }

  keys() {
    return unwrap(native.keys(this.#handle));
  }

  stats() {
    const stats = unwrap(native.stats(this.#handle));
    stats.lastError = stats.lastError === undefined ? undefined : renamed(stats.lastError);
    return stats;
  }

  // ---- what it was made with

  get issuer() {
    return this.#options.issuer;
  }

  get audience() {
    return this.#options.audience;
  }

  get requiredScopes() {
    return this.#options.requiredScopes ?? [];
  }

  get jwksUri() {
    return this.#options.jwksUri;
  }

  // ---- the end

  close() {
    this.#source?.close();
    native.close(this.#handle);
  }

  [util.inspect.custom]() {
    const { issuer, audience } = this;
    const source = ['publicKey', 'jwks', 'secret'].find((name) => this.#options[name] !== undefined) ?? 'jwksUri';
    return `${this.constructor.name} { ${source}, issuer: ${util.inspect(issuer)}, audience: ${util.inspect(audience)} }`;
  }
}
if (Symbol.dispose !== undefined) {
  Object.defineProperty(Verifier.prototype, Symbol.dispose, { value: Verifier.prototype.close, writable: true, configurable: true });
}

/* FastMCP's name for it, and FastMCP's name for its one algorithm. */
class BearerAuthProvider extends Verifier {
  constructor(options = {}) {
    const { algorithm, ...others } = options ?? {};
    if (algorithm !== undefined && others.algorithms !== undefined) {
      throw new ConfigurationError('algorithm and algorithms are the same option: give one of them');
    }
    super(algorithm === undefined ? options : { ...others, algorithms: algorithm });
  }
}

module.exports = { BearerAuthProvider, Verifier };
