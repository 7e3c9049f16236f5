import type { StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import { checkVolumePolicy } from '../policy/volumes.ts';
import type { EngineDeps, VolumeRecord } from '../types.ts';
import { getVolume } from './list.ts';
import { checkVolume } from './validate.ts';

/** What is undefined stays; an empty value removes a key. */
export interface UpdateVolumeInput {
  readonly name: string;
  readonly description?: string | undefined;
  readonly config?: StringMap | undefined;
  /** Called with the present record; throws `stale` for a wrong ETag. */
  readonly check?: ((current: VolumeRecord) => void) | undefined;
}

/** Throws `invalid`, `policy`. */
export function updateVolume(deps: EngineDeps, input: UpdateVolumeInput): void {
  const { name } = input;
  const what = `change the storage volume ${name}`;
  deps.store.transaction(() => {
    const current = getVolume(deps, name);
    input.check?.(current);
    const config = input.config === undefined ? current.config : dropEmpty(input.config);
    checkVolume(what, name, config);
    checkVolumePolicy(deps, what, current, { name, config });
    const description = input.description ?? current.description;
    deps.store.volumes.set(current.id, { ...current, description, config });
  });
  const subject = { kind: 'volume', name } as const;
  deps.events.lifecycle({ action: 'storage-volume-updated', subject, context: {} });
}
