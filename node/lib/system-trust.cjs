/*
 * On Windows and macOS an organisation's own authority is in the system's store, which Python and C use there and Node
 * does not unless it was started with --use-system-ca. So a key set whose authority Node does not know is asked for
 * once more, with the system's authorities beside Node's. Global fetch goes first: it may be the application's own, and
 * cannot be given authorities. On other systems Node's list and NODE_EXTRA_CA_CERTS are all.
 */
'use strict';

const UNKNOWN_AUTHORITY = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/* Node's and the system's, or undefined: Node 22.15 and 23.10 can say what is in the store. */
function authorities() {
  const { getCACertificates } = require('node:tls');
  if (!['darwin', 'win32'].includes(process.platform) || getCACertificates === undefined) {
    return undefined;
  }
  return [...getCACertificates('default'), ...getCACertificates('system')];
}

/* Asks transport, and once more `again`, which takes { ca }, if the system may know an authority that Node does not. */
async function fetchTrustingSystem(transport, again, url, init) {
  try {
    return await transport(url, init);
  } catch (error) {
    const ca = UNKNOWN_AUTHORITY.includes(error?.cause?.code ?? error?.code) ? authorities() : undefined;
    if (ca === undefined) {
      throw error;
    }
    return again(url, init, { ca });
  }
}

module.exports = { fetchTrustingSystem };
