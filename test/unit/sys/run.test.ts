import { closeSync, writeSync } from 'node:fs';
import { expect, it } from 'vitest';

import { createMemfd } from '../../../src/sys/kernel/memfd.ts';
import { run } from '../../../src/sys/programs/run.ts';

it('a program has descriptors of ours as 3 and on, and nothing on its standard input', async () => {
  const fd = createMemfd('test', 5);
  try {
    writeSync(fd, 'hello', 0);
    const options = { what: 'read it', fds: [fd] };
    const { stdout } = await run('cat', ['/proc/self/fd/3', '-'], options);
    expect(stdout).toBe('hello');
    const kind = await run('stat', ['-L', '-c', '%F', '/proc/self/fd/3'], options);
    expect(kind.stdout).toBe('regular file');
  } finally {
    closeSync(fd);
  }
});

it('a program reads what it is given on its standard input', async () => {
  expect((await run('cat', [], { what: 'read it', input: 'hello' })).stdout).toBe('hello');
});
