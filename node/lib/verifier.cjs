/*
 * The verifier. All rules about tokens are the core's; this file adds the names, promises and errors that Node's
 * frameworks expect.
 */
'use strict';

const util = require('node:util');

const { accessTokenOf, originOf } = require('./access-token.cjs');
const { authenticatorOf } = require('./authenticator.cjs');
const { assertKnownKeys } = require('./checks.cjs');
const {
  BearerError,
  ConfigurationError,
  closedError,
  errorOf,
  refusalOf,
  textOf,
  toOAuthError,
  unwrap,
} = require('./errors.cjs');
const { Guard, HAS_CREDENTIAL, REFUSE, REFUSE_REQUEST } = require('./guard.cjs');
const { IssuerResolver } = require('./issuer-resolver.cjs');
const { IssuerTable } = require('./issuer-table.cjs');
const native = require('./native.cjs');
const { DPOP_ALGORITHMS, inOurNames } = require('./option-table.cjs');
const { acceptsAnyAudience, readOptions, toCoreDpop, toCoreIssuer, toCorePolicy } = require('./options.cjs');
const { RequestQuestion, TokenQuestion } = require('./question.cjs');
const { EvictionWatch, ReplayMemory } = require('./replay.cjs');
const { requestInfo } = require('./request-info.cjs');
const { Revocation } = require('./revocation.cjs');

const { signals } = native;
const { STATUS, DUE, WARNING, ISSUER, OK, CLOSED, ISSUER_NEEDED, KEYS_NEEDED } = native.constants;
const { INSUFFICIENT_SCOPE, PROOF_REPLAYED, STATUS_UNAVAILABLE } = native.constants;

/* Seconds since the epoch; NaN: the system's clock. */
function unixTimeOf(given) {
  if (given === undefined) {
    return NaN;
  }
  assertKnownKeys('verify options', given, ['now']);
  if (given.now === undefined) {
    return NaN;
  }
  if (!Number.isFinite(given.now)) {
    throw new ConfigurationError('now must be a finite number of seconds');
  }
  return given.now;
}

/* Warns once per environment; tokens are verified all the same. */
let hasWarnedOfArithmetic = false;
function warnOfArithmetic() {
  if (!hasWarnedOfArithmetic) {
    hasWarnedOfArithmetic = true;
    process.emitWarning(native.arithmeticProblem(), { type: 'FastBearerWarning', code: 'FASTBEARER_ARITHMETIC' });
  }
}

/* Where an issuer's keys come from. */
function keySourceOf(issuer) {
  return ['publicKey', 'jwks', 'jwksUri', 'secret'].find((name) => issuer[name] !== undefined) ?? 'discovery';
}

const isPending = (outcome) => outcome instanceof KeysNeeded || outcome instanceof IssuerNeeded;

/* No verdict before somebody has said who the issuer is. */
class IssuerNeeded {}

/* No verdict without a fetch of the issuer's keys, for keyRequest; wait: how many seconds to wait for it at most. */
class KeysNeeded {
  constructor({ keyRequest, wait }, issuer) {
    this.issuer = issuer;
    this.keyRequest = keyRequest;
    this.wait = wait;
  }
}

function toIssuerStats({ number, lastError, problem, ...counters }) {
  const sentence = (text) => (text ? inOurNames(text) : undefined);
  return { ...counters, lastError: sentence(lastError), problem: sentence(problem) };
}

const sentenceOf = ({ issuer, problem }) => (issuer === undefined ? problem : `${issuer}: ${problem}`);

class Verifier {
  #handle;
  #policy;
  #impliable; // the scopes that others include; undefined without a hierarchy
  #issuers;
  #table;
  #resolver;
  #authenticate;
  #dpop; // what adapters advertise of it
  #replays; // with a store of the user's
  #evictions; // with the core's own memory
  #revocation; // with isRevoked
  #hasWarnedOfAudience = false;
  #hasWarnedOfHook = false;

