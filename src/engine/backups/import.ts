import { machineName } from '../../base/names.ts';
import { WarrenError, type Issue } from '../../contract/errors.ts';
import type { HostPath } from '../../base/brand.ts';
import { parseArchitecture } from '../../image/architectures.ts';
import type { BackupPart } from '../../image/backup/layout.ts';
import { formatMetadata } from '../../image/metadata.ts';
import type { LayerId } from '../../storage/types.ts';
import { createInstance, type CreateInstanceInput } from '../instances/create.ts';
import { ownLayers, refuseBeyond, rootDisk } from '../instances/disk-use.ts';
import { expandInstance } from '../instances/list.ts';
import { checkInstanceName } from '../instances/names.ts';
import { ownerOf } from '../instances/owner.ts';
import { instanceIssues } from '../instances/validate.ts';
import { layerFor } from '../layers.ts';
import { measureSoon } from '../snapshots/measure.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';
import { parseBackupIndex, type BackedUp, type BackupIndex } from './parse-index.ts';
import { profilesFor } from '../projects/features.ts';

/** A backup whose index was read and found good. */
export interface ReadBackup {
  readonly file: HostPath;
  readonly index: BackupIndex;
  /** Of the machine to be made. */
  readonly name: string;
}

/**
 * Reads what a backup says of itself. `name` is what its project shall call the machine instead of
 * the backup's own word. Throws `invalid`.
 */
export async function readBackup(
  deps: EngineDeps,
  file: HostPath,
  name: string | undefined,
  project: string,
  context: WorkContext,
): Promise<ReadBackup> {
  const index = parseBackupIndex(await deps.images.readBackupIndex(file, context));
  const wanted = machineName(project, name ?? index.name);
  checkInstanceName('import the backup', wanted);
  return { file, index, name: wanted };
}

/**
 * Makes the machine of a backup, with its snapshots, through the same checks as any other new one.
 * Nothing is left behind when it fails.
 */
export async function importBackup(
  deps: EngineDeps,
  { file, index, name }: ReadBackup,
  context: WorkContext,
): Promise<InstanceRecord> {
  const what = `import ${name}`;
  refuseShifted(what, index);
  checkSnapshots(deps, what, name, index);
  const input: CreateInstanceInput = {
    name,
    description: index.description,
    config: index.config,
    devices: index.devices,
    ephemeral: index.ephemeral,
    profiles: index.profiles,
    source: {
      type: 'backup',
      architecture: parseArchitecture(index.architecture),
      isCopy: name !== index.name,
      fill: (record, work) => unpackAll(deps, file, index, record, work),
    },
  };
  return await createInstance(deps, input, context);
}

/** LXD without idmapped mounts keeps the host's ids in the files, and so in its backups. */
function refuseShifted(what: string, { config }: BackupIndex): void {
  const map = config['volatile.last_state.idmap'] ?? '[]';
  if (map === '' || map.replaceAll(/\s/g, '') === '[]') return;
  throw new WarrenError('unsupported', {
    what,
    why: 'its files carry the ids of the host it was made on, not those of the machine',
    hint: 'lxc publish NAME    (on that host; an image has the ids of the machine)',
  });
}

/**
 * A snapshot may name profiles that are gone: a restore leaves them out. All else must be right.
 */
function checkSnapshots(deps: EngineDeps, what: string, machine: string, index: BackupIndex): void {
  const issues = index.snapshots.flatMap((snapshot): Issue[] =>
    instanceIssues(deps, machine, {
      config: ownConfig(snapshot),
      devices: snapshot.devices,
      profiles: profilesFor(deps, machine, snapshot.profiles).filter(
        (name) => deps.store.profiles.find(name) !== undefined,
      ),
    }).map(({ path, problem }) => ({ path: `snapshots.${snapshot.name}.${path}`, problem })),
  );
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}

/**
 * Unpacks one root file system after the other, each as a layer on the one before it, so that what
 * they have in common is stored once; and all of them on the image, where it is still here.
 */
