import { Readable } from 'node:stream';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { readMultipart } from '../../../src/client/multipart.ts';

const type = 'multipart/form-data; boundary=xyz';

function body(parts: readonly (readonly [string, Buffer])[], end = '--xyz--\r\n'): Buffer {
  return Buffer.concat([
    ...parts.flatMap(([name, content]) => [
      Buffer.from(`--xyz\r\nContent-Disposition: form-data; filename="${name}"\r\n\r\n`),
      content,
      Buffer.from('\r\n'),
    ]),
    Buffer.from(end),
  ]);
}

async function readAll(bytes: Buffer, size: number): Promise<[string, string][]> {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += size) {
    chunks.push(bytes.subarray(start, start + size));
  }
  const found: [string, string][] = [];
  for await (const { filename, content } of readMultipart(Readable.from(chunks), type)) {
    const parts: Buffer[] = [];
    for await (const chunk of content) parts.push(chunk);
    found.push([filename, Buffer.concat(parts).toString('latin1')]);
  }
  return found;
}

test('parts come out as they went in, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.stringMatching(/^[-xyz\r\na]{0,40}$/), { maxLength: 3 }),
      fc.integer({ min: 1, max: 70 }),
      async (contents, size) => {
        fc.pre(contents.every((content) => !`\r\n${content}`.includes('\r\n--xyz')));
        const parts = contents.map(
          (text, index) => [`f${index}`, Buffer.from(text, 'latin1')] as const,
        );
        expect(await readAll(body(parts), size)).toEqual(
          contents.map((text, index) => [`f${index}`, text]),
        );
      },
    ),
  );
});

test('a body that ends too early is an error', async () => {
  const whole = body([['f', Buffer.from('content')]]);
  for (const length of [3, 30, whole.length - 12]) {
    await expect(readAll(whole.subarray(0, length), 7)).rejects.toThrow('ended too early');
  }
});

test('a header without end is refused before it fills the memory', async () => {
  const endless = Buffer.concat([Buffer.from('--xyz\r\n'), Buffer.alloc(100_000, 'a')]);
  await expect(readAll(endless, 1000)).rejects.toThrow('no end of header');
});
