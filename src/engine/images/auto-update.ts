import type { EngineDeps, ImageRecord, WorkContext } from '../types.ts';
import { hoursOfUpdates } from './cache-settings.ts';
import { refreshImage } from './refresh.ts';

const minuteMs = 60_000;
/** To build one anew costs more than to ask a server. */
const builtEveryMinutes = 24 * 60;

/**
 * Brings images that have `auto_update` up to date whose minute this is. Each has a minute of its
 * own, so that not all are fetched at once. What fails is logged and tried again the next time.
 */
export async function updateImages(
  deps: EngineDeps,
  startMs: number,
  context: WorkContext,
): Promise<void> {
  const minute = Math.floor(startMs / minuteMs);
  for (const image of deps.store.images
    .list()
    .filter((one) => isDue(one, minute, hoursOfUpdates(deps, one.project)))) {
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

/** Whether an image is looked after in this minute since the epoch, every `hours`; 0 is never. */
export function isDue(
  image: Pick<ImageRecord, 'fingerprint' | 'autoUpdate' | 'source' | 'recipe'>,
  minute: number,
  hours: number,
): boolean {
  if (
    hours === 0 ||
    !image.autoUpdate ||
    (image.source === undefined && image.recipe === undefined)
  )
    return false;
  const every = image.source === undefined ? Math.max(hours * 60, builtEveryMinutes) : hours * 60;
  return (minute + parseInt(image.fingerprint.slice(0, 8), 16)) % every === 0;
}
