/*
 * As global fetch, as far as key-fetch.cjs uses it, but by node:https, which can be told what global fetch cannot: how
 * to look a name up, and which authorities to trust. A connection of its own, no proxy, no redirect followed.
 */
'use strict';

const http = require('node:http');
const https = require('node:https');

/* `more` goes to node:https; onConnect is called with the socket before anything is sent on it. */
function fetchDirectly(address, { method, headers, signal }, more = {}, onConnect = () => {}) {
  const url = new URL(address);
  const { request } = url.protocol === 'https:' ? https : http;
  const tls = { rejectUnauthorized: true, minVersion: 'TLSv1.2' };
  return new Promise((resolve, reject) => {
    request(url, { ...more, method, headers, signal, agent: false, ...tls })
      .on('socket', (socket) => socket.once('connect', () => onConnect(socket)))
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

module.exports = { fetchDirectly };
