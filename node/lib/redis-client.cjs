/*
 * What is used of a client of npm redis or of ioredis: one command at a time, with a time limit, and further connections
 * like it. Replies are what the server says, without the conversions in which the libraries and their versions differ.
 */
'use strict';

const { setImmediate: nextTurn, setTimeout: sleep } = require('node:timers/promises');

const { ConfigurationError } = require('./errors.cjs');

/* Milliseconds between two looks whether there is a connection. */
const LOOK_MS = 10;
/* Commands that were given up and are not answered yet; then no more are sent. */
const MAX_OVERDUE = 1000;

const isFunction = (value) => typeof value === 'function';

/* npm redis, from 4 */
const NODE_REDIS = Object.freeze({
  isOne: (client) => isFunction(client.sendCommand) && typeof client.isReady === 'boolean',
  isReady: (client) => client.isReady,
  send: (client, command) => client.sendCommand(command),
  connect: (client) => client.connect(),
  end: (client) => (isFunction(client.destroy) ? client.destroy() : client.disconnect()),
});

/* ioredis, which sends what it is given while it waits for its first command, too */
const IOREDIS = Object.freeze({
  isOne: (client) => isFunction(client.call) && typeof client.status === 'string' && client.isCluster !== true,
  isReady: ({ status }) => status === 'ready' || status === 'wait',
  send: (client, command) => client.call(...command),
  connect: (client) => (client.status === 'wait' ? client.connect() : undefined),
  end: (client) => client.disconnect(),
});

function kindOf(client) {
  const isObject = typeof client === 'object' && client !== null && isFunction(client.duplicate);
  const kind = isObject ? [IOREDIS, NODE_REDIS].find(({ isOne }) => isOne(client)) : undefined;
  if (kind === undefined) {
    throw new ConfigurationError('client must be a client of npm redis (createClient) or of ioredis, of one server');
  }
  return kind;
}

class RedisConnection {
  #client;
  #kind;
  #timeoutMs;
  #awaySince; // while there is no connection
  #overdue = 0;
  #lastError;

  constructor(client, timeoutMs) {
    this.#kind = kindOf(client);
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    // Without a listener a lost connection would end the process; whose command fails is told so.
    client.on('error', (error) => {
      this.#lastError = error;
    });
    client.on('ready', () => {
      this.#awaySince = undefined;
      this.#lastError = undefined;
    });
  }

  /* The reply. Rejects with what went wrong, and when there is none in time. */
  async send(...command) {
    await this.#ready();
    if (this.#overdue >= MAX_OVERDUE) {
      throw new Error('too many commands are not answered');
    }
    let timer;
    let isLate = false;
    let isSettled = false;
    const late = new Promise((_, reject) => {
      const giveUp = () => {
        if (!isSettled) {
          isLate = true;
          this.#overdue += 1;
          reject(new Error(`no answer within ${this.#timeoutMs / 1000} s`));
        }
      };
      // Where this thread was busy for so long the reply may be here, and timers come before what has been received.
      timer = setTimeout(() => setImmediate(giveUp), this.#timeoutMs);
    });
    const settled = () => {
      isSettled = true;
      this.#overdue -= isLate ? 1 : 0;
    };
    const reply = this.#kind.send(this.#client, command);
    reply.then(settled, settled);
    try {
      return await Promise.race([reply, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /* At once when the connection has been lost for longer than an answer may take. */
  async #ready() {
    while (!this.#kind.isReady(this.#client)) {
      this.#awaySince ??= performance.now();
      if (performance.now() - this.#awaySince > this.#timeoutMs) {
        await nextTurn();
        if (this.#kind.isReady(this.#client)) {
          break;
        }
        throw this.#lastError ?? new Error(`no connection within ${this.#timeoutMs / 1000} s`);
      }
      await sleep(LOOK_MS);
    }
  }

  /* A connection of its own to the same server, for commands that wait there. */
  twin() {
    const client = this.#client.duplicate();
    const twin = new RedisConnection(client, this.#timeoutMs);
    void Promise.resolve(this.#kind.connect(client)).catch(() => {}); // who sends a command is told
    return twin;
  }

  /* Ends it at once, whatever its state. */
  end() {
    try {
      void Promise.resolve(this.#kind.end(this.#client)).catch(() => {});
    } catch {
      // it has not been connected, or not any more
    }
  }
}

/* What is safe to print of a failure: replies of a server begin with a code, systems' errors have one. */
function codeOf(error) {
  return error?.code ?? /^[A-Z]{2,}\b/u.exec(error?.message)?.[0] ?? error?.message ?? 'error';
}

module.exports = { RedisConnection, codeOf };
