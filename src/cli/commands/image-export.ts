import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { apiPath } from '../../client/client.ts';
import { resolveImage } from '../../client/images.ts';
import { readMultipart } from '../../client/multipart.ts';
import { WarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { stripRemote } from '../names.ts';

import type { Hash } from 'node:crypto';
import type { Image } from '../../contract/api/images.ts';

export const exportImage = defineCommand({
  name: 'image export',
  summary: 'Write an image to a file, byte by byte as its fingerprint says',
  examples: [
    { line: 'warren image export debian/12', does: 'FINGERPRINT.tar.gz in this directory' },
    { line: 'warren image export debian/12 /srv/images/bookworm', does: 'under another name' },
  ],
  positionals: {
    image: { kind: 'required', summary: 'Alias or fingerprint', complete: 'image' },
    target: {
      kind: 'optional',
      summary: 'Directory, or file without its ending',
      complete: 'file',
    },
  },
  options: {},
  next: 'warren image import FILE',
  async run({ client, progress }, args) {
    const word = await resolveImage(client, stripRemote(args.image));
    // A beginning of a fingerprint becomes the whole one, which the bytes are checked against.
    const { fingerprint } = await client.get<Image>(apiPath('images', word));
    progress.start(`Exporting ${args.image}`);
    const { headers, body } = await client.download(apiPath('images', fingerprint, 'export'));
    const type = headers['content-type'] ?? '';
    const hash = createHash('sha256');
    const files: string[] = [];
    try {
      if (type.startsWith('multipart/')) {
        for await (const part of readMultipart(body, type)) {
          const path = await targetPath(args.target, part.filename, files.length);
          files.push(path);
          await save(part.content, path, hash);
        }
      } else {
        const disposition = headers['content-disposition'] ?? '';
        const filename = /filename="?([^";]+)"?/.exec(disposition)?.[1] ?? fingerprint;
        const path = await targetPath(args.target, filename, 0);
        files.push(path);
        await save(body, path, hash);
      }
      const found = hash.digest('hex');
      if (found !== fingerprint) {
        throw new WarrenError('hostile', {
          what: `export ${args.image}`,
          found: `the bytes have the sha256 ${found}, wanted ${fingerprint}`,
        });
      }
      for (const path of files) await rename(partial(path), path);
    } catch (error) {
      for (const path of files) await rm(partial(path), { force: true });
      throw error;
    }
    return { fingerprint, files };
  },
  render: ({ files }) => ({ text: files.join('\n') }),
});

/**
 * Written beside the target and renamed when it is whole, so that nobody takes half a file for it.
 */
function partial(path: string): string {
  return `${path}.part`;
}

async function save(content: AsyncIterable<Buffer>, path: string, hash: Hash): Promise<void> {
  await pipeline(
    content,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(partial(path)),
  );
}

/** The server names the file, we say where: only the last part of its name counts. */
async function targetPath(
  target: string | undefined,
  filename: string,
  index: number,
): Promise<string> {
  const name = basename(filename) || 'image';
  if (target === undefined) return name;
  const isDirectory = await stat(target).then(
    (found) => found.isDirectory(),
    () => target.endsWith('/'),
  );
  if (isDirectory) return join(target, name);
  const ending = /(\.tar(\.\w+)?|\.squashfs)$/.exec(name)?.[0] ?? '';
  return index === 0 ? `${target}${ending}` : `${target}.root${ending}`;
}
