import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { boundaryOf, readMultipart } from '../../../src/daemon/http/multipart.ts';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) {
    yield Buffer.from(bytes.subarray(at, at + size));
    await Promise.resolve();
  }
}

async function parts(bytes: Buffer, size = bytes.length): Promise<Record<string, Buffer>> {
  const found: Record<string, Buffer> = {};
  await readMultipart(inPieces(bytes, Math.max(1, size)), 'BOUND', async (head, content) => {
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk);
    found[head.name] = Buffer.concat(chunks);
  });
  return found;
}

function encode(entries: readonly (readonly [string, Buffer])[], quote = '"'): Buffer {
  return Buffer.concat([
    ...entries.flatMap(([name, content]) => [
      Buffer.from(
        `--BOUND\r\nContent-Disposition: form-data; name=${quote}${name}${quote}; filename="${name}.tar"\r\n\r\n`,
      ),
      content,
      Buffer.from('\r\n'),
    ]),
    Buffer.from('--BOUND--\r\n'),
  ]);
}

describe('multipart', () => {
  test('any content comes out as it went in, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 400 }),
        fc.uint8Array({ maxLength: 400 }),
        fc.integer({ min: 1, max: 60 }),
        async (first, second, size) => {
          const [metadata, rootfs] = [Buffer.from(first), Buffer.from(second)];
          fc.pre(!metadata.includes('\r\n--BOUND') && !rootfs.includes('\r\n--BOUND'));
          const body = encode([
            ['metadata', metadata],
            ['rootfs', rootfs],
          ]);
          expect(await parts(body, size)).toEqual({ metadata, rootfs });
        },
      ),
    );
  });

  test('content full of almost-boundaries survives', async () => {
    const tricky = Buffer.from('\r\n--BOUN\r\n--BOU\r\n\r\n-\r\n--');
    for (let size = 1; size < 40; size++) {
      expect(await parts(encode([['metadata', tricky]]), size)).toEqual({ metadata: tricky });
    }
  });

  test('names need no quotes', async () => {
    const body = encode([['metadata', Buffer.from('x')]], '');
    expect(await parts(body)).toEqual({ metadata: Buffer.from('x') });
  });

  test('a preamble is skipped', async () => {
    const body = Buffer.concat([Buffer.from('hello\r\n'), encode([['a', Buffer.from('x')]])]);
    expect(await parts(body)).toEqual({ a: Buffer.from('x') });
  });

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['no boundary', Buffer.from('hello')],
    ['no end', encode([['a', Buffer.from('x')]]).subarray(0, -6)],
    ['endless headers', Buffer.from(`--BOUND\r\n${'X: y\r\n'.repeat(4000)}\r\n`)],
  ])('%s is refused', async (_what, body) => {
    await expect(parts(body, 1000)).rejects.toThrow('Cannot read the upload');
  });

  test('the boundary is found with and without quotes', () => {
    expect(boundaryOf('multipart/form-data; boundary=abc')).toBe('abc');
    expect(boundaryOf('multipart/form-data; charset=x; boundary="a b"')).toBe('a b');
    expect(boundaryOf('application/octet-stream')).toBeUndefined();
    expect(boundaryOf(undefined)).toBeUndefined();
  });
});
