/* Tokens are verified all the same where an arithmetic must not be used: a warning, once per environment, says so. */
'use strict';

const native = require('./native.cjs');

let hasWarned = false;
function warnOfArithmetic() {
  if (!hasWarned) {
    hasWarned = true;
    process.emitWarning(native.arithmeticProblem(), { type: 'FastBearerWarning', code: 'FASTBEARER_ARITHMETIC' });
  }
}

module.exports = { warnOfArithmetic };
