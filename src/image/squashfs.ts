import { randomUUID } from 'node:crypto';
import { access, chown, constants, copyFile, open } from 'node:fs/promises';
import { createInterface } from 'node:readline';

import { hostPath, type HostPath } from '../base/brand.ts';
import { formatSize } from '../base/units.ts';
import { WarrenError } from '../contract/errors.ts';
import type { ArchiveSource } from './archive/source.ts';
import { unpackStream, type ExtractDeps } from './extract.ts';
import { createCommand } from './pack.ts';
import { childFailure, isFull, throwIfCancelled } from './sandbox/failure.ts';
import { sandboxTree } from './sandbox/spec.ts';
import type { SliceIds } from './slice.ts';
import type { WorkContext } from './types.ts';

const what = 'unpack the image';

/**
 * Unpacks a squashfs. unsquashfs needs a file it may seek in and cannot be told what to leave out,
 * so the image is copied to where the slice's root may read it and unpacked beside; the tree then
 * goes through the same check as every other archive.
 */
export async function unpackSquashfs(
  deps: ExtractDeps,
  file: HostPath,
  target: HostPath,
  slice: SliceIds,
  context: WorkContext,
): Promise<void> {
  const { signal, progress } = context;
  await requireUnsquashfs();
  await checkInodes(file, deps.limits.maxEntries);

  const suffix = randomUUID();
  const image = `.squashfs-${suffix}`;
  const tree = `.tree-${suffix}`;
  await copyFile(file, `${target}/${image}`, constants.COPYFILE_FICLONE);
  await chown(`${target}/${image}`, slice.start, slice.start);
  const inside = (name: string) => `${sandboxTree}/${name}`;
  const start = (command: readonly string[]) =>
    deps.sandbox.start(
      {
        kind: 'files',
        command,
        ids: slice,
        mounts: [{ source: target, destination: sandboxTree, readonly: false }],
        maxFileBytes: deps.limits.maxBytes,
      },
      { stdin: 'ignore', signal },
    );

  await checkBytes(await start(['unsquashfs', '-lln', inside(image)]), deps.limits.maxBytes);
  progress({ stage: 'unpacking the squashfs' });
  // Status 2: everything but what only real root may do, which is dropped anyhow.
  const command = ['unsquashfs', '-force', '-no-progress', '-dest', inside(tree), inside(image)];
  await finish(await start(command), [0, 2], target, signal);
  const tar = await start([...createCommand, `--directory=${inside(tree)}`, '.']);
  const source: ArchiveSource = {
    stream: tar.stdout,
    sizeBytes: 0,
    position: () => Promise.resolve(0),
    async finish() {
      const end = await tar.ended;
      if (end.exitCode !== 0) throw childFailure(end, { what, program: 'tar', where: target });
    },
    async close() {
      tar.kill();
      await tar.ended;
    },
  };
  await unpackStream(deps, source, { layout: 'plain', target, slice }, context);
  await finish(await start(['rm', '-rf', inside(tree), inside(image)]), [0], target, signal);
}

type Started = Awaited<ReturnType<ExtractDeps['sandbox']['start']>>;

async function finish(
  child: Started,
  okExitCodes: readonly number[],
  where: HostPath,
  signal: AbortSignal,
): Promise<void> {
  child.stdout.resume();
  const end = await child.ended;
  throwIfCancelled(signal, what);
  const { exitCode, errorText } = end;
  if (exitCode !== undefined && okExitCodes.includes(exitCode) && !isFull(errorText)) return;
  throw childFailure(end, { what, program: 'unsquashfs', where });
}

async function requireUnsquashfs(): Promise<void> {
  try {
    await access('/usr/bin/unsquashfs');
  } catch (cause) {
    const details = {
      what,
      found: 'its root file system is a squashfs and unsquashfs is not installed',
      wanted: 'unsquashfs',
      hint: 'sudo apt install squashfs-tools',
    };
    throw new WarrenError('host_lacks', details, { cause });
  }
}

/** Superblock: magic, then the number of inodes (Documentation/filesystems/squashfs.rst). */
async function checkInodes(file: HostPath, maxEntries: number): Promise<void> {
  await using handle = await open(file, 'r');
  const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0);
  const inodes = buffer.readUInt32LE(4);
  if (inodes <= maxEntries) return;
  throw new WarrenError('hostile', { what, found: `the squashfs has ${inodes} files` });
}

/**
 * Sums the sizes in a listing, since files may share their blocks in the image but not on disk. A
 * name with line breaks can only add to the sum.
 */
async function checkBytes(child: Started, maxBytes: number): Promise<void> {
  let bytes = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    bytes += Number(/^-\S+ \S+ +(\d+) /.exec(line)?.[1] ?? 0);
  }
  const end = await child.ended;
  if (end.exitCode !== 0) {
    throw childFailure(end, { what, program: 'unsquashfs', where: hostPath('/') });
  }
  if (bytes <= maxBytes) return;
  const found = `the squashfs unpacks to more than ${formatSize(maxBytes)}`;
  throw new WarrenError('hostile', { what, found });
}
