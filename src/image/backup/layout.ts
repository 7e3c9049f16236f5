import type { HostPath } from '../../base/brand.ts';

/**
 * LXD's backup archive: `backup/index.yaml`, then a root file system for each snapshot below
 * `backup/snapshots/NAME/rootfs` and the machine's own below `backup/container/rootfs`, each with a
 * `backup.yaml` beside it.
 */
export const backupIndexPath = 'backup/index.yaml';

/** One root file system of a backup; undefined is the machine itself. */
export type BackupPart = { readonly snapshot: string | undefined };

/** What a backup is of. A custom volume's files lie in its part itself, without a `rootfs`. */
export type BackupKind = 'container' | 'volume';

const snapshotsOf = { container: 'snapshots', volume: 'volume-snapshots' } as const;

/** The directory of a part below `backup/`. */
export function partDirectory({ snapshot }: BackupPart, kind: BackupKind = 'container'): string {
  return snapshot === undefined ? kind : `${snapshotsDirectory(kind)}/${snapshot}`;
}

/** Where the parts of snapshots are, below `backup/`. */
export function snapshotsDirectory(kind: BackupKind): string {
  return snapshotsOf[kind];
}

/** Where the files of a part are, below `backup/`. */
export function treeDirectory(part: BackupPart, kind: BackupKind): string {
  const directory = partDirectory(part, kind);
  return kind === 'container' ? `${directory}/rootfs` : directory;
}

const partPatterns = {
  container: /^backup\/(?:snapshots\/([^/]+)|(container))\/rootfs(?:\/|$)/,
  volume: /^backup\/(?:volume-snapshots\/([^/]+)|(volume))(?:\/|$)/,
} as const;

/** The part that a path of the archive is in, or undefined for what is none of the files. */
export function partOf(path: string, kind: BackupKind = 'container'): BackupPart | undefined {
  const [, name, itself] = partPatterns[kind].exec(path) ?? [];
  if (name !== undefined) return { snapshot: name };
  return itself === undefined ? undefined : { snapshot: undefined };
}

export interface BackupTree extends BackupPart {
  /** Where it is mounted. */
  readonly root: HostPath;
}
