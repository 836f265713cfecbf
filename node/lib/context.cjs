/*
 * The access token of the request that is being served. The middlewares run what follows them inside of its context;
 * where a framework leaves no room for that (it calls a function and goes on by itself), the token is entered for the
 * rest of the request's own chain of calls. Nothing here is shared between two requests.
 */
'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const diagnostics = require('node:diagnostics_channel');

const storage = new AsyncLocalStorage();

/** The access token of the request that is being served, or undefined outside of one. */
function getAccessToken() {
  return storage.getStore()?.token;
}

/** The access token of the request that is being served; throws where there is none. */
function requireAccessToken() {
  const token = getAccessToken();
  if (token === undefined) {
    const sentence = 'there is no access token here: no adapter guards this handler, or its path is excluded';
    throw Object.assign(new Error(sentence), { code: 'ERR_NO_ACCESS_TOKEN', status: 500 });
  }
  return token;
}

/** Calls callback with token as the current one; undefined hides one that is. */
function withAccessToken(token, callback) {
  return storage.run({ token }, callback);
}

/*
 * For a function that is given the request and awaited in the chain of calls which later runs the handler. To be called
 * before the first await: what a continuation enters does not reach the caller. Hence a store now, its token later.
 */
function enterRequest() {
  const store = { token: undefined };
  storage.enterWith(store);
  return store;
}

/*
 * For a function that a framework calls with a token alone. Only Node's server knows whether there is a request;
 * without one, entering would leave the token current in everything that the caller starts next.
 */
let isFollowing = false;
function followRequests() {
  if (!isFollowing) {
    isFollowing = true;
    diagnostics.subscribe('http.server.request.start', enterRequest);
  }
}

/* The first token of a request is that of its caller; one that a handler verifies later does not replace it. */
function noteAccessToken(token) {
  const store = storage.getStore();
  if (store !== undefined) {
    store.token ??= token;
  }
}

module.exports = { enterRequest, followRequests, getAccessToken, noteAccessToken, requireAccessToken, withAccessToken };
