/*
 * One build of the Node package, for builds.py: node builds.mjs INDEX TOKENS.json ROWS
 *
 * As work() there: reads "ROW COUNT" lines, COUNT 0 to prepare, and prints the CPU seconds of COUNT verifications.
 */

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [index, path, rows] = process.argv.slice(2);
const { Verifier } = await import(pathToFileURL(index).href);
const keys = JSON.parse(readFileSync(path, 'utf8'));
const table = JSON.parse(rows);
const WARM = 20000; // verifications, after which a key has its table and V8 has compiled all of it
const prepared = new Map();

function prepare(row) {
  const [algorithm, arithmetic, cacheSize] = table[row];
  const { key, tokens } = keys[algorithm];
  const source = algorithm.startsWith('HS') ? { secret: key } : { publicKey: key };
  const about = { issuer: 'https://issuer.example', audience: 'https://api.example/mcp' };
  const verifier = new Verifier({ ...source, ...about, algorithms: [algorithm], arithmetic, cacheSize });
  run(verifier, tokens, WARM);
  return { verifier, tokens };
}

function run(verifier, tokens, count) {
  const start = process.cpuUsage();
  for (let i = 0; i < count; i++) {
    verifier.verifySync(tokens[i % tokens.length]);
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

for await (const line of createInterface({ input: process.stdin })) {
  const at = line.lastIndexOf(' ');
  const row = line.slice(0, at);
  if (!prepared.has(row)) {
    prepared.set(row, prepare(row));
  }
  const { verifier, tokens } = prepared.get(row);
  process.stdout.write(`${run(verifier, tokens, Number(line.slice(at + 1)))}\n`);
}
