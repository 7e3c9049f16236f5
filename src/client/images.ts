import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';

import { apiPath, type Client } from './client.ts';
import { isWarrenError, WarrenError } from '../contract/errors.ts';

import type { ImageAliasEntry, ImageAliasesPost, ImagesPost } from '../contract/api/images.ts';
import type { StringMap } from '../contract/api/instances.ts';

/** Told how much of an upload is sent, 0 … 100. */
export type UploadProgress = (percent: number) => void;

export interface ImageUpload {
  /** One file, or metadata and root file system of a split image. */
  readonly files: readonly [string] | readonly [metadata: string, rootfs: string];
  readonly properties: StringMap;
  readonly public: boolean;
  readonly onProgress: UploadProgress;
}

/** Has the daemon fetch what a web server offers at a URL, and resolves with its fingerprint. */
export async function importFromUrl(
  client: Client,
  url: string,
  asked: Pick<ImageUpload, 'properties' | 'public'>,
): Promise<string> {
  const body: ImagesPost = { source: { type: 'url', mode: 'pull', url }, ...asked };
  const { metadata } = await client.operate('POST', '/1.0/images', body);
  return String(metadata['fingerprint']);
}

/** Sends an image and resolves with its fingerprint. */
export async function uploadImage(client: Client, upload: ImageUpload): Promise<string> {
  const [first, second] = upload.files;
  const headers = {
    'X-LXD-filename': basename(first),
    'X-LXD-public': String(upload.public),
    ...(Object.keys(upload.properties).length === 0
      ? {}
      : { 'X-LXD-properties': new URLSearchParams(upload.properties).toString() }),
  };
  const boundary = `warren${process.hrtime.bigint().toString(36)}`;
  const body =
    second === undefined
      ? await readCounted(first, upload.onProgress)
      : Readable.from(
          counted(
            multipart([first, second], boundary),
            await totalSize(upload.files),
            upload.onProgress,
          ),
          { objectMode: false },
        );
  const type =
    second === undefined ? 'application/octet-stream' : `multipart/form-data; boundary=${boundary}`;
  const answer = await client.upload('/1.0/images', body, { ...headers, 'Content-Type': type });
  const { metadata } = await client.wait(answer.metadata as never);
  return String(metadata['fingerprint']);
}

/** A file as a body, with its progress told. */
export async function readCounted(path: string, onProgress: UploadProgress): Promise<Readable> {
  const size = await fileSize(path);
  return Readable.from(counted(read(path), size, onProgress), { objectMode: false });
}

async function fileSize(path: string): Promise<number> {
  const found = await stat(path);
  if (found.isDirectory()) {
    const problem = 'it is a directory, wanted a file';
    throw new WarrenError('invalid', { what: `read ${path}`, issues: [{ path: '', problem }] });
  }
  return found.size;
}

async function totalSize(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(fileSize));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function read(path: string): AsyncIterable<Buffer> {
  return createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
}

async function* multipart(
  [metadata, rootfs]: readonly [string, string],
  boundary: string,
): AsyncGenerator<Buffer> {
  for (const [name, path] of [
    ['metadata', metadata],
    ['rootfs', rootfs],
  ] as const) {
    // A quote or line break in a file name must not end the header.
    const filename = encodeURIComponent(basename(path));
    yield Buffer.from(
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    );
    yield* read(path);
    yield Buffer.from('\r\n');
  }
  yield Buffer.from(`--${boundary}--\r\n`);
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  total: number,
  onProgress: UploadProgress,
): AsyncGenerator<Buffer> {
  let sent = 0;
  for await (const chunk of chunks) {
    yield chunk;
    sent += chunk.length;
    if (total > 0) onProgress(Math.min(100, (sent / total) * 100));
  }
}

/**
 * The fingerprint that an alias names; otherwise the word itself, if it may be a fingerprint's
 * beginning. Throws `not_found`.
 */
export async function resolveImage(client: Client, word: string): Promise<string> {
  try {
    const { target } = await client.get<ImageAliasEntry>(apiPath('images', 'aliases', word));
    return target;
  } catch (error) {
    if (!isWarrenError(error, 'not_found')) throw error;
    if (/^[0-9a-f]+$/.test(word)) return word;
    const { nearest } = error.details;
    throw new WarrenError('not_found', { kind: 'image', name: word, nearest });
  }
}

/** Makes the alias name this image, whatever it named before. */
export async function setAlias(client: Client, name: string, fingerprint: string): Promise<void> {
  try {
    await client.change('DELETE', apiPath('images', 'aliases', name));
  } catch (error) {
    if (!isWarrenError(error, 'not_found')) throw error;
  }
  const body: ImageAliasesPost = { name, description: '', target: fingerprint, type: 'container' };
  await client.change('POST', apiPath('images', 'aliases'), body);
}
