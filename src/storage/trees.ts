import { lstat, open, opendir, rmdir, statfs } from 'node:fs/promises';

import { isWarrenError, WarrenError } from '../contract/errors.ts';
import { runQuiet } from '../sys/programs/quiet.ts';
import { run } from '../sys/programs/run.ts';
import { hasErrno } from '../sys/sys-error.ts';

/**
 * Whole trees, by the system's own tools: they take any name and any depth, where Node's recursive
 * functions stop at paths of 4,096 bytes. In U0 root they reach files of every slice.
 */
const hourMs = 3_600_000;

/** Removes a tree. Absent is fine. It stops at mount points rather than delete what is mounted. */
export async function removeTree(path: string): Promise<void> {
  // Most often there is nothing, or next to it, and starting a program costs milliseconds.
  if (await removeEmpty(path)) return;
  await runQuiet('rm', ['-rf', '--one-file-system', '--', path], {
    what: `remove ${path}`,
    timeoutMs: hourMs,
  });
}

/** Removes a directory that holds at most empty ones, as overlayfs leaves a workdir. */
async function removeEmpty(path: string): Promise<boolean> {
  try {
    for await (const { name } of await opendir(path)) await rmdir(`${path}/${name}`);
    await rmdir(path);
    return true;
  } catch {
    return !(await exists(path));
  }
}

/**
 * Copies a tree onto `target` with owners, modes, times, links, holes and attributes, sharing
 * blocks where the file system can. What is copied when it fails stays for the caller to remove.
 * `hostile` when a path is too long for cp: the upper of a stopped machine can still be frozen.
 */
export async function copyTree(
  source: string,
  target: string,
  options: {
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const { signal } = options;
  const what = `copy ${source}`;
  const args = ['-a', '--reflink=auto', '--one-file-system', '-T', '--', source, target];
  try {
    await run('cp', args, { what, timeoutMs: hourMs, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    if (isWarrenError(error, 'program_failed') && (await isFull(target))) {
      throw new WarrenError('no_space', { what, where: target }, { cause: error });
    }
    if (isWarrenError(error, 'program_failed') && error.details.output.includes(tooLong)) {
      const found = 'it has a path of more than 4,096 bytes';
      throw new WarrenError('hostile', { what, found }, { cause: error });
    }
    throw error;
  }
}

/** What cp says of ENAMETOOLONG in the locale that programs are run in. */
const tooLong = 'File name too long';

/** cp says it in words only; the file system says it in numbers. */
async function isFull(path: string): Promise<boolean> {
  const { bavail, bsize, ffree, files } = await statfs(path);
  return bavail * bsize < 1024 * 1024 || (files > 0 && ffree === 0);
}

/**
 * Bytes that each tree takes on disk; of one that changes meanwhile, about so many, and undefined
 * of one that is not there.
 */
export async function treeSizes(
  paths: readonly string[],
): Promise<readonly (number | undefined)[]> {
  // 1 is its answer when files vanish under its feet; the totals are printed all the same.
  const options = ['--summarize', '--one-file-system', '--block-size=1', '--null', '--'];
  const { stdout } = await run('du', [...options, ...paths], {
    what: 'measure disk use',
    timeoutMs: hourMs,
    okExitCodes: [1],
  });
  const sizes = new Map<string, number>();
  for (const line of stdout.split('\0')) {
    const tab = line.indexOf('\t');
    if (tab > 0) sizes.set(line.slice(tab + 1), Number(line.slice(0, tab)));
  }
  return paths.map((path) => sizes.get(path));
}

/** Everything of the file system that holds `path` is on disk afterwards (syncfs). */
export async function syncTree(path: string): Promise<void> {
  await run('sync', ['--file-system', path], { what: `sync ${path}`, timeoutMs: hourMs });
}

/** The entries of a directory, made or renamed, are on disk afterwards. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether there is anything at `path`, be it a link to nothing. */
export async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
