import { createHash } from 'node:crypto';
import { access, open, rm } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { HostPath } from '../base/brand.ts';
import { formatSize } from '../base/units.ts';
import { WarrenError } from '../contract/errors.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { formatEntry } from './archive/writer.ts';
import { formatMetadata } from './metadata.ts';
import type { Child } from './sandbox/child.ts';
import { childFailure, throwIfCancelled } from './sandbox/failure.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { sandboxTree } from './sandbox/spec.ts';
import type { SliceIds } from './slice.ts';
import type { ImageMetadata, ImportedImage, WorkContext } from './types.ts';

export interface PackInput {
  readonly root: HostPath;
  readonly metadata: ImageMetadata;
  readonly file: HostPath;
  readonly slice: SliceIds;
}

const what = 'write the image';
const progressIntervalMs = 200;

/**
 * Writes a unified image. tar reads the tree confined as the slice's root, so owners in the archive
 * are guest ids, and a tree that changes under it leads nowhere. On failure `file` is removed.
 */
export async function packImage(
  sandbox: Sandbox,
  { root, metadata, file, slice }: PackInput,
  { signal, progress }: WorkContext,
): Promise<ImportedImage> {
  throwIfCancelled(signal, what);
  const head = formatEntry(
    {
      kind: 'file',
      path: 'metadata.yaml',
      mode: 0o644,
      content: Buffer.from(formatMetadata(metadata), 'utf8'),
    },
    metadata.creationDate,
  );
  const children: Child[] = [];
  try {
    const tar = await sandbox.start(
      {
        kind: 'files',
        command: [...createCommand, ...withoutSecrets, '--directory=/image', 'rootfs'],
        ids: slice,
        mounts: [{ source: root, destination: sandboxTree, readonly: true }],
      },
      { stdin: 'ignore', signal },
    );
    children.push(tar);
    const compressor = await sandbox.start(
      { kind: 'stream', command: await compressCommand(), ids: slice, mounts: [] },
      { stdin: 'pipe', signal },
    );
    children.push(compressor);
    const [, written] = await Promise.all([
      feed(head, tar.stdout, compressor.stdin, progress),
      writeHashed(compressor.stdout, file),
    ]);
    for (const [child, program] of [
      [tar, 'tar'] as const,
      [compressor, 'the compressor'] as const,
    ]) {
      const end = await child.ended;
      throwIfCancelled(signal, what);
      if (end.exitCode !== 0) throw childFailure(end, { what, program, where: file });
    }
    return { ...written, metadata };
  } catch (error) {
    for (const child of children) child.kill();
    await rm(file, { force: true });
    if (hasErrno(error, 'ENOSPC', 'EDQUOT')) {
      throw new WarrenError('no_space', { what, where: file }, { cause: error });
    }
    throw error;
  } finally {
    await Promise.all(children.map(({ ended }) => ended));
  }
}

/**
 * tar that writes what it can of a tree, the same bytes for the same tree. Still wants a directory
 * and what to put in from there.
 */
// prettier-ignore
export const createCommand: readonly string[] = [
  'tar', '--create', '--file=-', '--format=posix', '--numeric-owner',
  '--sparse', '--xattrs', '--xattrs-include=*', '--xattrs-exclude=user.overlay.*',
  '--xattrs-exclude=trusted.*', '--acls', '--sort=name', '--one-file-system',
  '--warning=no-file-ignored',
  // Neither access times nor tar's own process id belong into what a fingerprint covers.
  '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
];

/** A machine's ssh host keys are its own; one made of the image gets others. */
const withoutSecrets = ['--anchored', '--exclude=rootfs/etc/ssh/ssh_host_*_key*'];

/**
 * zstd at its default level packs a Debian in a fifth of gzip's time and a third smaller. Every
 * client of LXD tells the two apart.
 */
async function compressCommand(): Promise<string[]> {
  const hasZstd = await access('/usr/bin/zstd').then(
    () => true,
    () => false,
  );
  return hasZstd ? ['zstd', '-3', '-T0', '-q', '-c'] : ['gzip', '-n', '-c'];
}

async function feed(
  head: Buffer,
  tree: Readable,
  output: Writable | undefined,
  progress: WorkContext['progress'],
): Promise<void> {
  if (output === undefined) throw new Error('the compressor has no standard input');
  let bytes = 0;
  let nextReport = 0;
  const withHead = async function* () {
    yield head;
    for await (const chunk of tree as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (Date.now() >= nextReport) {
        nextReport = Date.now() + progressIntervalMs;
        progress({ stage: `packing the image, ${formatSize(bytes)}` });
      }
      yield chunk;
    }
  };
  await pipeline(withHead, output);
}

async function writeHashed(
  stream: Readable,
  file: HostPath,
): Promise<{ readonly fingerprint: string; readonly sizeBytes: number }> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const handle = await open(file, 'w', 0o600);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
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
