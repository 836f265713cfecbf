/*
 * Nothing in a token says that it is for this server: whoever gets it elsewhere can use it here. A verifier that accepts
 * such tokens says so once.
 */
'use strict';

const { acceptsAnyAudience } = require('./options.cjs');

class AudienceWarning {
  #policy;
  #hasWarned = false;

  constructor(policy) {
    this.#policy = policy;
  }

  /* An identifier that came with a token, not with the options, is not printed. */
  consider(issuer, isConfigured) {
    if (this.#hasWarned || !acceptsAnyAudience(this.#policy, issuer)) {
      return;
    }
    this.#hasWarned = true;
    const whose = isConfigured && issuer.issuer !== undefined ? ` of ${issuer.issuer[0]}` : '';
    process.emitWarning(
      `tokens${whose} that were issued for other services are accepted: give audience (in an adapter with ` +
        "resourceMetadata 'resource' binds it to this server), or requiredClaims with values",
      { type: 'FastBearerWarning', code: 'FASTBEARER_AUDIENCE' },
    );
  }
}

module.exports = { AudienceWarning };
