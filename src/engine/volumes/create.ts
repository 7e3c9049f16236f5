import type { StringMap } from '../../contract/api/instances.ts';
import { dropEmpty } from '../../contract/config/validate.ts';
import { WarrenError } from '../../contract/errors.ts';
import { sliceAt } from '../../userns/slices.ts';
import type { LayerId } from '../../storage/types.ts';
import { checkVolumePolicy } from '../policy/volumes.ts';
import type { EngineDeps, VolumeRecord } from '../types.ts';
import { checkVolume } from './validate.ts';

export interface CreateVolumeInput {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
}

/** Makes an empty volume. Throws `exists`, `invalid`, `policy`. */
export async function createVolume(
  deps: EngineDeps,
  input: CreateVolumeInput,
): Promise<VolumeRecord> {
  const { name, description } = input;
  const config = dropEmpty(input.config);
  const what = `create the storage volume ${name}`;
  checkVolume('create the storage volume', name, config);
  refuseTaken(deps, name);
  checkVolumePolicy(deps, what, undefined, { name, config });
  // The ids that machines share: what others will not have to change.
  const owner = sliceAt(0);
  const tree = await deps.storage.volumes.create(owner);
  const volume = await record(deps, [tree], () => {
    // Again, for another may have been made meanwhile and have taken what was left.
    checkVolumePolicy(deps, what, undefined, { name, config });
    return deps.store.volumes.insert({
      parentId: undefined,
      name,
      description,
      createdAtMs: deps.now(),
      expiresAtMs: undefined,
      config,
      tree,
      owner,
    });
  });
  const subject = { kind: 'volume', name } as const;
  deps.events.lifecycle({ action: 'storage-volume-created', subject, context: {} });
  return volume;
}

/** Throws `exists`, before the work is done that a row would come too late for. */
export function refuseTaken(deps: Pick<EngineDeps, 'store'>, name: string): void {
  if (deps.store.volumes.find(name) === undefined) return;
  throw new WarrenError('exists', { kind: 'storage volume', name });
}

/** Records what stands on trees that were made; without a row they go again. */
export async function record<T>(
  deps: EngineDeps,
  trees: readonly LayerId[],
  insert: () => T,
): Promise<T> {
  try {
    return deps.store.transaction(insert);
  } catch (error) {
    for (const tree of trees) await removeTree(deps, tree);
    throw error;
  }
}

/**
 * Of a directory that no row names any more. What cannot be removed now, the next start removes.
 */
export async function removeTree(deps: EngineDeps, tree: LayerId): Promise<void> {
  try {
    await deps.storage.volumes.remove(tree);
  } catch (error) {
    deps.log.warn({ err: error, tree }, 'the files of a volume could not be removed');
  }
}
