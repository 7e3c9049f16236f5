import { constants, fstatSync } from 'node:fs';
import { chmod, opendir } from 'node:fs/promises';
import { Readable } from 'node:stream';

import { WarrenError } from '../../contract/errors.ts';
import { O_PATH, readlinkAt, symlinkAt } from '../../sys/kernel/fs.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import type { GuestFiles, GuestName, GuestStat, OwnerRange, WriteOptions } from '../types.ts';
import { fileError, type FileContext } from './errors.ts';
import { makeDirectories } from './directories.ts';
import type { FileRoot } from './file-root.ts';
import { giveTo, makeAs } from './make.ts';
import { removeEntry, removeTree } from './remove.ts';
import { entryName, OpenFd, openConfined, splitLast } from './resolve.ts';
import { guestOwner, guestStat, type Owner } from './stat.ts';
import { endedBy, openInPool, readAtMost, streamFrom, writeAll } from './transfer.ts';

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK } = constants;
const { O_RDONLY, O_TRUNC, O_WRONLY } = constants;

/** Links that the last name of a written file may pass through: as many as the kernel allows. */
const maxLinks = 40;
/** Of one directory: each costs the daemon some hundred bytes, and the guest none of its own. */
const maxNames = 100_000;

/**
 * Confined access to the files of a machine, whose `root` it disposes of; `place` names the file
 * system in `no_space`.
 */
export function openGuestFiles(
  root: FileRoot,
  owner: OwnerRange,
  place: string,
  signal?: AbortSignal,
): GuestFiles {
  const within = async <T>(
    verb: string,
    path: GuestName,
    work: (bytes: Buffer, context: FileContext) => Promise<T>,
  ): Promise<T> => {
    const text = path.toString();
    const context: FileContext = { what: `${verb} ${text}`, path: text, place };
    try {
      return await work(Buffer.from(path as Uint8Array), context);
    } catch (error) {
      throw fileError(error, context);
    }
  };
  const openPath = (path: Buffer, flags = 0): OpenFd => root.open(path, flags);

  return {
    stat: (path) =>
      within('look at', path, (bytes) => {
        using entry = openPath(bytes, O_NOFOLLOW);
        return Promise.resolve(guestStat(entry.fd, owner));
      }),

    read: (path) =>
      within('read', path, async (bytes, { what }) => {
        using entry = openPath(bytes);
        const stat = regularFile(guestStat(entry.fd, owner), what, path.toString());
        const fd = await reopen(entry, O_RDONLY);
        return {
          stat,
          content: endedBy(signal, streamFrom(fd, stat.size), what),
        };
      }),

    readText: (path, maxBytes) =>
      within('read', path, async (bytes, { what }) => {
        using entry = openPath(bytes);
        regularFile(guestStat(entry.fd, owner), what, path.toString());
        using file = new OpenFd(await reopen(entry, O_RDONLY));
        return await readAtMost(file.fd, maxBytes, what);
      }),

    readLink: (path) =>
      within('read the link', path, (bytes) => {
        using entry = openPath(bytes, O_NOFOLLOW);
        return Promise.resolve(readlinkAt(entry.fd, '').toString());
      }),

    list: (path) =>
      within('list', path, async (bytes, context) => {
        using directory = openPath(bytes, O_DIRECTORY);
        const names: Buffer[] = [];
        const tooMany = `it has more than ${maxNames} names; a command inside can list it`;
        for await (const entry of await opendir(directory.path, {
          encoding: 'buffer' as BufferEncoding,
          bufferSize: 512,
        })) {
          if (names.length >= maxNames) {
            throw new WarrenError('hostile', { what: context.what, found: tooMany });
          }
          names.push(entry.name as unknown as Buffer);
        }
        return names;
      }),

    write: (path, content, options) =>
      within('write', path, async (bytes, context) => {
        const created = guestOwner(owner, options, context.what);
        using file = await openForWriting(root, bytes, created, options, context);
        await writeAll(
          file.fd,
          content instanceof Readable ? endedBy(signal, content, context.what) : content,
        );
        // Last, since both chown and writing take set-id bits away.
        if (file.created) await chmod(file.path, options.mode ?? 0o644);
      }),

    makeDirectory: (path, options) =>
      within('make the directory', path, async (bytes, { what }) => {
        const created = guestOwner(owner, options, what);
        const mode = options.mode ?? 0o755;
        await makeDirectories(root, bytes, {
          owner: created,
          mode,
          parents: options.parents ?? false,
          what,
        });
      }),

    makeSymlink: (path, target, options) =>
      within('make the link', path, (bytes, { what }) => {
        const created = guestOwner(owner, options, what);
        const { parent, name } = splitLast(bytes);
        using directory = openPath(parent, O_DIRECTORY);
        const entry = entryName(name, what);
        const maker = makeAs(created, (as) => {
          symlinkAt(target, directory.fd, entry);
          return as;
        });
        using link = openConfined(directory.fd, name, O_PATH | O_NOFOLLOW);
        // The guest may have put another file there by now.
        if (fstatSync(link.fd).uid === maker.uid) giveTo(link, created);
        return Promise.resolve();
      }),

    remove: (path, { recursive = false, signal: stopped } = {}) =>
      within('remove', path, async (bytes, context) => {
        const { parent, name } = splitLast(bytes);
        using directory = openPath(parent, O_DIRECTORY);
        const entry = entryName(name, context.what);
        const signals = [signal, stopped].flatMap((one) => one ?? []);
        if (recursive) await removeTree(directory, entry, { context, signals });
        else removeEntry(directory, entry);
      }),

    [Symbol.dispose]: () => {
      root[Symbol.dispose]();
    },
  };
}

