/* The adapters on their hosts: real servers, real clients. Ends with a table host x check. */
import { after } from 'node:test';

import { prepare } from './setup.mjs';

prepare();
const { seen } = await import('./suite/checks.mjs');
for (const name of [
  'answers',
  'adapters',
  'guard',
  'proofs',
  'tls',
  'issuers',
  'rules',
  'providers',
  'telemetry',
  'shadow',
  'sdk',
  'fastmcp',
  'nest',
  'twin',
  'runtimes',
  'types',
  'examples',
]) {
  await import(`./suite/${name}.mjs`);
}

function table(rows) {
  const names = [...new Set([...rows.values()].flatMap(Object.keys))];
  const width = Math.max(...[...rows.keys()].map((row) => row.length));
  const line = (row, cells) => [row.padEnd(width), ...cells].join(' ').trimEnd();
  const cells = (checks) => names.map((name) => String(checks[name] ?? '').padStart(name.length));
  return [line('', names), ...[...rows].map(([row, checks]) => line(row, cells(checks)))].join('\n');
}

after(() => console.log(`\n${table(seen)}\n`));
