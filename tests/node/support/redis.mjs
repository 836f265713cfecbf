/* Real Redis servers for tests: with a password, with TLS, and such as can be killed and paused. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PASSWORD = 'a password that only tests have';

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function accepts(port) {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

export class RedisServer {
  #folder = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-redis-'));
  #tls;
  #process;

  /* tls: { cert, key, ca }, paths; it speaks TLS alone then. */
  static async start(tls) {
    const server = new RedisServer();
    server.#tls = tls;
    server.port = await freePort();
    await server.start();
    return server;
  }

  /* With the password. */
  get url() {
    return this.urlWith(PASSWORD);
  }

  urlWith(password) {
    return `${this.#tls === undefined ? 'redis' : 'rediss'}://:${encodeURIComponent(password)}@127.0.0.1:${this.port}`;
  }

  /* Starts it, empty. */
  async start() {
    const common = ['--requirepass', PASSWORD, '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'];
    const { cert, key, ca } = this.#tls ?? {};
    const files = [
      '--tls-cert-file',
      cert,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      ca,
      '--tls-auth-clients',
      'no',
    ];
    const transport =
      this.#tls === undefined
        ? ['--port', String(this.port)]
        : ['--port', '0', '--tls-port', String(this.port), ...files];
    this.#process = spawn('redis-server', [...common, '--dir', this.#folder, ...transport], { stdio: 'ignore' });
    while (!(await accepts(this.port))) {
      if (this.#process.exitCode !== null) {
        throw new Error('redis-server did not start');
      }
      await sleep(20);
    }
  }

  /* Ends it at once; connections are refused. */
  async kill() {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    this.#process = undefined;
  }

  /* Connections stay, and nothing is answered. */
  pause() {
    this.#process.kill('SIGSTOP');
  }

  resume() {
    this.#process.kill('SIGCONT');
  }

  async close() {
    if (this.#process !== undefined) {
      await this.kill();
    }
    rmSync(this.#folder, { recursive: true });
  }
}
