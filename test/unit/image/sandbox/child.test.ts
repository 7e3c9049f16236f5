import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { startChild } from '../../../../src/image/sandbox/child.ts';

it('what a program has written is there for who reads it after its end', async () => {
  const child = await startChild('sh', ['-c', 'printf hello; printf oops >&2'], {
    stdin: 'ignore',
  });
  // Long enough for it to end.
  await expect.poll(() => isThere(child.pid)).toBe(false);
  await sleep(50);
  expect(Buffer.concat(await child.stdout.toArray()).toString()).toBe('hello');
  expect(await child.ended).toEqual({ exitCode: 0, signal: undefined, errorText: 'oops' });
});

it('more than fits into its pipes makes a program wait for its reader', async () => {
  const child = await startChild('head', ['-c', '10M', '/dev/zero'], { stdin: 'ignore' });
  await sleep(200);
  expect(isThere(child.pid)).toBe(true);
  let bytes = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) bytes += chunk.length;
  expect(bytes).toBe(10 << 20);
  expect((await child.ended).exitCode).toBe(0);
});

it('a program that is killed ends with its streams, read or not', async () => {
  const child = await startChild('yes', [], { stdin: 'ignore' });
  child.kill();
  expect(await child.ended).toMatchObject({ exitCode: undefined, signal: 'SIGKILL' });
  expect(child.stdout.destroyed).toBe(true);
});

it('a program whose output nobody wants any more is told so by its pipe', async () => {
  const child = await startChild('yes', [], { stdin: 'ignore' });
  for await (const _ of child.stdout) break;
  // By SIGPIPE, or by ECONNRESET where it wrote at that moment.
  expect((await child.ended).exitCode).not.toBe(0);
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
