/*
 * A fastmcp server on standard input and output, where there is no request and no token: node fastmcp_stdio.mjs FORMAT
 */
import { createRequire } from 'node:module';

import { build } from './fastmcp.mjs';

const require = createRequire(import.meta.url);
const load = process.argv[2] === 'require' ? async (specifier) => require(specifier) : (specifier) => import(specifier);

const server = await build(load, { secret: 'x'.repeat(32), audience: 'me' });
await server.start({ transportType: 'stdio' });
