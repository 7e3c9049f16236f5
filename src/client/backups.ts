import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { apiPath, nameInUrl, type Client } from './client.ts';
import { readCounted, type UploadProgress } from './images.ts';

import type { InstanceBackupsPost } from '../contract/api/backups.ts';
import type { Operation } from '../contract/api/operations.ts';

export interface FetchedBackup {
  readonly file: string;
  readonly sizeBytes: number;
  /** How long the machine stood still for it; undefined when it did not run. */
  readonly frozenMs: number | undefined;
}

/**
 * Has a machine exported, fetches the archive and has the server's copy removed. Without `target` the
 * file is named after the machine and how it is packed. It appears only when it is whole.
 */
export async function fetchBackup(
  client: Client,
  instance: string,
  { request, target, onProgress }: FetchOptions,
): Promise<FetchedBackup> {
  const all = apiPath('instances', instance, 'backups');
  const { metadata } = await client.operate('POST', all, request);
  const one = apiPath('instances', instance, 'backups', String(metadata['backup']));
  try {
    const { headers, body } = await client.download(`${one}/export`);
    const total = Number(headers['content-length'] ?? 0);
    const part = `${target ?? instance}.part`;
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
      const file = target ?? `${instance}${await endingOf(part)}`;
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
  readonly request: InstanceBackupsPost;
  readonly target: string | undefined;
  readonly onProgress: UploadProgress;
}

/** Sends a backup; resolves with the name of the machine that was made of it. */
export async function sendBackup(
  client: Client,
  file: string,
  options: { readonly name: string | undefined; readonly onProgress: UploadProgress },
): Promise<string> {
  const answer = await client.upload(
    '/1.0/instances',
    await readCounted(file, options.onProgress),
    {
      'Content-Type': 'application/octet-stream',
      ...(options.name === undefined ? {} : { 'X-LXD-name': options.name }),
    },
  );
  const { resources } = await client.wait(answer.metadata as Operation);
  const url = resources['instances']?.[0] ?? '';
  return nameInUrl(url);
}

const magics: readonly (readonly [ending: string, start: string])[] = [
  ['.tar.gz', '1f8b'],
  ['.tar.xz', 'fd377a585a00'],
  ['.tar.zst', '28b52ffd'],
  ['.tar.bz2', '425a68'],
];

/** By the first bytes of a file. */
async function endingOf(path: string): Promise<string> {
  await using handle = await open(path, 'r');
  const { buffer } = await handle.read(Buffer.alloc(6), 0, 6, 0);
  const start = buffer.toString('hex');
  return magics.find(([, magic]) => start.startsWith(magic))?.[0] ?? '.tar';
}
