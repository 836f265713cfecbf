/*
 * The transport of ssrfSafe: connects to public addresses only. A name is resolved once, every address that it has must
 * be public, and the socket is opened to exactly these addresses and checked again once it is connected; there is no
 * second look-up, which could have another result. No proxy is used, and no connection from a pool.
 */
'use strict';

const dns = require('node:dns');

const { fetchDirectly } = require('./direct-fetch.cjs');
const native = require('./native.cjs');

async function publicAddresses(url) {
  const host = url.hostname.replace(/^\[|\]$/gu, '');
  const addresses = await dns.promises.lookup(host, { all: true, verbatim: true });
  const odd = addresses.find(({ address }) => !native.isPublicAddress(address));
  if (odd !== undefined || addresses.length === 0) {
    throw new Error('ssrfSafe: the host has an address that is not public');
  }
  return addresses;
}

function assertPublic(socket) {
  if (!native.isPublicAddress(socket.remoteAddress ?? '')) {
    socket.destroy(new Error('ssrfSafe: the connection leads to an address that is not public'));
  }
}

async function fetchPublic(address, init, more = {}) {
  const addresses = await publicAddresses(new URL(address));
  const lookup = (_, options, callback) =>
    options.all ? callback(null, addresses) : callback(null, addresses[0].address, addresses[0].family);
  return fetchDirectly(address, init, { ...more, lookup }, assertPublic);
}

module.exports = { fetchPublic };