async function unpackAll(
  deps: EngineDeps,
  file: HostPath,
  index: BackupIndex,
  record: InstanceRecord,
  context: WorkContext,
): Promise<void> {
  const { signal } = context;
  const owner = ownerOf(record);
  let base: readonly LayerId[] = await findImageLayer(deps, record, context);
  const missing = new Set<string | undefined>([
    ...index.snapshots.map(({ name }) => name),
    undefined,
  ]);
  await using reader = await deps.images.openBackup(file, owner, context);
  for (;;) {
    const part = await reader.next();
    if (part === undefined) break;
    // Of a snapshot that the index does not know.
    if (!missing.delete(part.snapshot)) throw unknownPart(record.name, part);
    const fill = (target: HostPath): Promise<void> => reader.unpack(target);
    const chain = await deps.storage.importTree(owner, base, fill, { signal });
    const [layer = ''] = chain;
    try {
      // Death before this leaves a layer without a row, which recovery removes.
      deps.store.transaction(() => {
        deps.store.layers.insert({ id: layer, owner, shiftedFrom: undefined });
        if (part.snapshot === undefined) deps.store.instances.setLayers(record.id, chain);
        else insertSnapshot(deps, index, record, part.snapshot, chain);
      });
    } catch (error) {
      await deps.storage.removeLayer(layer);
      throw error;
    }
    // Before the next is unpacked.
    await refuseLarge(deps, record.id);
    base = chain;
  }
  const described = reader.describe();
  if (described !== undefined) {
    deps.store.transaction(() => {
      const { metadata, templateFiles: files } = described;
      deps.store.instanceTemplates.replace(record.id, {
        metadata: formatMetadata(metadata),
        files,
      });
    });
  }
  const [first] = missing;
  if (missing.size === 0) return;
  const problem = `it lacks the files of ${first === undefined ? 'the machine' : `snapshot ${first}`}`;
  const issues = [{ path: '', problem }];
  throw new WarrenError('invalid', { what: `import ${record.name}`, issues });
}

/**
 * What was unpacked so far may be more than a profile lets the machine keep, as a copy of it would
 * be. A size that stands in the backup itself is no reason: nobody could raise it there, and what
 * was saved must come back.
 */
async function refuseLarge(deps: EngineDeps, id: number): Promise<void> {
  const record = deps.store.instances.findById(id);
  if (record === undefined) return;
  const { device, sizeBytes } = rootDisk(expandInstance(deps, record).devices);
  const profile = record.profiles.findLast(
    (one) => deps.store.profiles.find(one)?.devices[device] !== undefined,
  );
  if (sizeBytes === undefined || record.devices[device] !== undefined || profile === undefined)
    return;
  const chains = [record, ...deps.store.snapshots.list(id)].map((one) => ownLayers(one));
  const bytes = await deps.live.diskUse.ofLayers(chains.flat());
  const { name } = record;
  const hint = `warren profile device set ${profile} ${device} size=…    (as much as it keeps)`;
  refuseBeyond({ what: `import ${name}`, kept: name, name, hint }, bytes, sizeBytes);
}

function unknownPart(name: string, { snapshot }: BackupPart): WarrenError {
  const problem = `it has files of snapshot ${JSON.stringify(snapshot?.slice(0, 80))}, of which its index knows nothing`;
  return new WarrenError('invalid', { what: `import ${name}`, issues: [{ path: '', problem }] });
}

/** The layer of the image that the machine came from, for its ids, held by the machine itself. */
async function findImageLayer(
  deps: EngineDeps,
  record: InstanceRecord,
  { signal }: WorkContext,
): Promise<LayerId[]> {
  const image = deps.store.images.findAnywhere(record.config['volatile.base_image'] ?? '');
  const original = image === undefined ? undefined : deps.store.layers.listOfImage(image.id)[0];
  if (image === undefined || original === undefined) return [];
  const hold = (layer: LayerId): void => {
    deps.store.instances.setLayers(record.id, [layer]);
  };
  return [
    await layerFor(
      deps,
      original.id,
      ownerOf(record),
      (copy) => {
        hold(copy);
        deps.store.layers.addToImage(image.id, copy);
      },
      signal,
    ),
  ];
}

function insertSnapshot(
  deps: EngineDeps,
  index: BackupIndex,
  record: InstanceRecord,
  name: string,
  layers: readonly LayerId[],
): void {
  const isCopy = record.name !== index.name;
  const snapshot = index.snapshots.find((one) => one.name === name);
  if (snapshot === undefined) throw new Error(`the index has no snapshot ${name}`);
  const imported = deps.store.snapshots.insert({
    instanceId: record.id,
    name,
    description: '',
    createdAtMs: snapshot.createdAtMs ?? deps.now(),
    expiresAtMs: snapshot.expiresAtMs,
    ephemeral: snapshot.ephemeral,
    config: { ...ownConfig(snapshot), ...(isCopy ? { 'volatile.apply_template': 'copy' } : {}) },
    devices: snapshot.devices,
    profiles: profilesFor(deps, record.name, snapshot.profiles),
    layers,
    sizeBytes: 0,
  });
  measureSoon(deps, imported);
}

/** What is true of the machine it was made on alone does not go over. */
function ownConfig({ config }: BackedUp): BackedUp['config'] {
  return Object.fromEntries(
    Object.entries(config).filter(
      ([key]) => !key.startsWith('volatile.') || key === 'volatile.base_image',
    ),
  );
}
