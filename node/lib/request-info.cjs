/*
 * What matters of a request: method, URL, path, the headers that hold credentials, the client's certificate. Of Node's
 * requests, of fetch's, and of plain objects. Nothing is evaluated here: the core reads what stands in it.
 */
'use strict';

const { data, optional, text, typeError } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');

const CREDENTIALS = new Set(['authorization', 'dpop']);
const isOfCredentials = (name) => (name.length === 13 || name.length === 4) && CREDENTIALS.has(name.toLowerCase());

/* Whether a header is one that the core looks at. */
const credentialTest = (tokenHeader) =>
  tokenHeader === undefined ? isOfCredentials : (name) => name.toLowerCase() === tokenHeader.toLowerCase();

/* Up to the path (RFC 3986 section 3). */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/iu;

/* What may stand in an authority: a Host header with more, a question mark for example, would move the query. */
const AUTHORITY = /^[\w\-.~%!$&'()*+,;=:[\]]*$/u;

/* The path as it stands there: it is compared with the excluded ones, by the very text that the framework routes by. */
const pathOf = (target) => /^[^?#]*/u.exec(target)[0];

const certificateOfSocket = (socket) => socket?.getPeerX509Certificate?.()?.raw;

/* Of a mapping, or pairs already. */
function plainPairs(headers) {
  if (typeof headers !== 'object' || headers === null) {
    throw typeError('request.headers', 'an object, Headers or an array of pairs', headers);
  }
  const pairs = Array.isArray(headers)
    ? headers
    : Object.entries(headers).flatMap(([name, value]) => [value ?? []].flat().map((one) => [name, one]));
  if (pairs.some((pair) => typeof pair?.[0] !== 'string' || typeof pair[1] !== 'string')) {
    throw new ConfigurationError('request.headers must hold names and values that are strings');
  }
  return pairs;
}

/* Node keeps only the first of two Authorization headers in request.headers; rawHeaders has both. */
function rawPairs(rawHeaders, isWanted) {
  const pairs = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (isWanted(rawHeaders[i])) {
      pairs.push([rawHeaders[i], rawHeaders[i + 1]]);
    }
  }
  return pairs;
}

/* fetch's Headers join with ", " what came in two fields. */
function splitAuthorization([name, value]) {
  const values =
    name.toLowerCase() === 'authorization' ? value.split(/,[ \t]*(?=(?:bearer|dpop)(?:[ \t,]|$))/iu) : [value];
  return values.map((one) => [name, one]);
}

/* Scheme and host as this server sees them. */
function originOf({ headers, socket }) {
  const authority = headers[':authority'] ?? headers.host ?? '';
  return `${socket?.encrypted ? 'https' : 'http'}://${AUTHORITY.test(authority) ? authority : ''}`;
}

const withOrigin = (origin, rest) => origin + (rest.startsWith('/') ? rest : `/${rest}`);

/* Of an IncomingMessage. Express shortens url where a router is mounted, and keeps originalUrl. */
function infoOfIncoming(request, { baseUrl, certificateHeader, tokenHeader }) {
  const target = request.originalUrl ?? request.url ?? '/';
  const pairsOf = (isWanted) => rawPairs(request.rawHeaders, isWanted);
  return {
    method: request.method,
    url: withOrigin(baseUrl ?? originOf(request), target.replace(ORIGIN, '')),
    path: pathOf(target),
    headers: pairsOf(credentialTest(tokenHeader)),
    tokenHeader,
    clientCertificate:
      certificateHeader === undefined ? certificateOfSocket(request.socket) : certificateHeader.certificateIn(pairsOf),
  };
}

/* Of a fetch Request, or of a plain { method, url, headers, clientCertificate, tokenHeader }. */
function infoOfParts(request, { baseUrl, certificateHeader, tokenHeader: configured }) {
  if (request === null || typeof request !== 'object') {
    throw typeError('request', 'an object', request);
  }
  const given = request.url instanceof URL ? request.url.href : request.url;
  const url = optional(text, 'request.url', given) ?? '';
  const rest = url.replace(ORIGIN, '');
  const isJoined = typeof request.headers?.get === 'function';
  const pairs = isJoined ? [...request.headers] : plainPairs(request.headers);
  const pairsOf = (isWanted) => pairs.filter(([name]) => isWanted(name));
  const tokenHeader = configured ?? optional(text, 'request.tokenHeader', request.tokenHeader);
  const credentials = pairsOf(credentialTest(tokenHeader));
  return {
    method: optional(text, 'request.method', request.method),
    url: baseUrl === undefined ? url : withOrigin(baseUrl, rest),
    path: pathOf(rest) || '/',
    headers: isJoined ? credentials.flatMap(splitAuthorization) : credentials,
    tokenHeader,
    clientCertificate:
      certificateHeader === undefined
        ? optional(data, 'request.clientCertificate', request.clientCertificate)
        : certificateHeader.certificateIn(pairsOf),
  };
}

/* Pairs: the headers of Node's or of fetch's request that say what its body is. */
function contentHeaders(request) {
  const isWanted = (name) => /^content-/iu.test(name);
  return Array.isArray(request.rawHeaders)
    ? rawPairs(request.rawHeaders, isWanted)
    : [...request.headers].filter(([name]) => isWanted(name));
}

/* Of Node's or of fetch's request: whether it opens a websocket (RFC 6455, and RFC 8441 over HTTP/2). */
function opensWebSocket({ headers }) {
  const asked = typeof headers.get === 'function' ? headers.get('upgrade') : (headers.upgrade ?? headers[':protocol']);
  return /websocket/iu.test(asked ?? '');
}

/*
 * baseUrl: in place of scheme and host; certificateHeader: where a proxy puts the client's certificate, in place of the
 * connection's own; tokenHeader: the name of the header that holds the token, in place of Authorization.
 */
function requestInfo(request, settings = {}) {
  return Array.isArray(request?.rawHeaders) ? infoOfIncoming(request, settings) : infoOfParts(request, settings);
}

module.exports = { certificateOfSocket, contentHeaders, opensWebSocket, requestInfo };
