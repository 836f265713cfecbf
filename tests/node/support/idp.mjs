/*
 * tests/idp from Node: starts `python -m tests.idp`, which ends with this process, and asks its remote control over
 * plain HTTP. Python and its cryptography package are looked for in FB_PYTHON, the project's .venv and the PATH.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

function findPython() {
  const candidates = [process.env.FB_PYTHON, path.join(ROOT, '.venv/bin/python'), 'python3'].filter(Boolean);
  const found = candidates.find((one) => spawnSync(one, ['-c', 'import cryptography']).status === 0);
  if (found === undefined) {
    throw new Error(`no Python with the cryptography package: ${candidates.join(', ')}; run make test-python once`);
  }
  return found;
}

let python;
export function pythonPath() {
  python ??= findPython();
  return python;
}

/* Not through fetch, whose agents tests replace. */
function ask(url, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      url,
      { method: body === undefined ? 'GET' : 'POST', agent: false },
      async (response) => {
        const chunks = await response.toArray();
        const answer = JSON.parse(Buffer.concat(chunks).toString());
        response.statusCode === 200 ? resolve(answer) : reject(new Error(`${url}: ${answer.error}`));
      },
    );
    request.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

export class IdentityProvider {
  #process;
  #control;

  constructor(state, child) {
    this.#process = child;
    this.#control = state.control;
    this.jwksUri = state.jwks_uri;
    this.issuer = state.issuer;
    this.caFile = state.ca_file;
  }

  static async start(...parameters) {
    const child = spawn(pythonPath(), ['-m', 'tests.idp', ...parameters], {
      cwd: ROOT,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = readline.createInterface({ input: child.stdout });
    const [line] = await once(lines, 'line');
    return new IdentityProvider(JSON.parse(line), child);
  }

  /* One that another process has started: its control's URL. */
  static async at(control) {
    return new IdentityProvider({ ...(await ask(`${control}/state`)), control });
  }

  get control() {
    return this.#control;
  }

  do(command, body) {
    return ask(`${this.#control}/${command}`, body);
  }

  fault(name) {
    return this.do(name === undefined ? 'good' : `fault?name=${name}`);
  }

  async requests() {
    return (await this.do('state')).requests;
  }

  async mint(body = {}) {
    return (await this.do('mint', body)).token;
  }

  async stop() {
    const ended = once(this.#process, 'close');
    this.#process.kill();
    await ended;
  }
}
