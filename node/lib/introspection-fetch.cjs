/*
 * One limited POST to an introspection endpoint, by the rules of a key fetch: no redirects, no content decoding, no byte
 * beyond the cap, no waiting beyond the time-out, whatever the fetch function does. Resolves to { response, contentType },
 * or throws IntrospectionFailed, which holds nothing of what was sent.
 */
'use strict';

const { BearerError } = require('./errors.cjs');
const { FetchRefused, readBody, reasonOf, refuseWeakTls } = require('./key-fetch.cjs');
const { questionOf, settingsOf } = require('./introspector.cjs');
const native = require('./native.cjs');
const { warnOfUnusedProxy } = require('./proxy-warning.cjs');

const MAX_SENTENCE = 200;

/* What a connection says that the other side has closed while it was idle. */
const CLOSED_WHILE_IDLE = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'];

const sentenceFor = (why) => `the introspection endpoint could not be asked: ${why}`;

class IntrospectionFailed extends BearerError {
  constructor(why, isOfToken = false) {
    super(sentenceFor(why), native.statusOf(native.constants.STATUS_UNAVAILABLE));
    this.why = why;
    this.isOfToken = isOfToken;
  }
}

async function exchange(transport, { endpoint, maxBytes, signedResponse }, init) {
  const response = await transport(endpoint, init);
  if (!(response?.status >= 0 && response.status <= 999) || typeof response.headers?.get !== 'function') {
    throw new FetchRefused('fetch must return a Response');
  }
  if (response.redirected === true || response.type === 'opaqueredirect') {
    throw new FetchRefused('a redirect, and redirects are not followed');
  }
  if ((response.headers.get('content-encoding') ?? 'identity').toLowerCase() !== 'identity') {
    throw new FetchRefused('the response has a content coding');
  }
  const body = await readBody(response.body ?? [], maxBytes);
  if (body.byteLength > maxBytes) {
    throw new FetchRefused(`the response has more than ${maxBytes} bytes`);
  }
  const contentType = signedResponse ? (response.headers.get('content-type') ?? undefined) : undefined;
  return { status: response.status, said: { response: body, contentType } };
}

async function exchangeByOurselves(settings, init) {
  const transport = globalThis.fetch;
  warnOfUnusedProxy(settings.endpoint, false);
  refuseWeakTls(settings.endpoint);
  try {
    return await exchange(transport, settings, init);
  } catch (error) {
    if (!CLOSED_WHILE_IDLE.includes(error?.cause?.code) || init.signal.aborted) {
      throw error;
    }
    return exchange(transport, settings, init); // asking twice does no harm
  }
}

/* What a user's function throws may hold what it was given. */
function nameOf(error) {
  const { name, code } = error instanceof Error ? error : {};
  const isPlain = (one) => typeof one === 'string' && /^\w{1,64}$/u.test(one);
  return [isPlain(name) ? name : 'something that is not an error', isPlain(code) ? code : []].flat().join(': ');
}

/* Even to ask a revoked Proxy for its class throws. */
function sentenceOf(error, { endpoint, fetch }) {
  try {
    if (error instanceof FetchRefused) {
      return error.message;
    }
    if (fetch !== undefined) {
      return nameOf(error);
    }
    const sentence = reasonOf(error).replaceAll(endpoint, endpoint.split('?', 1)[0]);
    return sentence.replaceAll(/[^ -~]+/gu, ' ').slice(0, MAX_SENTENCE);
  } catch {
    return 'something that is not an error';
  }
}

async function introspect(introspector, token, controller) {
  const settings = settingsOf(introspector);
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(new FetchRefused('timed out')), settings.timeout * 1000);
  let giveUp;
  const givenUp = new Promise((_, reject) => {
    giveUp = () => reject(signal.reason);
  });
  signal.addEventListener('abort', giveUp);
  try {
    const init = { method: 'POST', ...questionOf(introspector, token), redirect: 'manual', signal };
    const asked =
      settings.fetch === undefined ? exchangeByOurselves(settings, init) : exchange(settings.fetch, settings, init);
    const { status, said } = await Promise.race([asked, givenUp]);
    if (status === 200) {
      return said;
    }
    // 400 may be about this one token, which somebody has made to that end.
    throw new IntrospectionFailed(`HTTP status ${status}`, status === 400);
  } catch (error) {
    throw error instanceof IntrospectionFailed ? error : new IntrospectionFailed(sentenceOf(error, settings));
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

module.exports = { IntrospectionFailed, introspect, sentenceFor };
