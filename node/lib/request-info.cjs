/*
 * What matters of a request: method, path, query, the values of its Authorization headers. Of Node's requests and of
 * fetch's.
 */
'use strict';

function splitTarget(target) {
  const end = target.indexOf('#');
  const whole = end < 0 ? target : target.slice(0, end);
  const mark = whole.indexOf('?');
  return mark < 0 ? { path: whole, query: '' } : { path: whole.slice(0, mark), query: whole.slice(mark + 1) };
}

/* Node keeps only the first of two Authorization headers in request.headers; rawHeaders has both. */
function authorizationOf(request) {
  if (request.rawHeaders === undefined) {
    return request.headers.authorization === undefined ? [] : [request.headers.authorization];
  }
  const values = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i].toLowerCase() === 'authorization') {
      values.push(request.rawHeaders[i + 1]);
    }
  }
  return values;
}

/* Of an IncomingMessage. Express shortens url where a router is mounted, and keeps originalUrl. */
function infoOfIncoming(request) {
  const target = request.originalUrl ?? request.url ?? '/';
  return { ...splitTarget(target), method: request.method, authorization: authorizationOf(request) };
}

/*
 * Of a fetch Request, which joins two headers with ", ". The path is cut out of the URL and not parsed again: what is
 * compared with the excluded paths must be the very text that the framework routes by.
 */
function infoOfFetch(request) {
  const { url, method } = request;
  const start = url.indexOf('/', url.indexOf('://') + 3);
  const joined = request.headers.get('authorization');
  const authorization = joined === null ? [] : joined.split(/,[ \t]*(?=bearer(?:[ \t,]|$))/iu);
  return { ...splitTarget(start < 0 ? '/' : url.slice(start)), method, authorization };
}

module.exports = { infoOfFetch, infoOfIncoming };
