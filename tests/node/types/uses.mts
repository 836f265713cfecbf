/* What users write, checked by the compiler against the package's own types; never run. */
import {
  type AccessToken,
  type AuthInfo,
  BearerAuthProvider,
  BearerError,
  ConfigurationError,
  type DpopOptions,
  decodeUnverified,
  getAccessToken,
  type Health,
  type IsRevoked,
  type Issuer,
  type IssuerStats,
  type KeyInfo,
  KeyPair,
  type Rejection,
  type ReplayStore,
  type RequestParts,
  RSAKeyPair,
  requireAccessToken,
  type Stats,
  Verifier,
  type VerifierOptions,
  versions,
} from 'fastbearer';
import { bearerAuth } from 'fastbearer/express';
import { type ClientAuthMethod, Introspector, type IntrospectorOptions } from 'fastbearer/introspection';
import { RedisStore, type RedisStoreOptions } from 'fastbearer/redis';
import { type Difference, Shadow, stats as statsOfShadow } from 'fastbearer/shadow';
import { FileKeyStore, type KeyStore, StoredKeys } from 'fastbearer/stores';
import { measure, PrometheusCollector, trace } from 'fastbearer/telemetry';
import { JWKSServer } from 'fastbearer/testing';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createClient } from 'redis';
import { createClient as createClient4 } from 'redis4';
import { createClient as createClient5 } from 'redis5';

const options: VerifierOptions = { jwksUri: 'https://issuer.example/jwks', issuer: ['a', 'b'], audience: 'c' };
const verifier = new Verifier({
  ...options,
  onReject: ({ code, message, claim, kid }: Rejection) => console.log(code, message, claim, kid),
});
new Verifier({
  publicKey: Buffer.from(''),
  algorithms: ['ES256'],
  requiredScopes: 'a b',
  leeway: 5,
  tokenType: 'at+jwt',
});
new Verifier({ jwks: { keys: [] }, cacheSize: 0 });
new Verifier({ jwksUri: 'https://x', fetch: globalThis.fetch, fetchTimeout: 1 });
new Verifier({ jwksUri: 'https://x', fetch: async (url: string, init) => new Response(url + init.headers['accept']) });
new BearerAuthProvider({ secret: new Uint8Array(32), algorithm: 'HS256' });

const tenant: Issuer = Object.freeze({
  issuer: 'https://login.example/{tid}/v2.0',
  jwksUri: 'https://login.example/keys',
});
new Verifier({
  issuers: [tenant, { issuer: 'https://b.example', headers: { 'X-Key': 'k' }, audience: [], clientIdClaims: '/a/b' }],
  resolveIssuer: async (iss) => (iss === 'x' ? { ...tenant, issuer: iss } : undefined),
  maxIssuers: 10,
  requiredClaims: { token_use: 'access', level: [1, 2], active: true },
  scopeHierarchy: { admin: ['read', 'write'] },
  mergeScopeClaims: true,
  clockSkew: 5,
});
new Verifier({ issuer: 'https://issuer.example', audience: 'me', resolveIssuer: () => null, requiredClaims: ['jti'] });

const files: KeyStore = new FileKeyStore('/var/cache/keys');
const stored = new StoredKeys({ document: '{}', etag: null, fetchedAt: 1, freshUntil: 2 });
const own: KeyStore = {
  load: async (source) => (source === 'x' ? StoredKeys.fromBytes(stored.toBytes()) : undefined),
  save: (source, keys) => console.log(source, keys.document.length, keys.etag?.length, keys.fetchedAt),
  claim: (source, seconds) => source.length > seconds,
};
new Verifier({ ...options, keyStore: files });
new Verifier({ issuers: [{ ...tenant, keyStore: own }] });
// @ts-expect-error: it has no save
new Verifier({ ...options, keyStore: { load: () => undefined } });

const redisOptions: RedisStoreOptions = { prefix: 'p:', maxSilence: 5, timeout: null };
for (const client of [createClient(), createClient4(), createClient5(), new Redis(), new Redis5()]) {
  const fleet: KeyStore & ReplayStore = new RedisStore(client, redisOptions);
  new Verifier({ ...options, keyStore: fleet, dpop: { replayStore: fleet } });
}
const fleet = new RedisStore(createClient({ url: 'rediss://redis.example', socket: { tls: true } }));
new Verifier({ ...options, isRevoked: fleet.isRevoked });
new Verifier({ ...options, isRevoked: async (one) => one.clientId === 'x' || fleet.isRevoked(one) });
await fleet.revoke('https://issuer.example', 'jti', { expiresAt: 5 });
await fleet.revokeSubject(null, 'sub', { before: 5 });
// @ts-expect-error: it is a method of subjects
await fleet.revoke('https://issuer.example', 'jti', { before: 5 });
// @ts-expect-error: no client
new RedisStore('redis://redis.example');
// @ts-expect-error: misspelled
new RedisStore(createClient(), { max_silence: 5 });

