import { UsageError } from './usage-error.ts';

/**
 * The bytes of a key sequence such as `ctrl-a,q` or `ctrl-p,ctrl-q`: letters, digits and signs for
 * themselves, `ctrl-X` for the control character. Throws `UsageError`.
 */
export function parseDetachKeys(text: string): Buffer {
  const bytes = text.split(',').map((key) => {
    const control = /^(?:ctrl-|\^)([a-z@[\\\]^_])$/i.exec(key)?.[1];
    if (control !== undefined) return control.toUpperCase().charCodeAt(0) & 0x1f;
    if (/^[\u0021-\u007e]$/.test(key)) return key.charCodeAt(0);
    throw new UsageError(`Cannot use --detach-keys ${text}: wanted keys such as ctrl-p,ctrl-q`);
  });
  return Buffer.from(bytes);
}

/**
 * Watches typed bytes for the sequence, which may come in pieces. A begun sequence is held back
 * until it is finished or turns out to be something else; then it is sent as it was typed.
 */
export function detachFilter(keys: Buffer): (chunk: Buffer, detach: () => void) => Buffer {
  let matched = 0;
  return (chunk, detach) => {
    const out: number[] = [];
    for (const byte of chunk) {
      if (byte === keys[matched]) {
        matched += 1;
        if (matched < keys.length) continue;
        matched = 0;
        detach();
        break;
      }
      out.push(...keys.subarray(0, matched));
      matched = byte === keys[0] ? 1 : 0;
      if (matched === 0) out.push(byte);
    }
    return Buffer.from(out);
  };
}
