import { createWriteStream } from 'node:fs';
import { lstat, open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { apiPath, nameInUrl, type Client } from './client.ts';
import { WarrenError } from '../contract/errors.ts';
import { readCounted, type UploadProgress } from './images.ts';

import type { InstanceBackupsPost, VolumeBackupsPost } from '../contract/api/backups.ts';
import type { Operation } from '../contract/api/operations.ts';

export interface FetchedBackup {
  readonly file: string;
  readonly sizeBytes: number;
  /** How long the machine stood still for it; undefined when it did not run. */
  readonly frozenMs: number | undefined;
}

/**
 * Has what is at `owner`, a machine or a volume, exported, fetches the archive and has the server's
 * copy removed. Without `target` the file is named after it and how it is packed. It appears only
 * when it is whole. Throws `exists` for one that is there, before anything is exported where that
 * can be known.
 */
export async function fetchBackup(
  client: Client,
  owner: string,
  { name, request, target, force, onProgress }: FetchOptions,
): Promise<FetchedBackup> {
  const all = `${owner}/backups`;
  if (!force) await refuseFiles(likelyFiles(target, name, request.compression_algorithm));
  const { metadata } = await client.operate('POST', all, request);
  const one = `${all}/${encodeURIComponent(String(metadata['backup']))}`;
  try {
    const { headers, body } = await client.download(`${one}/export`);
    const total = Number(headers['content-length'] ?? 0);
    const part = `${target ?? name}.part`;
    let sizeBytes = 0;
    try {
      await pipeline(
        body,
        async function* (chunks: AsyncIterable<Buffer>) {
          for await (const chunk of chunks) {
            sizeBytes += chunk.length;
            if (total > 0) onProgress((100 * sizeBytes) / total);
            yield chunk;
          }
        },
        createWriteStream(part, { mode: 0o600 }),
      );
      const file = target ?? `${name}${await endingOf(part)}`;
      if (!force) await refuseFiles([file]);
      await rename(part, file);
      const frozenMs = metadata['frozen_ms'];
      return { file, sizeBytes, frozenMs: typeof frozenMs === 'number' ? frozenMs : undefined };
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  } finally {
    await client.operate('DELETE', one);
  }
}

export interface FetchOptions {
  readonly name: string;
  readonly request: InstanceBackupsPost | VolumeBackupsPost;
  readonly target: string | undefined;
  /** Replace a file that is there. */
  readonly force: boolean;
  readonly onProgress: UploadProgress;
}

/** Sends a backup; resolves with the name of the machine that was made of it. */
export async function sendBackup(
  client: Client,
  file: string,
  options: SendOptions,
): Promise<string> {
  const { resources } = await send(client, '/1.0/instances', file, options);
  return nameInUrl(resources['instances']?.[0] ?? '');
}

/** The same for a storage volume. */
export async function sendVolumeBackup(
  client: Client,
  pool: string,
  file: string,
  options: SendOptions,
): Promise<string> {
  const path = apiPath('storage-pools', pool, 'volumes', 'custom');
  const { resources } = await send(client, path, file, options);
  return nameInUrl(resources['storage_volumes']?.[0] ?? '');
}

export interface SendOptions {
  readonly name: string | undefined;
  readonly onProgress: UploadProgress;
}

async function send(
  client: Client,
  path: string,
  file: string,
  { name, onProgress }: SendOptions,
): Promise<Operation> {
  const answer = await client.upload(path, await readCounted(file, onProgress), {
    'Content-Type': 'application/octet-stream',
    ...(name === undefined ? {} : { 'X-LXD-name': name }),
  });
  return await client.wait(answer.metadata as Operation);
}

const magics: readonly (readonly [ending: string, start: string])[] = [
  ['.tar.gz', '1f8b'],
  ['.tar.xz', 'fd377a585a00'],
  ['.tar.zst', '28b52ffd'],
  ['.tar.bz2', '425a68'],
  ['.tar.lzma', '5d0000'],
];

/** What the file will be called; without a target or a choice, one of those that servers choose. */
function likelyFiles(target: string | undefined, name: string, compression = ''): string[] {
  if (target !== undefined) return [target];
  const algorithm = compression.split(' ')[0] ?? '';
  if (algorithm === '') return [`${name}.tar.zst`, `${name}.tar.gz`];
  return [`${name}${endings[algorithm] ?? '.tar'}`];
}

/** Throws `exists` for the first that is there. */
async function refuseFiles(files: readonly string[]): Promise<void> {
  for (const name of files) {
    const found = await lstat(name).catch(() => undefined);
    if (found !== undefined) {
      throw new WarrenError('exists', { kind: 'file', name, hint: 'the same with --force' });
    }
  }
}

const endings: Readonly<Record<string, string>> = {
  gzip: '.tar.gz',
  xz: '.tar.xz',
  zstd: '.tar.zst',
  bzip2: '.tar.bz2',
  lzma: '.tar.lzma',
};

/** By the first bytes of a file. */
async function endingOf(path: string): Promise<string> {
  await using handle = await open(path, 'r');
  const { buffer } = await handle.read(Buffer.alloc(6), 0, 6, 0);
  const start = buffer.toString('hex');
  return magics.find(([, magic]) => start.startsWith(magic))?.[0] ?? '.tar';
}
