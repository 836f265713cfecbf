/*
 * What surrounds each fetch of keys and each introspection of this environment: nothing, unless `trace` of
 * fastbearer/telemetry has been called.
 */
'use strict';

let surround;

/* around(about, work): about is { what, issuer, url }; returns what work returns. */
function setSurround(around) {
  surround = around;
}

/* describe() says what it is about; work() resolves or rejects as if it were called alone. */
function spanned(describe, work) {
  return surround === undefined ? work() : surround(describe(), work);
}

module.exports = { setSurround, spanned };
