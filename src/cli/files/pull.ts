import { constants } from 'node:fs';
import { lstat, mkdir, open, symlink, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { readGuestFile, type GuestFile } from '../../client/files.ts';
import { isWarrenError, WarrenError, type Issue } from '../../contract/errors.ts';
import { quoteWords } from '../command-line.ts';
import { incomplete } from './incomplete.ts';
import { sparseWriter } from './sparse.ts';

import type { Client } from '../../client/client.ts';

/** Deepest tree that is pulled: a guest can make one without end while we read it. */
const maxDepth = 128;
/** Most entries that are left out before a tree is given up. */
const maxSkipped = 1000;

interface PullInput {
  readonly client: Client;
  readonly instance: string;
  readonly recursive: boolean;
  /** Told of each file's name as it comes. */
  readonly onFile: (path: string) => void;
}

/**
 * Copies a file or tree of a machine to `target` on the host. Everything the machine says of it is
 * taken for hostile: a name in a listing must be one name; a symbolic link is made but never
 * followed, neither one of this pull nor one that an earlier pull left; modes lose their setuid
 * bits. Of a directory, what cannot be had (a pipe, a name that is not UTF-8, a path too long for
 * this host, a directory of more names than are listed) is left out and the rest copied; then
 * `invalid` is thrown, which names what was left out.
 */
export async function pullTree(input: PullInput, guestPath: string, target: string): Promise<void> {
  const skipped: Issue[] = [];
  await pullEntry({ ...input, skipped }, guestPath, target, 0);
  if (skipped.length > 0) throw lacking({ ...input, skipped }, guestPath);
}

interface PullState extends PullInput {
  readonly skipped: Issue[];
}

async function pullEntry(
  input: PullState,
  guestPath: string,
  target: string,
  depth: number,
): Promise<void> {
  const { client, instance } = input;
  if (depth > maxDepth) throw new LeftOut(`it is more than ${maxDepth} directories deep`);
  input.onFile(guestPath);
  const file = await readGuestFile(client, instance, guestPath).catch((error: unknown) => {
    // For the tree itself that is the answer; within it, one entry that the guest keeps from us.
    if (depth > 0 && isWarrenError(error, 'hostile')) throw new LeftOut(error.details.found);
    throw error;
  });
  if (file.type === 'file') await writeFileHere(file, target);
  else if (file.type === 'symlink') await writeLink(file.target, target);
  else await pullDirectory(input, file, guestPath, target, depth);
}

async function pullDirectory(
  input: PullState,
  directory: GuestFile & { type: 'directory' },
  guestPath: string,
  target: string,
  depth: number,
): Promise<void> {
  if (!input.recursive) {
    throw new WarrenError('wrong_state', {
      name: `${input.instance}${guestPath}`,
      action: 'pull',
      state: 'a directory',
      wanted: 'a file or --recursive',
      hint: `warren file pull -r ${input.instance}${guestPath} .`,
    });
  }
  // Every name is checked before anything is written.
  for (const name of directory.names) {
    if (!isFileName(name)) throw hostile(guestPath, `it lists ${JSON.stringify(name)}`);
  }
  await ensureDirectory(target, directory.mode);
  for (const name of directory.names) {
    const below = guestPath === '/' ? `/${name}` : `${guestPath}/${name}`;
    try {
      await pullEntry(input, below, join(target, name), depth + 1);
    } catch (error) {
      const problem = skippable(error, name);
      if (problem === undefined) throw error;
      input.skipped.push({ path: below, problem });
      if (input.skipped.length > maxSkipped) {
        throw lacking(input, guestPath);
      }
    }
  }
}

/** Proposes an archive: that holds names and paths of any bytes and length. */
function lacking({ instance, skipped }: PullState, guestPath: string): WarrenError {
  const archive = quoteWords([`${basename(guestPath) || instance}.tar`]);
  const tar = quoteWords(['exec', instance, '--', 'tar', '-cC', guestPath, '.']);
  return incomplete(`${instance}${guestPath}`, skipped, `warren ${tar} > ${archive}`);
}

/** Why an entry can be left out, or undefined for what must end the copy. */
function skippable(error: unknown, name: string): string | undefined {
  if (error instanceof LeftOut) return error.message;
  if ((error as NodeJS.ErrnoException).code === 'ENAMETOOLONG') {
    return 'its path is too long for this host';
  }
  // U+FFFD stands for bytes that are no UTF-8: the name as we have it is not the file's.
  if (isWarrenError(error, 'not_found')) {
    return name.includes('\uFFFD') ? 'its name is not UTF-8' : 'it has gone meanwhile';
  }
  if (!isWarrenError(error, 'invalid')) return undefined;
  return error.details.issues.map(({ problem }) => problem).join('; ');
}

/** Thrown for an entry that is left out while the rest of its tree is copied. */
class LeftOut extends Error {}

/** Whether `name` is one component of a path that stays in its directory. */
export function isFileName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
}

/** Makes a directory, or accepts one that is there and is no link. */
async function ensureDirectory(path: string, mode: number): Promise<void> {
  try {
    // Ours while we fill it, whatever the guest's mode.
    await mkdir(path, (mode & 0o777) | 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!(await lstat(path)).isDirectory()) {
      throw new WarrenError('exists', { kind: 'directory', name: path });
    }
  }
}

async function writeFileHere(file: GuestFile & { type: 'file' }, path: string): Promise<void> {
  const { O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_TRUNC, O_WRONLY } = constants;
  let handle;
  try {
    // NONBLOCK: a FIFO that lies there must not hold us.
    handle = await open(
      path,
      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK,
      file.mode & 0o777,
    );
  } catch (error) {
    file.content.destroy();
    throw error;
  }
  const isFile = (await handle.stat()).isFile();
  await pipeline(file.content, isFile ? sparseWriter(handle) : handle.createWriteStream());
}

async function writeLink(linkTarget: string, path: string): Promise<void> {
  try {
    await symlink(linkTarget, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    if (!(await lstat(path)).isSymbolicLink()) throw error;
    await unlink(path);
    await symlink(linkTarget, path);
  }
}

function hostile(guestPath: string, found: string): WarrenError {
  return new WarrenError('hostile', { what: `pull ${guestPath}`, found });
}
