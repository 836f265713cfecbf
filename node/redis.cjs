/* What a fleet of servers shares in Redis or Valkey, through a client of npm redis or of ioredis. */
'use strict';

const { RedisStore } = require('./lib/redis-store.cjs');

module.exports = { RedisStore };
