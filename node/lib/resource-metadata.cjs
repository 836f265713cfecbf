/*
 * The protected resource metadata of RFC 9728: the document, its place (section 3.1), and the response to a request for
 * it. The document is public: any web page may read it (MCP clients run in browsers too), any cache may keep it.
 */
'use strict';

const { NEVER_NAMED } = require('./challenge.cjs');
const { optional, texts } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const METHODS = 'GET, HEAD, OPTIONS';

function parseResource(resource) {
  const sentence = 'resourceMetadata.resource must be an absolute http(s) URL without a fragment';
  if (typeof resource !== 'string' || resource.includes('#') || !URL.canParse(resource)) {
    throw new ConfigurationError(sentence);
  }
  const url = new URL(resource);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new ConfigurationError(sentence);
  }
  return url;
}

/*
 * What a token's audience can be that is for this resource. Without a path "https://host" and "https://host/" are the
 * same URL (RFC 3986 section 6.2.3), and clients ask for either.
 */
function audiencesOf({ resource }) {
  const { origin, href } = parseResource(resource);
  return href === `${origin}/` ? [...new Set([resource, origin, href])] : [resource];
}

class ResourceMetadata {
  /*
   * resource is the URL that clients use for what is protected; authorizationServers are the issuers that it trusts;
   * scopesSupported is optional, and does not hold what no server needs. Other members go into the document under their own names. dpop: { required,
   * algorithms } where its scheme is accepted; hasCertificates: a proxy hands over those of clients.
   */
  constructor({ resource, authorizationServers, scopesSupported, ...more }, { dpop, hasCertificates }) {
    const url = parseResource(resource);
    if (!Array.isArray(authorizationServers) || authorizationServers.length === 0) {
      throw new ConfigurationError('resourceMetadata.authorizationServers must be a list of at least one issuer URL');
    }
    const supported = optional(texts, 'resourceMetadata.scopesSupported', scopesSupported) ?? [];
    const scopes = supported.filter((scope) => scope !== NEVER_NAMED);
    this.document = {
      resource,
      authorization_servers: authorizationServers,
      bearer_methods_supported: ['header'],
      ...(scopes.length > 0 && { scopes_supported: scopes }),
      ...(dpop && {
        dpop_signing_alg_values_supported: dpop.algorithms,
        dpop_bound_access_tokens_required: dpop.required,
      }),
      ...(hasCertificates && { tls_client_certificate_bound_access_tokens: true }),
      ...more,
    };
    this.path = WELL_KNOWN + url.pathname.replace(/\/+$/u, '');
    this.origin = url.origin;
    this.url = url.origin + this.path;
  }

  /* { status, headers, body } */
  responseTo(method) {
    const headers = { 'access-control-allow-origin': '*' };
    if (method === 'OPTIONS') {
      headers['access-control-allow-methods'] = METHODS;
      headers['access-control-allow-headers'] = '*';
      headers['access-control-max-age'] = '86400';
      return { status: 204, headers, body: '' };
    }
    if (method !== 'GET' && method !== 'HEAD') {
      return { status: 405, headers: { ...headers, allow: METHODS }, body: '' };
    }
    headers['content-type'] = 'application/json';
    headers['cache-control'] = 'public, max-age=3600';
    return { status: 200, headers, body: JSON.stringify(this.document) };
  }
}

module.exports = { ResourceMetadata, audiencesOf };
