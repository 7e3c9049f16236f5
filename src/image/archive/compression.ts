import { open } from 'node:fs/promises';

import type { HostPath } from '../../base/brand.ts';

export type Compression = 'none' | 'gzip' | 'xz' | 'lzma' | 'bzip2' | 'zstd' | 'squashfs';

export interface Decompressor {
  readonly command: readonly string[];
  /** Debian package that has it, for the remedy. */
  readonly package: string;
}

/**
 * One program per format, reading standard input. Memory is bounded: a header can ask for a
 * dictionary of gigabytes.
 */
export const decompressors: Readonly<
  Record<Exclude<Compression, 'none' | 'squashfs'>, Decompressor>
> = {
  gzip: { command: ['gzip', '-dc'], package: 'gzip' },
  xz: { command: ['xz', '--format=xz', '--memlimit=1GiB', '-dc'], package: 'xz-utils' },
  lzma: { command: ['xz', '--format=lzma', '--memlimit=1GiB', '-dc'], package: 'xz-utils' },
  bzip2: { command: ['bzip2', '-dc'], package: 'bzip2' },
  zstd: { command: ['zstd', '-dcq', '--memory=1024MiB'], package: 'zstd' },
};

const magics: readonly { readonly compression: Compression; readonly bytes: readonly number[] }[] =
  [
    { compression: 'gzip', bytes: [0x1f, 0x8b] },
    { compression: 'xz', bytes: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
    { compression: 'bzip2', bytes: [0x42, 0x5a, 0x68] },
    { compression: 'zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
    { compression: 'squashfs', bytes: [0x68, 0x73, 0x71, 0x73] },
    { compression: 'lzma', bytes: [0x5d, 0x00, 0x00] },
  ];

/** By the first bytes of a file. Anything unknown is taken for an uncompressed archive. */
function detectCompression(start: Uint8Array): Compression {
  const found = magics.find(({ bytes }) => bytes.every((byte, index) => start[index] === byte));
  return found?.compression ?? 'none';
}

/** What a file is packed with, by its first bytes. */
export async function readCompression(file: HostPath): Promise<Compression> {
  await using handle = await open(file, 'r');
  const start = new Uint8Array(8);
  const { bytesRead } = await handle.read(start, 0, start.length, 0);
  return detectCompression(start.subarray(0, bytesRead));
}

/** The ending clients save such a file under, as LXD does. */
export function archiveExtension(compression: Compression): string {
  switch (compression) {
    case 'none':
      return '.tar';
    case 'gzip':
      return '.tar.gz';
    case 'xz':
      return '.tar.xz';
    case 'lzma':
      return '.tar.lzma';
    case 'bzip2':
      return '.tar.bz2';
    case 'zstd':
      return '.tar.zst';
    case 'squashfs':
      return '.squashfs';
  }
}
