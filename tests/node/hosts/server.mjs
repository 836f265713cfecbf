/*
 * One host in a process of its own: node server.mjs HOST import|require OPTIONS. Everything in it is loaded through
 * import() or through require(). Prints where it listens, with good keys and, where the options hold one, with a key
 * that cannot be had instead; ends with its standard input, so that it never outlives the test that started it.
 */
import { createRequire } from 'node:module';

import { HOSTS, RUNTIME_HOSTS } from './hosts.mjs';

const [name, format, json] = process.argv.slice(2);
const { options, guard } = JSON.parse(json);
const require = createRequire(import.meta.url);
const load = format === 'require' ? async (specifier) => require(specifier) : (specifier) => import(specifier);

const { publicKey, ...others } = options;
const { start } = HOSTS[name] ?? RUNTIME_HOSTS[name];
const origin = await start(load, options, guard);
const keyless =
  publicKey === undefined ? undefined : await start(load, { jwksUri: 'http://127.0.0.1:1/jwks', ...others }, guard);
console.log(`READY ${JSON.stringify({ origin, keyless })}`);
process.stdin.on('end', () => process.exit(0)).resume();
