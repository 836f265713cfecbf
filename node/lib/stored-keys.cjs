/*
 * A key set as it is stored, in the form that the Python package has, too. Given what a store holds, which anybody may
 * have written who can write there: the core evaluates the set, here is only what it is made of.
 */
'use strict';

/* The largest key set that maxJwksBytes allows, and the line before it. */
const MAX_BYTES = (16 << 20) + 4096;
const FORM = 1;
const NEWLINE = 10;

function isText(value) {
  return value === undefined || value === null || typeof value === 'string';
}

class StoredKeys {
  constructor({ document, etag, jwksUri, fetchedAt, freshUntil }) {
    if (!(document instanceof Uint8Array) && typeof document !== 'string') {
      throw new TypeError('document must be a Uint8Array or a string');
    }
    if (!isText(etag) || !isText(jwksUri)) {
      throw new TypeError('etag and jwksUri must be strings or undefined');
    }
    if (typeof fetchedAt !== 'number' || typeof freshUntil !== 'number') {
      throw new TypeError('fetchedAt and freshUntil must be numbers of seconds');
    }
    this.document = Buffer.from(document);
    this.etag = etag ?? undefined;
    this.jwksUri = jwksUri ?? undefined;
    this.fetchedAt = fetchedAt;
    this.freshUntil = freshUntil;
    Object.freeze(this);
  }

  /* A line of JSON, then the document. */
  toBytes() {
    const { document, etag = null, jwksUri = null, fetchedAt, freshUntil } = this;
    const head = {
      fastbearer: FORM,
      etag,
      jwks_uri: jwksUri,
      fetched_at: fetchedAt,
      fresh_until: freshUntil,
      bytes: document.length,
    };
    return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), document]);
  }

  static fromBytes(data) {
    const end = data.indexOf(NEWLINE);
    if (end < 0 || data.length > MAX_BYTES) {
      throw new TypeError('not a stored key set');
    }
    const document = data.subarray(end + 1);
    const head = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data.subarray(0, end)));
    if (head?.fastbearer !== FORM || head.bytes !== document.length) {
      throw new TypeError('not a stored key set, or not all of it');
    }
    const { etag, jwks_uri: jwksUri, fetched_at: fetchedAt, fresh_until: freshUntil } = head;
    return new StoredKeys({ document, etag, jwksUri, fetchedAt, freshUntil });
  }
}

module.exports = { MAX_BYTES, StoredKeys };
