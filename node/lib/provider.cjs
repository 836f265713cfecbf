/* FastMCP's name for a Verifier, with FastMCP's name for its one algorithm. */
'use strict';

const { ConfigurationError } = require('./errors.cjs');
const { Verifier } = require('./verifier.cjs');

class BearerAuthProvider extends Verifier {
  constructor(options = {}) {
    const { algorithm, ...others } = options ?? {};
    if (algorithm !== undefined && others.algorithms !== undefined) {
      throw new ConfigurationError('algorithm and algorithms are the same option: give one of them');
    }
    super(algorithm === undefined ? options : { ...others, algorithms: algorithm });
  }
}

module.exports = { BearerAuthProvider };
