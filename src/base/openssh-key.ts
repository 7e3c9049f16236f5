import type { JsonWebKey } from 'node:crypto';

/** A key pair as the files of OpenSSH hold it. */
export interface OpensshKey {
  /** `-----BEGIN OPENSSH PRIVATE KEY-----`, without a passphrase. */
  readonly privateText: string;
  /** One line: type, key, comment. */
  readonly publicText: string;
}

/**
 * Formats a private RSA, P-256 or Ed25519 key, given as a JSON web key, as ssh-keygen writes it
 * (PROTOCOL.key of OpenSSH; RFC 4251, 4253, 5656, 8709). `check` is any random number of 32 bits.
 */
export function formatOpensshKey(key: JsonWebKey, comment: string, check: number): OpensshKey {
  const { type, publicFields, privateFields } = fieldsOf(key);
  const blob = Buffer.concat([string(type), ...publicFields]);
  const secret = Buffer.concat([
    uint32(check),
    uint32(check),
    string(type),
    ...privateFields,
    string(comment),
  ]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (secret.length % 8)) % 8));
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0', 'latin1'),
    ...[string('none'), string('none'), string(''), uint32(1)],
    string(blob),
    string(Buffer.concat([secret, padding])),
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  const armour = (word: string): string => `-----${word} OPENSSH PRIVATE KEY-----`;
  return {
    privateText: `${[armour('BEGIN'), ...lines, armour('END')].join('\n')}\n`,
    publicText: `${type} ${blob.toString('base64')} ${comment}\n`,
  };
}

interface KeyFields {
  readonly type: string;
  readonly publicFields: readonly Buffer[];
  readonly privateFields: readonly Buffer[];
}

function fieldsOf(key: JsonWebKey): KeyFields {
  const part = (name: 'n' | 'e' | 'd' | 'p' | 'q' | 'qi' | 'x' | 'y'): Buffer => {
    const value = key[name];
    if (value === undefined) throw new Error(`a ${key.kty ?? 'nameless'} key has no ${name}`);
    return Buffer.from(value, 'base64url');
  };
  const mpints = (...names: Parameters<typeof part>[0][]): Buffer[] =>
    names.map((name) => mpint(part(name)));
  const curve = key.kty === 'RSA' ? 'RSA' : (key.crv ?? '');
  switch (curve) {
    case 'RSA':
      return {
        type: 'ssh-rsa',
        publicFields: mpints('e', 'n'),
        privateFields: mpints('n', 'e', 'd', 'qi', 'p', 'q'),
      };
    case 'P-256': {
      const point = string(Buffer.concat([Buffer.from([4]), part('x'), part('y')]));
      const publicFields = [string('nistp256'), point];
      return {
        type: 'ecdsa-sha2-nistp256',
        publicFields,
        privateFields: [...publicFields, ...mpints('d')],
      };
    }
    case 'Ed25519': {
      const point = string(part('x'));
      const seed = Buffer.concat([part('d'), part('x')]);
      return {
        type: 'ssh-ed25519',
        publicFields: [point],
        privateFields: [point, string(seed)],
      };
    }
    default:
      throw new Error(`cannot format a ${key.kty ?? 'nameless'} key for OpenSSH`);
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function string(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

/** A number that is not negative: without leading zeros, but one where the highest bit is set. */
function mpint(magnitude: Buffer): Buffer {
  const first = magnitude.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Buffer.alloc(0) : magnitude.subarray(first);
  const isHigh = (digits[0] ?? 0) >= 0x80;
  return string(isHigh ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
}
