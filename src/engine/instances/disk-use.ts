import { formatSize, parseSize } from '../../base/units.ts';
import type { DeviceMap } from '../../contract/api/instances.ts';
import { visibleDevices } from '../../contract/config/expand.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { LayerId, StorageService } from '../../storage/types.ts';
import type { Store } from '../../store/store.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { expander, expandInstance } from './list.ts';

/** Measures what machines keep beyond the image they came from, in bytes. */
export interface DiskUse {
  /** A machine's directory, the layers it stands on and those of its snapshots, each once. */
  ofInstances(instanceIds: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /** Of layers, each once. A layer never changes and is measured once. */
  ofLayers(layers: readonly LayerId[]): Promise<number>;
}

/** `DiskUse` by the rows of `store`, asking `storage` once for each layer. */
export function makeDiskUse(
  store: Pick<Store, 'instances' | 'snapshots'>,
  storage: Pick<StorageService, 'upperSizes' | 'layerSize'>,
): DiskUse {
  const known = new Map<LayerId, number>();
  const ofLayers = async (layers: readonly LayerId[]): Promise<number> => {
    let sum = 0;
    for (const layer of new Set(layers)) {
      const bytes = known.get(layer) ?? (await storage.layerSize(layer));
      known.set(layer, bytes);
      sum += bytes;
    }
    return sum;
  };
  return {
    ofLayers,
    async ofInstances(instanceIds) {
      const sizes = new Map(await storage.upperSizes(instanceIds));
      for (const [id, bytes] of sizes) {
        const snapshots = store.snapshots.list(id);
        for (const { layers, sizeBytes } of snapshots) {
          if (sizeBytes > 0 && layers[0] !== undefined) known.set(layers[0], sizeBytes);
        }
        const chains = [store.instances.findById(id), ...snapshots].map((one) => ownLayers(one));
        sizes.set(id, bytes + (await ofLayers(chains.flat())));
      }
      return sizes;
    },
  };
}

/** The lowest layer of a machine from an image is the image. */
export function ownLayers(
  record: Pick<InstanceRecord, 'layers' | 'config'> | undefined,
): readonly LayerId[] {
  if (record === undefined) return [];
  return record.config['volatile.base_image'] === undefined
    ? record.layers
    : record.layers.slice(0, -1);
}

/** The root disk's device and what `size` it has; undefined is no limit. */
export function rootDisk(devices: DeviceMap): {
  readonly device: string;
  readonly sizeBytes: number | undefined;
} {
  const [device = 'root', keys] =
    Object.entries(visibleDevices(devices)).find(([, { path }]) => path === '/') ?? [];
  return { device, sizeBytes: parseSize(keys?.['size'] ?? '') };
}

/**
 * Throws `no_space` when a machine keeps more than its root disk's `size` already: then there are
 * no new layers of it. What cannot be measured in a moment is let through: no ordinary user can set
 * a quota, so this limit tells and refuses, and does not hold a guest that writes.
 */
export async function refuseBeyondDisk(
  deps: EngineDeps,
  what: string,
  record: InstanceRecord,
): Promise<void> {
  const { sizeBytes } = rootDisk(expandInstance(deps, record).devices);
  if (sizeBytes === undefined) return;
  const bytes = await deps.live.disks.read(record.id);
  if (bytes !== undefined)
    refuseBeyond({ what, kept: record.name, name: record.name }, bytes, sizeBytes);
}

/**
 * What would be beyond a root disk's size, and the command that helps if not `kept`'s list of
 * snapshots.
 */
interface Beyond {
  readonly what: string;
  readonly kept: string;
  readonly name: string;
  readonly hint?: string;
}

/**
 * Throws `no_space` when the `bytes` that the machine `kept` keeps are more than the root disk of
 * `name`, it or its copy, may.
 */
export function refuseBeyond(
  { what, kept, name, hint }: Beyond,
  bytes: number,
  sizeBytes: number,
): void {
  if (bytes <= sizeBytes) return;
  const whose = kept === name ? 'its own' : `${kept}'s own`;
  throw new WarrenError('no_space', {
    what,
    where: `the root disk of ${name}: ${formatSize(bytes)} of ${whose}, size is ${formatSize(sizeBytes)}`,
    hint: hint ?? `warren snapshot list ${kept}    (delete what is not needed, or raise size)`,
  });
}

/**
 * Throws `no_space` when the machine `kept` keeps more than its copy may on its root disk, which is
 * among the expanded `devices`: a copy begins with all of that.
 */
export async function refuseLargeCopy(
  deps: EngineDeps,
  beyond: Beyond,
  origin: Pick<InstanceRecord, 'layers' | 'config'> & { readonly snapshotsOf: number | undefined },
  devices: DeviceMap,
): Promise<void> {
  const { sizeBytes } = rootDisk(devices);
  if (sizeBytes === undefined) return;
  const { snapshotsOf } = origin;
  const snapshots = snapshotsOf === undefined ? [] : deps.store.snapshots.list(snapshotsOf);
  const chains = [origin, ...snapshots].map((one) => ownLayers(one));
  refuseBeyond(beyond, await deps.live.diskUse.ofLayers(chains.flat()), sizeBytes);
}

const warningType = 'Disk limit exceeded';

/**
 * Tells of machines beyond their disk limit by warnings, and takes those back that hold no more.
 */
export function judgeDiskUse(deps: EngineDeps, sizes: ReadonlyMap<number, number>): void {
  const told = new Set(
    deps.store.warnings
      .list()
      .filter(({ type, status }) => type === warningType && status !== 'resolved')
      .map(({ entity }) => entity),
  );
  const expand = expander(deps);
  for (const [id, bytes] of sizes) {
    const record = deps.store.instances.findById(id);
    if (record === undefined) continue;
    const { name } = record;
    const entity = `instance ${name}`;
    const { sizeBytes = Infinity } = rootDisk(expand(record).devices);
    if (bytes <= sizeBytes) {
      if (told.has(entity)) deps.store.warnings.resolve(warningType, entity);
      continue;
    }
    if (told.has(entity)) continue;
    const message = `${name} keeps ${formatSize(bytes)} of its own and the size of its root disk is ${formatSize(sizeBytes)}: there will be no snapshots and copies of it`;
    const warning = { type: warningType, severity: 'moderate', entity, message } as const;
    deps.store.warnings.raise(warning, deps.now());
    deps.log.warn({ instance: name }, message);
  }
}
