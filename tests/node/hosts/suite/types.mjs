/* types/ holds typical uses; the compiler must take them, and refuse the lines that say so. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const PLACE = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');

it('has types that fit those of the hosts', () => {
  const compiler = path.join(PLACE, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    execFileSync(process.execPath, [compiler, '-p', path.join(PLACE, 'types')], { encoding: 'utf8' });
  } catch (error) {
    throw new Error(error.stdout);
  }
});
