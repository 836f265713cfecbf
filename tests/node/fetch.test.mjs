/* The bytes of a key set: custom fetch functions, every fault of a real provider, TLS, public addresses only. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { Verifier } from '../../node/index.cjs';
import { good, INDEX, nodeAsync, PAIR, rejected } from './support/case.mjs';
import { certificateOf } from './support/certificate.mjs';
import { PLAIN, SECURE } from './support/faults.mjs';
import { IdentityProvider, ROOT } from './support/idp.mjs';
import { oneFault, quiet } from './support/one_fault.mjs';
import { noteSkip } from './support/skips.mjs';

const URL = 'https://issuer.example/jwks';
const BODY = JSON.stringify(PAIR.jwks('k'));

let idp;
before(async () => {
  quiet();
  idp = await IdentityProvider.start('--algorithms', 'ES256');
});
after(() => idp.stop());

// ---- fetch functions

test('a fetch function gets what it needs, and the global one is not asked', async () => {
  const calls = [];
  const fetch = async (url, init) => {
    calls.push([url, init]);
    return new Response(calls.length === 1 ? BODY : null, {
      status: calls.length === 1 ? 200 : 304,
      headers: { etag: '"1"' },
    });
  };
  const verifier = new Verifier({ jwksUri: URL, fetch });
  assert.ok((await verifier.verify(good())) && (await verifier.verify(good())));
  await verifier.refresh();
  const [[url, init], [, second]] = calls;
  assert.deepEqual([calls.length, url, init.method, init.redirect], [2, URL, 'GET', 'manual']);
  assert.ok(init.signal instanceof AbortSignal);
  assert.deepEqual(Object.keys(init.headers), ['accept', 'accept-encoding', 'connection', 'user-agent']);
  assert.deepEqual([init.headers['accept-encoding'], second.headers['if-none-match']], ['identity', '"1"']);
  const { generation, fetches, lastError } = verifier.stats();
  assert.deepEqual([generation, fetches, lastError], [1, 2, undefined]);
});

test('the global fetch is looked up when it is needed, so that a test can replace it', async () => {
  const real = globalThis.fetch;
  const verifier = new Verifier({ jwksUri: URL });
  globalThis.fetch = async () => new Response(BODY);
  try {
    assert.ok(await verifier.verify(good()));
  } finally {
    globalThis.fetch = real;
  }
});

async function* forever() {
  for (;;) {
    yield Buffer.alloc(1000, 'x');
  }
}

const RESPONSE = { status: 200, headers: new Headers(), body: [Buffer.from(BODY)] };
const FAILED = [
  [
    'throws',
    () => {
      throw new Error(`no route to ${URL}?key=hidden`);
    },
    /no route to https:\/\/issuer\.example\/jwks$/u,
  ],
  [
    'rejects',
    async () => {
      throw Object.assign(new TypeError('fetch failed'), { cause: new Error('inner reason') });
    },
    /inner reason/u,
  ],
  [
    'many addresses failed',
    async () => {
      throw new TypeError('x', { cause: new AggregateError([Object.assign(new Error(''), { code: 'ECONNREFUSED' })]) });
    },
    /ECONNREFUSED/u,
  ],
  ['rejects with nothing', () => Promise.reject(undefined), /undefined/u],
  ['rejects with something odd', () => Promise.reject(Object.create(null)), /not an error/u],
  [
    'throws a revoked Proxy',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      throw proxy;
    },
    /not an error/u,
  ],
  [
    'rejects with a Proxy that throws',
    () =>
      Promise.reject(
        new Proxy(
          {},
          {
            getPrototypeOf() {
              throw new Error('trap');
            },
          },
        ),
      ),
    /not an error/u,
  ],
  [
    'a cause of itself',
    async () => {
      const error = new Error('round');
      error.cause = error;
      throw error;
    },
    /round/u,
  ],
  ['a status beyond', async () => ({ ...RESPONSE, status: 2 ** 32 + 200 }), /fetch must return a Response/u],
  [
    'control characters',
    async () => {
      throw new Error('a\r\nb\u0000c');
    },
    /a b c/u,
  ],
  ['no Response', async () => 'x', /fetch must return a Response/u],
  ['nothing', () => undefined, /fetch must return a Response/u],
  ['no headers', async () => ({ status: 200 }), /fetch must return a Response/u],
  ['status', async () => new Response('', { status: 500 }), /status 500/u],
  [
    'redirect',
    async () => new Response('', { status: 302, headers: { location: 'https://e.example' } }),
    /status 302/u,
  ],
  ['followed redirect', async () => ({ ...RESPONSE, redirected: true }), /redirects are not followed/u],
  ['hidden redirect', async () => ({ ...RESPONSE, status: 0, type: 'opaqueredirect' }), /redirects are not followed/u],
  ['no JSON', async () => new Response('not json'), /jwks/u],
  ['empty', async () => new Response(null), /jwks/u],
  ['no keys', async () => new Response('{"keys":[]}'), /empty/u],
  ['too large', async () => new Response(' '.repeat(70000)), /larger than maxJwksBytes/u],
  ['endless', async () => ({ ...RESPONSE, body: forever() }), /larger than maxJwksBytes/u],
  ['encoded', async () => new Response(BODY, { headers: { 'content-encoding': 'gzip' } }), /content-encoded/u],
  ['304 to nothing', async () => new Response(null, { status: 304 }), /304/u],
  [
    'body fails',
    async () => ({
      ...RESPONSE,
      body: (async function* () {
        yield Buffer.from('{');
        throw new Error('cut off');
      })(),
    }),
    /cut off/u,
  ],
  ['body of numbers', async () => ({ ...RESPONSE, body: [1, 2] }), /./u],
  ['no body to read', async () => ({ ...RESPONSE, body: 7 }), /./u],
  ['never answers', () => new Promise(() => {}), /no complete response within 0\.2 s/u],
  [
    'never ends',
    async () => ({
      ...RESPONSE,
      body: (async function* () {
        yield Buffer.from('{');
        await new Promise(() => {});
      })(),
    }),
    /within 0\.2 s/u,
  ],
];

for (const [name, fetch, words] of FAILED) {
  test(`a failed fetch: ${name}`, async () => {
    let current = fetch;
    const verifier = new Verifier({
      jwksUri: `${URL}?key=hidden`,
      fetchTimeout: 0.2,
      fetch: (...given) => current(...given),
    });
    const error = await rejected(verifier.refresh());
    assert.deepEqual([error.code, error.status], ['keys_unavailable', 503]);
    assert.match(error.message, words);
    assert.ok(!error.message.includes('hidden') && error.message.startsWith(URL));
    assert.equal(verifier.stats().lastError, error.message);
    current = async () => new Response(BODY);
    await verifier.refresh();
    assert.equal(verifier.verifySync(good()).clientId, 'fastmcp-user');
  });
}

test('forms of a good answer', async () => {
  const text = async function* () {
    yield* BODY.split(/(?<=,)/u);
  };
  for (const response of [
    new Response(BODY, { headers: { 'content-encoding': 'IDENTITY', 'cache-control': 'max-age=100', age: '5' } }),
    { ...RESPONSE, headers: new Map() },
    { ...RESPONSE, body: text() },
    { ...RESPONSE, body: new Blob([BODY]).stream() },
  ]) {
    const verifier = new Verifier({ jwksUri: URL, fetch: async () => response });
    await verifier.refresh();
    assert.equal(verifier.keys().length, 1);
  }
});

test('what is not read is given up, at the cap and at the deadline', async () => {
  for (const [body, timeout] of [
    [forever, 10],
    [
      async function* () {
        yield Buffer.from('{');
        await new Promise(() => {});
      },
      0.1,
    ],
  ]) {
    let aborted;
    const fetch = async (_, { signal }) => {
      aborted = once(signal, 'abort');
      return { ...RESPONSE, body: body() };
    };
    const verifier = new Verifier({ jwksUri: URL, fetch, fetchTimeout: timeout });
    await rejected(verifier.refresh());
    await aborted;
  }
});

// ---- where a response ends (RFC 9112 section 6.3)

const SIZE = BODY.length;
const CONFLICTS = [
  { 'content-length': [SIZE, SIZE + 1] },
  { 'content-length': [SIZE + 1, SIZE] },
  { 'content-length': [`${SIZE}, ${SIZE - 1}`] },
  { 'content-length': [SIZE], 'transfer-encoding': ['chunked'] },
  { 'transfer-encoding': ['chunked'], 'content-length': [SIZE] },
  { 'content-length': [`+${SIZE}`] },
  { 'content-length': [-1] },
  { 'transfer-encoding': ['gzip, chunked'] },
  { 'transfer-encoding': ['identity'] },
];
const linesOf = (fields) =>
  Object.entries(fields).flatMap(([name, values]) => values.map((value) => [name, String(value)]));

/* A server that writes just this. */
async function withRawServer(lines, work) {
  const chunked = lines.some(([name, value]) => name === 'transfer-encoding' && /chunked/iu.test(value));
  const body = chunked ? `${SIZE.toString(16)}\r\n${BODY}\r\n0\r\n\r\n` : BODY;
  const head = ['HTTP/1.1 200 OK', 'Connection: close', ...lines.map(([name, value]) => `${name}: ${value}`)].join(
    '\r\n',
  );
  const server = net.createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(`${head}\r\n\r\n${body}`));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    await work(`http://127.0.0.1:${server.address().port}/jwks`);
  } finally {
    server.close();
  }
}

