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
import { makeReadonly, MNT_DETACH, MS_BIND, MS_REC, mount, unmount } from '../sys/kernel/mount.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { BindMount } from './types.ts';

/**
 * Binds each source to `bindsDir/N` in U0's mount namespace, in order, and answers where. Read-only
 * is said here already: the copy of the namespace that machines get their mounts from keeps such a
 * flag for good, so that a machine's root cannot remount what it may only read. When it throws,
 * `unstageBinds` takes away what was made.
 */
export function stageBinds(bindsDir: string, binds: readonly BindMount[]): string[] {
  mkdirSync(bindsDir, { recursive: true, mode: 0o755 });
  return binds.map((bind, index) => {
    const { source, readonly, recursive, kind } = bind;
    const staged = `${bindsDir}/${index}`;
    try {
      if (kind === 'directory') mkdirSync(staged);
      else closeSync(openSync(staged, 'wx'));
      const flags = recursive ? MS_BIND | MS_REC : MS_BIND;
      mount({ source, target: staged, type: '', flags });
      if (readonly) makeReadonly(staged, recursive);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EINVAL', 'ELOOP')) throw error;
      throw unusable(bind, error);
    }
    return staged;
  });
}

/** Unmounts and removes what `stageBinds` made. Machines keep their own mounts. Absent is fine. */
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

function unusable({ source, target, recursive }: BindMount, cause: unknown): WarrenError {
  const what = `mount ${source} at ${target}`;
  // The kernel shows nothing of what another mount of the host covers.
  const covered = !recursive && hasErrno(cause, 'EINVAL');
  return new WarrenError(
    'host_lacks',
    covered
      ? {
          what,
          found: 'other file systems are mounted below it',
          wanted: 'recursive=true, which brings them along',
          hint: `findmnt -R ${source}`,
        }
      : {
          what,
          found: `it cannot be opened (${errnoOf(cause)})`,
          wanted: 'a path that exists and that you may read',
          hint: `ls -ld ${source}`,
        },
    { cause },
  );
}

function errnoOf(error: unknown): string {
  const isErrno = error instanceof Error && 'code' in error && typeof error.code === 'string';
  return isErrno ? String(error.code) : String(error);
}
