/*
 * Tokens whose issuers must be asked about them: one after the other, until one says that the token is active. What a
 * response is worth is the core's to say.
 */
'use strict';

const { BearerError } = require('./errors.cjs');
const { unavailable } = require('./introspection-endpoint.cjs');
const native = require('./native.cjs');
const { KeysNeeded } = require('./needed.cjs');

const { signals } = native;
const { STATUS } = native.constants;

/* Refusals by one issuer after which another may accept the token. */
const UNDECIDED = new Set(['token_inactive', 'token_revoked', 'status_unavailable', 'keys_unavailable']);
const isUndecided = (outcome) => outcome instanceof BearerError && UNDECIDED.has(outcome.code);

/* Of two of them the one that may be no verdict: who could not be asked may know the token. */
const heavier = (one, other) => (one?.status === 503 ? one : other);

/* A proof is about the request, not about the token; and a response that makes no sense is about neither. */
const isOfToken = (outcome) =>
  outcome instanceof BearerError && outcome.status < 500 && !outcome.code.startsWith('proof_');

class Introspection {
  #handle;
  #table;
  #failed;
  #outcomeOf;

  /*
   * failed makes the error of a refusal from its status, the issuer's number and the details; outcomeOf what is
   * returned here of what the addon has returned.
   */
  constructor(handle, table, { failed, outcomeOf }) {
    this.#handle = handle;
    this.#table = table;
    this.#failed = failed;
    this.#outcomeOf = outcomeOf;
  }

  /* Resolves to an AccessToken, or to the error. number: of the issuer to ask first. */
  async outcome(question, now, number) {
    let refused;
    for (const endpoint of this.#table.endpointsFor(number, question.token)) {
      const outcome = await this.#evaluateWithKeys(question, now, endpoint, await endpoint.answer(question.token));
      if (!isUndecided(outcome)) {
        return outcome;
      }
      refused = heavier(refused, outcome);
    }
    return refused ?? this.#unasked(number, 'its issuer has made room for others');
  }

  /* The same by what is remembered; where that is not enough the issuers are asked for the next time. */
  outcomeSync(question, now, number) {
    const endpoints = this.#table.endpointsFor(number, question.token);
    const known = endpoints.map((endpoint) => endpoint.remembered(question.token));
    if (known.length === 0 || known.includes(undefined)) {
      void this.outcome(question, now, number);
      return this.#unasked(number, 'verifySync does not wait for it');
    }
    const outcomes = known.map((answer, i) => this.#evaluate(question, now, endpoints[i], answer));
    return outcomes.find((outcome) => !isUndecided(outcome)) ?? outcomes.reduce(heavier);
  }

  /* Brings the keys for a response that is signed. */
  async #evaluateWithKeys(question, now, endpoint, answer) {
    const evaluate = (keyRequest) => this.#evaluate(question, now, endpoint, answer, keyRequest);
    let outcome = evaluate();
    if (outcome instanceof KeysNeeded) {
      outcome = (await this.#table.sourceOf(outcome.issuer)?.bring(outcome, evaluate)) ?? outcome;
    }
    return outcome instanceof KeysNeeded ? evaluate(outcome.keyRequest) : outcome;
  }

  /* answer: an Endpoint's. With the keyRequest of an earlier KeysNeeded the verdict is final. */
  #evaluate(question, now, endpoint, { response, contentType, status, failure }, keyRequest) {
    const { number: issuer, reuseFor } = endpoint;
    if (response === undefined) {
      native.countRefusal(this.#handle, status, issuer);
      return this.#failed(status, issuer, failure);
    }
    const returned = question.askIntrospected(
      this.#handle,
      now,
      { issuer, response, reuseFor, contentType },
      keyRequest,
    );
    const verdict = signals[STATUS];
    const outcome = this.#outcomeOf(question, returned);
    if (isOfToken(outcome)) {
      endpoint.remember(question.token, verdict, returned);
    }
    return outcome;
  }

  #unasked(number, why) {
    const { status, failure } = unavailable(why, 1);
    native.countRefusal(this.#handle, status, number);
    return this.#failed(status, number, failure);
  }
}

module.exports = { Introspection };
