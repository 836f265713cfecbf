/* An introspection endpoint on loopback, and what it says of a good token. */
import { once } from 'node:events';
import http from 'node:http';

export const seconds = () => Math.floor(Date.now() / 1000);

export const active = (claims) => ({
  active: true,
  client_id: 'c',
  sub: 'alice',
  aud: 'a',
  exp: seconds() + 600,
  ...claims,
});

/* An introspection endpoint that says what it is told to, and misbehaves when it is told to. */
export class Endpoint {
  answers = {};
  asked = [];
  headers = [];
  status = 200;
  raw = undefined;
  most = 0;
  sockets = new Set();
  #going = 0;
  #open = Promise.resolve();
  #release = () => {};

  constructor() {
    this.server = http.createServer((request, response) => void this.#reply(request, response));
    this.server.on('connection', (socket) => this.sockets.add(socket));
  }

  async start() {
    await once(this.server.listen(0, '127.0.0.1'), 'listening');
    this.url = `http://127.0.0.1:${this.server.address().port}/introspect`;
    return this;
  }

  hold() {
    this.#open = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  go() {
    this.#release();
  }

  async #reply(request, response) {
    const form = new URLSearchParams(Buffer.concat(await request.toArray()).toString());
    this.asked.push(Object.fromEntries(form));
    this.headers.push(request.headers);
    this.#going += 1;
    this.most = Math.max(this.most, this.#going);
    await this.#open;
    this.#going -= 1;
    const body = this.raw ?? JSON.stringify(this.answers[form.get('token')] ?? { active: false });
    const more = this.status >= 300 && this.status < 400 ? { location: '/elsewhere' } : {};
    response.writeHead(this.status, { ...more, ...this.more });
    response.end(body);
  }

  close() {
    this.go();
    this.server.close();
    this.server.closeAllConnections();
  }
}
