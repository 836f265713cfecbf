/* The faults of TLS, in a process that trusts the provider's authority: fetch.test.mjs starts it. */
import { test } from 'node:test';

import { SECURE } from './faults.mjs';
import { IdentityProvider } from './idp.mjs';
import { oneFault, quiet } from './one_fault.mjs';

quiet();
const idp = await IdentityProvider.at(process.env.IDP_CONTROL);
for (const [fault, words] of Object.entries(SECURE)) {
  test(fault, () => oneFault(idp, fault, words));
}
