import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { HostPath } from '../base/brand.ts';
import { formatSize } from '../base/units.ts';
import { WarrenError } from '../contract/errors.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { Child } from './sandbox/child.ts';
import { childFailure, throwIfCancelled } from './sandbox/failure.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import type { SandboxMount } from './sandbox/spec.ts';
import type { SliceIds } from './slice.ts';
import type { WorkContext } from './types.ts';

export interface ArchiveInput {
  /** `write the image`. */
  readonly what: string;
  /** Entries that stand before those of tar. */
  readonly head: Buffer;
  /** tar, which reads `mounts` confined as the slice's root. */
  readonly command: readonly string[];
  readonly mounts: readonly SandboxMount[];
  readonly slice: SliceIds;
  /** Reads the archive and writes what is kept; undefined keeps it as it is. */
  readonly compress: readonly string[] | undefined;
  readonly file: HostPath;
}

const progressIntervalMs = 200;

/** Writes an archive and hashes it. On failure `file` is removed. */
export async function writeArchive(
  sandbox: Sandbox,
  { what, head, command, mounts, slice, compress, file }: ArchiveInput,
  { signal, progress }: WorkContext,
): Promise<{ readonly fingerprint: string; readonly sizeBytes: number }> {
  throwIfCancelled(signal, what);
  const children: (readonly [child: Child, program: string])[] = [];
  try {
    const tar = await sandbox.start(
      { kind: 'files', command, ids: slice, mounts },
      { stdin: 'ignore', signal },
    );
    children.push([tar, 'tar']);
    const archive = counted(head, tar.stdout, progress);
    let written: Awaited<ReturnType<typeof writeHashed>>;
    if (compress === undefined) {
      written = await writeHashed(archive, file);
    } else {
      const compressor = await sandbox.start(
        { kind: 'stream', command: compress, ids: slice, mounts: [] },
        { stdin: 'pipe', signal },
      );
      children.push([compressor, 'the compressor']);
      const results = await Promise.all([
        writeHashed(compressor.stdout, file),
        feed(archive, compressor.stdin),
      ]);
      written = results[0];
    }
    for (const [child, program] of children) {
      const end = await child.ended;
      throwIfCancelled(signal, what);
      if (end.exitCode !== 0) throw childFailure(end, { what, program, where: file });
    }
    return written;
  } catch (error) {
    for (const [child] of children) child.kill();
    await rm(file, { force: true });
    if (hasErrno(error, 'ENOSPC', 'EDQUOT')) {
      throw new WarrenError('no_space', { what, where: file }, { cause: error });
    }
    throw error;
  } finally {
    await Promise.all(children.map(([{ ended }]) => ended));
  }
}

async function* counted(
  head: Buffer,
  tree: Readable,
  progress: WorkContext['progress'],
): AsyncGenerator<Buffer> {
  let bytes = 0;
  let nextReport = 0;
  yield head;
  for await (const chunk of tree as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (performance.now() >= nextReport) {
      nextReport = performance.now() + progressIntervalMs;
      progress({ stage: `packing, ${formatSize(bytes)}` });
    }
    yield chunk;
  }
}

async function feed(archive: AsyncIterable<Buffer>, output: Writable | undefined): Promise<void> {
  if (output === undefined) throw new Error('the compressor has no standard input');
  await pipeline(archive, output);
}

async function writeHashed(
  stream: AsyncIterable<Buffer>,
  file: HostPath,
): Promise<{ readonly fingerprint: string; readonly sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const handle = await open(file, 'w', 0o600);
  try {
    for await (const chunk of stream) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      await handle.writeFile(chunk);
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
  return { fingerprint: hash.digest('hex'), sizeBytes };
}