for (const fields of CONFLICTS) {
  const lines = linesOf(fields);
  test(`a response that ends nowhere in particular is a failed fetch: ${lines.join(' ')}`, async () => {
    await withRawServer(lines, async (jwksUri) => {
      const error = await rejected(new Verifier({ jwksUri }).refresh());
      assert.deepEqual([error.code, error.status], ['keys_unavailable', 503]);
    });
    for (const headers of [
      new Headers(lines),
      new Map(Object.entries(fields).map(([name, values]) => [name, values.join(', ')])),
    ]) {
      const error = await rejected(
        new Verifier({ jwksUri: URL, fetch: async () => ({ ...RESPONSE, headers }) }).refresh(),
      );
      assert.deepEqual([error.code, error.status], ['keys_unavailable', 503]);
    }
  });
}

test('one length, or one transfer coding, is how responses are', async () => {
  for (const fields of [
    { 'content-length': [SIZE] },
    { 'transfer-encoding': ['chunked'] },
    { 'transfer-encoding': ['Chunked'] },
  ]) {
    const lines = linesOf(fields);
    await withRawServer(lines, (jwksUri) => new Verifier({ jwksUri }).refresh());
    await new Verifier({ jwksUri: URL, fetch: async () => ({ ...RESPONSE, headers: new Headers(lines) }) }).refresh();
  }
});

