/*
 * For tests of servers that take bearer tokens: an identity provider's key set on a loopback port, which can rotate its
 * keys and misbehave on command.
 *
 *     const server = await JWKSServer.start();
 *     const verifier = new Verifier({ issuer: server.issuer, audience: 'me' }); // or jwksUri: server.jwksUri
 *     await verifier.verify(server.mint({ audience: 'me' }));
 *     server.fail(503);
 *     await server.close();
 */
'use strict';

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');

const { assertKnownKeys } = require('./lib/checks.cjs');
const { KeyPair, RSAKeyPair } = require('./lib/key-pair.cjs');

const PATH = '/.well-known/jwks.json';
const METADATA_PATH = '/.well-known/openid-configuration';

class JWKSServer {
  #server;
  #maxAge;
  #response;
  #hanging; // { promise, release } while it hangs
  #rotations = 1;

  constructor(server, key, kid, maxAge) {
    this.#server = server.on('request', (request, response) => void this.#reply(request, response));
    this.#maxAge = maxAge;
    this.keys = new Map([[kid, key]]);
    this.kid = kid;
    this.hits = 0;
  }

  static async start(options = {}) {
    assertKnownKeys('options', options, ['key', 'kid', 'maxAge']);
    const { key = await RSAKeyPair.generate(), kid = 'key-1', maxAge } = options;
    const server = http.createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new JWKSServer(server, key, kid, maxAge);
  }

  // ---- what a client needs to know

  get issuer() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  get jwksUri() {
    return this.issuer + PATH;
  }

  /* The key set that is served now. */
  get document() {
    return { keys: [...this.keys].flatMap(([kid, pair]) => pair.jwks(kid).keys) };
  }

  /* A token of the current key. Takes what createToken takes. */
  mint(options = {}) {
    return this.keys.get(this.kid).createToken({ issuer: this.issuer, kid: this.kid, ...options });
  }

  // ---- what it does to a client

  /* Serves a new key and signs with it from now on; the old ones are withdrawn unless they are to be kept. */
  async rotate(options = {}) {
    assertKnownKeys('options', options, ['keep', 'key']);
    const { keep = false, key = await KeyPair.generate(this.keys.get(this.kid).algorithm) } = options;
    this.#rotations += 1;
    this.kid = `key-${this.#rotations}`;
    this.keys = new Map([...(keep ? this.keys : []), [this.kid, key]]);
    return this.kid;
  }

  /* Responds to every request with this status until recover(). */
  fail(status = 503) {
    this.respond({ status });
  }

  /* Responds to every request with exactly this until recover(). */
  respond(options = {}) {
    assertKnownKeys('options', options, ['status', 'headers', 'body']);
    this.#response = { status: 200, headers: {}, body: '', ...options };
  }

  /* Accepts requests and responds to none of them until recover(). */
  hang() {
    if (this.#hanging === undefined) {
      let release;
      const promise = new Promise((resolve) => {
        release = resolve;
      });
      this.#hanging = { promise, release };
    }
  }

  /* Behaves again. */
  recover() {
    this.#response = undefined;
    this.#hanging?.release();
    this.#hanging = undefined;
  }

  async close() {
    this.recover();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  async #reply(request, response) {
    const path = request.url.split('?', 1)[0];
    if (path === METADATA_PATH) {
      const metadata = { issuer: this.issuer, jwks_uri: this.jwksUri };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
      return;
    }
    if (path !== PATH) {
      response.writeHead(404).end();
      return;
    }
    this.hits += 1;
    await this.#hanging?.promise;
    if (this.#response !== undefined) {
      response.writeHead(this.#response.status, this.#response.headers).end(this.#response.body);
      return;
    }
    const body = JSON.stringify(this.document);
    const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
    const headers = { 'content-type': 'application/jwk-set+json', etag };
    if (this.#maxAge !== undefined) {
      headers['cache-control'] = `max-age=${this.#maxAge}`;
    }
    const known = request.headers['if-none-match'] === etag;
    response.writeHead(known ? 304 : 200, headers).end(known ? undefined : body);
  }
}

module.exports = { JWKSServer };
