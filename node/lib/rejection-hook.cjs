/* onReject: told of every refusal, but for a request without a token. What it does wrong changes no verdict. */
'use strict';

const { BearerError, textOf } = require('./errors.cjs');

class RejectionHook {
  #tell;
  #hasWarned = false;

  constructor(tell) {
    this.#tell = tell;
  }

  /* Returns the error. */
  report(error) {
    if (!(error instanceof BearerError) || error.code === 'token_missing') {
      return error;
    }
    const { code, message, claim, kid, issuer, expected, actual } = error;
    try {
      const outcome = this.#tell(Object.freeze({ code, message, claim, kid, issuer, expected, actual }));
      if (typeof outcome === 'object' && outcome !== null) {
        Promise.resolve(outcome).then(undefined, (thrown) => this.#warn(thrown));
      }
    } catch (thrown) {
      this.#warn(thrown);
    }
    return error;
  }

  #warn(thrown) {
    if (this.#hasWarned) {
      return;
    }
    this.#hasWarned = true;
    process.emitWarning(`onReject failed (further failures are not reported): ${textOf(thrown)}`, {
      code: 'FASTBEARER_HOOK',
    });
  }
}

module.exports = { RejectionHook };