class WrittenFile extends OpenFd {
  readonly created: boolean;

  constructor(fd: number, created: boolean) {
    super(fd);
    this.created = created;
  }
}

/**
 * A descriptor for writing, which the caller closes. An existing file is opened through its own
 * inode after its type was seen; a new one is made exclusively and for U0's root alone, so that
 * owner and mode are set on nothing else. Links at the end are followed here, one by one, each
 * resolved in the root.
 */
async function openForWriting(
  root: FileRoot,
  path: Buffer,
  owner: Owner,
  options: WriteOptions,
  context: FileContext,
): Promise<WrittenFile> {
  let current = path;
  for (let links = 0; links <= maxLinks;) {
    try {
      using existing = root.open(current);
      regularFile(guestStat(existing.fd, { start: 0, size: 0 }), context.what, context.path);
      const flags = O_WRONLY | (options.append === true ? O_APPEND : O_TRUNC);
      return new WrittenFile(await reopen(existing, flags), false);
    } catch (error) {
      if (!hasErrno(error, 'ENOENT')) throw error;
    }
    const { parent, name } = splitLast(current);
    entryName(name, context.what);
    if (current.at(-1) === 0x2f) current = current.subarray(0, -1);
    try {
      const flags = O_WRONLY | O_CREAT | O_EXCL | O_NONBLOCK | O_NOCTTY;
      using directory = root.open(parent, O_DIRECTORY);
      using file = makeAs(owner, () => openConfined(directory.fd, name, flags, { mode: 0o600 }));
      giveTo(file, owner);
      return new WrittenFile(file.release(), true);
    } catch (error) {
      if (!hasErrno(error, 'EEXIST')) throw error;
    }
    links += 1;
    const target = findLink(root, current);
    if (target !== undefined) {
      current = target[0] === 0x2f ? target : Buffer.concat([parent, Buffer.from('/'), target]);
    }
  }
  throw new WarrenError('hostile', {
    what: context.what,
    found: 'its links lead in a circle or change all the time',
  });
}

/** Where the dangling link `path` points; undefined when it is none any more. */
function findLink(root: FileRoot, path: Buffer): Buffer | undefined {
  try {
    using link = root.open(path, O_NOFOLLOW);
    return fstatSync(link.fd).isSymbolicLink() ? readlinkAt(link.fd, '') : undefined;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Opens the inode of an O_PATH descriptor, in a pool thread: opening for writing may copy a file
 * up.
 */
function reopen(entry: OpenFd, flags: number): Promise<number> {
  return openInPool(entry.path, flags | O_NONBLOCK | O_NOCTTY);
}

/** Devices, sockets and fifos are never opened: that alone can block, or do something. */
function regularFile(stat: GuestStat, what: string, path: string): GuestStat {
  if (stat.type === 'file') return stat;
  if (stat.type === 'directory') {
    const problem = `"${path}" is a directory, wanted a file`;
    throw new WarrenError('invalid', { what, issues: [{ path: 'path', problem }] });
  }
  throw new WarrenError('hostile', { what, found: 'it is a device, socket or fifo' });
}
