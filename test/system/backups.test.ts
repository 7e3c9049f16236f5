import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

describe('a machine in a file', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await provideImage(warren, 'busybox');
  }, 300_000);

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  test('comes back under another name, with its snapshots, after the daemon forgot it', async () => {
    await warren.ok(['launch', 'busybox', 'web']);
    await warren.ok(['exec', 'web', '--', 'sh', '-c', 'echo first >/root/note']);
    await warren.ok(['snapshot', 'web', 's1']);
    await warren.ok(['exec', 'web', '--', 'sh', '-c', 'echo second >/root/note']);
    expect(await warren.ok(['diff', 'web/s1', 'web'])).toMatch(/^M {2}\/root\/note$/m);
    expect(await warren.ok(['diff', '-p', 'web/s1', 'web'])).toContain(
      'M  /root/note\n--- a/root/note\n+++ b/root/note\n@@ -1 +1 @@\n-first\n+second\n',
    );
    await warren.ok([
      'exec',
      'web',
      '--',
      'sh',
      '-c',
      'chmod 600 /root/note; chown 5:7 /root/note',
    ]);
    expect(await warren.ok(['diff', 'web/s1', 'web'])).toMatch(
      /^M {2}\/root\/note {2}mode 0644 → 0600 {2}owner 0:0 → 5:7$/m,
    );
    expect(await warren.ok(['diff', '--name-only', 'web/s1'])).toMatch(/^\/root\/note$/m);
    expect(await warren.ok(['history', 'web'])).toMatch(/^\(now\) .* modified\ns1 .* -$/m);
    const file = join(warren.dir, 'web.tar');
    const said = await warren.ok(['export', 'web', file, '--compression', 'gzip']);
    expect(said).toMatch(/^web is in \S+web\.tar \(.*frozen for \d+ ms\)\n$/);
    const copied = await warren.ok(['copy', 'web', 'web2']);
    expect(copied).toMatch(/^web2 is a copy of web, frozen for \d+ ms\n$/);
    // One that stands still has nothing to be frozen for.
    expect(await warren.ok(['copy', 'web2', 'web3'])).toBe('');
    await warren.ok(['delete', '--force', 'web', 'web2', 'web3']);
    await warren.ok(['daemon', 'restart']);

    expect(await warren.ok(['import', file, 'db'])).toMatch(/^db is imported/);
    await warren.ok(['start', 'db']);
    const note = ['exec', 'db', '--', 'sh', '-c', 'hostname; cat /root/note'];
    expect(await warren.ok(note)).toBe('db\nsecond\n');
    await warren.ok(['restore', 'db', 's1']);
    expect(await warren.ok(note)).toBe('db\nfirst\n');

    // By its own name it is what it was; that of one that is there is refused.
    await warren.ok(['import', file]);
    const again = await warren.run(['import', file]);
    expect(again).toMatchObject({ exitCode: 5 });
    expect(again.stderr).toContain('"web": one of that name exists already');
    const bad = await warren.run(['import', join(warren.dir, 'warren.db'), 'x']);
    expect(bad).toMatchObject({ exitCode: 3 });
    rmSync(file);
  });
});
