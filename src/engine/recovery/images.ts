import { readdir, rm } from 'node:fs/promises';

import type { EngineDeps } from '../types.ts';

/**
 * Crash points: an upload, a build, a download or a publish that was under way; an image whose
 * files were moved and whose row was not written, or whose row was removed first.
 */
export async function removeStrayImageFiles(deps: EngineDeps): Promise<void> {
  const known = new Set<string>();
  for (const { fingerprint, format } of deps.store.images.list()) {
    known.add(fingerprint);
    if (format === 'split') known.add(`${fingerprint}.rootfs`);
  }
  for (const file of await readdir(deps.paths.imagesDir).catch(() => [])) {
    if (known.has(file)) continue;
    await rm(`${deps.paths.imagesDir}/${file}`, { recursive: true, force: true });
    deps.log.info({ file }, 'a file without an image was removed');
  }
}
