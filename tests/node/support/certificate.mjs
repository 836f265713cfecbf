/* Self-signed certificates of clients and servers, made by openssl once a process. */
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const made = new Map();

function make(name, address) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fastbearer-certificate-'));
  try {
    const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'certificate.pem')];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
    const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=IP:${address}`];
    const command = ['req', '-x509', ...kind, ...names, '-keyout', key, '-out', certificate];
    execFileSync('openssl', command, { stdio: ['ignore', 'ignore', 'pipe'] });
    const pem = readFileSync(certificate, 'utf8');
    const der = new X509Certificate(pem).raw;
    return { pem, der, key: readFileSync(key, 'utf8'), hash: createHash('sha256').update(der).digest('base64url') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/* { pem, der, key, hash }: hash is what `x5t#S256` holds (RFC 8705 section 3.1). */
export function certificateOf(name, address = '127.0.0.1') {
  if (!made.has(name)) {
    made.set(name, make(name, address));
  }
  return made.get(name);
}
