import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import { Client } from '../../src/client/client.ts';
import { Transport } from '../../src/client/transport.ts';
import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { openWarren, type Warren } from '../helpers/warren.ts';
import { tryHundredSnapshots } from '../suites/hundred-snapshots.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

let warren: Warren;
beforeAll(() => {
  warren = openWarren();
});
afterAll(async () => {
  await warren[Symbol.asyncDispose]();
});

test("a hundred snapshots are made, listed in little time, started on and gone back to on this host's kernel", async () => {
  await provideImage(warren, 'busybox');
  const daemon = new Client({
    transport: new Transport({ socket: join(warren.dir, 'unix.socket') }),
  });
  try {
    await tryHundredSnapshots({
      daemon,
      // eslint-disable-next-line @typescript-eslint/require-await -- as from a host that is elsewhere
      stat: async (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8'),
      exec: async (name, line) =>
        (await warren.run(['exec', name, '--', 'sh', '-c', line])).exitCode,
    });
  } finally {
    daemon.transport.close();
  }
});
