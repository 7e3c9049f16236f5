import type { HostPath } from '../../base/brand.ts';
import { Revert } from '../../base/revert.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { BackupPart } from '../../image/backup/layout.ts';
import type { LayerId } from '../../storage/types.ts';
import { sliceAt } from '../../userns/slices.ts';
import { checkVolumePolicy } from '../policy/volumes.ts';
import type { EngineDeps, VolumeRecord, WorkContext } from '../types.ts';
import { record, refuseTaken, removeTree } from '../volumes/create.ts';
import { checkVolume } from '../volumes/validate.ts';
import { parseVolumeIndex, type VolumeIndex } from './parse-index.ts';
import { nameIn } from '../../base/names.ts';

/** A volume's backup whose index was read and found good. */
export interface ReadVolumeBackup {
  readonly file: HostPath;
  readonly index: VolumeIndex;
  /** Of the volume to be made. */
  readonly name: string;
}

/** Throws `invalid`, `exists`, `policy`. */
export async function readVolumeBackup(
  deps: EngineDeps,
  file: HostPath,
  wanted: string | undefined,
  project: string,
  context: WorkContext,
): Promise<ReadVolumeBackup> {
  const index = parseVolumeIndex(await deps.images.readBackupIndex(file, context));
  const name = nameIn(project, wanted ?? index.name);
  check(deps, name, index);
  return { file, index, name };
}

/** Makes the volume of a backup, with its snapshots. Nothing is left behind when it fails. */
export async function importVolume(
  deps: EngineDeps,
  { file, index, name }: ReadVolumeBackup,
  context: WorkContext,
): Promise<VolumeRecord> {
  const owner = sliceAt(0);
  const trees = new Map<string | undefined, LayerId>();
  const missing = new Set([...index.snapshots.map((snapshot) => snapshot.name), undefined]);
  await using undo = new Revert((step, error) => {
    deps.log.warn({ err: error, volume: name, step }, 'a failed import did not clean up');
  });
  await using reader = await deps.images.openBackup(file, owner, context, 'volume');
  for (;;) {
    const part = await reader.next();
    if (part === undefined) break;
    if (!missing.delete(part.snapshot)) throw bad(name, `it has ${nameOf(part)} unasked`);
    // Death before the rows are there leaves what recovery removes.
    const tree = await deps.storage.volumes.create(owner, (target) => reader.unpack(target));
    undo.push('remove what was unpacked', () => removeTree(deps, tree));
    trees.set(part.snapshot, tree);
  }
  const [lacking] = [...missing].map((snapshot) => nameOf({ snapshot }));
  if (lacking !== undefined) throw bad(name, `it lacks ${lacking}`);
  undo.keep();
  const made = await record(deps, [...trees.values()], () => {
    // Again: another may have been made meanwhile.
    check(deps, name, index);
    const insert = (
      part: string | undefined,
      more: Pick<VolumeRecord, 'parentId' | 'name' | 'description' | 'config' | 'expiresAtMs'>,
      createdAtMs: number,
    ): VolumeRecord => {
      const tree = trees.get(part);
      if (tree === undefined) throw new Error('the files of a volume are not there');
      return deps.store.volumes.insert({ ...more, createdAtMs, tree, owner });
    };
    const { description, config } = index;
    const volume = insert(
      undefined,
      { parentId: undefined, name, description, config, expiresAtMs: undefined },
      deps.now(),
    );
    for (const { createdAtMs, ...snapshot } of index.snapshots) {
      insert(snapshot.name, { ...snapshot, parentId: volume.id }, createdAtMs ?? deps.now());
    }
    return volume;
  });
  const subject = { kind: 'volume', name } as const;
  deps.events.lifecycle({ action: 'storage-volume-created', subject, context: {} });
  return made;
}

function check(deps: EngineDeps, name: string, { config, snapshots }: VolumeIndex): void {
  const what = `import the storage volume ${name.slice(0, 80)}`;
  checkVolume(what, name, config);
  for (const snapshot of snapshots) checkVolume(what, snapshot.name, snapshot.config);
  refuseTaken(deps, name);
  checkVolumePolicy(deps, what, undefined, { name, config });
}

function nameOf({ snapshot }: BackupPart): string {
  return snapshot === undefined
    ? 'the files of the volume'
    : `the files of snapshot ${JSON.stringify(snapshot.slice(0, 80))}`;
}

function bad(name: string, problem: string): WarrenError {
  const issues = [{ path: '', problem }];
  return new WarrenError('invalid', { what: `import the storage volume ${name}`, issues });
}
