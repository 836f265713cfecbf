/*
 * fastbearer for Node: bearer-token authentication for servers that speak HTTP, made for MCP servers first. This module
 * holds the classes; index.mjs re-exports them, so that there is one of each however it is loaded.
 */
'use strict';

const { getAccessToken, requireAccessToken } = require('./lib/context.cjs');
const { BearerError, ConfigurationError } = require('./lib/errors.cjs');
const { KeyPair, RSAKeyPair, decodeUnverified } = require('./lib/keypair.cjs');
const native = require('./lib/native.cjs');
const { BearerAuthProvider, Verifier } = require('./lib/verifier.cjs');

const versions = Object.freeze({ ...native.versions });

module.exports = {
  BearerAuthProvider,
  BearerError,
  ConfigurationError,
  KeyPair,
  RSAKeyPair,
  Verifier,
  decodeUnverified,
  getAccessToken,
  requireAccessToken,
  versions,
};
