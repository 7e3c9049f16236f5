import { blockSize, formatHeader, paddedSize } from './header.ts';
import { formatPax } from './pax.ts';

/** A file, directory or link that warren itself puts into an archive. Guest ids are 0. */
export type NewEntry =
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly content: Buffer;
    }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string };

/** Header and content of one entry. `mtime` in seconds. */
export function formatEntry(entry: NewEntry, mtime: number): Buffer {
  const content = entry.kind === 'file' ? entry.content : Buffer.alloc(0);
  const target = entry.kind === 'symlink' ? entry.target : '';
  const long = new Map<string, string>();
  const name = shorten(entry.path, 'path', long);
  const linkName = shorten(target, 'linkpath', long);
  const header = formatHeader({
    name,
    mode: entry.kind === 'symlink' ? 0o777 : entry.mode,
    uid: 0,
    gid: 0,
    size: content.length,
    mtime,
    type: { file: '0', symlink: '2', directory: '5' }[entry.kind],
    linkName,
  });
  const padding = Buffer.alloc(paddedSize(content.length) - content.length);
  return Buffer.concat([formatPax(long), header, content, padding]);
}

/** Two blocks of zeros. */
export const endOfArchive = Buffer.alloc(2 * blockSize);

/** What fits a header's field, with the whole in a pax record when it does not. */
function shorten(text: string, key: string, records: Map<string, string>): string {
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  if (bytes.length <= 100) return bytes;
  records.set(key, bytes);
  return bytes.slice(0, 100);
}
