import type { StringMap } from '../../contract/api/instances.ts';
import { dropEmpty, validateConfig } from '../../contract/config/validate.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, StoragePoolRecord } from '../types.ts';

/** The one there is, with what it is among its config. Throws `not_found` for another name. */
export function getStoragePool(
  deps: Pick<EngineDeps, 'store' | 'paths' | 'storage'>,
  name: string,
): StoragePoolRecord {
  const pool = deps.store.storagePools.find(name);
  if (pool === undefined) throw new WarrenError('not_found', { kind: 'storage pool', name });
  return { ...pool, config: { ...factsOf(deps), ...pool.config } };
}

export interface UpdateStoragePoolInput {
  readonly name: string;
  readonly description?: string | undefined;
  /** Whole; what the pool is may be said as it is, or left out. */
  readonly config?: StringMap | undefined;
  /** Called with the present record; throws `stale` for a wrong ETag. */
  readonly check?: ((current: StoragePoolRecord) => void) | undefined;
}

/** What is undefined stays. Throws `invalid` for anything but notes. */
export function updateStoragePool(deps: EngineDeps, input: UpdateStoragePoolInput): void {
  const { name } = input;
  const facts: StringMap = factsOf(deps);
  deps.store.transaction(() => {
    const current = getStoragePool(deps, name);
    input.check?.(current);
    const wanted = Object.entries(input.config ?? current.config).filter(
      ([key, value]) => facts[key] !== value,
    );
    // Also taken away by the empty text, a fact stays one.
    const kept = wanted.filter(([key, value]) => value !== '' || key in facts);
    const issues = validateConfig(Object.fromEntries(kept), 'pool');
    if (issues.length > 0) {
      throw new WarrenError('invalid', { what: `change the storage pool ${name}`, issues });
    }
    const { description = current.description } = input;
    deps.store.storagePools.set(current.id, {
      description,
      config: dropEmpty(Object.fromEntries(kept)),
    });
  });
  const subject = { kind: 'storage-pool', name } as const;
  deps.events.lifecycle({ action: 'storage-pool-updated', subject, context: {} });
}

function factsOf({ paths, storage }: Pick<EngineDeps, 'paths' | 'storage'>) {
  return { source: paths.dataDir, 'warren.tier': storage.tier };
}
