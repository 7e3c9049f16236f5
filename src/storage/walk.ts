import { closeSync, constants, lstatSync, type BigIntStats } from 'node:fs';
import { readdir } from 'node:fs/promises';

import { AT_FDCWD, entryPath, openat2, RESOLVE_NO_SYMLINKS } from '../sys/kernel/fs.ts';
import { makeTurns } from './turns.ts';

const { O_DIRECTORY, O_RDONLY } = constants;

/** One file of a tree. Valid during the visit only. */
export interface WalkEntry {
  readonly dirFd: number;
  readonly name: Buffer;
  /** A short path through `dirFd`, for calls that take no descriptor. */
  readonly path: Buffer;
  readonly stat: BigIntStats;
  /** Directories on the way down from the root, 0 for the root itself. */
  readonly depth: number;
}

/** What is called per file, before what is in it, and per directory when it is done. */
export interface Visitor {
  readonly enter: (entry: WalkEntry) => void | Promise<void>;
  readonly leave?: (depth: number) => void;
}

/**
 * Visits a tree that nobody else changes, of any depth and with any names: it goes down and up
 * by descriptors, so no path is ever longer than one name. Links are visited, not followed.
 */
export async function walkTree(
  root: string,
  visitor: Visitor,
  signal: AbortSignal | undefined,
): Promise<void> {
  const namesIn = (fd: number): Promise<Buffer[]> =>
    readdir(`/proc/self/fd/${fd}`, { encoding: 'buffer' });
  const entryOf = (dirFd: number, name: Buffer, depth: number): WalkEntry => {
    const path = entryPath(dirFd, name);
    return { dirFd, name, path, stat: lstatSync(path, { bigint: true }), depth };
  };

  let directory = openDirectory(AT_FDCWD, root);
  try {
    await visitor.enter(entryOf(directory, Buffer.from('.'), 0));
    const pending = [await namesIn(directory)];
    const takeTurns = makeTurns(signal);
    while (pending.length > 0) {
      const name = pending.at(-1)?.pop();
      if (name === undefined) {
        pending.pop();
        visitor.leave?.(pending.length);
        if (pending.length > 0) directory = replace(directory, openDirectory(directory, '..'));
        continue;
      }
      const entry = entryOf(directory, name, pending.length);
      await visitor.enter(entry);
      if (entry.stat.isDirectory()) {
        directory = replace(directory, openDirectory(directory, name));
        pending.push(await namesIn(directory));
      }
      await takeTurns();
    }
  } finally {
    closeSync(directory);
  }
}

/**
 * Opens a directory by one name; only the way to a root, from AT_FDCWD, is the daemon's own and may
 * have links.
 */
export function openDirectory(dirFd: number, name: Buffer | string): number {
  const resolve = dirFd === AT_FDCWD ? 0 : RESOLVE_NO_SYMLINKS;
  return openat2(dirFd, name, { flags: O_RDONLY | O_DIRECTORY, resolve });
}

function replace(oldFd: number, newFd: number): number {
  closeSync(oldFd);
  return newFd;
}