// ---- a real provider

for (const [fault, words] of Object.entries(PLAIN)) {
  test(`fault: ${fault}`, () => oneFault(idp, fault, words));
}

test('what is sent', async () => {
  await idp.fault();
  await idp.do('forget');
  const verifier = new Verifier({ jwksUri: idp.jwksUri, algorithms: 'ES256' });
  await verifier.refresh();
  await verifier.refresh();
  const { requests, connections, last_headers: sent } = await idp.do('state');
  assert.deepEqual([requests, connections], [2, 2]);
  assert.deepEqual(
    [sent.accept, sent['accept-encoding'], sent['user-agent'].split('/')[0]],
    ['application/json, application/jwk-set+json', 'identity', 'fastbearer'],
  );
  assert.ok('if-none-match' in sent && !('cookie' in sent) && !('authorization' in sent) && !('referer' in sent));
});

test('a redirect is not followed', async () => {
  await idp.fault('redirect');
  await idp.do('forget');
  await rejected(new Verifier({ jwksUri: idp.jwksUri, algorithms: 'ES256' }).refresh());
  assert.equal(await idp.requests(), 1);
  await idp.fault();
});

test('a provider that refuses connections, and comes back on the same port', async () => {
  const verifier = new Verifier({ jwksUri: idp.jwksUri, algorithms: 'ES256' });
  await idp.do('down');
  assert.match((await rejected(verifier.refresh())).message, /ECONNREFUSED/u);
  await idp.do('up');
  await verifier.refresh();
  assert.ok(await verifier.verify(await idp.mint()));
});

