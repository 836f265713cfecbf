/*
 * npm oidc-provider, on loopback: an authorization server as people run them. It issues JWT access tokens (RFC 9068) for
 * the resource that a client asks for (RFC 8707), to a client that authenticates with its secret: bound to the key of a
 * DPoP proof (RFC 9449) that comes with the request, or to the certificate (RFC 8705) in its header client-certificate,
 * escaped PEM as a proxy would write it, which the client "certified" must have. Tokens for a resource that ends with
 * /opaque are no JWTs: they are introspected (RFC 7662) by the clients "basic" and "signer", and can be revoked. A client
 * that accepts a JWT (RFC 9701) is answered with one, signed with RS256, or with ALGORITHM where it is "signer".
 *
 *     node tests/providers/oidc_provider.mjs [ALGORITHM]
 *
 * Prints one line of JSON, { issuer, metadata, token, introspection, revocation, client_id, client_secret, signer }, and runs until standard input is
 * closed. A line "rotate" there gives it new keys, and is answered by a line "rotated".
 */
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import { exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const ALGORITHM = process.argv[2] ?? 'RS256';
const CLIENT = { client_id: 'worker', client_secret: 'a secret that only tests have' };
const SETTINGS = {
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  token_endpoint_auth_method: 'client_secret_post',
};

/* What asks about tokens with a signature of its own (RFC 7523). */
const SIGNER = await generateKeyPair('ES256', { extractable: true });

/* Standard output is for our lines alone; the provider gives notices there. */
console.info = console.error;

let keys = 0;

async function newKey(algorithm) {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  keys += 1;
  return { ...(await exportJWK(privateKey)), alg: algorithm, use: 'sig', kid: `oidc-provider-${keys}` };
}

/* ID tokens are signed with RS256 unless a client says otherwise, so there is always such a key. */
async function newProvider(issuer) {
  const signing = await newKey(ALGORITHM);
  return new Provider(issuer, {
    jwks: { keys: ALGORITHM === 'RS256' ? [signing] : [signing, await newKey('RS256')] },
    clients: [
      { ...CLIENT, ...SETTINGS },
      { ...CLIENT, ...SETTINGS, client_id: 'basic', token_endpoint_auth_method: 'client_secret_basic' },
      {
        ...SETTINGS,
        client_id: 'signer',
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        introspection_signed_response_alg: ALGORITHM,
        jwks: { keys: [{ ...(await exportJWK(SIGNER.publicKey)), alg: 'ES256', use: 'sig' }] },
      },
      { ...CLIENT, ...SETTINGS, client_id: 'certified', tls_client_certificate_bound_access_tokens: true },
    ],
    scopes: ['read', 'write'],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: (context) => {
          const header = context.get('client-certificate');
          return header === '' ? undefined : decodeURIComponent(header);
        },
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (context, resource) => ({
          scope: 'read write',
          audience: resource,
          accessTokenFormat: resource.endsWith('/opaque') ? 'opaque' : 'jwt',
          jwt: { sign: { alg: ALGORITHM } },
        }),
      },
    },
  });
}

const server = createServer((request, response) => server.handler(request, response));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
server.handler = (await newProvider(issuer)).callback();
console.log(
  JSON.stringify({
    issuer,
    metadata: `${issuer}/.well-known/openid-configuration`,
    token: `${issuer}/token`,
    introspection: `${issuer}/token/introspection`,
    revocation: `${issuer}/token/revocation`,
    signer: await exportPKCS8(SIGNER.privateKey),
    ...CLIENT,
  }),
);
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'rotate') {
    server.handler = (await newProvider(issuer)).callback();
    console.log('rotated');
  }
}
server.close();
server.closeAllConnections();
