import type { EngineDeps, ImageRecord, WorkContext } from '../types.ts';
import { daysOfCache } from './cache-settings.ts';
import { deleteImage } from './delete.ts';

const dayMs = 86_400_000;

/**
 * Deletes images that were fetched for a launch and that no machine was made of for as many days as
 * the project or the server says. Machines keep their layers. What cannot be deleted is logged, and
 * tried again the next time.
 */
export async function deleteExpiredImages(deps: EngineDeps, context: WorkContext): Promise<void> {
  for (const { project, fingerprint } of deps.store.images.list()) {
    context.signal.throwIfAborted();
    // As it is by now: a machine may have been made of it meanwhile.
    const image = deps.store.images.find(project, fingerprint);
    if (image === undefined || !isExpired(image, daysOfCache(deps, project), deps.now())) continue;
    try {
      await deleteImage(deps, image, context);
      deps.log.info({ image: fingerprint, project }, 'an image that nobody used was removed');
    } catch (error) {
      deps.log.warn({ err: error, image: fingerprint }, 'an unused image was not removed');
    }
  }
}

/**
 * Whether nobody would miss an image: it can be fetched again, nobody asked for it by itself or
 * gave it a name, and it was not used for `days`; 0 is for ever. What was built here took its user
 * minutes, and is no remote image.
 */
export function isExpired(
  image: Pick<ImageRecord, 'cached' | 'source' | 'aliases' | 'lastUsedAtMs' | 'uploadedAtMs'>,
  days: number,
  nowMs: number,
): boolean {
  if (!image.cached || image.source === undefined || image.aliases.length > 0) return false;
  const usedAtMs = image.lastUsedAtMs ?? image.uploadedAtMs;
  return days > 0 && usedAtMs + days * dayMs <= nowMs;
}
