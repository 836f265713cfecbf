/*
 * What a run has left out for want of tools or data: said loudly, and noted for the count at the end of the whole run
 * in the file that FB_SKIPPED names.
 */
import { appendFileSync } from 'node:fs';

export function noteSkip(line) {
  if (process.env.FB_SKIPPED !== undefined) {
    appendFileSync(process.env.FB_SKIPPED, `${line}\n`);
  }
}
