import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';

import { WarrenError } from '../contract/errors.ts';
import { MNT_DETACH, MS_BIND, MS_REC, mount, unmount } from '../sys/kernel/mount.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { StagedBind } from './oci/mounts.ts';
import type { BindMount } from './types.ts';

/**
 * Binds each source to `bindsDir/N` in U0's mount namespace. The OCI runtime opens bind sources with
 * the machine's ids, which cannot pass a 0700 home; below our own tmpfs they can. When it throws,
 * `unstageBinds` takes away what was made.
 */
export function stageBinds(bindsDir: string, binds: readonly BindMount[]): StagedBind[] {
  if (binds.length === 0) return [];
  mkdirSync(bindsDir, { recursive: true, mode: 0o755 });
  return binds.map(({ source, target, readonly, recursive, kind }, index) => {
    const staged = `${bindsDir}/${index}`;
    try {
      if (kind === 'directory') mkdirSync(staged);
      else closeSync(openSync(staged, 'wx'));
      const flags = recursive ? MS_BIND | MS_REC : MS_BIND;
      mount({ source, target: staged, type: '', flags });
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EINVAL', 'ELOOP')) throw error;
      throw unusable(source, target, error);
    }
    return { source: staged, target, readonly, recursive };
  });
}

/** Unmounts and removes what `stageBinds` made. The machine keeps its own mounts. Absent is fine. */
export function unstageBinds(bindsDir: string): void {
  if (!existsSync(bindsDir)) return;
  for (const entry of readdirSync(bindsDir, { withFileTypes: true })) {
    const staged = `${bindsDir}/${entry.name}`;
    detach(staged);
    // Never recursive: were the mount still there, this would be somebody's home.
    if (entry.isDirectory()) rmdirSync(staged);
    else unlinkSync(staged);
  }
  rmdirSync(bindsDir);
}

function detach(path: string): void {
  try {
    unmount(path, MNT_DETACH);
  } catch (error) {
    if (!hasErrno(error, 'EINVAL')) throw error;
  }
}

function unusable(source: string, target: string, cause: unknown): WarrenError {
  const why =
    cause instanceof Error && 'code' in cause && typeof cause.code === 'string'
      ? cause.code
      : String(cause);
  return new WarrenError(
    'host_lacks',
    {
      what: `mount ${source} at ${target}`,
      found: `it cannot be opened (${why})`,
      wanted: 'a path that exists and that you may read',
      hint: `ls -ld ${source}`,
    },
    { cause },
  );
}
