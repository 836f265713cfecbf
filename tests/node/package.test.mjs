/* The package as a user gets it: packed, installed, loaded in every way, built from the tarball. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { ROOT } from './support/idp.mjs';

const scratch = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-package-'));
const app = path.join(scratch, 'app');
const installed = path.join(app, 'node_modules', 'fastbearer');
after(() => rmSync(scratch, { recursive: true }));

function run(command, parameters, options = {}) {
  return spawnSync(command, parameters, { encoding: 'utf8', cwd: app, ...options });
}

before(() => {
  const [{ filename }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--pack-destination', scratch], { cwd: ROOT, encoding: 'utf8' }),
  );
  mkdirSync(app);
  writeFileSync(path.join(app, 'package.json'), '{"name":"app","private":true}');
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  execFileSync('npm', ['install', ...flags, path.join(scratch, filename)], { cwd: app, stdio: 'pipe' });
});

test('the tarball holds what is needed to run and to build, and nothing that was built', () => {
  const files = readdirSync(installed, { recursive: true }).filter((name) => !name.startsWith('node_modules'));
  for (const name of [
    'node/index.cjs',
    'node/index.d.cts',
    'bindings/node/module.c',
    'core/include/fastbearer.h',
    'core/sources.txt',
    'CMakeLists.txt',
    'LICENSE',
    'README.md',
  ]) {
    assert.ok(files.includes(name), `${name} is missing`);
  }
  assert.deepEqual(
    files.filter((name) => /\.(node|so|o|tgz)$|^build|^tests|^python|\.py$/u.test(name)),
    [],
  );
  const scripts = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8')).scripts;
  const onInstall = ['preinstall', 'install', 'postinstall', 'prepare'].filter((name) => name in scripts);
  assert.deepEqual(onInstall, []);
});

test('nothing that a run writes is tracked', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
  assert.deepEqual(
    files.filter((name) => /\.(log|tgz|node|cpuprofile|heapsnapshot)$/u.test(name)),
    [],
  );
});

test('versions of Node that cannot be had are named and counted', () => {
  const noted = path.join(scratch, 'skipped');
  const nowhere = {
    npm_config_registry: 'http://127.0.0.1:9',
    npm_config_cache: path.join(scratch, 'no-cache'),
    npm_config_fetch_retries: '0',
  };
  const versions = (env, ...majors) =>
    run(process.execPath, [path.join(ROOT, 'tests/node/versions.mjs'), ...majors], {
      env: { ...process.env, CI: '', FB_SKIPPED: noted, ...nowhere, ...env },
    });
  const done = versions({}, '998', '999');
  assert.deepEqual(
    [done.status, done.stdout.split('\n').at(-2)],
    [0, '0 of 2 versions of Node tested, 2 SKIPPED'],
    done.stderr,
  );
  assert.match(done.stdout, /^SKIPPED node 998: .*\nSKIPPED node 999: /u);
  assert.match(readFileSync(noted, 'utf8'), /^tests under Node 998: .*\ntests under Node 999: .*\n$/u);
  assert.equal(versions({ CI: 'true' }, '999').status, 0); // there is no network
});

test('without the addon, loading it says how to build', () => {
  for (const program of ["require('fastbearer')", "require('fastbearer/testing')"]) {
    const done = run(process.execPath, ['-e', program]);
    assert.equal(done.status, 1);
    assert.match(
      done.stderr,
      /fastbearer: its native part is not built for this system \(linux-x64, Node \d+[^)]*\): run `npm run build` in \S*app\/node_modules\/fastbearer/u,
    );
  }
});

test('an addon that cannot be loaded says why', () => {
  const folder = path.join(installed, 'build-node');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'fastbearer.node'), 'no shared object');
  const done = run(process.execPath, [
    '-e',
    "try { require('fastbearer') } catch (error) { console.log(error.code, error.message) }",
  ]);
  rmSync(folder, { recursive: true });
  assert.match(
    done.stdout,
    /^ERR_ADDON_MISSING fastbearer: its native part cannot be loaded .*(file too short|invalid ELF header)/u,
  );
});

// ---- what is missing for a build is named

/* A PATH with everything but some. */
function pathWithout(...names) {
  const folder = mkdtempSync(path.join(scratch, 'bin-'));
  for (const name of [
    'node',
    'sh',
    'env',
    'cc',
    'c++',
    'cmake',
    'make',
    'pkg-config',
    'gcc',
    'g++',
    'as',
    'ld',
    'uname',
  ]) {
    const found = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
    if (found !== '' && !names.includes(name)) {
      symlinkSync(found, path.join(folder, name));
    }
  }
  return folder;
}

/* pkg-config that does not know one library. */
function pkgConfigWithout(library) {
  const folder = pathWithout('pkg-config');
  const real = spawnSync('sh', ['-c', 'command -v pkg-config'], { encoding: 'utf8' }).stdout.trim();
  const file = path.join(folder, 'pkg-config');
  writeFileSync(file, `#!/bin/sh\ncase "$*" in *${library}*) exit 1;; esac\nexec ${real} "$@"\n`);
  chmodSync(file, 0o755);
  return folder;
}

/* Builds, and removes the build folder. */
function build(PATH, ...parameters) {
  const program = path.join(installed, 'bindings/node/build.cjs');
  const done = run(process.execPath, [program, ...parameters], { env: { ...process.env, CC: '', CXX: '', PATH } });
  rmSync(path.join(installed, 'build-node'), { recursive: true, force: true });
  return done;
}

