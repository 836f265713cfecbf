/* What a verification can need before there is a verdict. */
'use strict';

/* Somebody must say who the issuer is. */
class IssuerNeeded {}

/* The issuer must be asked about the token. */
class IntrospectionNeeded {
  constructor(issuer) {
    this.issuer = issuer;
  }
}

/* The issuer's keys must be fetched, for keyRequest; wait: how many seconds to wait for it at most. */
class KeysNeeded {
  constructor({ keyRequest, wait }, issuer) {
    this.issuer = issuer;
    this.keyRequest = keyRequest;
    this.wait = wait;
  }
}

const isPending = (outcome) =>
  outcome instanceof KeysNeeded || outcome instanceof IssuerNeeded || outcome instanceof IntrospectionNeeded;

module.exports = { IntrospectionNeeded, IssuerNeeded, KeysNeeded, isPending };
