/*
 * The body of a request, read before the application reads it, and left for it as it came. Where something in front has
 * read it, what that has made of it is what the application gets, and so what is looked at.
 *
 * Both kinds have headers, read(limit), which resolves to all bytes, or to some more than limit where there are more,
 * and discard(), for a request that is refused after that.
 */
'use strict';

const { contentHeaders } = require('./request-info.cjs');

/* It was read before, and nobody knows what of it the application will see. The server's fault, and no refusal. */
class BodyGone extends Error {
  constructor() {
    super(
      'the body of the request was read before the guard could see it: put the guard in front of what reads bodies',
    );
    this.code = 'ERR_BODY_READ';
    this.status = 500;
  }
}

/* The connection was closed before the whole body had come: there is nobody to answer. */
class ClientGone extends Error {}

/* What a parser has made of a body, as bytes. Of an object: what a parser of JSON sees in it. */
function bytesOf(parsed) {
  if (parsed instanceof Uint8Array) {
    return parsed;
  }
  return new TextEncoder().encode(typeof parsed === 'string' ? parsed : JSON.stringify(parsed));
}

/* Whether there is a body to wait for (RFC 9112 section 6.3); in HTTP/2 it may come unannounced. */
function hasBody({ headers, httpVersionMajor }) {
  return headers['transfer-encoding'] !== undefined || headers['content-length'] > 0 || httpVersionMajor > 1;
}

/* All of it has come. Before all of it is read only HTTP/1's requests say so. */
const isComplete = (stream) => stream.complete === true || stream._readableState?.ended === true;

/*
 * Takes what has come out of a stream, and puts it back in the same turn, so that the stream never ends meanwhile: from
 * one that has ended nobody can read again. Nor may an empty one be read, which ends it.
 */
class Collector {
  #stream;
  #limit;
  #chunks = [];
  #size = 0;

  constructor(stream, limit) {
    this.#stream = stream;
    this.#limit = limit;
  }

  /* The body, or undefined where more must come. */
  take() {
    const stream = this.#stream;
    while (stream.readableLength > 0 && this.#size <= this.#limit) {
      const chunk = stream.read();
      if (chunk === null) {
        break;
      }
      this.#chunks.push(chunk);
      this.#size += chunk.length;
    }
    const isLarge = this.#size > this.#limit;
    if (!isLarge && !(isComplete(stream) && stream.readableLength === 0)) {
      return undefined;
    }
    const body = Buffer.concat(this.#chunks);
    if (body.length > 0) {
      stream.unshift(body);
    }
    return body;
  }
}

function collect(stream, limit) {
  const collector = new Collector(stream, limit);
  return new Promise((resolve, reject) => {
    const settle = (how, value) => {
      stream.off('readable', advance).off('close', gone).off('error', gone).off('aborted', gone);
      how(value);
    };
    const advance = () => {
      const body = collector.take();
      if (body !== undefined) {
        settle(resolve, body);
      }
    };
    const gone = () => settle(reject, new ClientGone());
    if (isComplete(stream) && stream.readableLength === 0) {
      resolve(Buffer.alloc(0));
      return;
    }
    stream.on('close', gone).on('error', gone).on('aborted', gone).on('readable', advance);
  });
}

/* What has been read already, for a guard after another one. */
const collected = new WeakMap();

/* Of Node's request. parsed: what middleware in front has made of the body, if it has read it. */
class NodeBody {
  #request;
  #parsed;

  constructor(request, parsed) {
    this.#request = request;
    this.#parsed = parsed;
  }

  get headers() {
    return contentHeaders(this.#request);
  }

  async read(limit) {
    const request = this.#request;
    if (!hasBody(request)) {
      return new Uint8Array();
    }
    if (collected.has(request)) {
      return collected.get(request);
    }
    if (request.readableEnded && this.#parsed !== undefined) {
      return bytesOf(this.#parsed);
    }
    if (request.readableDidRead || request.readableFlowing || request.destroyed) {
      throw new BodyGone();
    }
    const body = await collect(request, limit);
    collected.set(request, body);
    return body;
  }

  /* Or the connection waits for it to be read, and has no next request. (Deno's does even if nobody has begun.) */
  discard() {
    this.#request.resume();
  }
}

/* Of fetch's. parsed: a function that says what the framework has made of the body, if it has read it. */
class FetchBody {
  #request;
  #parsed;
  #isRead = false;

  constructor(request, parsed) {
    this.#request = request;
    this.#parsed = parsed;
  }

  get headers() {
    return contentHeaders(this.#request);
  }

  async read(limit) {
    const request = this.#request;
    if (request.bodyUsed) {
      if (this.#parsed === undefined) {
        throw new BodyGone();
      }
      return bytesOf(await this.#parsed());
    }
    this.#isRead = true;
    const { body } = request.clone();
    const chunks = [];
    let size = 0;
    // Not a loop over the body: leaving one waits for the other copy to be cancelled, too.
    const reader = body?.getReader();
    for (let next = await reader?.read(); next?.done === false && size <= limit; next = await reader.read()) {
      chunks.push(next.value);
      size += next.value.length;
    }
    void reader?.cancel().catch(() => {});
    return Buffer.concat(chunks);
  }

  discard() {
    if (this.#isRead) {
      void this.#request.body?.cancel().catch(() => {});
    }
  }
}

const bodyOf = (request, parsed) =>
  Array.isArray(request.rawHeaders) ? new NodeBody(request, parsed) : new FetchBody(request, parsed);

module.exports = { ClientGone, bodyOf };