// ---- TLS. Certificates are read when a process starts, so each scene is a process.

test('TLS: every fault, with the authority from NODE_EXTRA_CA_CERTS', async () => {
  const secure = await IdentityProvider.start('--tls', '--algorithms', 'ES256');
  try {
    const child = spawn(process.execPath, ['--test', path.join(ROOT, 'tests/node/support/tls_faults.mjs')], {
      cwd: ROOT,
      env: {
        ...process.env,
        NODE_TEST_CONTEXT: undefined,
        NODE_EXTRA_CA_CERTS: secure.caFile,
        IDP_CONTROL: secure.control,
      },
    });
    const output = [];
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    const [status] = await once(child, 'close');
    const text = Buffer.concat(output).toString();
    assert.equal(status, 0, text);
    assert.match(text, /pass 1[0-9]\n/u, text); // it did run them
  } finally {
    await secure.stop();
  }
});

test('TLS: certificates are checked, whatever the environment says', async () => {
  const secure = await IdentityProvider.start('--tls', '--algorithms', 'ES256');
  const program = `
    const { Verifier } = require(${INDEX});
    new Verifier({ jwksUri: '${secure.jwksUri}', algorithms: 'ES256' }).refresh().then(() => console.log('fetched'), (error) => console.log(error.message));`;
  try {
    const run = async (env, flags = []) =>
      (await nodeAsync(program, { env, flags: ['--no-warnings', ...flags] })).stdout;
    assert.equal(await run({ NODE_EXTRA_CA_CERTS: secure.caFile }), 'fetched\n');
    assert.match(await run({ NODE_EXTRA_CA_CERTS: '' }), /certificate/u);
    assert.match(
      await run({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }),
      /NODE_TLS_REJECT_UNAUTHORIZED=0 switches certificate checks off/u,
    );
    assert.match(await run({ NODE_EXTRA_CA_CERTS: secure.caFile }, ['--tls-min-v1.0']), /TLS below 1\.2/u);
    await secure.do('behave', { tls_version: '1.1' });
    assert.doesNotMatch(await run({ NODE_EXTRA_CA_CERTS: secure.caFile }), /fetched/u);
  } finally {
    await secure.stop();
  }
});

/* What Node of these systems has, on this one: the names of the platform and of the store's certificates. */
const asOn = (platform, systemFile) => `
  const { readFileSync } = require('node:fs');
  const tls = require('node:tls');
  Object.defineProperty(process, 'platform', { value: '${platform}' });
  const kinds = { default: () => [...tls.rootCertificates], system: () => [readFileSync('${systemFile}', 'utf8')] };
  tls.getCACertificates = ${systemFile === undefined ? 'undefined' : '(kind) => kinds[kind]()'};`;

test('TLS: on Windows and macOS the authorities of the system are trusted beside those of Node', async () => {
  const secure = await IdentityProvider.start('--tls', '--algorithms', 'ES256');
  const other = await IdentityProvider.start('--tls', '--algorithms', 'ES256');
  const run = async (scene, options = '', env = {}) => {
    const program = `
      const { Verifier } = require(${INDEX});
      ${scene}
      new Verifier({ jwksUri: '${secure.jwksUri}', algorithms: 'ES256', ${options} }).refresh()
        .then(() => console.log('fetched'), (error) => console.log(error.message));`;
    return (await nodeAsync(program, { env, flags: ['--no-warnings'] })).stdout;
  };
  try {
    for (const platform of ['darwin', 'win32']) {
      assert.equal(await run(asOn(platform, secure.caFile)), 'fetched\n');
      assert.match(await run(asOn(platform, other.caFile)), /certificate/u);
      assert.match(await run(asOn(platform)), /certificate/u); // Node before 22.15
    }
    assert.match(await run(asOn('linux', secure.caFile)), /certificate/u);
    const own = asOn('darwin', secure.caFile);
    assert.match(await run(own, 'fetch: (url, init) => globalThis.fetch(url, init)'), /certificate/u);
    const dispatcher = `${own} globalThis[Symbol.for('undici.globalDispatcher.1')] = new (class ProxyAgent {
      dispatch(_, handler) {
        handler.onError(Object.assign(new Error('of the proxy'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' }));
      }
    })();`;
    assert.match(await run(dispatcher), /of the proxy/u); // which nothing goes around
    const careless = await run(own, '', { NODE_TLS_REJECT_UNAUTHORIZED: '0' });
    assert.match(careless, /NODE_TLS_REJECT_UNAUTHORIZED=0 switches certificate checks off/u);
    for (const [fault, words] of [
      ['wrong_host', SECURE.wrong_host],
      ['expired', SECURE.expired],
      ['self_signed', SECURE.self_signed],
      ['endless_body', SECURE.endless_body],
      ['short_body', /aborted|closed/u],
      ['hang', /no complete response within 1 s/u],
      ['redirect', /status 302/u],
    ]) {
      await secure.fault(fault);
      assert.match(await run(own, 'fetchTimeout: 1'), words, fault);
    }
  } finally {
    await secure.stop();
    await other.stop();
  }
});

