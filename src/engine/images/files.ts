import { randomUUID } from 'node:crypto';
import { renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';

import { hostPath, type HostPath } from '../../base/brand.ts';
import { isFingerprint } from '../../base/names.ts';
import { archiveExtension, readCompression } from '../../image/archive/compression.ts';
import type { ImageFiles } from '../../image/types.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import type { EngineDeps, ImageRecord } from '../types.ts';

/** Where an image's files lie. The fingerprint is checked: it becomes a path. */
function imagePaths(
  deps: Pick<EngineDeps, 'paths'>,
  fingerprint: string,
): { readonly metadata: HostPath; readonly rootfs: HostPath } {
  if (!isFingerprint(fingerprint))
    throw new Error(`${JSON.stringify(fingerprint)} is no fingerprint`);
  const metadata = hostPath(`${deps.paths.imagesDir}/${fingerprint}`);
  return { metadata, rootfs: hostPath(`${metadata}.rootfs`) };
}

/** The files of an image as the image layer wants them. */
export function imageFiles(deps: Pick<EngineDeps, 'paths'>, image: ImageRecord): ImageFiles {
  const { metadata, rootfs } = imagePaths(deps, image.fingerprint);
  return image.format === 'split' ? { metadata, rootfs } : { metadata };
}

/**
 * Moves files of ours into the image store. Synchronous: nothing may come in between before the
 * rows that name them are written.
 */
export function placeImageFiles(
  deps: Pick<EngineDeps, 'paths'>,
  fingerprint: string,
  files: ImageFiles,
): void {
  const target = imagePaths(deps, fingerprint);
  if (files.rootfs !== undefined) renameSync(files.rootfs, target.rootfs);
  renameSync(files.metadata, target.metadata);
}

/** Removes what no project has an image of. Absent is fine. */
export async function removeImageFiles(
  deps: Pick<EngineDeps, 'paths' | 'store'>,
  fingerprint: string,
): Promise<void> {
  if (deps.store.images.findAnywhere(fingerprint) !== undefined) return;
  // Away first: while large files are being removed, the same bytes may come again.
  const { metadata, rootfs } = imagePaths(deps, fingerprint);
  const gone = `${deps.paths.imagesDir}/gone-${randomUUID()}`;
  const away = [moveAway(metadata, gone), moveAway(rootfs, `${gone}.rootfs`)];
  await Promise.all(away.flat().map((path) => rm(path, { force: true })));
}

function moveAway(path: HostPath, to: string): string[] {
  try {
    renameSync(path, to);
    return [to];
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** The extension of an image file, by its first bytes; clients save it under that name. */
export async function extensionOf(path: HostPath): Promise<string> {
  return archiveExtension(await readCompression(path));
}
