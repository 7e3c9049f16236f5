import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';

import { readGuestFile, writeGuestFile, type GuestFileWrite } from '../../client/files.ts';
import { isWarrenError, WarrenError, type Issue } from '../../contract/errors.ts';
import { ServerError } from '../../client/errors.ts';
import { quoteWords } from '../command-line.ts';
import { incomplete } from './incomplete.ts';

import type { Stats } from 'node:fs';
import type { Client } from '../../client/client.ts';

/** Owner and mode that stand instead of the host file's. */
export interface Ownership {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly mode: number | undefined;
}

/** A machine, and whose the files are that are made there. */
export interface GuestPlace {
  readonly client: Client;
  readonly instance: string;
  readonly ownership: Ownership;
}

export interface PushInput extends GuestPlace {
  readonly recursive: boolean;
  /** Told of each file's name as it goes. */
  readonly onFile: (path: string) => void;
}

/**
 * Copies a file, or with `recursive` a tree, of the host to a path in a machine. Of a directory,
 * what cannot be sent (a device, socket or pipe, a name that is not UTF-8) is left out and the rest
 * copied; then `invalid` is thrown, which names what was left out.
 */
export async function pushTree(input: PushInput, source: string, target: string): Promise<void> {
  const found = await (input.recursive ? lstat(source) : stat(source));
  const skipped: Issue[] = [];
  await pushEntry({ ...input, skipped }, source, target, found);
  if (skipped.length === 0) return;
  const unpack = quoteWords(['exec', input.instance, '--', 'tar', '-xC', target]);
  throw incomplete(source, skipped, `tar -cC ${quoteWords([source])} . | warren ${unpack}`);
}

interface PushState extends PushInput {
  readonly skipped: Issue[];
}

async function pushEntry(
  input: PushState,
  source: string,
  target: string,
  found: Stats,
): Promise<void> {
  input.onFile(source);
  const owner = ownerOf(input, found);
  if (found.isFile()) {
    await write(input, target, { ...owner, type: 'file', content: createReadStream(source) });
  } else if (found.isSymbolicLink()) {
    const content = await readlink(source);
    await write(input, target, { ...owner, type: 'symlink', content });
  } else if (found.isDirectory() && input.recursive) {
    await ensureGuestDirectory(input, target, owner);
    for (const bytes of await readdir(source, { encoding: 'buffer' })) {
      const name = bytes.toString('utf8');
      const below = join(source, name);
      if (!isUtf8(bytes)) {
        input.skipped.push({ path: below, problem: 'its name is not UTF-8' });
        continue;
      }
      const entry = await lstat(below);
      if (isSendable(entry)) await pushEntry(input, below, posix.join(target, name), entry);
      else input.skipped.push({ path: below, problem: 'it is a device, socket or pipe' });
    }
  } else {
    throw new WarrenError('wrong_state', {
      name: source,
      action: 'push',
      state: found.isDirectory() ? 'a directory' : 'a device, socket or pipe',
      wanted: found.isDirectory() ? 'a file or --recursive' : 'a file',
      ...(found.isDirectory()
        ? { hint: `warren file push -r ${source} ${input.instance}${target}` }
        : {}),
    });
  }
}

function isSendable(entry: Stats): boolean {
  return entry.isFile() || entry.isSymbolicLink() || entry.isDirectory();
}

/**
 * Ids of the host mean nothing in a machine: what a user pushes belongs to root there, as with lxc
 * in a user namespace.
 */
function ownerOf({ ownership }: PushInput, found: Stats): Ownership {
  const { uid = 0, gid = 0, mode } = ownership;
  return { uid, gid, mode: mode ?? found.mode & 0o777 };
}

async function write({ client, instance }: GuestPlace, path: string, file: GuestFileWrite) {
  await writeGuestFile(client, instance, path, file);
}

/** The type of a machine's file, or undefined when there is none. */
export async function findGuestType(
  { client, instance }: Pick<GuestPlace, 'client' | 'instance'>,
  path: string,
): Promise<'file' | 'directory' | 'symlink' | undefined> {
  try {
    const file = await readGuestFile(client, instance, path);
    if (file.type === 'file') file.content.destroy();
    return file.type;
  } catch (error) {
    const isAbsent =
      isWarrenError(error, 'not_found') || (error instanceof ServerError && error.status === 404);
    if (isAbsent && !(isWarrenError(error, 'not_found') && error.details.kind === 'instance')) {
      return undefined;
    }
    throw error;
  }
}

async function ensureGuestDirectory(input: PushInput, path: string, owner: Ownership) {
  if ((await findGuestType(input, path)) === 'directory') return;
  await write(input, path, { ...owner, type: 'directory' });
}

/** Makes every directory above `path` that is not there. */
export async function ensureParents(input: GuestPlace, path: string): Promise<void> {
  const missing: string[] = [];
  let parent = posix.dirname(path);
  while (parent !== '/' && (await findGuestType(input, parent)) === undefined) {
    missing.unshift(parent);
    parent = posix.dirname(parent);
  }
  const { uid = 0, gid = 0 } = input.ownership;
  for (const directory of missing) {
    await write(input, directory, { uid, gid, mode: 0o755, type: 'directory' });
  }
}

/**
 * Where `source` goes: into the target when that ends with a slash or is a directory, else to it.
 */
export async function targetFor(
  input: PushInput,
  source: string,
  target: string,
  several: boolean,
): Promise<string> {
  const path = posix.normalize(target).replace(/(?<=.)\/+$/, '');
  const into =
    several || target.endsWith('/') || (await findGuestType(input, path)) === 'directory';
  return into ? posix.join(path, basename(source)) : path;
}
