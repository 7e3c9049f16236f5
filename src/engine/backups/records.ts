import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';

import { hostPath, type HostPath } from '../../base/brand.ts';
import { isObjectName } from '../../base/names.ts';
import { nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import { namesIn } from '../../sys/names-in.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { getInstance } from '../instances/list.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

/** An exported machine or volume that waits to be fetched. */
export interface BackupRecord {
  readonly name: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  /** Without snapshots. */
  readonly instanceOnly: boolean;
  readonly sizeBytes: number;
}

/**
 * Where backups lie: `backups/INSTANCE-ID/NAME/` with `data` and `backup.json`. The directory is
 * the record: it appears and goes in one rename, so that no row can say otherwise. No name of a
 * backup begins with the mark of what is being made or removed.
 */
const mark = '+';

/** Whose backups: a machine's id, or a storage volume's. */
export type BackupOwner = number | { readonly volume: number };

/** Directories below the data directory: backups by the ids of machines, and of volumes. */
const [instancesTop, volumesTop] = ['backups', 'volume-backups'];

function homeOf(deps: Pick<EngineDeps, 'paths'>, owner: BackupOwner): string {
  const { dataDir } = deps.paths;
  return typeof owner === 'number'
    ? `${dataDir}/${instancesTop}/${owner}`
    : `${dataDir}/${volumesTop}/${owner.volume}`;
}

/** The archive of a backup. */
export function backupFile(
  deps: Pick<EngineDeps, 'paths'>,
  owner: BackupOwner,
  name: string,
): HostPath {
  checkBackupName('find the backup', name);
  return hostPath(`${homeOf(deps, owner)}/${name}/data`);
}

/** Throws `invalid`. */
export function checkBackupName(what: string, name: string): void {
  if (isObjectName(name)) return;
  const problem = `${JSON.stringify(name.slice(0, 80))} is no name of a backup, wanted 1 to 63 letters, digits, dots, dashes and underscores`;
  throw new WarrenError('invalid', { what, issues: [{ path: 'name', problem }] });
}

/** Oldest first. */
export async function listBackups(
  deps: Pick<EngineDeps, 'paths'>,
  owner: BackupOwner,
): Promise<BackupRecord[]> {
  const home = homeOf(deps, owner);
  const names = (await namesIn(home)).filter((name) => !name.startsWith(mark));
  const records = await Promise.all(names.map((name) => readRecord(`${home}/${name}`, name)));
  return records
    .filter((record) => record !== undefined)
    .sort((a, b) => a.createdAtMs - b.createdAtMs || a.name.localeCompare(b.name));
}

/** Of every machine that has any, by its id. */
export async function listAllBackups(
  deps: Pick<EngineDeps, 'paths'>,
): Promise<Map<number, BackupRecord[]>> {
  const all = new Map<number, BackupRecord[]>();
  for (const id of (await namesIn(`${deps.paths.dataDir}/${instancesTop}`)).map(Number)) {
    all.set(id, await listBackups(deps, id));
  }
  return all;
}

/** Throws `not_found`. */
export async function getBackup(
  deps: Pick<EngineDeps, 'paths' | 'store'>,
  instance: string,
  name: string,
): Promise<{ readonly record: BackupRecord; readonly instance: InstanceRecord }> {
  const owner = getInstance(deps, instance);
  const all = await listBackups(deps, owner.id);
  const record = all.find((one) => one.name === name);
  if (record !== undefined) return { record, instance: owner };
  const nearest = nearestName(
    name,
    all.map((one) => one.name),
  );
  throw new WarrenError('not_found', { kind: 'backup', name: `${instance}/${name}`, nearest });
}

/**
 * A backup under construction: `file` is to be written. Disposing removes it unless `commit` was
 * called.
 */
export interface StagedBackup extends AsyncDisposable {
  readonly file: HostPath;
  /** Throws `exists` when there is one of that name. */
  commit(record: BackupRecord): Promise<void>;
}

/** Begins a backup, under a name that no list shows. */
export async function stageBackup(
  deps: Pick<EngineDeps, 'paths'>,
  owner: BackupOwner,
): Promise<StagedBackup> {
  const home = homeOf(deps, owner);
  const part = `${home}/${mark}${randomUUID()}`;
  await mkdir(part, { recursive: true, mode: 0o700 });
  return {
    file: hostPath(`${part}/data`),
    commit: async (record) => {
      const handle = await open(`${part}/backup.json`, 'wx', 0o600);
      try {
        await handle.writeFile(JSON.stringify(record));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await moveTo(part, `${home}/${record.name}`, record.name);
    },
    [Symbol.asyncDispose]: () => rm(part, { recursive: true, force: true }),
  };
}

/** Throws `exists`. */
export async function moveBackup(
  deps: Pick<EngineDeps, 'paths'>,
  owner: BackupOwner,
  from: string,
  to: string,
): Promise<void> {
  const home = homeOf(deps, owner);
  await moveTo(`${home}/${from}`, `${home}/${to}`, to);
}

/** Removes one backup; absent is fine. */
export async function removeBackup(
  deps: Pick<EngineDeps, 'paths'>,
  owner: BackupOwner,
  name: string,
): Promise<void> {
  const home = homeOf(deps, owner);
  const gone = `${home}/${mark}${randomUUID()}`;
  try {
    await rename(`${home}/${name}`, gone);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  await rm(gone, { recursive: true, force: true });
}

/** Removes every backup of a machine or a volume. */
export async function removeBackupsOf(
  deps: Pick<EngineDeps, 'paths'>,
  owner: BackupOwner,
): Promise<void> {
  await rm(homeOf(deps, owner), { recursive: true, force: true });
}

/** Crash points: a backup that was being written or removed; backups of what is gone. */
export async function removeStrayBackups(deps: EngineDeps): Promise<void> {
  const ids = (records: readonly { readonly id: number }[]): Set<string> =>
    new Set(records.map(({ id }) => String(id)));
  for (const [name = '', owners] of [
    [instancesTop, ids(deps.store.instances.list())],
    [volumesTop, ids(deps.store.volumes.list())],
  ] as const) {
    const top = `${deps.paths.dataDir}/${name}`;
    for (const id of await namesIn(top)) {
      const strays = owners.has(id)
        ? (await namesIn(`${top}/${id}`)).filter((entry) => entry.startsWith(mark))
        : [''];
      for (const stray of strays) {
        await rm(`${top}/${id}/${stray}`, { recursive: true, force: true });
      }
    }
  }
}

async function moveTo(from: string, to: string, name: string): Promise<void> {
  try {
    // A directory that is not empty is never replaced.
    await rename(from, to);
  } catch (error) {
    if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST')) throw error;
    throw new WarrenError('exists', { kind: 'backup', name }, { cause: error });
  }
}

async function readRecord(directory: string, name: string): Promise<BackupRecord | undefined> {
  try {
    const text = await readFile(`${directory}/backup.json`, 'utf8');
    return { ...(JSON.parse(text) as BackupRecord), name };
  } catch (error) {
    // Removed at this moment.
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
