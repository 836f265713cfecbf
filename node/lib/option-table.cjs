/*
 * The options of a Verifier, once: checks, copying, the slots of the addon, names in messages and the comments of
 * index.d.cts follow from these rows (a test compares the last). Nothing is decided here, and no default is written
 * down that the core has.
 */
'use strict';

const native = require('./native.cjs');

const { optionDefaults } = native;

/* core: the name in the core's messages and in the addon, undefined for what this package does by itself. */
function option(name, core, kind, doc, ownDefault) {
  return Object.freeze({ name, core, kind, default: core === undefined ? ownDefault : optionDefaults[core], doc });
}

/* Who issues tokens, and where its keys are. */
const KEY_OPTIONS = Object.freeze([
  option(
    'issuer',
    'issuer',
    'texts',
    'Accepted as `iss`, or one template such as "https://login.example/{tid}/v2.0", which is checked against the ' +
      'claim of that name. Not given, which only a sole issuer may leave out: `iss` is not checked.',
  ),
  option('publicKey', 'public_key', 'data', 'One PEM block: SPKI, PKCS#1 public key or X.509 certificate.'),
  option('jwks', 'jwks', 'document', 'A key-set document (RFC 7517), held as given.'),
  option(
    'jwksUri',
    'jwks_uri',
    'text',
    'The https URL of a key set; fetched when needed, kept fresh in the background.',
  ),
  option('secret', 'secret', 'data', 'The HMAC key, at least as long as the hash.'),
  option('algorithms', 'algorithms', 'texts', 'Accepted algorithms. Default "RS256", with `secret` "HS256".'),
  option(
    'introspector',
    undefined,
    'introspector',
    'Asks the issuer about tokens that are not JWTs (RFC 7662), or about all: `fastbearer/introspection`.',
  ),
]);

/* What a verifier says for all issuers, and an issuer for itself. */
const CLAIM_OPTIONS = Object.freeze([
  option(
    'audience',
    'audience',
    'texts',
    'Accepted audiences. Without it a token that was issued for another service is accepted here (RFC 8725 3.9). ' +
      '"resource" is the `resource` of the `resourceMetadata` of the adapter that is given this option.',
  ),
  option(
    'tokenType',
    'token_type',
    'text',
    '"at+jwt" accepts RFC 9068 tokens only, "any" any `typ` but that of an introspection response (RFC 9701). Not given: none, JWT, at+jwt.',
  ),
  option(
    'scopeClaims',
    'scope_claims',
    'texts',
    'The first that is present holds the scopes. A name that begins with "/" is a JSON Pointer ' +
      '("/realm_access/roles"), here and in the next two. Default scope, scp.',
  ),
  option(
    'clientIdClaims',
    'client_id_claims',
    'texts',
    'The first that is present is the client id, else "unknown". Default client_id, azp, sub.',
  ),
  option(
    'requiredClaims',
    'required_claims',
    'claims',
    'Claims that must be present, or a mapping from each to the value, or the values, that it may have.',
  ),
]);

const POLICY_OPTIONS = Object.freeze([
  option(
    'issuers',
    undefined,
    'issuers',
    'Several issuers, each with keys of its own; in place of `issuer`, the key and the options of fetching. A token ' +
      'belongs to the one with its `iss`.',
  ),
  option(
    'resolveIssuer',
    undefined,
    'callable',
    'Asked for the issuer of an `iss` that none of the others has, for tenants that come and go: resolves to what ' +
      '`issuers` holds, or to undefined where there is none. What it is given is unverified. It has 10 seconds; what ' +
      'it throws refuses this one token as `keys_unavailable`, and is reported once, by a process warning.',
  ),
  option(
    'maxIssuers',
    'max_issuers',
    'size',
    'Issuers of `resolveIssuer` that are held; the one that was used least recently makes room.',
  ),
  option('requiredScopes', 'required_scopes', 'scopes', 'All of these must be granted; a string is split at spaces.'),
  option(
    'scopeHierarchy',
    'scope_hierarchy',
    'hierarchy',
    'Which scopes include others: { admin: ["read", "write"] }. Applies to `requiredScopes` and `hasScope`.',
  ),
  option('mergeScopeClaims', 'merge_scope_claims', 'flag', 'All of `scopeClaims` that are present hold the scopes.'),
  option('leeway', 'leeway', 'seconds', 'Seconds that are forgiven at `exp`, `nbf` and `iat`.'),
  option(
    'clockSkew',
    'clock_skew',
    'seconds',
    'Seconds that `nbf` and `iat` may be in the future, when that is more than `leeway`.',
  ),
  option('requireExp', 'require_exp', 'flag', 'Whether a token must have `exp`.'),
  option('maxTokenBytes', 'max_token_bytes', 'size', 'Longer tokens are refused unread; 1 to 65536.'),
  option('cacheSize', 'cache_size', 'size', 'Verified tokens that are cached; 0 for none.'),
  option(
    'cacheBytes',
    'cache_bytes',
    'size',
    'Bytes that all cached tokens may occupy together, their parsed claims included.',
  ),
  option(
    'senderConstrained',
    'sender_constrained',
    'text',
    '"verify", the default: a token that is bound to a key by `cnf` is accepted only from a sender who proves to ' +
      'have the key, so by `verifyRequest`. "ignore": from everybody, also from who has stolen it.',
  ),
  option(
    'dpop',
    undefined,
    'dpop',
    'How DPoP proofs (RFC 9449) are checked; {} for all defaults. Not given: none is, and tokens that are bound to a ' +
      'DPoP key are refused.',
  ),
  option(
    'isRevoked',
    undefined,
    'callable',
    'Whether a token that is good otherwise has been revoked; asked on every request, for cached tokens too. It has ' +
      '5 seconds where it is asynchronous. While it fails, requests are refused with 503 (`status_unavailable`); the ' +
      'class of the error is reported by a process warning. `verifySync` takes a synchronous one only.',
  ),
  option(
    'arithmetic',
    'arithmetic',
    'text',
    '"auto", the default: signatures are verified with precomputed tables where that is faster than OpenSSL. ' +
      '"openssl": by OpenSSL alone.',
  ),
  option(
    'onReject',
    undefined,
    'callable',
    'Called for every refused token. What it throws or rejects with is reported once, by a process warning, and ' +
      'otherwise ignored; nobody waits for it.',
  ),
]);

