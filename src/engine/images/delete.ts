import type { EngineDeps, WorkContext } from '../types.ts';
import { getImage } from './list.ts';
import { forgetImage } from './record.ts';

export interface DeleteImageInput {
  readonly project: string;
  /** Whole fingerprint. */
  readonly fingerprint: string;
}

/** Removes an image and its files. Machines made from it keep their layers. */
export async function deleteImage(
  deps: EngineDeps,
  { project, fingerprint }: DeleteImageInput,
  _context: WorkContext,
): Promise<void> {
  const image = getImage(deps, project, fingerprint);
  await forgetImage(deps, image);
  deps.events.lifecycle({
    action: 'image-deleted',
    subject: { kind: 'image', project, name: image.fingerprint },
    context: {},
  });
}
