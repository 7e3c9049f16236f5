import type { StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, ImageRecord } from '../types.ts';
import { getImage } from './list.ts';

/** What is undefined stays. */
export interface UpdateImageInput {
  readonly project: string;
  readonly fingerprint: string;
  readonly properties?: StringMap | undefined;
  readonly profiles?: readonly string[] | undefined;
  readonly public?: boolean | undefined;
  readonly autoUpdate?: boolean | undefined;
  /** Null: never. */
  readonly expiresAtMs?: number | null | undefined;
  readonly check?: ((current: ImageRecord) => void) | undefined;
}

/** Throws `not_found`, and what `check` throws. */
export function updateImage(deps: EngineDeps, input: UpdateImageInput): ImageRecord {
  const { project } = input;
  const updated = deps.store.transaction(() => {
    const image = getImage(deps, project, input.fingerprint);
    input.check?.(image);
    deps.store.images.setSettings(image.id, {
      properties: input.properties ?? image.properties,
      profiles: input.profiles ?? image.profiles,
      public: input.public ?? image.public,
      autoUpdate: input.autoUpdate ?? image.autoUpdate,
      expiresAtMs:
        input.expiresAtMs === undefined ? image.expiresAtMs : (input.expiresAtMs ?? undefined),
    });
    return getImage(deps, project, image.fingerprint);
  });
  deps.events.lifecycle({
    action: 'image-updated',
    subject: { kind: 'image', project, name: updated.fingerprint },
    context: {},
  });
  return updated;
}
