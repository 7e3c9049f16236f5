import { closeSync, constants, lstatSync, type BigIntStats } from 'node:fs';
import { readdir } from 'node:fs/promises';

import {
  AT_FDCWD,
  AT_REMOVEDIR,
  entryPath,
  mknodAt,
  setTimesAt,
  unlinkAt,
} from '../sys/kernel/fs.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { isAlike, isAlikeDirectory } from './alike.ts';
import { makeTurns } from './turns.ts';
import { openDirectory } from './walk.ts';

const { S_IFCHR } = constants;

/** A directory of both trees on the way down. */
interface Level {
  readonly name: Buffer;
  /** As it was before anything in it was touched; undefined for the root, which always stays. */
  readonly stat: BigIntStats;
  readonly baseStat: BigIntStats;
  readonly pending: Buffer[];
  /** Whether anything of this directory is left that `base` does not have. */
  differs: boolean;
}

/**
 * Takes out of `tree`, a whole root file system that nobody else changes, what `base` shows alike,
 * and puts an overlay whiteout where `base` has a name that `tree` has not. Laid over `base` it
 * shows what it showed before. Of a file with several names nothing is taken: the names must stay
 * together.
 */
export async function thinTree(
  tree: string,
  base: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let fds = { tree: openDirectory(AT_FDCWD, tree), base: openDirectory(AT_FDCWD, base) };
  const move = (name: Buffer | string): void => {
    const next = { tree: openDirectory(fds.tree, name), base: openDirectory(fds.base, name) };
    closeSync(fds.tree);
    closeSync(fds.base);
    fds = next;
  };
  const enter = async (name: Buffer, stat: BigIntStats, baseStat: BigIntStats): Promise<Level> => {
    const names = await namesIn(fds.tree);
    const kept = new Set(names.map(keyOf));
    const level = { name, stat, baseStat, pending: names, differs: false };
    for (const gone of await namesIn(fds.base)) {
      if (kept.has(keyOf(gone))) continue;
      mknodAt(fds.tree, gone, S_IFCHR, 0);
      level.differs = true;
    }
    return level;
  };
  /** Back to the parent, with the directory removed when nothing of it is left. */
  const leave = (level: Level, parent: Level): void => {
    move('..');
    const itself = entryPath(fds.tree, level.name);
    const same = isAlikeDirectory(
      { path: itself, stat: level.stat },
      { path: entryPath(fds.base, level.name), stat: level.baseStat },
    );
    if (!level.differs && same) unlinkAt(fds.tree, level.name, AT_REMOVEDIR);
    else {
      restoreTimes(fds.tree, level.name, level.stat);
      parent.differs = true;
    }
  };

  try {
    const dot = Buffer.from('.');
    const root = await enter(dot, statOf(fds.tree, dot), statOf(fds.base, dot));
    const levels = [root];
    const takeTurns = makeTurns(signal);
    for (let level: Level | undefined = root; level !== undefined; level = levels.at(-1)) {
      const name = level.pending.pop();
      if (name === undefined) {
        levels.pop();
        const parent = levels.at(-1);
        if (parent !== undefined) leave(level, parent);
        continue;
      }
      const stat = statOf(fds.tree, name);
      const baseStat = findStat(fds.base, name);
      if (stat.isDirectory() && baseStat?.isDirectory() === true) {
        move(name);
        levels.push(await enter(name, stat, baseStat));
      } else if (
        baseStat !== undefined &&
        stat.nlink === 1n &&
        baseStat.nlink === 1n &&
        (await isAlike(
          { path: entryPath(fds.tree, name), stat },
          { path: entryPath(fds.base, name), stat: baseStat },
          signal,
        ))
      ) {
        unlinkAt(fds.tree, name, 0);
      } else {
        level.differs = true;
      }
      await takeTurns();
    }
    restoreTimes(fds.tree, dot, root.stat);
  } finally {
    closeSync(fds.tree);
    closeSync(fds.base);
  }
}

function namesIn(fd: number): Promise<Buffer[]> {
  return readdir(`/proc/self/fd/${fd}`, { encoding: 'buffer' });
}

/** Names are bytes; as latin1 each is a text of its own. */
function keyOf(name: Buffer): string {
  return name.toString('latin1');
}

function statOf(dirFd: number, name: Buffer): BigIntStats {
  return lstatSync(entryPath(dirFd, name), { bigint: true });
}

function findStat(dirFd: number, name: Buffer): BigIntStats | undefined {
  try {
    return statOf(dirFd, name);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function restoreTimes(dirFd: number, name: Buffer, stat: BigIntStats): void {
  setTimesAt(dirFd, name, { accessedNs: stat.atimeNs, modifiedNs: stat.mtimeNs });
}
