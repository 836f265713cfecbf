/*
 * Trying a verifier on real traffic, without letting it decide. What Shadow returns stands in the place of the verifier
 * in service and answers exactly as it does: the same value, the same error. Beside it a candidate is asked the same, and
 * each difference is reported.
 */
'use strict';

const util = require('node:util');

const { typeError } = require('./lib/checks.cjs');
const { Comparison } = require('./lib/comparison.cjs');

/* The methods by which frameworks and programs ask verifiers. */
const METHODS = Object.freeze([
  'verify',
  'verifySync',
  'verifyRequest',
  'verifyAccessToken',
  'verifyToken',
  'authenticate',
]);

const comparisons = new WeakMap(); // by shadow

const isThenable = (value) => typeof value === 'object' && value !== null && typeof value.then === 'function';

/* Whoever waits for another's promise may cause it to be done twice. */
const promiseOf = (value) => (util.types.isPromise(value) ? value : Promise.resolve(value));

/* Answers as ask does, and has the answer compared. */
function answering(ask, method, comparison) {
  return (self, given) => {
    const compare = comparison.prepare(given[0], method);
    if (compare === undefined) {
      return Reflect.apply(ask, self, given);
    }
    let result;
    try {
      result = Reflect.apply(ask, self, given);
    } catch (error) {
      compare({ error, hasFailed: true });
      throw error;
    }
    if (!isThenable(result)) {
      compare({ result });
      return result;
    }
    const promise = promiseOf(result);
    promise.then(
      (value) => compare({ result: value }),
      (error) => compare({ error, hasFailed: true }),
    );
    return promise;
  };
}

function ofFunction(serving, comparison) {
  const answer = answering(serving, undefined, comparison);
  return new Proxy(serving, { apply: (_, self, given) => answer(self, given) });
}

/*
 * Its members are serving's own. Methods run on serving itself, which may have private ones. The target is empty, since a
 * Proxy of a frozen object would have to hand out what is in it.
 */
function ofObject(serving, comparison) {
  const target = Object.create(Object.getPrototypeOf(serving), {
    [util.inspect.custom]: { value: () => `Shadow of ${util.inspect(serving)}`, configurable: true },
  });
  const made = new Map(); // by member: the function that is there, and what stands for it
  const standingFor = (name, member) => {
    if (made.get(name)?.member !== member) {
      const answer = METHODS.includes(name)
        ? answering(member, name, comparison)
        : (self, given) => Reflect.apply(member, self, given);
      const twin = function (...given) {
        return answer(this === shadow ? serving : this, given);
      };
      made.set(name, { member, twin });
    }
    return made.get(name).twin;
  };
  const shadow = new Proxy(target, {
    get(_, name) {
      const member = Reflect.get(serving, name);
      return typeof member === 'function' && name !== 'constructor' ? standingFor(name, member) : member;
    },
    set: (_, name, value) => Reflect.set(serving, name, value),
    has: (_, name) => Reflect.has(serving, name),
    deleteProperty: (_, name) => Reflect.deleteProperty(serving, name),
    ownKeys: () => [...new Set([...Reflect.ownKeys(serving), util.inspect.custom])],
    getOwnPropertyDescriptor(_, name) {
      const found = Reflect.getOwnPropertyDescriptor(serving, name);
      return found && { value: shadow[name], writable: true, enumerable: found.enumerable, configurable: true };
    },
  });
  return shadow;
}

function Shadow(serving, candidate, options = {}) {
  const isObject = METHODS.some((name) => typeof serving?.[name] === 'function');
  if (!isObject && typeof serving !== 'function') {
    throw typeError('serving', 'a verifier or a function', serving);
  }
  const comparison = new Comparison(candidate, options);
  const shadow = isObject ? ofObject(serving, comparison) : ofFunction(serving, comparison);
  comparisons.set(shadow, comparison);
  return shadow;
}

function stats(shadow) {
  const comparison = comparisons.get(shadow);
  if (comparison === undefined) {
    throw typeError('shadow', 'what Shadow has returned', shadow);
  }
  return { ...comparison.counts };
}

module.exports = { Shadow, stats };
