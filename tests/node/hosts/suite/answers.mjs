/* Every host, loaded in both ways: what it answers to each kind of request, and what a real client gets. */
import { after, before, describe } from 'node:test';

import { FORMATS, HOSTS } from '../hosts.mjs';
import { serve } from '../support.mjs';
import { checkSilence, checksOf } from './checks.mjs';

/* Most of the time is spent waiting for servers to start: several at a time, each with its checks in order. */
describe('hosts', { concurrency: 4 }, () => {
  for (const [name, host] of Object.entries(HOSTS)) {
    for (const format of FORMATS) {
      const row = `${name} (${format})`;
      describe(row, { concurrency: 1 }, () => {
        let server;
        before(async () => {
          server = await serve(name, format);
        });
        checksOf(row, host, () => server);
        checkSilence(row, () => server);
        after(() => server.stop());
      });
    }
  }
});
