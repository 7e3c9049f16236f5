import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';

import { hasErrno } from '../sys/sys-error.ts';
import {
  bitString,
  explicit,
  implicit,
  integer,
  objectId,
  octetString,
  sequence,
  set,
  time,
  utf8,
} from './der.ts';

import type { KeyObject } from 'node:crypto';

export interface Certificate {
  readonly pem: string;
  /** sha256 of the DER form, hexadecimal. */
  readonly fingerprint: string;
}

const tenYearsMs = 3650 * 86_400_000;

/**
 * The daemon's own certificate: stock clients tell two servers apart by it. Made on first use, with
 * its key, as `server.crt` and `server.key` below `dataDir`; made anew when the two do not belong
 * together (a daemon died between writing them).
 */
export function ensureCertificate(dataDir: string, serverName: string): Certificate {
  const [certificatePath, keyPath] = [`${dataDir}/server.crt`, `${dataDir}/server.key`];
  const known = readPair(certificatePath, keyPath);
  if (known !== undefined) return known;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const der = selfSigned(publicKey, privateKey, serverName);
  writeWhole(keyPath, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  writeWhole(certificatePath, toPem(der));
  return { pem: toPem(der), fingerprint: createHash('sha256').update(der).digest('hex') };
}

function readPair(certificatePath: string, keyPath: string): Certificate | undefined {
  try {
    const certificate = new X509Certificate(readFileSync(certificatePath));
    const key = createPrivateKey(readFileSync(keyPath));
    if (!certificate.checkPrivateKey(key)) return undefined;
    const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
    return { pem: toPem(certificate.raw), fingerprint };
  } catch (error) {
    if (hasErrno(error, 'EACCES', 'EIO')) throw error;
    return undefined;
  }
}

/** An X.509 v3 certificate (RFC 5280) for a P-256 key, signed by itself with ECDSA and SHA-256. */
function selfSigned(publicKey: KeyObject, privateKey: KeyObject, name: string): Buffer {
  const algorithm = sequence(objectId('1.2.840.10045.4.3.2'));
  const subject = sequence(
    set(sequence(objectId('2.5.4.10'), utf8('warren'))),
    set(sequence(objectId('2.5.4.3'), utf8(name.slice(0, 64)))),
  );
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const now = Date.now();
  // subjectAltName: the name, if it can stand as a DNS name.
  const isDnsName = /^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62})$/.test(name);
  const alternative = sequence(
    objectId('2.5.29.17'),
    octetString(sequence(implicit(2, Buffer.from(isDnsName ? name : 'warren', 'latin1')))),
  );
  const body = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(serial),
    algorithm,
    subject,
    sequence(time(new Date(now - 3_600_000)), time(new Date(now + tenYearsMs))),
    subject,
    createPublicKey(publicKey.export({ type: 'spki', format: 'pem' })).export({
      type: 'spki',
      format: 'der',
    }),
    explicit(3, sequence(alternative)),
  );
  return sequence(body, algorithm, bitString(sign('sha256', body, privateKey)));
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function writeWhole(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
