/*
 * Stores: what several processes, or one process at several times, have in common. For a fleet on several machines see
 * fastbearer/redis.
 */
'use strict';

const { FileKeyStore } = require('./lib/file-key-store.cjs');
const { StoredKeys } = require('./lib/stored-keys.cjs');

module.exports = { FileKeyStore, StoredKeys };
