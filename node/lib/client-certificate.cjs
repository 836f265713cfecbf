/*
 * The client's certificate in a header that a proxy sets (RFC 8705), which has ended the TLS connection. The header is
 * only as good as the proxy: one that does not remove what clients send in it lets everybody claim any certificate.
 * Only the escapes are undone here; the core reads the certificate.
 */
'use strict';

const { assertKnownKeys, text } = require('./checks.cjs');
const { ConfigurationError } = require('./errors.cjs');

/* What the core takes for a certificate that cannot be read. */
const UNREADABLE = Buffer.alloc(0);

/* RFC 9440 section 2.1: a byte sequence of RFC 8941, whose padding may be missing (section 4.2.7). */
function rfc9440(value) {
  const [, base64] = /^:((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3})?)={0,2}:$/u.exec(value) ?? [];
  return base64 === undefined ? UNREADABLE : Buffer.from(base64, 'base64');
}

/* nginx's $ssl_client_escaped_cert, and any other PEM with percent-encoding. */
function nginx(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return UNREADABLE;
  }
}

/*
 * Envoy's X-Forwarded-Client-Cert: Key=Value;Key=Value. Several elements, with a comma between them, come from several
 * proxies, and none of them is known to be the client's.
 */
function xfcc(value) {
  const pairs = /([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^",;]*)(?:;|$)/uy;
  const certificates = [];
  while (pairs.lastIndex < value.length) {
    const pair = pairs.exec(value);
    if (pair === null) {
      return UNREADABLE;
    }
    if (pair[1].toLowerCase() === 'cert') {
      certificates.push(pair[2].replace(/^"|"$/gu, ''));
    }
  }
  if (certificates.length > 1) {
    return UNREADABLE;
  }
  return certificates.length === 0 ? undefined : nginx(certificates[0]);
}

const FORMATS = Object.freeze({ rfc9440, xfcc, nginx });

class CertificateHeader {
  #name;
  #read;

  constructor(option) {
    assertKnownKeys('clientCertificateHeader', option, ['name', 'format']);
    const { name, format } = option;
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/u.test(text('clientCertificateHeader.name', name))) {
      throw new ConfigurationError('clientCertificateHeader.name must be the name of a header');
    }
    if (typeof format !== 'string' || !Object.hasOwn(FORMATS, format)) {
      const names = Object.keys(FORMATS).join(', ');
      throw new ConfigurationError(`clientCertificateHeader.format must be one of ${names}`);
    }
    this.#name = name.toLowerCase();
    this.#read = FORMATS[format];
  }

  /* pairsOf(isWanted): the request's fields with such names. Undefined when the proxy has seen no certificate. */
  certificateIn(pairsOf) {
    const pairs = pairsOf((name) => name.toLowerCase() === this.#name);
    if (pairs.length > 1) {
      return UNREADABLE;
    }
    const value = (pairs[0]?.[1] ?? '').trim();
    return value === '' ? undefined : this.#read(value);
  }
}

module.exports = { CertificateHeader };
