import { createReadStream } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';

import type { HostPath } from '../../base/brand.ts';
import { WarrenError } from '../../contract/errors.ts';
import { runtimeRefusal } from '../../sys/programs/runtime-refusal.ts';
import { parseIdMap } from '../../sys/proc/idmap.ts';
import { tail, throwIfCancelled } from '../sandbox/failure.ts';
import type { Child } from '../sandbox/child.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { decompressors, readCompression } from './compression.ts';

/** An image file as a stream of uncompressed tar. */
export interface ArchiveSource {
  readonly stream: Readable;
  /** Bytes of the file consumed so far, and all of them. */
  position(): Promise<number>;
  readonly sizeBytes: number;
  /** To be called after the stream has ended. Throws `invalid` when the file was damaged. */
  finish(): Promise<void>;
  /** Stops reading, and the decompressor; idempotent. */
  close(): Promise<void>;
}

export interface SourceOptions {
  readonly what: string;
  readonly sandbox: Sandbox;
  readonly signal: AbortSignal;
}

/**
 * Opens an archive. A decompressor meets hostile bytes first, so it runs confined, without any
 * capability, as an id that is nobody's; the file itself is its standard input.
 */
export async function openArchive(file: HostPath, options: SourceOptions): Promise<ArchiveSource> {
  const { what, signal } = options;
  throwIfCancelled(signal, what);
  const compression = await readCompression(file);
  if (compression === 'squashfs') {
    const problem = 'it is a squashfs, wanted a tar archive here';
    throw new WarrenError('invalid', { what, issues: [{ path: '', problem }] });
  }
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    return compression === 'none'
      ? plainSource(handle, size)
      : await compressedSource(handle, size, compression, options);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function plainSource(handle: FileHandle, sizeBytes: number): ArchiveSource {
  const stream = createReadStream('', { fd: handle, autoClose: false, highWaterMark: 256 * 1024 });
  return {
    stream,
    sizeBytes,
    position: () => Promise.resolve(stream.bytesRead),
    finish: () => Promise.resolve(),
    async close() {
      stream.destroy();
      await handle.close();
    },
  };
}

async function compressedSource(
  handle: FileHandle,
  sizeBytes: number,
  compression: keyof typeof decompressors,
  { what, sandbox, signal }: SourceOptions,
): Promise<ArchiveSource> {
  const { command, package: debianPackage } = decompressors[compression];
  const program = command[0] ?? '';
  const child: Child = await sandbox.start(
    { kind: 'stream', command, ids: await nobody(), mounts: [] },
    { stdin: handle.fd, signal },
  );
  let closed = false;
  return {
    stream: child.stdout,
    sizeBytes,
    // The child shares our open file, and so its offset.
    position: async () => parsePosition(await readFile(`/proc/self/fdinfo/${handle.fd}`, 'utf8')),
    async finish() {
      const end = await child.ended;
      throwIfCancelled(signal, what);
      if (end.exitCode === 0) return;
      if (end.exitCode === 127 && end.errorText.includes('failed to execute')) {
        throw new WarrenError('host_lacks', {
          what,
          found: `${program} is not installed`,
          wanted: `${program} to read a ${compression} file`,
          hint: `sudo apt install ${debianPackage}`,
        });
      }
      const refusal = runtimeRefusal(what, end.errorText);
      if (refusal !== undefined) throw refusal;
      const problem = `the file is damaged: ${tail(end.errorText)}`;
      throw new WarrenError('invalid', { what, issues: [{ path: '', problem }] });
    },
    async close() {
      if (closed) return;
      closed = true;
      child.kill();
      await child.ended;
      await handle.close();
    },
  };
}

function parsePosition(fdinfo: string): number {
  return Number(/^pos:\s*(\d+)/m.exec(fdinfo)?.[1] ?? 0);
}

/** The last id of our namespace: a slice ends there at most with its 65535, which is no user's. */
async function nobody(): Promise<{ start: number; size: number }> {
  const map = parseIdMap(await readFile('/proc/self/uid_map', 'utf8'));
  const last = Math.max(...map.map(({ inside, count }) => inside + count - 1));
  return { start: last, size: 1 };
}
