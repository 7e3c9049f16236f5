import type { EngineDeps, WorkContext } from '../types.ts';
import { getImage } from './list.ts';
import { forgetImage } from './record.ts';

export interface DeleteImageInput {
  /** Whole fingerprint. */
  readonly fingerprint: string;
}

/** Removes an image and its files. Machines made from it keep their layers. */
export async function deleteImage(
  deps: EngineDeps,
  { fingerprint }: DeleteImageInput,
  _context: WorkContext,
): Promise<void> {
  const image = getImage(deps, fingerprint);
  await forgetImage(deps, image);
  deps.events.lifecycle({
    action: 'image-deleted',
    subject: { kind: 'image', name: image.fingerprint },
    context: {},
  });
}
