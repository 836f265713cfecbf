/* One fault of a real provider: its outcome with and without keys, and that the next fetch is not affected. */
import assert from 'node:assert/strict';

import { Verifier } from '../../../node/index.cjs';
import { rejected } from './case.mjs';

/* Failing fetches are said as process warnings, of which these tests make hundreds. */
export function quiet() {
  process.removeAllListeners('warning');
}

/* A bomb of 200 MiB takes its maker a while. */
export async function oneFault(idp, fault, words) {
  for (const warm of [true, false]) {
    await idp.fault();
    const token = await idp.mint();
    const verifier = new Verifier({
      jwksUri: idp.jwksUri,
      algorithms: 'ES256',
      fetchTimeout: fault === 'bomb' ? 60 : 1,
    });
    if (warm) {
      await verifier.verify(token);
    }
    await idp.fault(fault);
    if (words === undefined) {
      await verifier.refresh();
      assert.ok(verifier.verifySync(token));
    } else {
      const error = await rejected(verifier.refresh());
      assert.equal(error.code, 'keys_unavailable');
      assert.match(error.message, words);
      assert.ok(error.retryAfter > 0 && error.retryAfter <= 1);
      assert.ok(!/<title>|kty/u.test(error.message));
      // Held keys serve on; without any the answer is "not now", without another request.
      const answer = await verifier.verify(token).catch((refused) => refused);
      assert.equal(warm ? answer.token : answer.code, warm ? token : 'keys_unavailable');
    }
    await idp.fault();
    await verifier.refresh().catch(() => verifier.refresh()); // a connection left half dead may cost one attempt
    assert.equal((await verifier.verify(token)).token, token);
    verifier.close();
  }
}