// ---- proxies

test('proxy variables that are not used are warned of once', async () => {
  const program = (options = '') => `
    const { Verifier } = require(${INDEX});
    const names = [];
    process.on('warning', (warning) => names.push(warning.code + ' ' + warning.message));
    globalThis.fetch = async () => { throw new Error('down'); };
    (async () => {
      for (let i = 0; i < 3; i++) {
        const verifier = new Verifier({ jwksUri: 'https://issuer.example/jwks', ${options} });
        await verifier.refresh().catch(() => {});
        await verifier.refresh().catch(() => {});
      }
      await new Promise(setImmediate);
      console.log(names.filter((name) => name.startsWith('FASTBEARER_PROXY')).join());
    })();`;
  const none = Object.fromEntries(
    ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY', 'no_proxy', 'NO_PROXY', 'NODE_USE_ENV_PROXY'].map(
      (name) => [name, undefined],
    ),
  );
  const said = async (env, options, flags = []) =>
    (await nodeAsync(program(options), { env: { ...none, ...env }, flags: ['--no-warnings', ...flags] })).stdout.trim();
  const proxy = 'http://user:secret@proxy.example:3128';
  for (const name of ['HTTPS_PROXY', 'https_proxy']) {
    assert.match(
      await said({ [name]: proxy }),
      new RegExp(`^FASTBEARER_PROXY ${name} is set, but [^,]* does not use it: [^,]*$`, 'u'),
    );
  }
  assert.match(
    await said({ HTTPS_PROXY: proxy }, 'ssrfSafe: true, fetchTimeout: 0.1'),
    /^FASTBEARER_PROXY HTTPS_PROXY is set, but ssrfSafe connects directly$/u,
  );
  assert.equal(await said({}), '');
  assert.equal(await said({ HTTP_PROXY: proxy }), ''); // not for https
  assert.equal(await said({ HTTPS_PROXY: proxy, NO_PROXY: 'a.example, .EXAMPLE' }), '');
  assert.equal(await said({ HTTPS_PROXY: proxy, NO_PROXY: '*' }), '');
  assert.equal(await said({ HTTPS_PROXY: proxy }, 'fetch: globalThis.fetch'), ''); // its own affair
  const supported = process.allowedNodeEnvironmentFlags.has('--use-env-proxy');
  assert.equal((await said({ HTTPS_PROXY: proxy, NODE_USE_ENV_PROXY: '1' })) === '', supported);
});

// ---- ssrfSafe

test('ssrfSafe opens no connection to loopback, by name or by address', async () => {
  await idp.do('forget');
  const port = new globalThis.URL(idp.jwksUri).port;
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0x7f.1', '2130706433']) {
    const verifier = new Verifier({ jwksUri: `http://${host}:${port}/jwks`, allowHttp: true, ssrfSafe: true });
    assert.match((await rejected(verifier.refresh())).message, /not public/u, host);
  }
  assert.equal((await idp.do('state')).connections, 0);
});

