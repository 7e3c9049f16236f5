import type { HostPath } from '../../base/brand.ts';

/**
 * LXD's backup archive: `backup/index.yaml`, then a root file system for each snapshot below
 * `backup/snapshots/NAME/rootfs` and the machine's own below `backup/container/rootfs`, each with a
 * `backup.yaml` beside it.
 */
export const backupIndexPath = 'backup/index.yaml';

/** One root file system of a backup; undefined is the machine itself. */
export type BackupPart = { readonly snapshot: string | undefined };

/** The directory of a part below `backup/`. */
export function partDirectory({ snapshot }: BackupPart): string {
  return snapshot === undefined ? 'container' : `snapshots/${snapshot}`;
}

/** The part that a path of the archive is in, or undefined for what is no root file system. */
export function partOf(path: string): BackupPart | undefined {
  const [, name, machine] =
    /^backup\/(?:snapshots\/([^/]+)|(container))\/rootfs(?:\/|$)/.exec(path) ?? [];
  if (name !== undefined) return { snapshot: name };
  return machine === undefined ? undefined : { snapshot: undefined };
}

export interface BackupTree extends BackupPart {
  /** Where it is mounted. */
  readonly root: HostPath;
}

/** How a backup is packed; `best` is zstd where it is installed, else gzip. */
export const backupCompressions = ['best', 'none', 'gzip', 'bzip2', 'xz', 'zstd'] as const;
export type BackupCompression = (typeof backupCompressions)[number];
