/*
 * fastbearer for Node: bearer-token authentication for servers that speak HTTP, made for MCP servers first. One module,
 * for import and for require, so that there is one of each class however it is loaded.
 */
'use strict';

const { getAccessToken, requireAccessToken } = require('./lib/context.cjs');
const { BearerError, ConfigurationError } = require('./lib/errors.cjs');
const { KeyPair, RSAKeyPair, decodeUnverified } = require('./lib/key-pair.cjs');
const native = require('./lib/native.cjs');
const { BearerAuthProvider } = require('./lib/provider.cjs');
const { Verifier } = require('./lib/verifier.cjs');

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
