import type { HostPath } from '../../base/brand.ts';
import { WarrenError } from '../../contract/errors.ts';
import { TarFormatError } from '../archive/header.ts';
import { normalisePath } from '../archive/names.ts';
import { ArchivePolicy } from '../archive/policy.ts';
import { TarReader, type TarEntry } from '../archive/reader.ts';
import { openArchive, type ArchiveSource } from '../archive/source.ts';
import type { ImageLimits, ImageLog } from '../deps.ts';
import { extractCommand } from '../extract.ts';
import type { Child } from '../sandbox/child.ts';
import { childFailure, throwIfCancelled } from '../sandbox/failure.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SliceIds } from '../slice.ts';
import type { ImageDescription, WorkContext } from '../types.ts';
import { BesideCollector } from './beside.ts';
import {
  backupIndexPath,
  partDirectory,
  partOf,
  treeDirectory,
  type BackupKind,
  type BackupPart,
} from './layout.ts';

export interface BackupReadDeps {
  readonly sandbox: Sandbox;
  readonly limits: ImageLimits;
  readonly log: ImageLog;
}

const what = 'import the backup';
/** Longest `index.yaml`. */
export const maxIndexBytes = 1024 * 1024;
/** How much of an archive may come before its index: LXD puts it first. */
const maxEntriesBeforeIndex = 1000;
const maxBytesBeforeIndex = 64 * 1024 * 1024;
const progressIntervalMs = 200;

/** The bytes of `backup/index.yaml`. Throws `invalid` for a file that is no backup. */
export async function readBackupIndex(
  { sandbox }: BackupReadDeps,
  file: HostPath,
  { signal }: WorkContext,
): Promise<Buffer> {
  const source = await openArchive(file, { what, sandbox, signal });
  let found: Buffer | undefined;
  let entries = 0;
  let bytes = 0;
  const reader = new TarReader({
    entry: (entry) => {
      if (found !== undefined || normalise(entry.name) !== backupIndexPath) {
        bytes += entry.size;
        if (++entries > maxEntriesBeforeIndex || bytes > maxBytesBeforeIndex) throw notABackup();
        return 'drop';
      }
      if (entry.type !== '0') throw notABackup();
      if (entry.size > maxIndexBytes || entry.realSize > maxIndexBytes) {
        throw invalid('backup/index.yaml is larger than 1 MiB');
      }
      return 'collect';
    },
    content: (_entry, content) => {
      found = content;
    },
    emit: () => undefined,
  });
  try {
    for await (const chunk of source.stream as AsyncIterable<Buffer>) {
      push(reader, chunk);
      if (found !== undefined) return found;
    }
    await source.finish();
    throw notABackup();
  } finally {
    await source.close();
  }
}

/** Reads the root file systems of a backup one after the other, as they come. */
export interface BackupReader extends AsyncDisposable {
  /** The next one, once the last is unpacked; undefined at the end of the archive. */
  next(): Promise<BackupPart | undefined>;
  /**
   * Unpacks the one that `next` told of into `target`, an empty directory of the slice's root. Its
   * entries go through `ArchivePolicy` and then to tar, which sees only the target.
   */
  unpack(target: HostPath): Promise<void>;
  /**
   * The image's metadata and templates that stand beside the machine's own root; complete once
   * `next` has told of the end. Undefined where there is no metadata. Throws `invalid`.
   */
  describe(): ImageDescription | undefined;
}

/** What is to be passed on to one tar. */
interface Segment {
  readonly kind: BackupKind;
  readonly part: BackupPart;
  readonly policy: ArchivePolicy;
  pieces: Buffer[];
}

/**
 * Opens a backup for unpacking, with the ids of the machine that owns `slice`. The caller disposes
 * of the reader.
 */
