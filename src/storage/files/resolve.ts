import { closeSync, constants } from 'node:fs';

import { WarrenError } from '../../contract/errors.ts';
import {
  O_PATH,
  openat2,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
} from '../../sys/kernel/fs.ts';
import { hasErrno } from '../../sys/sys-error.ts';

const { O_DIRECTORY } = constants;

/** A descriptor that closes when its scope ends. */
export class OpenFd implements Disposable {
  readonly fd: number;
  #open = true;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** The path of the file itself for calls that take paths; no name in it is the guest's. */
  get path(): string {
    return `/proc/self/fd/${this.fd}`;
  }

  /** Leaves the descriptor to somebody else, who closes it. */
  release(): number {
    this.#open = false;
    return this.fd;
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}

/** The kernel takes 4,095 bytes; the rest is room for what it resolves. */
const longestPath = 4000;

/**
 * Opens `path` with the directory `rootFd` as its root: neither `..`, links nor a rename at the
 * same moment lead outside, and magic links (/proc/PID/fd) are refused. A path too long for one
 * call is walked in pieces, of which only the first may hold links or `..`. `also`: more of
 * RESOLVE_….
 */
export function openConfined(
  rootFd: number,
  path: Buffer,
  flags: number,
  { mode = 0, also = 0 }: { readonly mode?: number; readonly also?: number } = {},
): OpenFd {
  const inRoot = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | also;
  if (path.length <= longestPath) return openRetrying(rootFd, path, flags, mode, inRoot);
  const [first = path, ...pieces] = splitLong(path);
  let directory = openRetrying(rootFd, first, O_PATH | O_DIRECTORY, 0, inRoot);
  for (const [index, piece] of pieces.entries()) {
    using parent = directory;
    const last = index === pieces.length - 1;
    directory = openRetrying(
      parent.fd,
      piece,
      last ? flags : O_PATH | O_DIRECTORY,
      last ? mode : 0,
      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | also,
    );
  }
  return directory;
}

/**
 * The kernel answers EAGAIN when it cannot vouch for a `..` because something was renamed
 * meanwhile, anywhere on the host. A guest that renames without end must not hold the daemon here.
 */
export function openRetrying(
  dirFd: number,
  path: Buffer,
  flags: number,
  mode: number,
  resolve: number,
): OpenFd {
  for (let attempt = 0; ; attempt++) {
    try {
      return new OpenFd(openat2(dirFd, path, { flags, mode, resolve }));
    } catch (error) {
      if (!hasErrno(error, 'EAGAIN') || attempt === 100) throw error;
    }
  }
}

/**
 * Cuts at slashes into pieces of at most `longestPath` bytes; a single longer name is left whole.
 */
function splitLong(path: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let rest = path;
  while (rest.length > longestPath) {
    const cut = rest.lastIndexOf(0x2f, longestPath);
    if (cut <= 0) break;
    pieces.push(rest.subarray(0, cut));
    rest = rest.subarray(cut + 1);
    while (rest[0] === 0x2f) rest = rest.subarray(1);
  }
  return rest.length === 0 ? pieces : [...pieces, rest];
}

/** A path cut before its last name. The name is empty for `/`. */
export function splitLast(path: Buffer): { readonly parent: Buffer; readonly name: Buffer } {
  let end = path.length;
  while (end > 0 && path[end - 1] === 0x2f) end -= 1;
  if (end === 0) return { parent: Buffer.from('/'), name: path.subarray(0, 0) };
  const slash = path.lastIndexOf(0x2f, end - 1);
  return {
    parent: slash <= 0 ? Buffer.from('/') : path.subarray(0, slash),
    name: path.subarray(slash + 1, end),
  };
}

/** Refuses a last name that names no entry of its own: an empty one, `.` and `..`. */
export function entryName(name: Buffer, what: string): Buffer {
  const text = name.toString('latin1');
  if (text === '' || text === '.' || text === '..') {
    throw new WarrenError('invalid', {
      what,
      issues: [{ path: 'path', problem: `it ends in "${text}", wanted the name of an entry` }],
    });
  }
  return name;
}
