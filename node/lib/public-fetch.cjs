/*
 * The transport of ssrfSafe: connects to public addresses only. A name is resolved once, every address that it has must
 * be public, and the socket is opened to exactly these addresses and checked again once it is connected; there is no
 * second look-up, which could have another result. No proxy is used, and no connection from a pool.
 */
'use strict';

const dns = require('node:dns');
const http = require('node:http');
const https = require('node:https');

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

/* As global fetch, as far as fetch.cjs uses it. */
async function fetchPublic(address, { method, headers, signal }) {
  const url = new URL(address);
  const addresses = await publicAddresses(url);
  const lookup = (_, options, callback) =>
    options.all ? callback(null, addresses) : callback(null, addresses[0].address, addresses[0].family);
  const { request } = url.protocol === 'https:' ? https : http;
  const tls = { rejectUnauthorized: true, minVersion: 'TLSv1.2' };
  return new Promise((resolve, reject) => {
    request(url, { method, headers, signal, lookup, agent: false, ...tls })
      .on('socket', (socket) => {
        socket.once('connect', () => {
          if (!native.isPublicAddress(socket.remoteAddress ?? '')) {
            socket.destroy(new Error('ssrfSafe: the connection leads to an address that is not public'));
          }
        });
      })
      .on('response', (response) => {
        const fields = new Headers();
        for (let i = 0; i < response.rawHeaders.length; i += 2) {
          fields.append(response.rawHeaders[i], response.rawHeaders[i + 1]);
        }
        resolve({ status: response.statusCode, headers: fields, body: response });
      })
      .on('error', reject)
      .end();
  });
}

module.exports = { fetchPublic };
