import { closeSync, constants, fstatSync, readSync } from 'node:fs';

import { quotePath } from '../base/quote-path.ts';
import { createMemfd } from '../sys/kernel/memfd.ts';
import { AT_FDCWD, openat2 } from '../sys/kernel/fs.ts';
import { startProgram } from '../sys/programs/quiet.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { openConfined, OpenFd } from './files/resolve.ts';
import type { TreeChange } from './types.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** Longest file that is looked into, and longest patch of one, in bytes. */
const maxFileBytes = 1024 * 1024;
/** Of all patches together. */
const maxTotalBytes = 16 * 1024 * 1024;
/** Two files can be made on which diff(1) works for minutes. */
const timeoutMs = 5000;

export interface PatchInput {
  /** Two mounted roots; a guest may be at work in the second. */
  readonly from: string;
  readonly to: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Adds to each change what `diff -u` prints of it. Nothing to those that are no regular files, are
 * longer than 1 MiB, or come after the first 16 MiB of patches.
 */
export async function addPatches(
  changes: readonly TreeChange[],
  { from, to, signal }: PatchInput,
): Promise<TreeChange[]> {
  using old = openRoot(from);
  using now = openRoot(to);
  let left = maxTotalBytes;
  const patched: TreeChange[] = [];
  for (const change of changes) {
    signal?.throwIfAborted();
    const isWanted = left > 0 && change.change !== 'T' && !change.isDirectory;
    const patch = isWanted ? await patchOf(change, old.fd, now.fd) : undefined;
    left -= patch?.length ?? 0;
    patched.push(patch === undefined ? change : { ...change, patch });
  }
  return patched;
}

async function patchOf(
  { change, path }: TreeChange,
  old: number,
  now: number,
): Promise<string | undefined> {
  using before = change === 'A' ? undefined : openFile(old, path);
  using after = change === 'D' ? undefined : openFile(now, path);
  if (change !== 'A' && before === undefined) return undefined;
  if (change !== 'D' && after === undefined) return undefined;
  // Descriptors and not paths: what a running guest puts there meanwhile is not followed.
  const sides = [
    { file: before, place: '/proc/self/fd/3', label: labelOf('a', path) },
    { file: after, place: '/proc/self/fd/4', label: labelOf('b', path) },
  ];
  const labels = sides.flatMap(({ file, label }) => [
    '--label',
    file === undefined ? '/dev/null' : label,
  ]);
  const places = sides.map(({ file, place }) => (file === undefined ? '/dev/null' : place));
  return await runDiff(
    ['--unified', ...labels, '--', ...places],
    [before?.fd ?? null, after?.fd ?? null],
  );
}

/** `a/etc/hosts`, in quotes as a whole where the path wants them. */
function labelOf(side: 'a' | 'b', path: Buffer): string {
  return quotePath(Buffer.concat([Buffer.from(side), path]));
}

/** What diff(1) prints; undefined when it fails, takes too long or prints too much. */
async function runDiff(
  args: readonly string[],
  files: readonly (number | null)[],
): Promise<string | undefined> {
  const output = createMemfd('diff', maxFileBytes);
  try {
    const child = startProgram('diff', args, { fds: [null, output, null, ...files] });
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
    }, timeoutMs);
    const { kind, value } = await child.ended;
    clearTimeout(timer);
    return kind === 'exited' && value <= 1 ? readAll(output) : undefined;
  } finally {
    closeSync(output);
  }
}

/** The file is as long as it may become; what was written ends in a line feed, and zeros follow. */
function readAll(fd: number): string {
  const bytes = Buffer.alloc(maxFileBytes);
  readSync(fd, bytes, 0, bytes.length, 0);
  return bytes.toString('utf8', 0, bytes.lastIndexOf('\n') + 1);
}

function openRoot(path: string): OpenFd {
  return new OpenFd(openat2(AT_FDCWD, path, { flags: O_RDONLY | O_DIRECTORY, resolve: 0 }));
}

/** Undefined when it is no regular file (any more), or a long one. */
function openFile(root: number, path: Buffer): OpenFd | undefined {
  let file: OpenFd;
  try {
    file = openConfined(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (hasErrno(error, 'EACCES', 'ELOOP', 'ENODEV', 'ENOENT', 'ENOTDIR', 'ENXIO'))
      return undefined;
    throw error;
  }
  const stat = fstatSync(file.fd);
  if (stat.isFile() && stat.size <= maxFileBytes) return file;
  file[Symbol.dispose]();
  return undefined;
}
