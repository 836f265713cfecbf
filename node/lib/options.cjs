/*
 * Checks the options of a Verifier and puts them into the form that the addon takes, every one given. Values are the
 * core's to judge; here each gets the type that it must have, or a ConfigurationError that names it.
 */
'use strict';

const { ConfigurationError } = require('./errors.cjs');
const native = require('./native.cjs');

function kindOf(value) {
  if (value === null) {
    return 'null';
  }
  if (typeof value !== 'object') {
    return typeof value;
  }
  return Array.isArray(value) ? 'an array' : (value.constructor?.name ?? 'object');
}

function wrong(name, expected, value) {
  return new ConfigurationError(`${name} must be ${expected}, not ${kindOf(value)}`);
}

function text(name, value) {
  if (value === undefined || typeof value === 'string') {
    return value;
  }
  throw wrong(name, 'a string', value);
}

function data(name, value) {
  if (value === undefined || typeof value === 'string' || value instanceof Uint8Array) {
    return value;
  }
  throw wrong(name, 'a string, a Buffer or a Uint8Array', value);
}

/* A string is a list of one. */
function texts(name, value) {
  if (value === undefined) {
    return undefined;
  }
  const items = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(items)) {
    throw wrong(name, 'a string or an array of strings', value);
  }
  const odd = items.findIndex((item) => typeof item !== 'string');
  if (odd !== -1) {
    throw new ConfigurationError(`${name} must be a string or an array of strings, but item ${odd} is ${kindOf(items[odd])}`);
  }
  return [...items];
}

/* Nothing to require is no list. */
function required(name, value) {
  const items = texts(name, value);
  return items?.length === 0 ? undefined : items;
}

/* A string is split at spaces, as a scope claim is (RFC 6749 section 3.3). */
function scopes(name, value) {
  return required(name, typeof value === 'string' ? value.split(' ').filter((scope) => scope !== '') : value);
}

function seconds(name, value) {
  if (typeof value !== 'number') {
    throw wrong(name, 'a number of seconds', value);
  }
  return value;
}

function size(name, value) {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw typeof value === 'number'
      ? new ConfigurationError(`${name} must be a whole number, 0 or more, not ${value}`)
      : wrong(name, 'a whole number', value);
  }
  return value;
}

function flag(name, value) {
  if (typeof value !== 'boolean') {
    throw wrong(name, 'true or false', value);
  }
  return value;
}

function callable(name, value) {
  if (value !== undefined && typeof value !== 'function') {
    throw wrong(name, 'a function', value);
  }
  return value;
}

function document(name, value) {
  if (typeof value !== 'object' || value instanceof Uint8Array) {
    return data(name, value);
  }
  if (Array.isArray(value)) {
    throw wrong(name, 'a string, a Buffer or a key-set object', value);
  }
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new ConfigurationError(`${name} cannot be written as JSON: ${error.message}`);
  }
}

/* name: [check, default] */
const OPTIONS = {
  publicKey: [data],
  jwks: [document],
  jwksUri: [text],
  secret: [data],
  algorithms: [texts],
  issuer: [texts],
  audience: [texts],
  requiredScopes: [scopes],
  leeway: [seconds, 0],
  requireExp: [flag, true],
  requiredClaims: [required],
  tokenType: [text],
  scopeClaims: [texts],
  clientIdClaims: [texts],
  maxTokenBytes: [size, 16384],
  cacheSize: [size, 1024],
  cacheBytes: [size, 16 << 20],
  arithmetic: [text],
  fetch: [callable],
  fetchTimeout: [seconds, 10],
  refreshInterval: [seconds, 30],
  staleIfError: [seconds, 3600],
  maxJwksBytes: [size, 65536],
  allowHttp: [flag, false],
  ssrfSafe: [flag, false],
  onReject: [callable],
};
const NAMES = Object.keys(OPTIONS);

/* Optimal string alignment: how many slips of the finger lie between two words. */
function distance(a, b) {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      rows[i][j] = Math.min(
        rows[i - 1][j] + 1,
        rows[i][j - 1] + 1,
        rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1),
        swapped ? rows[i - 2][j - 2] + 1 : Infinity,
      );
    }
  }
  return rows[a.length][b.length];
}

/* The name that was probably meant: jwks_uri, jwksURI and audiences are asked for too. */
function meant(given, names) {
  const plain = given.toLowerCase().replaceAll(/[_-]/gu, '');
  const ranked = names.map((name) => [distance(plain, name.toLowerCase()), name]).sort(([a], [b]) => a - b);
  const [slips, name] = ranked[0];
  return slips <= Math.max(1, Math.floor(name.length / 4)) ? name : undefined;
}

/* Refuses what is no plain bag of options, and members that no option has. */
function members(what, given, names) {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw wrong(what, 'an object', given);
  }
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) {
      const close = meant(name, names);
      throw new ConfigurationError(
        `${what} has no member '${name}'${close === undefined ? '' : `; did you mean '${close}'?`}`,
      );
    }
  }
}

/* null means "not given", like undefined. */
function read(given) {
  members('options', given, NAMES);
  const options = {};
  for (const [name, [check, fallback]] of Object.entries(OPTIONS)) {
    const value = given[name] ?? undefined;
    options[name] = value === undefined ? fallback : check(name, value);
  }
  if (options.ssrfSafe && options.fetch !== undefined) {
    throw new ConfigurationError('ssrfSafe watches the sockets that fastbearer opens itself; it cannot be combined with fetch');
  }
  return options;
}

/* What the addon takes, by the core's names; what is for this side only is left out. */
function forNative(options) {
  const given = Object.entries(options).map(([name, value]) => [toSnakeCase(name), value]);
  return Object.fromEntries(given.filter(([name]) => native.optionNames.includes(name)));
}

function toSnakeCase(name) {
  return name.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`);
}

module.exports = { NAMES, data, forNative, members, read, scopes, text, texts, wrong };