  constructor(options = {}) {
    const { policy, issuers, dpop } = readOptions(options);
    this.#policy = policy;
    this.#impliable = policy.scopeHierarchy && [...new Set(policy.scopeHierarchy.flatMap(([, implied]) => implied))];
    this.#issuers = issuers;
    this.#handle = unwrap(native.create(toCorePolicy(policy), issuers.map(toCoreIssuer), toCoreDpop(dpop)));
    this.#table = new IssuerTable(this.#handle, issuers, policy.maxIssuers);
    if (policy.resolveIssuer !== undefined) {
      this.#resolver = new IssuerResolver(this.#handle, policy.resolveIssuer, (identifier, issuer) => {
        this.#table.add(identifier, issuer);
        this.#warnOfAudience(issuer, false);
      });
    }
    if (policy.isRevoked !== undefined) {
      this.#revocation = new Revocation(policy.isRevoked);
    }
    if (dpop !== undefined) {
      this.#useDpop(dpop);
    }
    issuers.forEach((issuer) => this.#warnOfAudience(issuer, true));
  }

  #useDpop({ maxAge, required, algorithms = DPOP_ALGORITHMS, replayStore, replayCapacity }) {
    this.#dpop = Object.freeze({ maxAge, required, algorithms: Object.freeze([...algorithms]) });
    if (replayStore === undefined) {
      this.#evictions = new EvictionWatch(() => this.stats(), replayCapacity);
    } else {
      this.#replays = new ReplayMemory(replayStore);
    }
  }

  /*
   * Nothing in a token says that it is for this server: whoever gets it elsewhere can use it here. An identifier that
   * came with a token is not printed.
   */
  #warnOfAudience(issuer, isConfigured) {
    if (this.#hasWarnedOfAudience || !acceptsAnyAudience(this.#policy, issuer)) {
      return;
    }
    this.#hasWarnedOfAudience = true;
    const whose = isConfigured && issuer.issuer !== undefined ? ` of ${issuer.issuer[0]}` : '';
    process.emitWarning(
      `tokens${whose} that were issued for other services are accepted: give audience (in an adapter with ` +
        "resourceMetadata 'resource' binds it to this server), or requiredClaims with values",
      { type: 'FastBearerWarning', code: 'FASTBEARER_AUDIENCE' },
    );
  }

  // ---- verifying

  /* Runs on this thread and in this turn of the event loop unless keys must be fetched first. */
  async verify(token, options) {
    const access = this.#verdict(new TokenQuestion(token), unixTimeOf(options));
    return this.#revocation === undefined ? access : this.#unrevoked(await access);
  }

  /* request: of node:http, of fetch, or { method, url, headers, clientCertificate }. */
  async verifyRequest(request, options) {
    const question = new RequestQuestion(requestInfo(request), this.#replays !== undefined);
    const access = await this.#verdict(question, unixTimeOf(options));
    if (this.#revocation !== undefined) {
      await this.#unrevoked(access);
    }
    this.#evictions?.accepted();
    if (question.proof !== undefined) {
      await this.#remember(question.proof, access);
    }
    return access;
  }

  /* An AccessToken, or a promise of one. */
  #verdict(question, now) {
    const outcome = this.#attempt(question, now);
    return isPending(outcome) ? this.#waitAndVerify(question, now, outcome) : outcome;
  }

  /* Where something must be waited for it is only begun, and the verdict is keys_unavailable. */
  verifySync(token, options) {
    this.#revocation?.assertSync();
    const access = this.#verdictSync(token, options);
    const refusal = this.#revocation?.refusalSync(access);
    if (refusal !== undefined) {
      throw this.#refuse(access, ...refusal);
    }
    return access;
  }

  #verdictSync(token, options) {
    const now = unixTimeOf(options);
    const question = new TokenQuestion(token);
    let outcome = this.#attempt(question, now);
    if (outcome instanceof IssuerNeeded) {
      this.#resolver.start(token);
      outcome = this.#attempt(question, now);
    }
    if (outcome instanceof KeysNeeded) {
      this.#table.sourceOf(outcome.issuer)?.begin(outcome);
    }
    return isPending(outcome) ? this.#attempt(question, now, outcome.keyRequest ?? 0n) : outcome;
  }

  /* expiresAt includes the leeway: the SDKs compare it with the clock again. */
  async verifyAccessToken(token) {
    try {
      const access = await this.verify(token);
      if (access.expiresAt !== undefined) {
        access.expiresAt += Math.ceil(this.#policy.leeway);
      }
      return access;
    } catch (error) {
      throw error instanceof BearerError ? toOAuthError(error) : error;
    }
  }

  authenticate(request) {
    this.#authenticate ??= authenticatorOf(new Guard(this, [], {}));
    return this.#authenticate(request);
  }

  /*
   * Returns an AccessToken, or what is needed first. With the keyRequest of an earlier KeysNeeded, or 0 after
   * IssuerNeeded, the verdict is final.
   */
  #attempt(question, now, keyRequest) {
    const returned =
      keyRequest === undefined
        ? question.ask(this.#handle, now)
        : question.askAfterFetch(this.#handle, now, keyRequest);
    // THE BOUNDARY of bindings/node/binding.h: the signals are copied before any code runs that is not ours.
    const status = signals[STATUS];
    const isDue = signals[DUE] === 1;
    const isWarning = signals[WARNING] === 1;
    const issuer = signals[ISSUER];
    const outcome =
      status === OK
        ? accessTokenOf(this.#handle, question.token, returned, this.#impliable)
        : this.#failed(status, issuer, returned);
    if (isWarning) {
      warnOfArithmetic();
    }
    if (isDue) {
      this.#table.sourceOf(issuer)?.refreshAhead();
    }
    if (outcome instanceof Error) {
      throw this.#refused(outcome);
    }
    return outcome;
  }

  #failed(status, issuer, failure) {
    switch (status) {
      case KEYS_NEEDED:
        return new KeysNeeded(failure, issuer);
      case ISSUER_NEEDED:
        return new IssuerNeeded();
      case CLOSED:
        return closedError();
      default:
        return errorOf(failure, this.#policy.requiredScopes, this.#table.identifierOf(issuer));
    }
  }

  async #waitAndVerify(question, now, needed) {
    let outcome = needed;
    if (outcome instanceof IssuerNeeded) {
      await this.#resolver.resolved(question.token);
      outcome = this.#attempt(question, now);
    }
    if (outcome instanceof KeysNeeded) {
      const source = this.#table.sourceOf(outcome.issuer);
      outcome = (await source?.bring(outcome, () => this.#attempt(question, now))) ?? outcome;
    }
    return isPending(outcome) ? this.#attempt(question, now, outcome.keyRequest ?? 0n) : outcome;
  }

  /* Resolves to the token that was accepted, unless it has been revoked since, or nobody knows. */
  async #unrevoked(access) {
    const refusal = await this.#revocation.refusal(access);
    if (refusal !== undefined) {
      throw this.#refuse(access, ...refusal);
    }
    return access;
  }

  /* Whether the proof is new is for a store to say; when it fails, nobody knows. */
  async #remember(proof, access) {
    const isNew = await this.#replays.isNew(proof);
    if (isNew === undefined) {
      const message = 'the store that remembers DPoP proofs failed';
      throw this.#refuse(access, STATUS_UNAVAILABLE, message, { retryAfter: 1 });
    }
    if (!isNew) {
      throw this.#refuse(access, PROOF_REPLAYED, 'the proof of possession has been used before');
    }
  }

  /* Calls onReject and returns the error to throw. */
  #refused(error) {
    const { onReject } = this.#policy;
    if (onReject === undefined || !(error instanceof BearerError) || error.code === 'token_missing') {
      return error;
    }
    const { code, message, claim, kid, issuer, expected, actual } = error;
    try {
      const outcome = onReject(Object.freeze({ code, message, claim, kid, issuer, expected, actual }));
      if (typeof outcome === 'object' && outcome !== null) {
        Promise.resolve(outcome).then(undefined, (thrown) => this.#warnOfHook(thrown));
      }
    } catch (thrown) {
      this.#warnOfHook(thrown);
    }
    return error;
  }

  #warnOfHook(thrown) {
    if (this.#hasWarnedOfHook) {
      return;
    }
    this.#hasWarnedOfHook = true;
    process.emitWarning(`onReject failed (further failures are not reported): ${textOf(thrown)}`, {
      code: 'FASTBEARER_HOOK',
    });
  }

  /* Counts and reports the refusal of a token that the core has accepted; returns the error to throw. */
  #refuse(access, status, message, details) {
    const { kid, issuerNumber } = originOf(access);
    native.countRefusal(this.#handle, status, issuerNumber);
    const issuer = this.#table.identifierOf(issuerNumber);
    return this.#refused(refusalOf(status, message, { ...details, kid, issuer }));
  }

  /* By an adapter, whose route can require more scopes than the verifier does. */
  [REFUSE](access, missing) {
    return this.#refuse(access, INSUFFICIENT_SCOPE, 'the token lacks a required scope', { missing });
  }

  /* What clients are to put into their next proof, for the header DPoP-Nonce (RFC 9449 section 8.2). */
  dpopNonce() {
    return native.nonce(this.#handle);
  }

  /* Whether a request, as requestInfo has it, brings anything to verify. */
  [HAS_CREDENTIAL](info) {
    return new RequestQuestion(info, false).hasCredential(this.#handle);
  }

  /* Counts and reports that an adapter refuses a request whose token is not to blame. */
  [REFUSE_REQUEST](status, error) {
    native.countRefusal(this.#handle, status);
    this.#refused(error);
  }

  // ---- keys

  /* Of all issuers. */
  async refresh() {
    await this.#table.refresh();
  }

  keys() {
    return unwrap(native.keys(this.#handle)).map(({ fetchedAt, freshUntil, ...key }) => ({
      ...key,
      fetchedAt: fetchedAt === 0 ? undefined : fetchedAt,
      freshUntil: freshUntil === Infinity ? undefined : freshUntil,
    }));
  }

  stats() {
    const stats = unwrap(native.stats(this.#handle));
    stats.lastError = stats.lastError === undefined ? undefined : inOurNames(stats.lastError);
    stats.issuers = unwrap(native.issuers(this.#handle)).map(toIssuerStats);
    return stats;
  }

  health() {
    const { health, issuers } = unwrap(native.health(this.#handle));
    const unknown = this.#revocation?.problem();
    const found = { status: unknown === undefined ? health : 'not_ready', issuers: issuers.map(toIssuerStats) };
    const problems = found.issuers.filter(({ problem }) => problem).map(sentenceOf);
    return { ...found, problems: unknown === undefined ? problems : [...problems, unknown] };
  }

  // ---- what it was constructed with

  /* Of all issuers. */
  get issuer() {
    const given = this.#issuers.flatMap(({ issuer }) => issuer ?? []);
    return given.length === 0 ? undefined : given;
  }

  get audience() {
    return this.#policy.audience;
  }

  /* Without the secret. */
  get dpop() {
    return this.#dpop;
  }

  get requiredScopes() {
    return this.#policy.requiredScopes ?? [];
  }

  /* Of the sole issuer. */
  get jwksUri() {
    return this.#issuers.length === 1 ? this.#issuers[0].jwksUri : undefined;
  }

  // ---- the end

  close() {
    this.#table.close();
    this.#resolver?.close();
    native.close(this.#handle);
  }

  [util.inspect.custom]() {
    const { issuer, audience } = this;
    const values = `issuer: ${util.inspect(issuer)}, audience: ${util.inspect(audience)}`;
    return `${this.constructor.name} { ${this.#issuers.map(keySourceOf).join(', ')}, ${values} }`;
  }
}
if (Symbol.dispose !== undefined) {
  const dispose = { value: Verifier.prototype.close, writable: true, configurable: true };
  Object.defineProperty(Verifier.prototype, Symbol.dispose, dispose);
}

module.exports = { Verifier };
