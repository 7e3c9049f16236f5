import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

import type { HostPath } from '../base/brand.ts';
import type { LayoutMemory } from './layouts.ts';
import { checkFiles, type CheckDeps } from './check.ts';
import type { ImageFiles, ImportedImage, WorkContext } from './types.ts';

export interface InspectDeps extends CheckDeps {
  readonly layouts: LayoutMemory;
}

/**
 * Reads whole files: the hash needs every byte, and so does the answer to whether the archive is
 * sound. Nothing is written.
 */
export async function inspectImage(
  deps: InspectDeps,
  files: ImageFiles,
  context: WorkContext,
): Promise<ImportedImage> {
  const all = files.rootfs === undefined ? [files.metadata] : [files.metadata, files.rootfs];
  const stop = new AbortController();
  const hash = fingerprintOf(all, AbortSignal.any([context.signal, stop.signal]));
  const check = checkFiles(deps, files, context).catch((error: unknown) => {
    stop.abort();
    throw error;
  });
  const [{ metadata, templateFiles, layout }, fingerprint] = await Promise.all([check, hash]);
  const sizes = await Promise.all(all.map(async (file) => (await stat(file)).size));
  if (files.rootfs === undefined) await deps.layouts.remember(files.metadata, layout);
  const sizeBytes = sizes.reduce((sum, size) => sum + size, 0);
  return { fingerprint, metadata, templateFiles, sizeBytes };
}

/** sha256 of the files one after the other, in hexadecimal. */
async function fingerprintOf(files: readonly HostPath[], signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) {
    const stream = createReadStream(file, { highWaterMark: 1024 * 1024, signal });
    for await (const chunk of stream as AsyncIterable<Buffer>) hash.update(chunk);
  }
  return hash.digest('hex');
}
