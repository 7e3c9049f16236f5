import { fstatSync } from 'node:fs';

import { describeGuestIds, fromGuestId, toGuestId } from '../../base/id-layout.ts';
import { WarrenError, type Issue } from '../../contract/errors.ts';
import type { GuestStat, OwnerRange, WriteOptions } from '../types.ts';

/** U0 ids. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** What a guest sees of an id that is not among its own. */
const nobody = 65_534;

/** The guest's id for a U0 id. */
export function guestId(id: number, owner: OwnerRange): number {
  return toGuestId(owner, id) ?? nobody;
}

/** Of an open descriptor, O_PATH or not. */
export function guestStat(fd: number, owner: OwnerRange): GuestStat {
  const stat = fstatSync(fd);
  return {
    type: stat.isFile()
      ? 'file'
      : stat.isDirectory()
        ? 'directory'
        : stat.isSymbolicLink()
          ? 'symlink'
          : 'other',
    uid: guestId(stat.uid, owner),
    gid: guestId(stat.gid, owner),
    mode: stat.mode & 0o7777,
    size: stat.size,
    modifiedMs: stat.mtimeMs,
  };
}

/** U0 ids for the guest ids (default 0) and a check of the mode that a request asks for. */
export function guestOwner(
  range: OwnerRange,
  { uid = 0, gid = 0, mode = 0 }: WriteOptions,
  what: string,
): Owner {
  const issues: Issue[] = [];
  const idOf = (path: string, guest: number): number => {
    const id = Number.isInteger(guest) ? fromGuestId(range, guest) : undefined;
    if (id !== undefined) return id;
    const problem = `${guest} is no id of this machine, wanted ${describeGuestIds(range)}`;
    issues.push({ path, problem });
    return range.start;
  };
  const owner = { uid: idOf('uid', uid), gid: idOf('gid', gid) };
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o7777) {
    issues.push({ path: 'mode', problem: `${mode.toString(8)} is no mode, wanted 0 to 7777` });
  }
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
  return owner;
}
