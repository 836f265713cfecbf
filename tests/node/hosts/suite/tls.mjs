/*
 * Client certificates (RFC 8705): real TLS on loopback, where the server asks for one, and the header of a proxy.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import { describe, it } from 'node:test';

import { getRequestListener } from '@hono/node-server';
import express from 'express';
import express4 from 'express4';
import { KeyPair, Verifier } from 'fastbearer';
import { bearerAuth as guardExpress } from 'fastbearer/express';
import { bearerAuth as guardFastify } from 'fastbearer/fastify';
import { bearerAuth as guardFetch } from 'fastbearer/fetch';
import { bearerAuth as guardHono } from 'fastbearer/hono';
import fastify from 'fastify';
import fastify4 from 'fastify4';
import { Hono } from 'hono';

import { certificateOf } from '../../support/certificate.mjs';
import { AUDIENCE, ISSUER, KEYS, mint } from '../support.mjs';

const SERVER = certificateOf('server');
const CLIENT = certificateOf('client');
const OTHER = certificateOf('other');
const HEADER = { clientCertificateHeader: { name: 'Client-Cert', format: 'rfc9440' } };
const TLS = { key: SERVER.key, cert: SERVER.pem, requestCert: true, rejectUnauthorized: false };

const PROVER = KeyPair.generateSync('ES256');
const boundTo = (cnf) => mint({ additionalClaims: { cnf } });
const certified = () => boundTo({ 'x5t#S256': CLIENT.hash });

const onExpress = (make) => (options) =>
  make()
    .use(guardExpress(options))
    .get('/', (_, response) => response.send('in'));
const onFastify = (make) => async (options) => {
  let listener;
  const serverFactory = (handler) => {
    listener = handler;
    return https.createServer(TLS);
  };
  const app = make({ serverFactory }).register(guardFastify, options);
  app.get('/', async () => 'in');
  await app.ready();
  return listener;
};

/* Each answers with a listener for a server of node:https. */
const ADAPTERS = {
  'express 5': onExpress(express),
  'express 4': onExpress(express4),
  'fastify 5': onFastify(fastify),
  'fastify 4': onFastify(fastify4),
  hono: (options) =>
    getRequestListener(new Hono().use(guardHono(options)).get('/', (context) => context.text('in')).fetch),
  'Verifier.authenticate': (options) => {
    const verifier = new Verifier(options);
    return (incoming, response) =>
      verifier.authenticate(incoming).then(
        () => response.end('in'),
        (refusal) => response.writeHead(refusal.status).end(),
      );
  },
};

async function serving(listener, work) {
  const server = https.createServer(TLS, listener);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    return await work(`https://127.0.0.1:${server.address().port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function ask(origin, headers, certificate, agent = false) {
  const credentials = certificate === undefined ? {} : { cert: certificate.pem, key: certificate.key };
  const sent = https.request(origin, { headers, ca: SERVER.pem, agent, ...credentials });
  sent.end();
  const [answer] = await once(sent, 'response');
  answer.resume();
  await once(answer, 'close');
  return answer.statusCode;
}

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const POLICY = { publicKey: KEYS.publicKey, issuer: ISSUER, audience: AUDIENCE };

describe('client certificates', { concurrency: 4 }, () => {
  for (const [name, adapter] of Object.entries(ADAPTERS)) {
    it(`${name}: that of the TLS connection, and no other`, async () => {
      const reasons = [];
      const options = { ...POLICY, dpop: {}, onReject: ({ code, claim }) => reasons.push(`${code} ${claim}`) };
      await serving(await adapter(options), async (origin) => {
        assert.equal(await ask(origin, bearer(certified()), CLIENT), 200);
        assert.equal(await ask(origin, bearer(mint()), undefined), 200);
        assert.equal(await ask(origin, bearer(certified()), undefined), 401);
        assert.equal(await ask(origin, bearer(certified()), OTHER), 401);
        // Nobody but a proxy that an option names is believed.
        const claimed = { ...bearer(certified()), 'client-cert': `:${CLIENT.der.toString('base64')}:` };
        assert.equal(await ask(origin, claimed, undefined), 401);
        // Both kinds: both proofs.
        const both = boundTo({ 'x5t#S256': CLIENT.hash, jkt: PROVER.thumbprint() });
        const proof = () => ({
          authorization: `DPoP ${both}`,
          dpop: PROVER.dpopProof('GET', origin, { accessToken: both }),
        });
        assert.equal(await ask(origin, proof(), CLIENT), 200);
        assert.equal(await ask(origin, proof(), OTHER), 401);
        // A resumed session has the certificate of the first.
        const agent = new https.Agent({ maxCachedSessions: 9 });
        for (let i = 0; i < 3; i++) {
          assert.equal(await ask(origin, bearer(certified()), CLIENT, agent), 200);
        }
        agent.destroy();
      });
      const expected = ['proof_missing cnf', 'proof_mismatch cnf', 'proof_missing cnf', 'proof_mismatch cnf'];
      assert.deepEqual(reasons, expected);
    });

    if (name !== 'Verifier.authenticate') {
      it(`${name}: that in the header of a proxy, in place of the proxy's own`, async () => {
        await serving(await adapter({ ...POLICY, ...HEADER }), async (origin) => {
          const from = ({ der }) => ({ ...bearer(certified()), 'Client-Cert': `:${der.toString('base64')}:` });
          assert.equal(await ask(origin, from(CLIENT), OTHER), 200);
          assert.equal(await ask(origin, from(OTHER), CLIENT), 401);
          assert.equal(await ask(origin, bearer(certified()), CLIENT), 401);
          const twice = from(CLIENT);
          twice['Client-Cert'] = [twice['Client-Cert'], twice['Client-Cert']];
          assert.equal(await ask(origin, twice, CLIENT), 401);
        });
      });
    }
  }

  it('fetch: only in the header, since a Request has no connection', async () => {
    for (const [options, status] of [
      [HEADER, 200],
      [{}, 401],
    ]) {
      const handler = getRequestListener(guardFetch({ ...POLICY, ...options }, () => new Response('in')));
      const headers = { ...bearer(certified()), 'client-cert': `:${CLIENT.der.toString('base64')}:` };
      await serving(handler, async (origin) => assert.equal(await ask(origin, headers, CLIENT), status));
    }
  });

  it('HTTP/2: the connection is that of the session, the host its :authority', async () => {
    const guard = guardExpress({ ...POLICY, dpop: {} });
    const server = http2.createSecureServer(TLS, (incoming, response) =>
      guard(incoming, response, () => response.end()),
    );
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const origin = `https://127.0.0.1:${server.address().port}`;
    const session = http2.connect(origin, { ca: SERVER.pem, cert: CLIENT.pem, key: CLIENT.key });
    const statusOf = async (headers) => {
      const stream = session.request(headers);
      const [answer] = await once(stream, 'response');
      stream.close();
      return answer[':status'];
    };
    const bound = boundTo({ jkt: PROVER.thumbprint() });
    const proof = (url) => ({
      authorization: `DPoP ${bound}`,
      dpop: PROVER.dpopProof('GET', url, { accessToken: bound }),
    });
    assert.equal(await statusOf(bearer(certified())), 200);
    assert.equal(await statusOf(bearer(boundTo({ 'x5t#S256': OTHER.hash }))), 401);
    assert.equal(await statusOf(proof(origin)), 200);
    assert.equal(await statusOf(proof('https://other.example/')), 401);
    session.close();
    server.close();
  });
});
