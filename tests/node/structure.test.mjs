/* The sources of the package: who imports whom, how files are called, how long they are. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { ROOT } from './support/idp.mjs';

const PLACE = path.join(ROOT, 'node');
const FILES = readdirSync(PLACE, { recursive: true }).filter((name) => /\.[cm]js$/u.test(name));
const sourceOf = (name) => readFileSync(path.join(PLACE, name), 'utf8');

/* Paths of our own files that one requires or imports. */
function importsOf(name) {
  const found = sourceOf(name).matchAll(/(?:require\(|from )'(\.[^']*)'/gu);
  return [...found].map(([, target]) => path.join(path.dirname(name), target));
}

test('imports have no cycle, and lead to files that are there', () => {
  const done = new Set();
  const walk = (name, above) => {
    assert.ok(!above.includes(name), `a cycle: ${[...above, name].join(' -> ')}`);
    assert.ok(FILES.includes(name), `${above.at(-1)} imports ${name}, which is not there`);
    if (!done.has(name)) {
      importsOf(name).forEach((target) => walk(target, [...above, name]));
      done.add(name);
    }
  };
  FILES.forEach((name) => walk(name, []));
});

test('lib is used by the entries, never the other way round; what nothing uses is not there', () => {
  const used = new Set(FILES.flatMap(importsOf));
  for (const name of FILES) {
    const isLib = name.startsWith(`lib${path.sep}`);
    assert.ok(!isLib || used.has(name), `nothing uses ${name}`);
    assert.deepEqual(isLib ? importsOf(name).filter((target) => !target.startsWith(`lib${path.sep}`)) : [], []);
  }
});

test('one addon, reached through one file', () => {
  const direct = FILES.filter((name) => /build-node|\.node'/u.test(sourceOf(name)));
  assert.deepEqual(direct, [path.join('lib', 'native.cjs')]);
});

test('one naming style, no name twice but for the two entries of mcp and nest, no file over 400 lines', () => {
  const names = FILES.map((name) => path.basename(name));
  assert.deepEqual(
    names.filter((name) => !/^[a-z]+(?:-[a-z]+)*\.[cm]js$/u.test(name)),
    [],
  );
  const stems = names.map((name) => name.replace(/\.[cm]js$/u, '')).filter((stem) => stem !== 'mcp' && stem !== 'nest');
  assert.deepEqual(
    stems.filter((stem, i) => stems.indexOf(stem) !== i),
    [],
  );
  assert.deepEqual(
    FILES.filter((name) => sourceOf(name).split('\n').length > 400),
    [],
  );
});

test('numbers and reasons of the addon are used by name', () => {
  for (const name of FILES.filter((one) => one.startsWith('lib'))) {
    assert.doesNotMatch(sourceOf(name), /signals\[\d|statusOf\(\d|\b(?:30[1-5]|702|901|1001)\b/u, name);
  }
});