const replayStore: ReplayStore = { add: async (key, expiresAt) => key.length > expiresAt };
const dpop: DpopOptions = {
  maxAge: 60,
  required: true,
  algorithms: ['ES256'],
  nonceSecret: Buffer.alloc(32),
  replayStore,
};
const proving = new Verifier({ ...options, dpop, senderConstrained: 'verify' });
const parts: RequestParts = { method: 'GET', url: new URL('https://x'), headers: { a: ['b', 'c'], d: undefined } };
const bound: AccessToken = await proving.verifyRequest(parts, { now: 5 });
await proving.verifyRequest(new Request('https://x'));
await proving.verifyRequest({ headers: [['a', 'b']], clientCertificate: Buffer.alloc(1) });
const typed: string = (await proving.verifyRequest<{ email: string }>({ headers: new Headers() })).claims.email;
const bindings: unknown = bound.confirmation?.['jkt'] ?? proving.dpop?.algorithms.join(' ') ?? proving.dpopNonce();
const remembered: number = proving.stats().replayEntries + proving.stats().replayEvictions + proving.stats().proofKeys;

const isRevoked: IsRevoked = async ({ claims }) => claims['jti'] === 'x';
new Verifier({ ...options, isRevoked });
new Verifier({ ...options, isRevoked: (token) => (token.subject === 'x' ? 1 : 0) });
new Verifier({ ...options, isRevoked: Object.assign(() => false, { problem: () => undefined }) });
// @ts-expect-error a text is not an answer
new Verifier({ ...options, isRevoked: () => 'no' });
const asking: IntrospectorOptions = {
  endpoint: 'https://issuer.example/introspect',
  clientId: 'me',
  clientSecret: 's',
};
const introspector = new Introspector({ ...asking, jwts: true, fetch: globalThis.fetch, headers: { 'X-Key': 'k' } });
new Introspector({ ...asking, clientSecret: null, privateKey: KeyPair.generateSync(), authMethod: 'private_key_jwt' });
new Introspector({ ...asking, fetch: async (url, { body, headers }) => new Response(url + body + headers['accept']) });
new Verifier({ issuer: 'https://issuer.example', audience: 'me', introspector });
new Verifier({ issuers: [{ issuer: 'https://issuer.example', introspector }], audience: 'me' });
const signed: boolean = new Introspector({ ...asking, signedResponse: true }).signedResponse;
// @ts-expect-error it is signed or not
new Introspector({ ...asking, signedResponse: 'jwt' });
const method: ClientAuthMethod = introspector.authMethod;
// @ts-expect-error RFC 8414 has more names than these
new Introspector({ ...asking, authMethod: 'tls_client_auth' });
const differences: Difference[] = [];
const shadow: Verifier = Shadow(verifier, new Verifier(options), {
  onDifference: (one) => differences.push(one),
  timeout: 1,
  maxPending: 5,
});
const shadowed: (token: string) => Promise<{ sub: string }> = Shadow(
  async (token: string) => ({ sub: token }),
  (token) => token === 'x',
);
const fields: string = differences.flatMap((one) => one.fields).join() + statsOfShadow(shadow).different;
// @ts-expect-error a candidate is asked about tokens
Shadow(verifier, { check: () => true });
measure(shadow, { name: (await shadowed('x')).sub });
trace();
new PrometheusCollector({ fields: verifier });
const { status, problems }: Health = verifier.health();
const state: string = fields + method + signed + status + problems.join();

const access: AccessToken = await verifier.verify('token', { now: 5 });
const text: string =
  access.token + access.clientId + access.scopes.join() + (access.subject ?? '') + (access.resource?.href ?? '');
const issuedBy: string | undefined = access.issuer;
const mayRead: boolean = access.hasScope('read');
const expiry: number | undefined = access.expiresAt;
const claim: unknown = access.claims['email'] ?? access.extra.claims['email'];
const info: AuthInfo = await verifier.verifyAccessToken('token');
const asInfo: AuthInfo = access;
const session: AccessToken | undefined = await verifier.authenticate(new Request('https://x'));
const same: AccessToken = verifier.verifySync('token');
await verifier.refresh();
const keys: KeyInfo[] = verifier.keys();
const stats: Stats = verifier.stats();
const perIssuer: IssuerStats[] = stats.issuers;
const fetchedAt: number | undefined = keys[0]?.fetchedAt ?? keys[0]?.freshUntil;
const refusedBy = ({ issuer }: Rejection): string | undefined => issuer ?? new BearerError().issuer;
verifier.close();
using disposed = new Verifier(options);

