/* Introspection (RFC 7662): asking the issuer about tokens that do not say themselves whether they are good. */
'use strict';

const { Introspector } = require('./lib/introspector.cjs');

module.exports = { Introspector };