/* A network of its own, in which a public address is this machine's. */
const NAMESPACE = 'ip link set lo up && ip addr add 8.8.4.4/32 dev lo && exec "$0" --no-warnings -e "$1"';
const canIsolate =
  spawnSync('unshare', ['-rn', 'sh', '-c', 'ip link set lo up && ip addr add 8.8.4.4/32 dev lo']).status === 0;

if (!canIsolate) {
  noteSkip('fetch.test.mjs: ssrfSafe connects to public addresses: needs unshare -rn and ip');
}

test('ssrfSafe connects to public addresses, each of them resolved once', {
  skip: !canIsolate && 'needs unshare -rn and ip',
}, () => {
  const program = `
    const dns = require('node:dns');
    const http = require('node:http');
    const { Verifier } = require(${INDEX});
    const looked = [];
    const names = {
      'good.example': ['8.8.4.4'], 'mixed.example': ['8.8.4.4', '127.0.0.1'], 'meta.example': ['169.254.169.254'], 'six.example': ['::ffff:10.0.0.1'], 'none.example': [],
    };
    const server = http.createServer((request, response) => {
      if (request.url === '/redirect') response.writeHead(302, { location: 'http://127.0.0.1/' }).end();
      else response.end(${JSON.stringify(BODY)});
    });
    server.listen(0, '0.0.0.0', async () => {
      dns.promises.lookup = async (host) => {
        looked.push(host);
        return (names[host] ?? [host]).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      };
      dns.lookup = () => { throw new Error('a second look-up'); };
      const port = server.address().port;
      for (const [host, path] of [['8.8.4.4', ''], ['good.example', ''], ['good.example', 'redirect'], ['mixed.example', ''], ['meta.example', ''], ['six.example', ''], ['none.example', '']]) {
        const verifier = new Verifier({ jwksUri: 'http://' + host + ':' + port + '/' + path, allowHttp: true, ssrfSafe: true, fetchTimeout: 2 });
        await verifier.refresh().then(() => console.log(host, verifier.keys().length), (error) => console.log(host, error.message.replace(/^\\S+ /, '')));
      }
      console.log(looked.length);
      server.close();
    });`;
  const done = spawnSync('unshare', ['-rn', 'sh', '-c', NAMESPACE, process.execPath, program], {
    encoding: 'utf8',
    cwd: ROOT,
  });
  const refused = 'ssrfSafe: the host has an address that is not public';
  assert.deepEqual(
    done.stdout.split('\n'),
    [
      '8.8.4.4 1',
      'good.example 1',
      'good.example answered with status 302',
      `mixed.example ${refused}`,
      `meta.example ${refused}`,
      `six.example ${refused}`,
      `none.example ${refused}`,
      '7',
      '',
    ],
    done.stderr,
  );
});

test('ssrfSafe trusts the authorities of the system too, on Windows and macOS', {
  skip: !canIsolate && 'needs unshare -rn and ip',
}, () => {
  const { pem, key } = certificateOf('public', '8.8.4.4');
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-system-'));
  const file = path.join(folder, 'ca.pem');
  writeFileSync(file, pem);
  const program = (platform) => `
    const https = require('node:https');
    const { Verifier } = require(${INDEX});
    ${asOn(platform, file)}
    const server = https.createServer(${JSON.stringify({ cert: pem, key })}, (_, response) => response.end(${JSON.stringify(BODY)}));
    server.listen(0, '8.8.4.4', async () => {
      const verifier = new Verifier({ jwksUri: 'https://8.8.4.4:' + server.address().port, ssrfSafe: true });
      await verifier.refresh().then(() => console.log('fetched'), (error) => console.log(error.message));
      server.close();
    });`;
  const run = (platform) =>
    spawnSync('unshare', ['-rn', 'sh', '-c', NAMESPACE, process.execPath, program(platform)], { encoding: 'utf8' });
  const [trusting, other] = [run('win32'), run('linux')];
  rmSync(folder, { recursive: true });
  assert.equal(trusting.stdout, 'fetched\n', trusting.stderr);
  assert.match(other.stdout, /self-signed certificate/u);
});
