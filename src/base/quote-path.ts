const escapes: Readonly<Record<number, string>> = {
  0x07: '\\a',
  0x08: '\\b',
  0x09: '\\t',
  0x0a: '\\n',
  0x0b: '\\v',
  0x0c: '\\f',
  0x0d: '\\r',
  0x22: '\\"',
  0x5c: '\\\\',
};

/**
 * A path of any bytes as one line of text: as it is where it is plain UTF-8, else in double quotes
 * with C's escapes and octal numbers, as git prints it. An absolute path begins with a slash, so
 * the two are never taken for each other.
 */
export function quotePath(path: Buffer): string {
  const text = path.toString('utf8');
  const isPlain = Buffer.from(text).equals(path) && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}"\\]/u.test(text);
  if (isPlain) return text;
  const parts = [...path].map((byte) => {
    if (escapes[byte] !== undefined) return escapes[byte];
    const isPrintable = byte >= 0x20 && byte < 0x7f;
    return isPrintable ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `"${parts.join('')}"`;
}
