/*
 * Types of what a user gives. A check takes the name and a value that is not undefined, and returns the value in the
 * form that the addon takes, or throws a ConfigurationError that names it. Ranges and rules are the core's to check.
 */
'use strict';

const { ConfigurationError } = require('./errors.cjs');

function kindOf(value) {
  if (value === null) {
    return 'null';
  }
  if (typeof value !== 'object') {
    return typeof value;
  }
  return Array.isArray(value) ? 'an array' : (value.constructor?.name ?? 'object');
}

function typeError(name, expected, value) {
  return new ConfigurationError(`${name} must be ${expected}, not ${kindOf(value)}`);
}

function text(name, value) {
  if (typeof value !== 'string') {
    throw typeError(name, 'a string', value);
  }
  return value;
}

function data(name, value) {
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw typeError(name, 'a string, a Buffer or a Uint8Array', value);
  }
  return value;
}

/* The name of a header (RFC 9110 section 5.1). */
function headerName(name, value) {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/u.test(text(name, value))) {
    throw new ConfigurationError(`${name} must be the name of a header`);
  }
  return value;
}

/* A string is a list of one. */
function texts(name, value) {
  const items = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(items)) {
    throw typeError(name, 'a string or an array of strings', value);
  }
  const odd = items.findIndex((item) => typeof item !== 'string');
  if (odd !== -1) {
    const what = `but item ${odd} is ${kindOf(items[odd])}`;
    throw new ConfigurationError(`${name} must be a string or an array of strings, ${what}`);
  }
  return [...items];
}

/* A string is split at spaces, as a scope claim is (RFC 6749 section 3.3). */
function scopes(name, value) {
  const items = texts(name, typeof value === 'string' ? value.split(' ').filter((scope) => scope !== '') : value);
  return items.length === 0 ? undefined : items; // an empty list requires nothing, as if it had not been given
}

function mapping(name, expected, value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw typeError(name, expected, value);
  }
  return Object.entries(value);
}

const CLAIM_VALUES = 'a string, a number, true, false or an array of these';

function claimValues(name, value) {
  const values = Array.isArray(value) ? value : [value];
  const odd = values.find((one) => !['string', 'boolean'].includes(typeof one) && !Number.isFinite(one));
  if (odd !== undefined || values.includes(undefined)) {
    throw new ConfigurationError(`${name} must be ${CLAIM_VALUES}, not ${kindOf(Array.isArray(value) ? odd : value)}`);
  }
  return values.map((one) => JSON.stringify(one));
}

/* Names, or a mapping from names to values: pairs of a name and the JSON texts of its values. */
function claims(name, value) {
  if (typeof value === 'string' || Array.isArray(value)) {
    return texts(name, value).map((claim) => [claim, undefined]);
  }
  const pairs = mapping(name, 'a string, an array of strings or an object of claims and their values', value);
  return pairs.map(([claim, values]) => [claim, claimValues(`${name}[${JSON.stringify(claim)}]`, values)]);
}

function hierarchy(name, value) {
  return mapping(name, 'an object of scopes and arrays of scopes', value).map(([scope, implied]) => {
    if (!Array.isArray(implied)) {
      throw typeError(`${name}[${JSON.stringify(scope)}]`, 'an array of strings', implied);
    }
    return [scope, texts(`${name}[${JSON.stringify(scope)}]`, implied)];
  });
}

/* A list of scopes, or a map from scopes to their other names. */
function scopeNames(name, value) {
  if (typeof value === 'string' || Array.isArray(value)) {
    return scopes(name, value) ?? [];
  }
  const pairs = mapping(name, 'a string, an array of strings or an object of scopes and their names', value);
  return new Map(pairs.map(([scope, other]) => [scope, text(`${name}[${JSON.stringify(scope)}]`, other)]));
}

function headers(name, value) {
  return mapping(name, 'an object of header fields', value).map(([field, content]) => {
    if (field.includes(':')) {
      throw new ConfigurationError(`${name} must not hold a field name with a colon`);
    }
    return `${field}: ${text(`${name}[${JSON.stringify(field)}]`, content)}`;
  });
}

function seconds(name, value) {
  if (typeof value !== 'number') {
    throw typeError(name, 'a number of seconds', value);
  }
  return value;
}

function size(name, value) {
  if (typeof value !== 'number') {
    throw typeError(name, 'a whole number', value);
  }
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ConfigurationError(`${name} must be a whole number, 0 or more, not ${value}`);
  }
  return value;
}

function flag(name, value) {
  if (typeof value !== 'boolean') {
    throw typeError(name, 'true or false', value);
  }
  return value;
}

function callable(name, value) {
  if (typeof value !== 'function') {
    throw typeError(name, 'a function', value);
  }
  return value;
}

function store(name, value) {
  if (typeof value?.add !== 'function') {
    throw typeError(name, 'an object with a method add(key, expiresAt)', value);
  }
  return value;
}

function keyStore(name, value) {
  if (typeof value?.load !== 'function' || typeof value.save !== 'function') {
    throw typeError(name, 'an object with the methods load and save, as KeyStore says', value);
  }
  return value;
}

function json(name, value, replacer) {
  try {
    return JSON.stringify(value, replacer);
  } catch (error) {
    throw new ConfigurationError(`${name} cannot be written as JSON: ${error.message}`);
  }
}

function document(name, value) {
  if (typeof value !== 'object' || value instanceof Uint8Array) {
    return data(name, value);
  }
  if (Array.isArray(value)) {
    throw typeError(name, 'a string, a Buffer or a key-set object', value);
  }
  return json(name, value);
}

/* By the kinds of option-table.cjs. */
const CHECKS = Object.freeze({
  callable,
  claims,
  data,
  document,
  flag,
  headers,
  hierarchy,
  keyStore,
  scopes,
  seconds,
  size,
  store,
  text,
  texts,
});

/* Checks a value that may be absent: undefined and null both mean "not given". */
function optional(check, name, value) {
  return value === undefined || value === null ? undefined : check(name, value);
}

/* Optimal string alignment: how many slips of the finger lie between two words. */
function distance(a, b) {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      rows[i][j] = Math.min(
        rows[i - 1][j] + 1,
        rows[i][j - 1] + 1,
        rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1),
        isSwapped ? rows[i - 2][j - 2] + 1 : Infinity,
      );
    }
  }
  return rows[a.length][b.length];
}

/* The name that was probably intended, for the likes of jwks_uri, jwksURI and audiences. */
function suggest(given, names) {
  const plain = given.toLowerCase().replaceAll(/[_-]/gu, '');
  const ranked = names.map((name) => [distance(plain, name.toLowerCase()), name]).sort(([a], [b]) => a - b);
  const [slips, name] = ranked[0];
  return slips <= Math.max(1, Math.floor(name.length / 4)) ? name : undefined;
}

/* Refuses what is not an object of options, and names that none of them has. */
function assertKnownKeys(what, given, names) {
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw typeError(what, 'an object', given);
  }
  for (const name of Object.keys(given)) {
    if (!names.includes(name)) {
      const suggestion = suggest(name, names);
      const question = suggestion === undefined ? '' : `; did you mean '${suggestion}'?`;
      throw new ConfigurationError(`${what} has no member '${name}'${question}`);
    }
  }
}

module.exports = {
  CHECKS,
  assertKnownKeys,
  data,
  headerName,
  json,
  mapping,
  optional,
  scopeNames,
  scopes,
  size,
  text,
  texts,
  typeError,
};
