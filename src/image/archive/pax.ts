import { formatHeader, paddedSize, TarFormatError } from './header.ts';

/**
 * Records of a pax extended header, in order; keys and values as latin1, one character per byte.
 */
export type PaxRecords = ReadonlyMap<string, string>;

/** Parses `LENGTH KEY=VALUE\n …`. Throws `TarFormatError`. */
export function parsePax(content: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  let offset = 0;
  while (offset < content.length) {
    const space = content.indexOf(0x20, offset);
    const digits = space === -1 ? '' : content.toString('latin1', offset, space);
    const length = /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : 0;
    const end = offset + length;
    if (length === 0 || end > content.length || content[end - 1] !== 0x0a) {
      throw new TarFormatError('an extended header has a record of a wrong length');
    }
    const record = content.toString('latin1', space + 1, end - 1);
    const equals = record.indexOf('=');
    if (equals < 1) throw new TarFormatError('an extended header has a record without a key');
    records.set(record.slice(0, equals), record.slice(equals + 1));
    offset = end;
  }
  return records;
}

/** A whole pax header, ready to stand before its entry; empty for no records. */
export function formatPax(records: PaxRecords): Buffer {
  if (records.size === 0) return Buffer.alloc(0);
  const content = Buffer.from([...records].map(([k, v]) => formatRecord(k, v)).join(''), 'latin1');
  const header = formatHeader({
    name: 'PaxHeaders/entry',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime: 0,
    type: 'x',
    linkName: '',
  });
  return Buffer.concat([header, content], header.length + paddedSize(content.length));
}

/** The length counts itself, so a digit more can make it longer by one again. */
function formatRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + String(rest.length).length;
  if (rest.length + String(length).length !== length) length += 1;
  return `${length}${rest}`;
}

/** A decimal number of a record, fractions cut off. Throws `TarFormatError`. */
export function paxNumber(records: PaxRecords, key: string): number | undefined {
  const text = records.get(key);
  if (text === undefined) return undefined;
  const value = /^-?\d{1,16}(\.\d*)?$/.test(text) ? Math.trunc(Number(text)) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new TarFormatError(`the extended ${key} is no number`);
  return value;
}
