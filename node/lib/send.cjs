/*
 * Sending { status, headers, body }, in Node's way and in fetch's.
 */
'use strict';

/*
 * Whether it is too late: a timeout's middleware may have responded while keys were fetched. A response that is only
 * begun cannot become a refusal either, but must not look complete to the client.
 */
function isBegun(response) {
  if (response.headersSent && !response.writableEnded) {
    (response.stream ?? response).destroy(); // stream: of HTTP/2
  }
  return response.headersSent || response.writableEnded;
}

function sendToNode(response, { status, headers, body }) {
  if (isBegun(response)) {
    return;
  }
  const length = status === 204 ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  response.writeHead(status, { ...headers, ...length });
  response.end(body);
}

/* For the client's next proof (RFC 9449 section 8.2), on the response that a handler will send. */
function setNonce(response, nonce) {
  if (nonce !== undefined && !response.headersSent) {
    response.setHeader('DPoP-Nonce', nonce);
  }
}

/* The same on fetch's, of which some cannot be changed. */
function withNonce(response, nonce) {
  if (nonce === undefined) {
    return response;
  }
  try {
    response.headers.set('DPoP-Nonce', nonce);
    return response;
  } catch {
    const twin = new Response(response.body, response);
    twin.headers.set('DPoP-Nonce', nonce);
    return twin;
  }
}

function toFetchResponse({ status, headers, body }, method) {
  return new Response(body === '' || method === 'HEAD' ? null : body, { status, headers });
}

module.exports = { isBegun, sendToNode, setNonce, toFetchResponse, withNonce };
