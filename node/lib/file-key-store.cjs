/*
 * Key sets in files, for the processes of one machine, in the form and the places of the Python package's FileKeyStore.
 * Whoever can write these files can have any token accepted, so they must be this user's, and writable for nobody else.
 * What is opened is looked at, not its name: nothing can be exchanged in between.
 */
'use strict';

const { randomBytes } = require('node:crypto');
const fs = require('node:fs');
const util = require('node:util');

const { ConfigurationError } = require('./errors.cjs');
const native = require('./native.cjs');
const { MAX_BYTES, StoredKeys } = require('./stored-keys.cjs');

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;
const SOURCE = /^[A-Za-z0-9_-]{1,64}$/u;
/* Seconds after which what a crashed process has left half written is removed. */
const ABANDONED = 60;
const WRITABLE_FOR_OTHERS = 0o022;
const WORKING_DIRECTORY = -1;

function systemError(call, name, number) {
  const code = util.getSystemErrorName(number);
  return Object.assign(new Error(`${code}: ${call} of ${name}`), { code, errno: number, syscall: call });
}

/* What a call of the addon has returned, or its error. */
function checked(call, name, found) {
  if (found < 0) {
    throw systemError(call, name, found);
  }
  return found;
}

function refusal(sentence) {
  return Object.assign(new Error(sentence), { code: 'EACCES' });
}

/* The attributes of an open file, which must be this user's alone. */
function assertOwn(file, name, isDirectory) {
  const found = fs.fstatSync(file);
  if (!(isDirectory ? found.isDirectory() : found.isFile())) {
    throw refusal(`${name} is not what it should be (a folder, or a plain file)`);
  }
  if (found.uid !== process.geteuid()) {
    throw refusal(`${name} belongs to another user`);
  }
  if ((found.mode & WRITABLE_FOR_OTHERS) !== 0) {
    throw refusal(`others may write to ${name}`);
  }
  return found;
}

function nameOf(source, suffix) {
  if (typeof source !== 'string' || !SOURCE.test(source)) {
    throw new TypeError('source must be 1 to 64 characters of A-Z, a-z, 0-9, - and _');
  }
  return `${source}.${suffix}`;
}

function openIn(folder, name, flags) {
  return checked('open', name, native.openAt(folder, name, flags | O_NOFOLLOW, 0o600));
}

/* Opened files are closed whatever happens. */
async function closing(file, use) {
  try {
    return await use(file);
  } finally {
    fs.closeSync(file);
  }
}

const read = util.promisify(fs.read);
const writeFile = util.promisify(fs.writeFile);

function fsync(file) {
  return new Promise((resolve, reject) => fs.fsync(file, (error) => (error ? reject(error) : resolve())));
}

/* One byte more than the file had: a file that is replaced whole does not grow. */
async function readAll(file, name) {
  const { size } = assertOwn(file, name, false);
  if (size > MAX_BYTES) {
    throw new TypeError(`${name} is too large`);
  }
  const held = Buffer.alloc(size + 1);
  let used = 0;
  for (let count = -1; count !== 0 && used < held.length; used += count) {
    count = (await read(file, held, used, held.length - used, null)).bytesRead;
  }
  return held.subarray(0, used);
}

/* Half-written files of processes that are no more. */
function sweep(path, folder, prefix) {
  for (const name of fs.readdirSync(path)) {
    if (!name.startsWith(prefix)) {
      continue;
    }
    const file = native.openAt(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (file < 0) {
      continue; // another process has been faster
    }
    const { mtimeMs } = fs.fstatSync(file);
    fs.closeSync(file);
    if (mtimeMs < Date.now() - ABANDONED * 1000) {
      native.unlinkAt(folder, name);
    }
  }
}

class FileKeyStore {
  #folder;
  #claims = new Map(); // open files with a lock on them, which ends with them

  constructor(folder) {
    if (native.openAt === undefined) {
      throw new ConfigurationError(
        'FileKeyStore needs the file modes of POSIX; on Windows use the RedisStore of fastbearer/redis',
      );
    }
    if (typeof folder !== 'string' || folder === '' || folder.includes('\0')) {
      throw new ConfigurationError('folder must be a path, which is a string without NUL that is not empty');
    }
    this.#folder = folder;
    try {
      fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
      fs.closeSync(this.#open());
    } catch (error) {
      throw new ConfigurationError(`keyStore: ${error.message} (${folder})`);
    }
  }

  [util.inspect.custom]() {
    return `FileKeyStore(${util.inspect(this.#folder)})`;
  }

  /* The set that was saved last. */
  async load(source) {
    const name = nameOf(source, 'keys');
    const folder = this.#open();
    let file;
    try {
      // O_NONBLOCK: a pipe in its place must not keep us waiting before it is refused.
      file = native.openAt(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    } finally {
      fs.closeSync(folder);
    }
    if (file < 0 && util.getSystemErrorName(file) === 'ENOENT') {
      return undefined;
    }
    return closing(checked('open', name, file), async () => StoredKeys.fromBytes(await readAll(file, name)));
  }

  /* Keeps a set; a process that reads meanwhile gets this one or the one before. */
  async save(source, keys) {
    const name = nameOf(source, 'keys');
    const data = new StoredKeys(keys).toBytes();
    const written = `.${name}.${randomBytes(8).toString('hex')}`;
    await closing(this.#open(), async (folder) => {
      sweep(this.#folder, folder, `.${name}.`);
      try {
        await closing(openIn(folder, written, O_WRONLY | O_CREAT | O_EXCL), async (file) => {
          await writeFile(file, data);
          await fsync(file); // or a crash of the machine could leave an empty file under the final name
        });
        checked('rename', name, native.renameAt(folder, written, name));
      } catch (error) {
        native.unlinkAt(folder, written);
        throw error;
      }
    });
  }

  /* Whether this process is to fetch. The claim ends with release or with the process. */
  claim(source) {
    const name = nameOf(source, 'lock');
    if (this.#claims.has(source)) {
      return true;
    }
    const folder = this.#open();
    let file;
    try {
      file = openIn(folder, name, O_RDWR | O_CREAT);
    } finally {
      fs.closeSync(folder);
    }
    let isLocked = false;
    try {
      assertOwn(file, name, false);
      const found = native.lock(file);
      isLocked = found === 0;
      if (!isLocked && util.getSystemErrorName(found) !== 'EAGAIN') {
        throw systemError('lock', name, found);
      }
    } finally {
      if (!isLocked) {
        fs.closeSync(file);
      }
    }
    if (isLocked) {
      this.#claims.set(source, file);
    }
    return isLocked;
  }

  release(source) {
    const file = this.#claims.get(source);
    if (file !== undefined) {
      this.#claims.delete(source);
      fs.closeSync(file);
    }
  }

  #open() {
    const folder = checked(
      'open',
      this.#folder,
      native.openAt(WORKING_DIRECTORY, this.#folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0),
    );
    try {
      assertOwn(folder, this.#folder, true);
    } catch (error) {
      fs.closeSync(folder);
      throw error;
    }
    return folder;
  }
}

module.exports = { FileKeyStore };
