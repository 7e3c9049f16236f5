/**
 * The 512-byte header block of tar archives: v7, ustar, pax and GNU (POSIX.1-2017 `pax`, GNU tar
 * manual, "Basic Tar Format"). Names are latin1 strings, one character per byte, since a file name
 * may be any bytes.
 */
export const blockSize = 512;

export interface TarHeader {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content that follow in the archive. */
  readonly size: number;
  /** Seconds. */
  readonly mtime: number;
  /** One character: `0` file, `1` hard link, `2` symbolic link, `5` directory, `x` pax, … */
  readonly type: string;
  readonly linkName: string;
  readonly isGnu: boolean;
  /** Of an old GNU sparse file (`S`): its length, and whether extension blocks follow. */
  readonly sparse?: { readonly realSize: number; readonly extended: boolean };
}

/** A block that is no header; the message is a clause for the user. */
export class TarFormatError extends Error {}

/** Undefined for a block of zeros. Throws `TarFormatError` for a bad checksum or number. */
export function parseHeader(block: Buffer): TarHeader | undefined {
  if (isZero(block)) return undefined;
  const stored = parseNumber(block, 148, 8);
  if (stored !== checksum(block)) throw new TarFormatError('a header has a wrong checksum');
  const magic = block.toString('latin1', 257, 265);
  const isGnu = magic === 'ustar  \0';
  const prefix = magic.startsWith('ustar\0') ? parseString(block, 345, 155) : '';
  const name = parseString(block, 0, 100);
  const type = block.toString('latin1', 156, 157);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    mode: parseNumber(block, 100, 8) & 0o7777,
    uid: parseNumber(block, 108, 8),
    gid: parseNumber(block, 116, 8),
    size: parseNumber(block, 124, 12),
    mtime: parseNumber(block, 136, 12),
    type: type === '\0' ? '0' : type,
    linkName: parseString(block, 157, 100),
    isGnu,
    ...(type === 'S' && isGnu
      ? { sparse: { realSize: parseNumber(block, 483, 12), extended: block[482] !== 0 } }
      : {}),
  };
}

export type HeaderFields = Omit<TarHeader, 'isGnu' | 'sparse'>;

/**
 * A ustar header block. Throws a RangeError when a field does not fit; the writer puts such values
 * into a pax header first.
 */
export function formatHeader(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(blockSize);
  writeString(block, fields.name, 0, 100);
  writeOctal(block, fields.mode, 100, 8);
  writeOctal(block, fields.uid, 108, 8);
  writeOctal(block, fields.gid, 116, 8);
  writeOctal(block, fields.size, 124, 12);
  writeOctal(block, fields.mtime, 136, 12);
  block.write(fields.type, 156, 'latin1');
  writeString(block, fields.linkName, 157, 100);
  block.write('ustar\x0000', 257, 'latin1');
  block.write(`${checksum(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Bytes that content of that size takes in the archive. */
export function paddedSize(size: number): number {
  return Math.ceil(size / blockSize) * blockSize;
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/** Sum of all bytes, the checksum's own counted as spaces. */
function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < blockSize; index++) {
    if (index < 148 || index >= 156) sum += block[index] ?? 0;
  }
  return sum;
}

function parseString(block: Buffer, offset: number, length: number): string {
  const text = block.toString('latin1', offset, offset + length);
  const end = text.indexOf('\0');
  return end === -1 ? text : text.slice(0, end);
}

/** Octal digits between spaces and NULs, or big-endian binary when the first bit is set. */
function parseNumber(block: Buffer, offset: number, length: number): number {
  const first = block[offset] ?? 0;
  if ((first & 0x80) !== 0) return parseBinary(block.subarray(offset, offset + length));
  const text = parseString(block, offset, length).trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw new TarFormatError('a header has a number that is no octal');
  const value = Number.parseInt(text, 8);
  if (!Number.isSafeInteger(value)) throw new TarFormatError('a header has a number out of range');
  return value;
}

/** Two's complement with the top bit as marker; only times may be negative. */
function parseBinary(field: Buffer): number {
  const isNegative = ((field[0] ?? 0) & 0x40) !== 0;
  let value = isNegative ? -1n : 0n;
  for (const [index, byte] of field.entries()) {
    value = (value << 8n) | BigInt(index === 0 && !isNegative ? byte & 0x7f : byte);
  }
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    throw new TarFormatError('a header has a number out of range');
  }
  return Number(value);
}

function writeString(block: Buffer, text: string, offset: number, length: number): void {
  if (text.length > length) throw new RangeError(`tar field too long: ${text}`);
  block.write(text, offset, 'latin1');
}

function writeOctal(block: Buffer, value: number, offset: number, length: number): void {
  const digits = value.toString(8).padStart(length - 1, '0');
  if (value < 0 || digits.length > length - 1) throw new RangeError(`tar number: ${value}`);
  block.write(`${digits}\0`, offset, 'latin1');
}
