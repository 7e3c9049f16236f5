import { rename, rm } from 'node:fs/promises';

import { hostPath, type HostPath } from '../../base/brand.ts';
import { isFingerprint } from '../../base/names.ts';
import { archiveExtension, readCompression } from '../../image/archive/compression.ts';
import type { ImageFiles } from '../../image/types.ts';
import type { EngineDeps, ImageRecord } from '../types.ts';

/** Where an image's files lie. The fingerprint is checked: it becomes a path. */
export function imagePaths(
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

/** Moves files of ours into the image store. */
export async function storeImageFiles(
  deps: Pick<EngineDeps, 'paths'>,
  fingerprint: string,
  files: ImageFiles,
): Promise<void> {
  const target = imagePaths(deps, fingerprint);
  if (files.rootfs !== undefined) await rename(files.rootfs, target.rootfs);
  await rename(files.metadata, target.metadata);
}

/** Absent is fine. */
export async function removeImageFiles(
  deps: Pick<EngineDeps, 'paths'>,
  fingerprint: string,
): Promise<void> {
  const { metadata, rootfs } = imagePaths(deps, fingerprint);
  await rm(metadata, { force: true });
  await rm(rootfs, { force: true });
}

/** The extension of an image file, by its first bytes; clients save it under that name. */
export async function extensionOf(path: HostPath): Promise<string> {
  return archiveExtension(await readCompression(path));
}
