/* What every host is asked: each kind of request, with a plain client and with a real one. */
import assert from 'node:assert/strict';
import { it } from 'node:test';

import { AUDIENCE, bearer, callWhoami, ISSUER, knock, mint, minted, REQUESTS, SCOPES } from '../support.mjs';

/* host -> check -> what was seen, for the table. */
export const seen = new Map();

function note(row, check, value) {
  seen.set(row, { ...seen.get(row), [check]: value });
}

/* One check of one row of the table: a word for what was seen, FAILED otherwise. */
function check(row, name, work) {
  it(name, async () => {
    note(row, name, 'FAILED');
    note(row, name, await work());
  });
}

/* A piece of a token is as bad as the whole; headers are the same for all and say nothing. */
function assertNoToken(text) {
  for (const token of minted) {
    const [, payload, signature] = token.split('.');
    assert.ok(!text.includes(payload), 'the payload of a token');
    assert.ok(!text.includes(signature), 'the signature of a token');
  }
}

function expectRefusal(answer, name, host) {
  const challenge = answer.headers['www-authenticate'];
  if (answer.status === 503) {
    assert.equal(challenge, undefined);
    assert.ok(Number(answer.headers['retry-after']) >= 1);
    assert.equal(JSON.parse(answer.body).error, 'temporarily_unavailable');
    return;
  }
  assert.match(challenge, /^Bearer(?: |$)/u);
  if (host.answers[name] === 403) {
    assert.match(challenge, /error="insufficient_scope".*scope="tools:call"/u);
  }
  if (name === 'none' && host.answers.malformed === 400) {
    assert.doesNotMatch(challenge, /error=/u); // RFC 6750 section 3.1: no error code when nothing was sent
  }
  if (answer.status === 400) {
    assert.match(challenge, /error="invalid_request"/u);
  }
}

function expectCaller(caller, subject, host) {
  assert.deepEqual(caller.scopes, SCOPES);
  assert.equal(caller.issuer, ISSUER);
  assert.equal(caller.resource, AUDIENCE);
  assert.equal(caller.clientId, host.entered ? subject : null);
  assert.equal(caller.same, host.entered);
}

export function checksOf(row, host, server) {
  for (const [name, credentials] of Object.entries(REQUESTS)) {
    check(row, name, async () => {
      const answer = await knock(server().origin, credentials());
      assert.equal(answer.status, host.answers[name]);
      if (answer.status !== 200) {
        expectRefusal(answer, name, host);
      }
      return answer.status;
    });
  }
  check(row, 'no-keys', async () => {
    const answer = await knock(server().keyless, bearer(mint({ kid: 'k1' })));
    assert.equal(answer.status, host.answers['no-keys']);
    expectRefusal(answer, 'no-keys', host);
    return answer.status;
  });
  check(row, 'good', async () => {
    const { status } = await knock(server().origin, bearer(mint()));
    assert.equal(status, 200);
    return status;
  });
  check(row, 'client', async () => {
    const [caller] = await callWhoami(host.client, server().origin, mint());
    expectCaller(caller, 'alice', host);
    await assert.rejects(callWhoami(host.client, server().origin, mint({ expiresInSeconds: -60 })));
    return 'ok';
  });
  check(row, 'current', async () => {
    await interleaved(host, server().origin);
    return host.entered ? 'ok' : '-';
  });
}

/* Stops the server: no token stands in anything that it has said. */
export function checkSilence(row, server) {
  check(row, 'silent', async () => {
    const said = await server().stop();
    assert.match(said, /READY.*invalid_token/su);
    assertNoToken(said);
    return 'ok';
  });
}

/* Many callers at once: each handler must see its own. And none is left behind on a connection. */
async function interleaved(host, origin) {
  const names = Array.from({ length: 6 }, (_, i) => `client-${i}`);
  await Promise.all(
    names.map(async (subject) => {
      for (const caller of await callWhoami(host.client, origin, mint({ subject }), { calls: 3 })) {
        expectCaller(caller, subject, host);
      }
    }),
  );
}
