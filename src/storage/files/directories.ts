import { constants, fchmodSync, fstatSync } from 'node:fs';

import {
  AT_EMPTY_PATH,
  chownAt,
  mkdirAt,
  O_PATH,
  openat2,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
} from '../../sys/kernel/fs.ts';
import { hasErrno, SysError } from '../../sys/sys-error.ts';
import { entryName, OpenFd, openConfined, splitLast } from './resolve.ts';
import type { Owner } from './stat.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

export interface DirectoryRequest {
  readonly owner: Owner;
  readonly mode: number;
  /** As `mkdir -p`: what is missing on the way is made too, and a directory that exists is fine. */
  readonly parents: boolean;
  readonly what: string;
}

/** Makes the directory `path` below the root; only directories it makes itself get owner and mode. */
export async function makeDirectories(
  rootFd: number,
  path: Buffer,
  request: DirectoryRequest,
): Promise<void> {
  if (!request.parents) {
    const { parent, name } = splitLast(path);
    using directory = openConfined(rootFd, parent, O_PATH | O_DIRECTORY);
    makeOne(directory.fd, entryName(name, request.what), request);
    return;
  }
  let current = openConfined(rootFd, Buffer.from('/'), O_PATH | O_DIRECTORY);
  try {
    for (const [index, { name, prefix }] of [...componentsOf(path)].entries()) {
      const next = enter(rootFd, current.fd, name, prefix, request);
      current[Symbol.dispose]();
      current = next;
      // A path of thousands of names must not hold up everything else.
      if (index % 64 === 63) await new Promise(setImmediate);
    }
  } finally {
    current[Symbol.dispose]();
  }
}

/** One step down. Links and `..` are left to a resolution from the root, over everything so far. */
function enter(
  rootFd: number,
  directoryFd: number,
  name: Buffer,
  prefix: Buffer,
  request: DirectoryRequest,
): OpenFd {
  const plain = { flags: O_PATH | O_DIRECTORY, resolve: RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
  try {
    return new OpenFd(openat2(directoryFd, name, plain));
  } catch (error) {
    if (hasErrno(error, 'ELOOP', 'EXDEV')) {
      return openConfined(rootFd, prefix, O_PATH | O_DIRECTORY);
    }
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
  mkdirAt(parentFd, name, 0o700);
  using made = new OpenFd(
    openat2(parentFd, name, {
      flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW,
      resolve: RESOLVE_BENEATH,
    }),
  );
  // The guest may have moved another directory here by now; only ours belongs to U0's root.
  if (fstatSync(made.fd).uid !== 0) throw new SysError('EAGAIN', 'mkdirat', name.toString());
  chownAt(made.fd, '', owner, AT_EMPTY_PATH);
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
