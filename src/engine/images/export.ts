import { stat } from 'node:fs/promises';

import type { HostPath } from '../../base/brand.ts';
import type { EngineDeps } from '../types.ts';
import { extensionOf, imageFiles } from './files.ts';
import { getImage } from './list.ts';

export interface ExportFile {
  readonly path: HostPath;
  /** As clients save it: `<fingerprint>.tar.gz`, `meta-<fingerprint>.tar.xz`. */
  readonly filename: string;
  readonly sizeBytes: number;
}

/** The files whose bytes, one after the other, have the fingerprint. `rootfs` for a split image. */
export async function exportImage(
  deps: EngineDeps,
  project: string,
  fingerprint: string,
): Promise<{ readonly metadata: ExportFile; readonly rootfs?: ExportFile }> {
  const image = getImage(deps, project, fingerprint);
  const files = imageFiles(deps, image);
  const describe = async (path: HostPath, prefix: string): Promise<ExportFile> => ({
    path,
    filename: `${prefix}${image.fingerprint}${await extensionOf(path)}`,
    sizeBytes: (await stat(path)).size,
  });
  if (files.rootfs === undefined) return { metadata: await describe(files.metadata, '') };
  return {
    metadata: await describe(files.metadata, 'meta-'),
    rootfs: await describe(files.rootfs, ''),
  };
}
