import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';

import { WarrenError } from '../../src/contract/errors.ts';

import type { BackupPart } from '../../src/image/backup/layout.ts';
import type { BackupInput } from '../../src/image/backup/pack.ts';
import type { PackInput } from '../../src/image/pack.ts';
import type {
  ImageDescription,
  ImageFiles,
  ImageMetadata,
  Images,
  ImportedImage,
} from '../../src/image/types.ts';

const metadata: ImageMetadata = {
  architecture: 'x86_64',
  creationDate: 1_700_000_000,
  expiryDate: 0,
  properties: { os: 'Fake', release: '1', description: 'Fake 1' },
  templates: {},
};

/** What is known of an image; a file that is `image` and JSON says it itself. */
function descriptionOf(content: Buffer): ImageDescription {
  const text = content.toString('utf8');
  if (!text.startsWith('image {')) return { metadata, templateFiles: {} };
  const said = JSON.parse(text.slice('image '.length)) as Partial<ImageDescription>;
  return { metadata: { ...metadata, ...said.metadata }, templateFiles: said.templateFiles ?? {} };
}

/** Image files whose content is of little interest: every one unpacks to the same few files. */
export function fakeImages(): Images {
  const describe = ({ metadata: file, rootfs }: ImageFiles): ImportedImage => {
    const parts = [file, ...(rootfs === undefined ? [] : [rootfs])];
    const hash = createHash('sha256');
    for (const part of parts) hash.update(readFileSync(part));
    const sizeBytes = parts.reduce((sum, part) => sum + statSync(part).size, 0);
    return { fingerprint: hash.digest('hex'), ...descriptionOf(readFileSync(file)), sizeBytes };
  };
  const images = {
    inspect: (files: ImageFiles) => {
      if (readFileSync(files.metadata).subarray(0, 7).toString() === 'hostile') {
        const details = { what: 'read the image', found: 'it says that it is hostile' };
        return Promise.reject(new WarrenError('hostile', details));
      }
      return Promise.resolve(describe(files));
    },
    unpack: (_files: ImageFiles, target: string) => {
      for (const dir of ['etc', 'root', 'sbin', 'tmp', 'usr/bin']) {
        mkdirSync(`${target}/${dir}`, { recursive: true });
      }
      writeFileSync(`${target}/etc/passwd`, 'root:x:0:0:root:/root:/bin/sh\n');
      writeFileSync(`${target}/etc/group`, 'root:x:0:\n');
      writeFileSync(`${target}/sbin/init`, '#!/bin/sh\n', { mode: 0o755 });
      return Promise.resolve();
    },
    pack: ({ description, file, compression }: PackInput) => {
      const packed = { ...description, compression, at: Math.random() };
      writeFileSync(file, `image ${JSON.stringify(packed)}`);
      return Promise.resolve(describe({ metadata: file }));
    },
    recipes: () => [],
    findRecipe: () => undefined,
    build: () => Promise.reject(new Error('there is no recipe')),
    packBackup: ({ index, trees, file, compression }: BackupInput) => {
      const parts = trees.map(({ snapshot }) => ({ snapshot }));
      writeFileSync(file, JSON.stringify({ index, parts, compression }));
      return Promise.resolve({ sizeBytes: statSync(file).size });
    },
    readBackupIndex: (file: string) => {
      const { index } = JSON.parse(readFileSync(file, 'utf8')) as { index: string };
      return Promise.resolve(Buffer.from(index));
    },
    openBackup: (file: string) => {
      const { parts } = JSON.parse(readFileSync(file, 'utf8')) as { parts: BackupPart[] };
      return Promise.resolve({
        next: () => Promise.resolve(parts[0]),
        unpack: async (target: string) => {
          parts.shift();
          await images.unpack({ metadata: file as ImageFiles['metadata'] }, target);
        },
        describe: () => undefined,
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
    serveSftp: () => Promise.reject(new Error('there is no sftp-server')),
  };
  return images;
}
