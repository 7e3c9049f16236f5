import type { FileHandle } from 'node:fs/promises';
import { Writable } from 'node:stream';

const zeros = Buffer.alloc(64 * 1024);

/**
 * Writes an empty file from its start and closes it. Runs of zeros become holes: a file of a
 * terabyte that holds nothing takes a guest no room, and shall take none here.
 */
export function sparseWriter(handle: FileHandle): Writable {
  let size = 0;
  const write = async (chunk: Buffer): Promise<void> => {
    const at = size;
    size += chunk.length;
    if (isZero(chunk)) return;
    for (let done = 0; done < chunk.length;) {
      done += (await handle.write(chunk, done, chunk.length - done, at + done)).bytesWritten;
    }
  };
  return new Writable({
    write: (chunk: Buffer, _, callback) => {
      write(chunk).then(() => {
        callback();
      }, callback);
    },
    final: (callback) => {
      handle.truncate(size).then(() => {
        callback();
      }, callback);
    },
    destroy: (error, callback) => {
      handle.close().then(() => {
        callback(error);
      }, callback);
    },
  });
}

function isZero(chunk: Buffer): boolean {
  for (let at = 0; at < chunk.length; at += zeros.length) {
    const part = chunk.subarray(at, at + zeros.length);
    if (!part.equals(zeros.subarray(0, part.length))) return false;
  }
  return true;
}
