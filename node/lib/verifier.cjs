/*
 * The verifier. All rules about tokens are the core's; this file adds the names, promises and errors that Node's
 * frameworks expect.
 */
'use strict';

const util = require('node:util');

const { accessTokenOf, originOf, toAuthInfo } = require('./access-token.cjs');
const { warnOfArithmetic } = require('./arithmetic-warning.cjs');
const { AudienceWarning } = require('./audience-warning.cjs');
const { authenticatorOf } = require('./authenticator.cjs');
const { assertKnownKeys } = require('./checks.cjs');
const {
  BearerError,
  ConfigurationError,
  closedError,
  errorOf,
  refusalOf,
  toOAuthError,
  unwrap,
} = require('./errors.cjs');
const { Guard, HAS_CREDENTIAL, REFUSE, REFUSE_REQUEST } = require('./guard.cjs');
const { Introspection } = require('./introspected.cjs');
const { healthOf, toIssuerStats } = require('./health.cjs');
const { IssuerResolver } = require('./issuer-resolver.cjs');
const { IssuerTable } = require('./issuer-table.cjs');
const native = require('./native.cjs');
const { IntrospectionNeeded, IssuerNeeded, KeysNeeded, isPending } = require('./needed.cjs');
const { DPOP_ALGORITHMS, inOurNames } = require('./option-table.cjs');
const { readOptions, toCoreDpop, toCoreIssuer, toCorePolicy } = require('./options.cjs');
const { RequestQuestion, TokenQuestion } = require('./question.cjs');
const { RejectionHook } = require('./rejection-hook.cjs');
const { EvictionWatch, ReplayMemory } = require('./replay.cjs');
const { requestInfo } = require('./request-info.cjs');
const { Revocation } = require('./revocation.cjs');

const { signals } = native;
const { STATUS, DUE, WARNING, ISSUER, OK, CLOSED, ISSUER_NEEDED, KEYS_NEEDED } = native.constants;
const { INSUFFICIENT_SCOPE, INTROSPECTION_NEEDED, PROOF_REPLAYED, STATUS_UNAVAILABLE } = native.constants;

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

/* Where an issuer's keys come from. */
function keySourceOf(issuer) {
  const named = ['publicKey', 'jwks', 'jwksUri', 'secret'].find((name) => issuer[name] !== undefined);
  const { jwts = false, signedResponse = false } = issuer.introspector ?? {};
  return named ?? (jwts && !signedResponse ? 'introspector' : 'discovery');
}

class Verifier {
  #handle;
  #policy;
  #impliable; // the scopes that others include; undefined without a hierarchy
  #issuers;
  #table;
  #introspection;
  #resolver;
  #authenticate;
  #dpop; // what adapters advertise of it
  #replays; // with a store of the user's
  #rejections; // with onReject
  #evictions; // with the core's own memory
  #revocation; // with isRevoked

  constructor(options = {}) {
    const { policy, issuers, dpop } = readOptions(options);
    this.#policy = policy;
    this.#impliable = policy.scopeHierarchy && [...new Set(policy.scopeHierarchy.flatMap(([, implied]) => implied))];
    this.#issuers = issuers;
    this.#handle = unwrap(native.create(toCorePolicy(policy), issuers.map(toCoreIssuer), toCoreDpop(dpop)));
    this.#table = new IssuerTable(this.#handle, issuers, policy.maxIssuers);
    this.#introspection = new Introspection(this.#handle, this.#table, {
      failed: (status, issuer, failure) => this.#failed(status, issuer, failure),
      outcomeOf: (question, returned) => this.#outcomeOf(question, returned),
    });
    const audience = new AudienceWarning(policy);
    if (policy.resolveIssuer !== undefined) {
      this.#resolver = new IssuerResolver(this.#handle, policy.resolveIssuer, (identifier, issuer) => {
        this.#table.add(identifier, issuer);
        audience.consider(issuer, false);
      });
    }
    if (policy.onReject !== undefined) {
      this.#rejections = new RejectionHook(policy.onReject);
    }
    if (policy.isRevoked !== undefined) {
      this.#revocation = new Revocation(policy.isRevoked);
    }
    if (dpop !== undefined) {
      this.#useDpop(dpop);
    }
    issuers.forEach((issuer) => audience.consider(issuer, true));
  }

  #useDpop({ maxAge, required, algorithms = DPOP_ALGORITHMS, replayStore, replayCapacity }) {
    this.#dpop = Object.freeze({ maxAge, required, algorithms: Object.freeze([...algorithms]) });
    if (replayStore === undefined) {
      this.#evictions = new EvictionWatch(() => this.stats(), replayCapacity);
    } else {
      this.#replays = new ReplayMemory(replayStore);
    }
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

  /* Where something must be waited for it is only begun, and the verdict is keys_unavailable or status_unavailable. */
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
    if (outcome instanceof IntrospectionNeeded) {
      return this.#concluded(this.#introspection.outcomeSync(question, now, outcome.issuer));
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
      return toAuthInfo(access);
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
    return this.#concluded(this.#outcomeOf(question, returned));
  }

  /* An AccessToken, what is needed first, or the error; to be called with what was returned, before anything else. */
  #outcomeOf(question, returned) {
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
    return outcome;
  }

  #failed(status, issuer, failure) {
    switch (status) {
      case KEYS_NEEDED:
        return new KeysNeeded(failure, issuer);
      case ISSUER_NEEDED:
        return new IssuerNeeded();
      case INTROSPECTION_NEEDED:
        return new IntrospectionNeeded(issuer);
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
    if (outcome instanceof IntrospectionNeeded) {
      return this.#concluded(await this.#introspection.outcome(question, now, outcome.issuer));
    }
    if (outcome instanceof KeysNeeded) {
      const source = this.#table.sourceOf(outcome.issuer);
      outcome = (await source?.bring(outcome, () => this.#attempt(question, now))) ?? outcome;
    }
    return isPending(outcome) ? this.#attempt(question, now, outcome.keyRequest ?? 0n) : outcome;
  }

  #concluded(outcome) {
    if (outcome instanceof Error) {
      throw this.#refused(outcome);
    }
    return outcome;
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

  /* Reports a refusal, and returns the error to throw. */
  #refused(error) {
    return this.#rejections === undefined ? error : this.#rejections.report(error);
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
    const found = unwrap(native.health(this.#handle));
    return healthOf(found, this.#table.endpointProblems(), this.#revocation?.problem());
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
