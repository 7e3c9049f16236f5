import { existsSync } from 'node:fs';

import type { StorageProblem, StorageReport } from '../../contract/api/storage-check.ts';
import type { EngineDeps } from '../types.ts';

export type Found = Omit<StorageProblem, 'repaired'>;

/**
 * Compares rows with directories at one moment, synchronously: nothing of this daemon comes in
 * between. What is under way looks like a problem, so the caller sees to it that nothing is.
 */
export function findStorageProblems(deps: EngineDeps): Found[] {
  const { store } = deps;
  return [
    ...store.problems().map((problem) => ({
      kind: 'database' as const,
      subject: deps.paths.database,
      problem,
      remedy: 'restore the file from a backup of yours, with the daemon stopped',
    })),
    ...findLayerProblems(deps),
    ...findInstanceProblems(deps),
    ...findVolumeProblems(deps),
    ...findImageProblems(deps),
  ];
}

/** What a report counts. */
export function countStored({ store }: EngineDeps): StorageReport['counts'] {
  return {
    instances: store.instances.list().length,
    snapshots: store.snapshots.listAll().length,
    images: store.images.list().length,
    volumes: store.volumes.list().length,
    layers: store.layers.list().length,
    references: store.layers.listUsers().length,
  };
}

function findLayerProblems({ store, storage, live }: EngineDeps): Found[] {
  const look = storage.look();
  const present = new Set(look.layers);
  const rows = store.layers.list();
  const known = new Set(rows.map(({ id }) => id));
  const users = store.layers.listUsers();
  const found: Found[] = [];
  for (const { id } of rows) {
    const of = users.filter(({ layer }) => layer === id);
    if (!present.has(id) || look.withoutData.includes(id)) {
      const names = of.map(({ kind, name }) => `${kind} ${name}`).join(', ');
      const what = present.has(id) ? `the contents of layer ${id} are` : `layer ${id} is`;
      found.push({
        kind: 'layer-missing',
        subject: id,
        problem: `${what} missing on disk; on it stands ${names === '' ? 'nothing' : names}`,
        ...(of.length === 0
          ? {}
          : { remedy: 'delete what stands on it, or restore the directory' }),
      });
    } else if (of.length === 0 && !live.heldLayers.has(id)) {
      found.push({ kind: 'layer-unused', subject: id, problem: `nothing stands on layer ${id}` });
    }
  }
  for (const id of look.layers) {
    if (known.has(id)) continue;
    found.push(
      look.frozen.includes(id)
        ? {
            kind: 'snapshot-unfinished',
            subject: id,
            problem: `layer ${id} has the files of a machine whose snapshot failed`,
            remedy: 'warren daemon restart    (puts them back)',
          }
        : { kind: 'layer-stray', subject: id, problem: `layer ${id} is in no row` },
    );
  }
  const unfinished = look.unfinished.map((path) => ({
    kind: 'unfinished' as const,
    subject: path,
    problem: `${path} was being made or removed, and nobody goes on with it`,
  }));
  return [...found, ...unfinished];
}

function findInstanceProblems({ store, storage }: EngineDeps): Found[] {
  const look = storage.look();
  const present = new Set(look.instances);
  const rows = store.instances.list();
  const known = new Set(rows.map(({ id }) => id));
  const missing = rows.filter(({ id }) => !present.has(id));
  return [
    ...missing.map(({ id, name }) => ({
      kind: 'instance-missing' as const,
      subject: name,
      problem: `the own files of instance ${name}, instances/${id}/upper, are missing on disk`,
      remedy: `warren restore ${name} SNAPSHOT    (or warren delete ${name})`,
    })),
    ...look.instanceDirectories
      .filter((id) => !known.has(id))
      .map((id) => ({
        kind: 'instance-stray' as const,
        subject: String(id),
        problem: `the directory instances/${id} is of no instance`,
      })),
  ];
}

function findVolumeProblems({ store, storage }: EngineDeps): Found[] {
  const present = new Set(storage.look().volumes);
  const rows = store.volumes.list();
  const known = new Set(rows.map(({ tree }) => tree));
  return [
    ...rows
      .filter(({ tree }) => !present.has(tree))
      .map(({ name, tree }) => ({
        kind: 'volume-missing' as const,
        subject: name,
        problem: `the files of volume ${name}, volumes/${tree}, are missing on disk`,
        remedy: `warren storage volume delete default ${name}`,
      })),
    ...[...present]
      .filter((tree) => !known.has(tree))
      .map((tree) => ({
        kind: 'volume-stray' as const,
        subject: tree,
        problem: `the directory volumes/${tree} is of no volume`,
      })),
  ];
}

function findImageProblems({ store, paths }: EngineDeps): Found[] {
  const each = new Map(store.images.list().map((image) => [image.fingerprint, image]));
  return [...each.values()].flatMap(({ fingerprint, format, project }) => {
    const of = project === 'default' ? '' : ` --project ${project}`;
    const wanted = format === 'split' ? [fingerprint, `${fingerprint}.rootfs`] : [fingerprint];
    return wanted
      .filter((file) => !existsSync(`${paths.imagesDir}/${file}`))
      .map((file) => ({
        kind: 'image-missing' as const,
        subject: fingerprint.slice(0, 12),
        problem: `the file images/${file} is missing`,
        remedy: `warren image delete${of} ${fingerprint.slice(0, 12)}    (and make it again)`,
      }));
  });
}
