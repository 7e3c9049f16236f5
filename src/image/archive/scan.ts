import type { Writable } from 'node:stream';

import { WarrenError } from '../../contract/errors.ts';
import type { Progress } from '../types.ts';
import { TarFormatError } from './header.ts';
import { TarReader, type TarHandler } from './reader.ts';
import type { ArchiveSource } from './source.ts';

export interface ScanOptions {
  readonly what: string;
  readonly stage: string;
  readonly progress: (progress: Progress) => void;
  /** Where the kept entries go; nowhere when only looking. Ended by the caller. */
  readonly output?: Writable | undefined;
}

const batchBytes = 256 * 1024;
const progressIntervalMs = 200;

/**
 * Reads a whole archive through `TarReader`. Throws `invalid` for a damaged one and what the
 * handler throws. When `output` is closed by its reader it stops silently: that reader's exit
 * status says why.
 */
export async function scanArchive(
  source: ArchiveSource,
  handler: Omit<TarHandler, 'emit'>,
  { what, stage, progress, output }: ScanOptions,
): Promise<void> {
  let batch: Buffer[] = [];
  let batched = 0;
  const reader = new TarReader({
    ...handler,
    emit(piece) {
      if (output === undefined) return;
      batch.push(piece);
      batched += piece.length;
    },
  });
  const flush = async () => {
    if (output === undefined || batched === 0) return;
    const pieces = batch;
    batch = [];
    batched = 0;
    if (!output.writable) return;
    if (!output.write(Buffer.concat(pieces))) await drained(output);
  };

  let nextReport = 0;
  try {
    for await (const chunk of source.stream as AsyncIterable<Buffer>) {
      reader.push(chunk);
      if (batched >= batchBytes) await flush();
      if (output?.destroyed === true) return;
      const now = performance.now();
      if (now >= nextReport) {
        nextReport = now + progressIntervalMs;
        progress({ stage, percent: percentOf(await source.position(), source.sizeBytes) });
      }
    }
    // A decompressor's complaint tells more than the hole it left.
    await source.finish();
    reader.end();
    await flush();
  } catch (error) {
    if (!(error instanceof TarFormatError)) throw error;
    const problem = `the archive is damaged: ${error.message}`;
    throw new WarrenError('invalid', { what, issues: [{ path: '', problem }] }, { cause: error });
  }
}

function percentOf(done: number, all: number): number {
  return all === 0 ? 100 : Math.min(100, Math.floor((100 * done) / all));
}

/** Until more can be written, or never will be. */
function drained(output: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      output.off('drain', done).off('close', done);
      resolve();
    };
    output.once('drain', done).once('close', done);
  });
}
