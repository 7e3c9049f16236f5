import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { Buffers } from '../../../src/runtime/exec/buffers.ts';
import { OutputPipe } from '../../../src/runtime/exec/output-pipe.ts';
import { openPipe } from '../../../src/sys/kernel/pipe.ts';
import { closeFd } from '../../../src/sys/kernel/socket.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function fill(buffer: Uint8Array, character: string): Uint8Array {
  return buffer.fill(character.charCodeAt(0));
}

describe('buffers', () => {
  it('serve again once they are given back, and not before', () => {
    const buffers = new Buffers();
    const [first, second] = [buffers.take(), buffers.take()];
    const chunk = buffers.lend(fill(first, 'a'), first.length);
    expect(buffers.take().buffer).not.toBe(first.buffer);
    buffers.lend(fill(second, 'b'), second.length);
    expect(text(chunk)).toBe('a'.repeat(first.length));
    buffers.giveBack(chunk);
    expect(buffers.take().buffer).toBe(first.buffer);
  });

  it('are given back once, and none that was never lent', () => {
    const buffers = new Buffers();
    const taken = buffers.take();
    const chunk = buffers.lend(taken, taken.length);
    buffers.giveBack(Buffer.from('of somebody else'));
    buffers.giveBack(chunk);
    buffers.giveBack(chunk);
    expect(buffers.take().buffer).toBe(taken.buffer);
    expect(buffers.take().buffer).not.toBe(taken.buffer);
  });

  it('are not held by few bytes', () => {
    const buffers = new Buffers();
    const taken = buffers.take();
    const chunk = buffers.lend(fill(taken, 'a'), 5);
    expect(buffers.take().buffer).toBe(taken.buffer);
    fill(taken, 'b');
    expect(text(chunk)).toBe('aaaaa');
  });
});

describe('a pipe that is read into buffers', () => {
  /** What a program writes, as a reader has it who gives back late and pauses often. */
  async function read(script: string): Promise<{ sum: string; memories: number; chunks: number }> {
    const pipe = openPipe();
    const buffers = new Buffers();
    const stream = new OutputPipe(pipe.readFd, buffers);
    spawn(process.execPath, ['-e', script], { stdio: ['ignore', pipe.writeFd, 'inherit'] });
    closeFd(pipe.writeFd);
    const hash = createHash('sha256');
    const memories = new Set<ArrayBufferLike>();
    let chunks = 0;
    let waiting: Promise<void> = Promise.resolve();
    let inHand = 0;
    stream.on('data', (chunk: Buffer) => {
      memories.add(chunk.buffer);
      chunks++;
      if (++inHand === 3) stream.pause();
      waiting = waiting.then(async () => {
        await turn();
        hash.update(chunk);
        buffers.giveBack(chunk);
        inHand--;
        stream.resume();
      });
    });
    await once(stream, 'end');
    await waiting;
    return { sum: hash.digest('hex'), memories: memories.size, chunks };
  }

  const write = (count: number, bytes: number): string =>
    `for (let i = 0; i < ${count}; i++) fs.writeSync(1, Buffer.alloc(${bytes}, String(i)))`;

  function sumOf(count: number, bytes: number): string {
    const hash = createHash('sha256');
    for (let i = 0; i < count; i++) hash.update(Buffer.alloc(bytes, String(i)));
    return hash.digest('hex');
  }

  it('gives every byte, in few buffers, to a reader that is slow', async () => {
    const { sum, memories, chunks } = await read(write(300, 65_536));
    expect(sum).toBe(sumOf(300, 65_536));
    expect(chunks).toBeGreaterThanOrEqual(300);
    expect(memories).toBeLessThan(30);
  });

  it('gives every byte of what comes in pieces of any size', async () => {
    for (const bytes of [1, 777, 16_383, 16_384, 65_535, 100_000])
      expect((await read(write(64, bytes))).sum).toBe(sumOf(64, bytes));
  });
});
