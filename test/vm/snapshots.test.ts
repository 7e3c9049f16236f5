import { afterAll, beforeAll, test } from 'vitest';

import { tryHundredSnapshots } from '../suites/hundred-snapshots.ts';
import { openHost, type EmulatedHost } from './host.ts';

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

test('a hundred snapshots are made, listed in little time, started on and gone back to', async () => {
  const { ofOneMs, ofAllMs } = await tryHundredSnapshots({
    daemon: await host.api(),
    stat: (pid) => host.root(`cat /proc/${pid}/stat`),
    exec: (name, line) => host.exec(name, line),
  });
  process.stderr.write(`emulated host: 20 lists of 1: ${ofOneMs} ms, of 100: ${ofAllMs} ms\n`);
});
