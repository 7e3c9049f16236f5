import { stringify } from 'yaml';

import { Revert } from '../../base/revert.ts';
import { timeOf } from '../../contract/api/times.ts';
import type { Compression } from '../../contract/compression.ts';
import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import type { BackupTree } from '../../image/backup/layout.ts';
import type { LayerId, OwnerRange } from '../../storage/types.ts';
import { sliceAt } from '../../userns/slices.ts';
import type { EngineDeps, VolumeRecord, WorkContext } from '../types.ts';
import { removeTree } from '../volumes/create.ts';
import { getVolume } from '../volumes/list.ts';
import { withStillVolume } from '../volumes/still.ts';
import { parseVolumeIndex } from './parse-index.ts';
import { checkBackupName, listBackups, stageBackup, type BackupRecord } from './records.ts';
import { nameWithout } from '../../base/names.ts';

export interface ExportVolumeInput {
  readonly volume: string;
  readonly name: string;
  readonly expiresAtMs: number | undefined;
  /** Leaves the snapshots out. */
  readonly volumeOnly: boolean;
  /** Undefined: the best there is. */
  readonly compression: Compression | undefined;
}

/**
 * Writes a volume and its snapshots into one archive, as LXD does. Copies are packed, so that
 * machines that hold it stand still only while it is copied, and nobody waits while it is packed.
 * Throws `exists`, `not_found`.
 */
export async function exportVolume(
  deps: EngineDeps,
  input: ExportVolumeInput,
  context: WorkContext,
): Promise<BackupRecord> {
  const { volume: volumeName, name, volumeOnly, expiresAtMs } = input;
  checkBackupName(`export the storage volume ${volumeName}`, name);
  const owner = sliceAt(0);
  await using after = new Revert((step, error) => {
    deps.log.warn({ err: error, volume: volumeName, step }, 'an export did not clean up');
  });
  context.progress({ stage: 'copying' });
  // Death before the end leaves copies without a row, which recovery removes.
  const copyOf = async (one: VolumeRecord, copied?: () => Promise<void>): Promise<LayerId> => {
    const options = { signal: context.signal, ...(copied === undefined ? {} : { copied }) };
    const tree = await deps.storage.volumes.copy(one.tree, options);
    after.push('remove a copy', () => removeTree(deps, tree));
    await giveCopyTo(deps, tree, one, owner);
    return tree;
  };
  const found = await withStillVolume(deps, volumeName, async (volume, copied) => {
    const all = await listBackups(deps, { volume: volume.id });
    if (all.some((one) => one.name === name)) {
      throw new WarrenError('exists', { kind: 'backup', name });
    }
    const snapshots = volumeOnly ? [] : deps.store.volumes.snapshots(volume.id);
    const index = formatVolumeIndex(volume, snapshots);
    const root = await copyOf(volume, copied);
    const trees: BackupTree[] = [];
    for (const snapshot of snapshots) {
      const path = deps.storage.volumes.path(await copyOf(snapshot));
      trees.push({ snapshot: snapshot.name, root: path });
    }
    trees.push({ snapshot: undefined, root: deps.storage.volumes.path(root) });
    return { volume, index, trees };
  });
  const { volume, index, trees } = found;
  await using staged = await stageBackup(deps, { volume: volume.id });
  const createdAtMs = deps.now();
  const { sizeBytes } = await deps.images.packBackup(
    {
      kind: 'volume',
      index,
      beside: {},
      trees,
      file: staged.file,
      slice: owner,
      compression: input.compression,
      createdAt: Math.floor(createdAtMs / 1000),
    },
    context,
  );
  // It may have gone meanwhile, and its backups with it.
  if (getVolume(deps, volumeName).id !== volume.id) {
    throw new WarrenError('not_found', { kind: 'storage volume', name: volumeName });
  }
  const made = { name, createdAtMs, expiresAtMs, instanceOnly: volumeOnly, sizeBytes };
  await staged.commit(made);
  deps.events.lifecycle({
    action: 'storage-volume-backup-created',
    subject: { kind: 'volume-backup', volume: volumeName, name },
    context: {},
  });
  return made;
}

/** What a death left half-way between two owners is finished in the copy. */
async function giveCopyTo(
  deps: EngineDeps,
  tree: LayerId,
  { owner, nextOwner }: VolumeRecord,
  wanted: OwnerRange,
): Promise<void> {
  const { volumes } = deps.storage;
  if (nextOwner !== undefined) await volumes.shift(tree, owner, nextOwner);
  const now = nextOwner ?? owner;
  await volumes.shiftNew(tree, now, wanted);
}

function formatVolumeIndex(volume: VolumeRecord, snapshots: readonly VolumeRecord[]): string {
  const common = { type: 'custom', content_type: 'filesystem' };
  const { description, config } = volume;
  // A backup is of no project.
  const name = nameWithout(volume.name);
  const index = stringify({
    name,
    backend: 'dir',
    pool: 'default',
    snapshots: snapshots.map((snapshot) => snapshot.name),
    optimized: false,
    optimized_header: false,
    type: 'custom',
    config: {
      volume: { ...common, name, description, config, location: 'none', used_by: [] },
      volume_snapshots: snapshots.map((snapshot) => ({
        name: snapshot.name,
        description: snapshot.description,
        content_type: 'filesystem',
        config: snapshot.config,
        created_at: timeOf(snapshot.createdAtMs),
        expires_at: timeOf(snapshot.expiresAtMs),
      })),
    },
  });
  try {
    parseVolumeIndex(Buffer.from(index));
  } catch (error) {
    if (!isWarrenError(error, 'invalid')) throw error;
    const why = 'what is said of its snapshots is more than an import reads';
    const hint = `warren storage volume export default ${name} --volume-only`;
    throw new WarrenError(
      'unsupported',
      { what: `export the storage volume ${name}`, why, hint },
      { cause: error },
    );
  }
  return index;
}
