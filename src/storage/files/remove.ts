import { constants, fstatSync } from 'node:fs';
import { opendir } from 'node:fs/promises';

import { WarrenError } from '../../contract/errors.ts';
import { AT_REMOVEDIR, O_PATH, RESOLVE_NO_XDEV, unlinkAt } from '../../sys/kernel/fs.ts';
import { hasErrno, SysError } from '../../sys/sys-error.ts';
import { fileError, type FileContext } from './errors.ts';
import { type OpenFd, openConfined } from './resolve.ts';

/** Names of one directory that are read before they are removed, and the next ones asked for. */
const namesAtOnce = 512;
/** Entries that are removed before everything else has its turn. */
const turn = 64;
/** Deepest tree: each level holds a descriptor, and a guest can make one without end. */
const maxDepth = 256;

/** Removes a file, link or empty directory. */
export function removeEntry(directory: OpenFd, name: Buffer): void {
  using entry = openUnmounted(directory, name);
  unlinkAt(directory.fd, name, isDirectory(entry) ? AT_REMOVEDIR : 0);
}

export interface TreeRequest {
  /** Of the tree itself. */
  readonly context: FileContext;
  /** Breaks it off with `cancelled`; what is removed by then stays so. */
  readonly signals: readonly AbortSignal[];
}

/**
 * Removes `name` of `directory` with everything below it. Each level is entered through the one
 * above, never by its path, so that a directory which a guest replaces by a link meanwhile is a
 * link that is removed. Mounts are not entered: `invalid`. Ends with the guest, or with a signal.
 */
export async function removeTree(
  directory: OpenFd,
  name: Buffer,
  request: TreeRequest,
): Promise<void> {
  await removeBelow(directory, name, { ...request, depth: 0, removed: 0 });
}

interface Removal extends TreeRequest {
  readonly depth: number;
  removed: number;
}

async function removeBelow(directory: OpenFd, name: Buffer, removal: Removal): Promise<void> {
  const { context, depth, signals } = removal;
  try {
    using entry = openUnmounted(directory, name);
    const isTree = isDirectory(entry);
    if (isTree) {
      if (depth >= maxDepth) throw tooDeep(context);
      await empty(entry, removal);
    }
    unlinkAt(directory.fd, name, isTree ? AT_REMOVEDIR : 0);
  } catch (error) {
    throw fileError(error, context);
  }
  removal.removed += 1;
  if (removal.removed % turn === 0) await new Promise(setImmediate);
  if (signals.some(({ aborted }) => aborted)) {
    throw new WarrenError('cancelled', { what: `To ${context.what}` });
  }
}

/** Removes what is in a directory; what the guest puts there after the last look is not. */
async function empty(directory: OpenFd, removal: Removal): Promise<void> {
  const { context, depth } = removal;
  for (let before = -1; removal.removed > before;) {
    before = removal.removed;
    for (const name of await someNames(directory)) {
      const path = `${context.path.replace(/\/+$/, '')}/${name.toString()}`;
      const below = { ...context, path, what: `remove ${path}` };
      const inner: Removal = { ...removal, context: below, depth: depth + 1 };
      try {
        await removeBelow(directory, name, inner);
      } catch (error) {
        // Gone meanwhile.
        if (!(error instanceof WarrenError) || error.code !== 'not_found') throw error;
      }
      removal.removed = inner.removed;
    }
  }
}

async function someNames(directory: OpenFd): Promise<Buffer[]> {
  const names: Buffer[] = [];
  for await (const entry of await opendir(directory.path, {
    encoding: 'buffer' as BufferEncoding,
    bufferSize: namesAtOnce,
  })) {
    names.push(entry.name as unknown as Buffer);
    if (names.length === namesAtOnce) break;
  }
  return names;
}

function tooDeep({ what }: FileContext): WarrenError {
  const found = `it is more than ${maxDepth} directories deep; a command inside can remove it`;
  return new WarrenError('hostile', { what, found });
}

function isDirectory(entry: OpenFd): boolean {
  return fstatSync(entry.fd).isDirectory();
}

/**
 * Removing what a machine has mounted on would unmount it there: the kernel minds our own mounts
 * only.
 */
function openUnmounted(directory: OpenFd, name: Buffer): OpenFd {
  try {
    const flags = O_PATH | constants.O_NOFOLLOW;
    return openConfined(directory.fd, name, flags, { also: RESOLVE_NO_XDEV });
  } catch (error) {
    throw hasErrno(error, 'EXDEV') ? new SysError('EBUSY', 'unlinkat', name.toString()) : error;
  }
}