export async function openBackup(
  { sandbox, limits, log }: BackupReadDeps,
  file: HostPath,
  slice: SliceIds,
  { signal, progress }: WorkContext,
  kind: BackupKind = 'container',
): Promise<BackupReader> {
  const source = await openArchive(file, { what, sandbox, signal });
  const chunks = (source.stream as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  const queue: Segment[] = [];
  const seen = new Set<string>();
  let current: Segment | undefined;
  let ended = false;
  let nextReport = 0;

  const segmentOf = (part: BackupPart): Segment => {
    const directory = partDirectory(part);
    if (current !== undefined && partDirectory(current.part) === directory) return current;
    if (seen.has(directory)) throw invalid(`the files of backup/${directory} are not in one piece`);
    seen.add(directory);
    current = {
      kind,
      part,
      policy: new ArchivePolicy({ what, limits, ids: slice }),
      pieces: [],
    };
    queue.push(current);
    return current;
  };
  let passing: Segment | undefined;
  const beside = new BesideCollector();
  let droppedBytes = 0;
  const reader = new TarReader({
    entry: (entry) => {
      passing = undefined;
      const path = normalise(entry.name);
      const part = partOf(path, kind);
      if (part === undefined) {
        droppedBytes += entry.size;
        if (droppedBytes > limits.maxBytes) throw invalid('it holds more than a machine has');
        return beside.wants(path, entry) ? 'collect' : 'drop';
      }
      const segment = segmentOf(part);
      if (!isKept(segment, entry)) return 'drop';
      passing = segment;
      return 'keep';
    },
    content: (entry, content) => {
      beside.add(normalise(entry.name), content);
    },
    emit: (piece) => {
      passing?.pieces.push(piece);
    },
  });

  /** Reads one chunk of the archive into the queue. */
  const pump = async (): Promise<void> => {
    throwIfCancelled(signal, what);
    const next: IteratorResult<Buffer, unknown> = await chunks.next();
    if (next.done === true) {
      await source.finish();
      finish(reader);
      ended = true;
      return;
    }
    push(reader, next.value);
    if (performance.now() >= nextReport) {
      nextReport = performance.now() + progressIntervalMs;
      progress({ stage: 'unpacking', percent: await percentOf(source) });
    }
  };
  /** Whether the first of the queue is whole. */
  const isComplete = (): boolean => ended || queue.length > 1;

  return {
    async next() {
      while (queue.length === 0 && !ended) await pump();
      return queue[0]?.part;
    },
    async unpack(target) {
      const segment = queue[0];
      if (segment === undefined) throw new Error('there is nothing to unpack');
      const files = treeDirectory(segment.part, kind);
      await using places = await sandbox.layDirectories([files]);
      const tar = await sandbox.start(
        {
          kind: 'files',
          command: extractCommand('/image'),
          ids: slice,
          mounts: [
            { source: places.path, destination: '/image/backup', readonly: true },
            { source: target, destination: `/image/backup/${files}`, readonly: false },
          ],
          maxFileBytes: limits.maxBytes,
        },
        { stdin: 'pipe', signal },
      );
      tar.stdout.resume();
      try {
        for (;;) {
          await send(tar, segment);
          if (isComplete() || tar.stdin?.destroyed === true) break;
          await pump();
        }
        await send(tar, segment);
        // The archive's own end has gone to the last part, if anywhere.
        tar.stdin?.end(Buffer.alloc(1024));
        const end = await tar.ended;
        throwIfCancelled(signal, what);
        if (end.exitCode !== 0) throw childFailure(end, { what, program: 'tar', where: target });
        if (end.errorText !== '') log.warn({ target, tar: end.errorText }, 'tar had remarks');
      } finally {
        tar.kill();
        await tar.ended;
      }
      queue.shift();
    },
    describe: () => beside.describe(),
    [Symbol.asyncDispose]: () => source.close(),
  };
}

function isKept({ kind, part, policy }: Segment, entry: TarEntry): boolean {
  const { path, isDevice } = policy.check(entry);
  if (entry.type !== '5' && path === `backup/${treeDirectory(part, kind)}`) {
    throw new WarrenError('hostile', { what, found: 'a root of it is no directory' });
  }
  if (entry.type === '1') {
    const target = partOf(normalise(entry.linkName), kind);
    if (target === undefined || target.snapshot !== part.snapshot) {
      throw new WarrenError('hostile', { what, found: 'a hard link leads out of its part' });
    }
  }
  return !isDevice;
}

async function send(tar: Child, segment: Segment): Promise<void> {
  const { stdin } = tar;
  const { pieces } = segment;
  segment.pieces = [];
  // A tar that has ended says why with its exit status.
  if (pieces.length === 0 || stdin?.writable !== true) return;
  if (stdin.write(Buffer.concat(pieces))) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stdin.off('drain', done).off('close', done);
      resolve();
    };
    stdin.once('drain', done).once('close', done);
  });
}

async function percentOf(source: ArchiveSource): Promise<number> {
  if (source.sizeBytes === 0) return 100;
  return Math.min(100, Math.floor((100 * (await source.position())) / source.sizeBytes));
}

/** What `normalisePath` makes of a name; a hostile one is refused for what it is. */
function normalise(name: string): string {
  try {
    return normalisePath(name);
  } catch (error) {
    const found = error instanceof Error ? `a name in it ${error.message}` : 'a name in it is bad';
    throw new WarrenError('hostile', { what, found }, { cause: error });
  }
}

function push(reader: TarReader, chunk: Buffer): void {
  damagedIf(() => {
    reader.push(chunk);
  });
}

function finish(reader: TarReader): void {
  damagedIf(() => {
    reader.end();
  });
}

function damagedIf(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof TarFormatError)) throw error;
    throw invalid(`the archive is damaged: ${error.message}`, error);
  }
}

function notABackup(): WarrenError {
  return invalid('it has no backup/index.yaml at its beginning, wanted an export of a machine');
}

function invalid(problem: string, cause?: unknown): WarrenError {
  return new WarrenError('invalid', { what, issues: [{ path: '', problem }] }, { cause });
}
