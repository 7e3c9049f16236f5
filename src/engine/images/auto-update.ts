import type { EngineDeps, ImageRecord, WorkContext } from '../types.ts';
import { refreshImage } from './refresh.ts';

const minuteMs = 60_000;
/** As LXD does it; to build one anew costs more than to ask a server. */
const fetchedEveryMinutes = 6 * 60;
const builtEveryMinutes = 24 * 60;

/**
 * Brings images that have `auto_update` up to date whose minute this is. Each has a minute of its own,
 * so that not all are fetched at once. What fails is logged and tried again the next time.
 */
export async function updateImages(
  deps: EngineDeps,
  startMs: number,
  context: WorkContext,
): Promise<void> {
  const minute = Math.floor(startMs / minuteMs);
  for (const image of deps.store.images.list().filter((one) => isDue(one, minute))) {
    context.signal.throwIfAborted();
    const { project, fingerprint } = image;
    const name = image.aliases[0]?.name ?? fingerprint.slice(0, 12);
    try {
      if (await refreshImage(deps, project, fingerprint, context)) {
        deps.log.info({ image: name }, 'an image was brought up to date');
      }
    } catch (error) {
      if (!context.signal.aborted) {
        deps.log.warn({ err: error, image: name }, 'an image was not brought up to date');
      }
    }
  }
}

/** Whether an image is looked after in this minute since the epoch. */
export function isDue(
  image: Pick<ImageRecord, 'fingerprint' | 'autoUpdate' | 'source' | 'recipe'>,
  minute: number,
): boolean {
  if (!image.autoUpdate || (image.source === undefined && image.recipe === undefined)) return false;
  const every = image.source === undefined ? builtEveryMinutes : fetchedEveryMinutes;
  return (minute + parseInt(image.fingerprint.slice(0, 8), 16)) % every === 0;
}
