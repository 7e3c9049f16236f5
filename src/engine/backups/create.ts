import { Revert } from '../../base/revert.ts';
import type { Compression } from '../../contract/compression.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { BackupTree } from '../../image/backup/layout.ts';
import { formatMetadata } from '../../image/metadata.ts';
import type { LayerId } from '../../storage/types.ts';
import { captureInstance } from '../instances/capture.ts';
import { getInstance } from '../instances/list.ts';
import { describeInstance } from '../instances/metadata.ts';
import { finishRestore } from '../instances/restoring.ts';
import { isRunning } from '../instances/state.ts';
import { removeUnusedLayers } from '../layers.ts';
import type { EngineDeps, InstanceRecord, SnapshotRecord, WorkContext } from '../types.ts';
import { formatBackupIndex } from './format-index.ts';
import { checkBackupName, listBackups, stageBackup, type BackupRecord } from './records.ts';

export interface CreateBackupInput {
  readonly instance: string;
  readonly name: string;
  readonly expiresAtMs: number | undefined;
  /** Leaves the snapshots out. */
  readonly instanceOnly: boolean;
  /** Undefined: the best there is. */
  readonly compression: Compression | undefined;
}

export interface CreatedBackup {
  readonly record: BackupRecord;
  /** How long the machine was frozen for it, when it ran. */
  readonly frozenMs: number | undefined;
}

/**
 * Writes a machine and its snapshots into one archive. One that runs is frozen for as long as its
 * own files are copied, and goes on while they are packed; a stopped one cannot be started
 * meanwhile.
 */
export async function createBackup(
  deps: EngineDeps,
  input: CreateBackupInput,
  context: WorkContext,
): Promise<CreatedBackup> {
  const { instance, name } = input;
  getInstance(deps, instance);
  checkBackupName(`export ${instance}`, name);
  await using after = new Revert((step, error) => {
    deps.log.warn({ err: error, instance, step }, 'an export did not clean up after itself');
  });
  const lock = await deps.live.locks.act(instance, 'export');
  let locked = true;
  const unlock = (): void => {
    if (locked) lock[Symbol.dispose]();
    locked = false;
  };
  after.push('let go of the machine', unlock);

  const record = getInstance(deps, instance);
  const snapshots = input.instanceOnly ? [] : deps.store.snapshots.list(record.id);
  await refuseExisting(deps, record.id, name);
  const { index, backup } = formatBackupIndex(deps, record, snapshots);
  const running = isRunning(deps, record);
  const { trees, frozenMs } = await mountAll(deps, record, snapshots, after, context.signal);
  // What is packed is held by now.
  if (running) unlock();

  await using staged = await stageBackup(deps, record.id);
  const createdAtMs = deps.now();
  const { sizeBytes } = await deps.images.packBackup(
    {
      kind: 'container',
      index,
      beside: { 'backup.yaml': backup, ...besideOf(deps, record) },
      trees,
      file: staged.file,
      slice: record.slice,
      compression: input.compression,
      createdAt: Math.floor(createdAtMs / 1000),
    },
    context,
  );
  // The machine may have gone meanwhile, and its backups with it.
  if (deps.store.instances.findById(record.id) === undefined) {
    throw new WarrenError('not_found', { kind: 'instance', name: instance });
  }
  const { expiresAtMs, instanceOnly } = input;
  const made = { name, createdAtMs, expiresAtMs, instanceOnly, sizeBytes };
  await staged.commit(made);
  deps.events.lifecycle({
    action: 'instance-backup-created',
    subject: { kind: 'instance-backup', instance, name },
    context: {},
  });
  return { record: made, frozenMs };
}

async function refuseExisting(deps: EngineDeps, instanceId: number, name: string): Promise<void> {
  const all = await listBackups(deps, instanceId);
  if (all.some((one) => one.name === name))
    throw new WarrenError('exists', { kind: 'backup', name });
}

/** Mounts everything that goes into the archive, snapshots first; `after` lets go of it again. */
async function mountAll(
  deps: EngineDeps,
  record: InstanceRecord,
  snapshots: readonly SnapshotRecord[],
  after: Revert,
  signal: AbortSignal,
): Promise<{ readonly trees: BackupTree[]; readonly frozenMs: number | undefined }> {
  const trees: BackupTree[] = [];
  after.push('remove layers that nothing uses', () => removeUnusedLayers(deps));
  const mount = async (
    snapshot: string | undefined,
    layers: readonly LayerId[],
    upperOf?: number,
  ): Promise<void> => {
    const view = await deps.storage.mountView(layers, upperOf);
    after.push('unmount a view', () => view[Symbol.asyncDispose]());
    trees.push({ snapshot, root: view.path });
  };
  const held = deps.live.heldLayers.hold();
  after.push('release layers', () => {
    held[Symbol.dispose]();
  });
  for (const { name, layers } of snapshots) {
    held.add(layers);
    await mount(name, layers);
  }
  if (!isRunning(deps, record)) {
    await finishRestore(deps, record);
    await deps.storage.unmountRoot(record.id);
    await mount(undefined, record.layers, record.id);
    return { trees, frozenMs: undefined };
  }
  let chain: readonly LayerId[] = [];
  const frozenMs = await captureInstance(deps, record, signal, (layers) => {
    chain = layers;
    held.add(layers);
  });
  await mount(undefined, chain);
  return { trees, frozenMs };
}

/** The image's `metadata.yaml` and templates, as LXD keeps them beside a machine's root. */
function besideOf(deps: EngineDeps, record: InstanceRecord): Readonly<Record<string, string>> {
  const { metadata, templateFiles } = describeInstance(deps, record);
  const templates = Object.entries(templateFiles).map(([name, text]) => [
    `templates/${name}`,
    text,
  ]);
  return {
    'metadata.yaml': formatMetadata(metadata),
    ...(Object.fromEntries(templates) as Record<string, string>),
  };
}