const pair: RSAKeyPair = await RSAKeyPair.generate({ bits: 3072 });
const pem: string = pair.publicKey + pair.privateKey;
const other: KeyPair = KeyPair.generateSync('ES256');
const maybe: string | undefined = other.publicKey;
const proof: string = other.dpopProof('GET', 'https://x', { accessToken: 'a', nonce: 'n', jti: 'j', now: 5 });
const thumbprint: string = other.thumbprint();
bearerAuth({ verifier, baseUrl: 'https://api.example', clientCertificateHeader: { name: 'a', format: 'xfcc' } });
// @ts-expect-error no such format
bearerAuth({ verifier, clientCertificateHeader: { name: 'a', format: 'pem' } });
// @ts-expect-error a request has headers
await verifier.verifyRequest({ method: 'GET' });
const token: string = other.createToken({
  subject: null,
  audience: ['a'],
  expiresInSeconds: -5,
  additionalClaims: { exp: new Date() },
});
const document: Record<string, unknown>[] = other.jwks('kid').keys;
const { header, claims } = decodeUnverified(token);
interface MyClaims {
  email: string;
  roles?: string[];
}
const mine: AccessToken<MyClaims> = await verifier.verify<MyClaims>('token');
const email: string = mine.claims.email + verifier.verifySync<MyClaims>('token').extra.claims.email;
const roles: string[] | undefined = getAccessToken<MyClaims>()?.claims.roles;
const caller: string = requireAccessToken().clientId + requireAccessToken<MyClaims>().claims.email;
new Verifier({
  ...options,
  cacheBytes: 1 << 20,
  onReject: async ({ expected, actual }) => console.log(expected, actual),
});
const guarded: string | undefined = ({} as Express.Request).auth?.clientId;
// @ts-expect-error: it may be absent
getAccessToken().clientId;
// @ts-expect-error: no such claim
mine.claims.phone;

bearerAuth({ verifier });
bearerAuth({ issuers: [tenant], audience: 'me', exclude: ['/health'] });

const current: AccessToken | undefined = getAccessToken();
const openssl: string = versions.openssl;

try {
  verifier.verifySync('x');
} catch (error) {
  if (error instanceof BearerError) {
    const status: 400 | 401 | 403 | 500 | 503 = error.status;
    console.log(
      error.code,
      status,
      error.oauthError,
      error.missing?.length,
      error.retryAfter,
      error.toResponseObject?.().error,
    );
  } else if (error instanceof ConfigurationError) {
    const code: 'ERR_CONFIGURATION' = error.code;
    console.log(code);
  }
}

const server = await JWKSServer.start({ key: pair, maxAge: 60 });
server.respond({ status: 500, headers: { 'x-a': 'b' }, body: 'x' });
const kid: string = await server.rotate({ keep: true });
await server.close();

// @ts-expect-error: no such option
new Verifier({ jwksURI: 'https://x' });
// @ts-expect-error: a number is no issuer
new Verifier({ publicKey: 'x', issuer: 5 });
// @ts-expect-error: no such option of an issuer
new Verifier({ issuers: [{ issuer: 'x', leeway: 5 }] });
// @ts-expect-error: null is no value of a claim
new Verifier({ publicKey: 'x', requiredClaims: { a: null } });
// @ts-expect-error: no such type
new Verifier({ publicKey: 'x', tokenType: 'JWT' });
// @ts-expect-error: verify gives a promise
const wrong: AccessToken = verifier.verify('x');
// @ts-expect-error: bits belong into options
RSAKeyPair.generate(2048);
// @ts-expect-error: made by start
new JWKSServer();
// @ts-expect-error: read-only
verifier.issuer = ['x'];

export {
  asInfo,
  bindings,
  caller,
  claim,
  claims,
  current,
  disposed,
  document,
  email,
  expiry,
  fetchedAt,
  guarded,
  header,
  info,
  issuedBy,
  keys,
  kid,
  maybe,
  mayRead,
  openssl,
  pem,
  perIssuer,
  proof,
  refusedBy,
  remembered,
  roles,
  same,
  session,
  state,
  stats,
  text,
  thumbprint,
  typed,
  wrong,
};