for (const [what, makePath, name] of [
  ['C compiler', () => pathWithout('cc', 'gcc'), 'gcc'],
  ['CMake', () => pathWithout('cmake'), 'cmake'],
  ['make', () => pathWithout('make'), 'make'],
  ['pkg-config', () => pathWithout('pkg-config'), 'pkg-config'],
  ['OpenSSL', () => pkgConfigWithout('libcrypto'), 'libssl-dev'],
  ['jansson', () => pkgConfigWithout('jansson'), 'libjansson-dev'],
]) {
  test(`a build without ${what} says which package to install, in one sentence`, () => {
    const done = build(makePath());
    assert.equal(done.status, 1);
    assert.equal(done.stderr.trim().split('\n').length, 1, done.stderr);
    assert.match(
      done.stderr,
      new RegExp(`^fastbearer: the addon cannot be built without .*: install ${name.replaceAll('+', '\\+')} \\(`, 'u'),
    );
  });
}

test('a build without libcrypto.a says so', () => {
  const folder = path.join(scratch, 'shared-only');
  mkdirSync(folder);
  const real = execFileSync('pkg-config', ['--variable=libdir', 'libcrypto'], { encoding: 'utf8' }).trim();
  symlinkSync(path.join(real, 'libcrypto.so'), path.join(folder, 'libcrypto.so'));
  const done = build(process.env.PATH, `-DOPENSSL_CRYPTO_LIBRARY=${path.join(folder, 'libcrypto.so')}`);
  assert.equal(done.status, 1);
  assert.equal(done.stderr, 'fastbearer: The static OpenSSL library libcrypto.a is missing: install libssl-dev\n');
});

// ---- built

test('npm run build in the installed package makes it work, as CommonJS and as a module', { timeout: 600_000 }, () => {
  const built = run('npm', ['run', '--silent', 'build', '--prefix', installed]);
  assert.equal(built.status, 0, built.stderr);
  const commonjs = `
    const { KeyPair, Verifier, BearerError, versions } = require('fastbearer');
    import('fastbearer').then((module) => {
      const pair = KeyPair.generateSync('ES256');
      const access = new module.Verifier({ publicKey: pair.publicKey, algorithms: 'ES256' }).verifySync(pair.createToken());
      console.log(access.clientId, module.Verifier === Verifier, module.BearerError === BearerError, versions.fastbearer);
    });`;
  const version = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version;
  assert.equal(run(process.execPath, ['-e', commonjs]).stdout, `fastmcp-user true true ${version}\n`);
  const module = `
    import * as fastbearer from 'fastbearer';
    import { JWKSServer } from 'fastbearer/testing';
    await using_(await JWKSServer.start());
    async function using_(server) {
      const access = await new fastbearer.Verifier({ jwksUri: server.jwksUri }).verify(server.mint());
      await server.close();
      const names = Object.keys(fastbearer).filter((name) => name !== 'default' && name !== 'module.exports');
      console.log(access.subject, names.sort().join());
    }`;
  assert.equal(
    run(process.execPath, ['--input-type=module', '-e', module]).stdout,
    'fastmcp-user BearerAuthProvider,BearerError,ConfigurationError,KeyPair,RSAKeyPair,Verifier,decodeUnverified,getAccessToken,requireAccessToken,versions\n',
  );
});

test('every sub-path exports the same to import and to require', () => {
  const manifest = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'));
  const namesOf = (program) => {
    const done = run(process.execPath, [
      '--input-type=module',
      '-e',
      `${program}\nconsole.log(Object.keys(exported).sort().join());`,
    ]);
    return done.stdout
      .trim()
      .split(',')
      .filter((name) => name !== 'default' && name !== 'module.exports');
  };
  for (const [name, target] of Object.entries(manifest.exports).filter(([, value]) => typeof value !== 'string')) {
    for (const { types, default: file } of target.default === undefined ? Object.values(target) : [target]) {
      assert.ok(
        existsSync(path.join(installed, types)) && existsSync(path.join(installed, file)),
        `${name}: ${file} or ${types} is missing`,
      );
    }
    const specifier = JSON.stringify(`fastbearer${name.slice(1)}`);
    const imported = namesOf(`import * as exported from ${specifier};`);
    const required = namesOf(
      `import { createRequire } from 'node:module'; const exported = createRequire(import.meta.url)(${specifier});`,
    );
    assert.ok(imported.length > 0, name);
    assert.deepEqual(
      imported,
      required.filter((one) => one !== 'prototype'),
      name,
    );
  }
});

test('what is inside is nobody else’s business', () => {
  const done = run(process.execPath, [
    '-e',
    "try { require('fastbearer/node/lib/native.cjs') } catch (error) { console.log(error.code) }",
  ]);
  assert.equal(done.stdout, 'ERR_PACKAGE_PATH_NOT_EXPORTED\n');
  assert.equal(run(process.execPath, ['-p', "require('fastbearer/package.json').name"]).stdout, 'fastbearer\n');
});

test('a build without the N-API headers says so', () => {
  const hidden = path.join(app, 'node_modules', 'node-api-headers');
  rmSync(hidden, { recursive: true });
  const done = build(process.env.PATH);
  assert.match(done.stderr, /^fastbearer: the addon cannot be built without the N-API headers: run npm install first/u);
});
