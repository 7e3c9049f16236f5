/** A name in an archive that must not be followed; the message is a clause for the user. */
export class HostileNameError extends Error {}

/**
 * The path of an entry, relative and without `.`, empty components and a trailing slash; `''` is
 * the root itself. Takes and gives latin1. Throws `HostileNameError` for absolute names, `..`, NUL,
 * and names no file system can hold.
 */
export function normalisePath(name: string): string {
  if (name.startsWith('/')) throw new HostileNameError('is absolute');
  if (name.includes('\0')) throw new HostileNameError('contains a NUL byte');
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  for (const part of parts) {
    if (part === '..') throw new HostileNameError('contains ".."');
    if (part.length > 255) throw new HostileNameError('has a component of more than 255 bytes');
  }
  const path = parts.join('/');
  if (path.length > 4000) throw new HostileNameError('is longer than 4000 bytes');
  return path;
}

/** For an error sentence: at most 80 characters, everything unprintable escaped. */
export function showName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  const escaped = text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}"\\]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return escaped.length > 80 ? `"${escaped.slice(0, 77)}…"` : `"${escaped}"`;
}
