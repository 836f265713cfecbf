/*
 * One limited GET of a key set, or of the metadata that names it. Given what the core allows (URL, ETag, headers,
 * bytes); returns what the core evaluates: status, body and headers, or a sentence that says what failed. Follows no
 * redirect, decodes nothing, reads no byte beyond the cap, and never waits beyond the deadline, whatever the fetch
 * function does. Never rejects.
 */
'use strict';

const native = require('./native.cjs');
const { mayUseProxy, warnOfUnusedProxy } = require('./proxy-warning.cjs');
const { fetchTrustingSystem } = require('./system-trust.cjs');

const ACCEPT = 'application/json, application/jwk-set+json';
const USER_AGENT = `fastbearer/${native.versions.fastbearer}`;

/* Our own reason not to fetch, or not to accept a response. */
class FetchRefused extends Error {}

/* TLS that does not check the server's identity would let anybody on the way choose the keys. */
function refuseWeakTls(url) {
  if (!url.startsWith('https:')) {
    return;
  }
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    throw new FetchRefused(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 switches certificate checks off; name your authority in NODE_EXTRA_CA_CERTS',
    );
  }
  if (['TLSv1', 'TLSv1.1'].includes(require('node:tls').DEFAULT_MIN_VERSION)) {
    throw new FetchRefused('TLS below 1.2 is switched on (--tls-min-v1.0 or --tls-min-v1.1)');
  }
}

function transfer({ fetch, ssrfSafe }, url, init) {
  if (fetch !== undefined) {
    return fetch(url, init);
  }
  warnOfUnusedProxy(url, ssrfSafe);
  if (ssrfSafe) {
    const { fetchPublic } = require('./public-fetch.cjs');
    return fetchTrustingSystem(fetchPublic, fetchPublic, url, init);
  }
  refuseWeakTls(url);
  if (mayUseProxy()) {
    return globalThis.fetch(url, init);
  }
  const again = (...given) => require('./direct-fetch.cjs').fetchDirectly(...given);
  return fetchTrustingSystem(globalThis.fetch, again, url, init);
}

/* A connection each: fetches are minutes apart, and one that brought a bad response must not be used again. */
function headersFor({ etag, headers: given = [] }) {
  const headers = { accept: ACCEPT, 'accept-encoding': 'identity', connection: 'close', 'user-agent': USER_AGENT };
  for (const line of given) {
    const end = line.indexOf(':');
    headers[line.slice(0, end).toLowerCase()] = line.slice(end + 1).trim();
  }
  if (etag !== undefined) {
    headers['if-none-match'] = etag;
  }
  return headers;
}

/* At most one byte more than allowed: enough for the core to see that it is too large. */
async function readBody(body, maxBytes) {
  const chunks = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    chunks.push(bytes);
    size += bytes.byteLength;
    if (size > maxBytes) {
      break; // ends the stream, and with it the transfer
    }
  }
  return Buffer.concat(chunks, Math.min(size, maxBytes + 1));
}

async function exchange(limits, options, signal) {
  const init = { method: 'GET', headers: headersFor(limits), redirect: 'manual', signal };
  const response = await transfer(options, limits.url, init);
  if (!(response?.status >= 0 && response.status <= 999) || typeof response.headers?.get !== 'function') {
    throw new FetchRefused('fetch must return a Response');
  }
  if (response.redirected === true || response.type === 'opaqueredirect') {
    throw new FetchRefused('a redirect, and redirects are not followed');
  }
  const header = (name) => response.headers.get(name) ?? undefined;
  const encoding = header('content-encoding');
  const isWanted = response.status === 200 && (encoding === undefined || encoding.toLowerCase() === 'identity');
  return {
    status: response.status,
    body: isWanted ? await readBody(response.body ?? [], limits.maxBytes) : undefined,
    cacheControl: header('cache-control'),
    age: header('age'),
    etag: header('etag'),
    contentEncoding: encoding,
    contentLength: header('content-length'),
    transferEncoding: header('transfer-encoding'),
  };
}

const MAX_CAUSES = 8;

/* undici says "fetch failed" and hides the reason in the cause; what a fetch function throws can be anything. */
function reasonOf(error) {
  let reason = error;
  for (let i = 0; i < MAX_CAUSES && (reason?.cause instanceof Error || reason?.errors?.length > 0); i++) {
    reason = reason.cause instanceof Error ? reason.cause : reason.errors[0];
  }
  const text = String(reason?.message || reason?.code || reason?.name || reason);
  const label = reason?.code !== undefined && !text.includes(reason.code) ? `${reason.code}: ` : '';
  return `${label}${text}`;
}

/* Even to ask a revoked Proxy for its class throws. */
function sentenceOf(error, limits) {
  try {
    if (error instanceof FetchRefused) {
      return error.message;
    }
    const text = reasonOf(error).replaceAll(limits.url, limits.url.split('?', 1)[0]);
    return text.replaceAll(/[^ -~]+/gu, ' ').trim();
  } catch {
    return 'fetch failed with something that is not an error';
  }
}

/* Ends flight.controller when the time is up; returns the function that calls this off and lets the connections go. */
function startDeadline(flight, seconds) {
  const { controller } = flight;
  const late = () => controller.abort(new FetchRefused(`no complete response within ${seconds} s`));
  flight.timer = setTimeout(late, seconds * 1000).unref();
  return () => {
    clearTimeout(flight.timer);
    controller.abort(); // what was not read is not wanted: the connection is given up, or was finished
  };
}

/* Ends when the signal says so, whatever the fetch function does. */
async function fetchStep(limits, options, signal) {
  let giveUp;
  const givenUp = new Promise((_, reject) => {
    giveUp = () => reject(signal.reason);
  });
  signal.addEventListener('abort', giveUp);
  try {
    signal.throwIfAborted();
    return await Promise.race([exchange(limits, options, signal), givenUp]);
  } catch (error) {
    return { failure: sentenceOf(error, limits) };
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

module.exports = { FetchRefused, fetchStep, readBody, reasonOf, refuseWeakTls, startDeadline };
