import { constants, fchmodSync, fstatSync } from 'node:fs';

import {
  mkdirAt,
  O_PATH,
  openat2,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from '../../sys/kernel/fs.ts';
import { hasErrno, SysError } from '../../sys/sys-error.ts';
import type { FileRoot } from './file-root.ts';
import { giveTo, makeAs } from './make.ts';
import { entryName, OpenFd, splitLast } from './resolve.ts';
import type { Owner } from './stat.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Names on the way that are links, `..` or mounts: each has everything before it looked up again.
 */
const maxTurns = 40;

const beneath = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;

export interface DirectoryRequest {
  readonly owner: Owner;
  readonly mode: number;
  /** As `mkdir -p`: what is missing on the way is made too, and a directory that exists is fine. */
  readonly parents: boolean;
  readonly what: string;
}

/**
 * Makes the directory `path` below the root; only directories it makes itself get owner and mode.
 */
export async function makeDirectories(
  root: FileRoot,
  path: Buffer,
  request: DirectoryRequest,
): Promise<void> {
  if (!request.parents) {
    const { parent, name } = splitLast(path);
    using directory = root.open(parent, O_DIRECTORY);
    makeOne(directory.fd, entryName(name, request.what), request);
    return;
  }
  let current = root.open(Buffer.from('/'), O_DIRECTORY);
  let turns = 0;
  const openFromRoot = (prefix: Buffer): OpenFd => {
    if (++turns > maxTurns) throw new SysError('ELOOP', 'mkdirat', prefix.toString());
    return root.open(prefix, O_DIRECTORY);
  };
  try {
    for (const [index, { name, prefix }] of [...componentsOf(path)].entries()) {
      const next = enter(current.fd, name, request, () => openFromRoot(prefix));
      current[Symbol.dispose]();
      current = next;
      // A path of thousands of names must not hold up everything else.
      if (index % 64 === 63) await new Promise(setImmediate);
    }
  } finally {
    current[Symbol.dispose]();
  }
}

/**
 * One step down. Links, `..` and mounts are left to a resolution from the root, over everything so
 * far.
 */
function enter(
  directoryFd: number,
  name: Buffer,
  request: DirectoryRequest,
  openFromRoot: () => OpenFd,
): OpenFd {
  const plain = { flags: O_PATH | O_DIRECTORY, resolve: beneath };
  try {
    return new OpenFd(openat2(directoryFd, name, plain));
  } catch (error) {
    if (hasErrno(error, 'ELOOP', 'EXDEV')) return openFromRoot();
    if (!hasErrno(error, 'ENOENT')) throw error;
  }
  try {
    makeOne(directoryFd, name, request);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
  return new OpenFd(openat2(directoryFd, name, plain));
}

function makeOne(parentFd: number, name: Buffer, { owner, mode }: DirectoryRequest): void {
  const maker = makeAs(owner, (as) => {
    mkdirAt(parentFd, name, 0o700);
    return as;
  });
  using made = new OpenFd(
    openat2(parentFd, name, {
      flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
      resolve: beneath,
    }),
  );
  // The guest may have moved another directory here by now.
  if (fstatSync(made.fd).uid !== maker.uid)
    throw new SysError('EAGAIN', 'mkdirat', name.toString());
  giveTo(made, owner);
  fchmodSync(made.fd, mode);
}

/** Each name of a path with everything up to and including it. */
function* componentsOf(path: Buffer): Generator<{ name: Buffer; prefix: Buffer }> {
  let start = 0;
  while (start < path.length) {
    const slash = path.indexOf(0x2f, start);
    const end = slash === -1 ? path.length : slash;
    const name = path.subarray(start, end);
    if (name.length > 0) yield { name, prefix: path.subarray(0, end) };
    start = end + 1;
  }
}