/* The members of `dpop`. */
const DPOP_OPTIONS = Object.freeze(
  [
    ['maxAge', 'max_age', 'seconds', 'Seconds after its `iat` for which a proof is good; more than 0, at most 86400.'],
    ['required', 'required', 'flag', 'Accept only tokens that are bound to a DPoP key, under the scheme DPoP.'],
    [
      'algorithms',
      'algorithms',
      'texts',
      'How proofs may be signed. Not given: with all public-key algorithms but ES256K.',
    ],
    [
      'nonceSecret',
      'nonce_secret',
      'data',
      'Given, proofs must carry a nonce of this server (RFC 9449 section 9), which adapters send with every ' +
        'response. All servers of a fleet share the secret, of at least 32 bytes; nothing is stored.',
    ],
    [
      'replayCapacity',
      'replay_capacity',
      'size',
      'Proofs that are remembered, 48 bytes each, so that none is accepted twice. When there are more the oldest ' +
        'goes, and could be used once again.',
    ],
    [
      'replayStore',
      undefined,
      'store',
      'Remembers proofs in place of this process, for a fleet of servers. While it fails, requests with a proof are ' +
        'refused with 503.',
    ],
  ].map(([name, core, kind, doc]) => Object.freeze({ name, core, kind, default: optionDefaults.dpop[core], doc })),
);

/* What the core accepts in a proof unless `dpop.algorithms` says otherwise. */
const DPOP_ALGORITHMS = Object.freeze(
  'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519 Ed448'.split(' '),
);

const FETCH_OPTIONS = Object.freeze([
  option(
    'fetch',
    undefined,
    'callable',
    'In place of the global fetch. It must not follow redirects. Proxies are its own affair: the global one goes by ' +
      'HTTPS_PROXY only where NODE_USE_ENV_PROXY=1 tells it to (Node 24 and 22.21).',
  ),
  option('fetchTimeout', 'fetch_timeout', 'seconds', 'Seconds, for the whole fetch.'),
  option('refreshInterval', 'refresh_interval', 'seconds', 'Seconds between two fetches for unknown key ids.'),
  option(
    'staleIfError',
    'stale_if_error',
    'seconds',
    'Seconds that held keys stay in use past their freshness while fetches fail.',
  ),
  option('maxJwksBytes', 'max_jwks_bytes', 'size', 'The largest document, in bytes.'),
  option('allowHttp', 'allow_http', 'flag', 'Accept http:// for other hosts than loopback.'),
  option(
    'headers',
    'headers',
    'headers',
    'Sent with every fetch: { "X-Api-Key": "..." }. A key set that discovery found gets them only on the host of its ' +
      'issuer.',
  ),
  option(
    'ssrfSafe',
    undefined,
    'flag',
    'Connect to public addresses only, checked on the socket that is opened. Not together with `fetch`.',
    false,
  ),
  option(
    'keyStore',
    undefined,
    'keyStore',
    'Where fetched key sets are kept, for other processes and for the next start: see `fastbearer/stores`.',
  ),
]);

/* Of one issuer, and of a verifier with one issuer, flat. */
const ISSUER_OPTIONS = Object.freeze([...KEY_OPTIONS, ...CLAIM_OPTIONS, ...FETCH_OPTIONS]);
const VERIFIER_OPTIONS = Object.freeze([...CLAIM_OPTIONS, ...POLICY_OPTIONS]);
const OPTIONS = Object.freeze([...KEY_OPTIONS, ...VERIFIER_OPTIONS, ...FETCH_OPTIONS]);

/* Other names that the core's messages spell its own way. */
const OTHER_NAMES = [
  ['private_key', 'privateKey'],
  ['additional_claims', 'additionalClaims'],
  ['expires_in', 'expiresInSeconds'],
  ['resolve_issuer', 'resolveIssuer'],
  ['tool_scopes', 'toolScopes'],
  ['resource_scopes', 'resourceScopes'],
  ['prompt_scopes', 'promptScopes'],
  ['max_body_bytes', 'maxBodyBytes'],
  ['token_header', 'tokenHeader'],
  ['signed_response', 'signedResponse'],
];
const NAMES_BY_CORE = new Map([...[...OPTIONS, ...DPOP_OPTIONS].map(({ name, core }) => [core, name]), ...OTHER_NAMES]);

/* A message of the core with the names that options have here. */
function inOurNames(text) {
  return text.replace(/[a-z]+(?:_[a-z]+)+/gu, (name) => NAMES_BY_CORE.get(name) ?? name);
}

module.exports = {
  CLAIM_OPTIONS,
  DPOP_ALGORITHMS,
  DPOP_OPTIONS,
  FETCH_OPTIONS,
  ISSUER_OPTIONS,
  KEY_OPTIONS,
  OPTIONS,
  POLICY_OPTIONS,
  VERIFIER_OPTIONS,
  inOurNames,
};
