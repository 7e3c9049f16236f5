import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { expect, it } from 'vitest';

import { quotePath } from '../../../../src/base/quote-path.ts';
import { getInstance } from '../../../../src/engine/instances/list.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { diffSnapshots } from '../../../../src/engine/snapshots/diff.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { useEngine } from './test-engine.ts';

const engine = useEngine();

const snapshot = (name: string): Promise<unknown> =>
  createSnapshot(engine.deps, { instance: 'web', name, expiresAtMs: undefined }, unattended);

/** Works on the files of the stopped machine as U0's root, as whom they then are. */
async function change(work: (root: string) => void): Promise<void> {
  const { id, layers, slice } = getInstance(engine.deps, 'web');
  const root = await engine.deps.storage.mountRoot(id, layers);
  try {
    work(root);
    execFileSync('chown', ['-hR', `${slice.start}:${slice.start}`, `${root}/srv`]);
  } finally {
    await engine.deps.storage.unmountRoot(id);
  }
}

async function diff(from: string, to?: string): Promise<string[]> {
  const changes = await diffSnapshots(engine.deps, { instance: 'web', from, to }, unattended);
  return changes.map(
    ({ change: letter, path, isDirectory }) =>
      `${letter} ${quotePath(path)}${isDirectory ? '/' : ''}`,
  );
}

it('shows what changed in text files line by line, and follows nothing', async () => {
  await engine.create('web');
  await change((root) => {
    mkdirSync(`${root}/srv/odd`, { recursive: true });
    writeFileSync(`${root}/srv/edited`, 'one\ntwo\nthree\n');
    writeFileSync(`${root}/srv/gone`, 'was here');
    writeFileSync(`${root}/srv/link`, 'text');
    writeFileSync(`${root}/srv/bytes`, Buffer.from([0, 1, 2]));
    writeFileSync(`${root}/srv/moded`, 'same\n');
    writeFileSync(`${root}/srv/long`, 'x\n'.repeat(600_000));
  });
  await snapshot('s1');
  await change((root) => {
    writeFileSync(`${root}/srv/edited`, 'one\nTWO\nthree\n');
    rmSync(`${root}/srv/gone`);
    rmSync(`${root}/srv/link`);
    symlinkSync('/etc/shadow', `${root}/srv/link`);
    symlinkSync('/etc/shadow', `${root}/srv/new-link`);
    execFileSync('mkfifo', [`${root}/srv/fifo`]);
    writeFileSync(`${root}/srv/bytes`, Buffer.from([0, 1, 3]));
    chmodSync(`${root}/srv/moded`, 0o600);
    writeFileSync(`${root}/srv/long`, 'y\n'.repeat(600_000));
    writeFileSync(`${root}/srv/odd/a\nb`, 'new\n');
  });
  const patches = new Map(
    (
      await diffSnapshots(
        engine.deps,
        { instance: 'web', from: 's1', to: undefined, patches: true },
        unattended,
      )
    ).map(({ path, patch }) => [path.toString(), patch]),
  );
  expect(patches.get('/srv/edited')).toBe(
    '--- a/srv/edited\n+++ b/srv/edited\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n',
  );
  expect(patches.get('/srv/gone')).toBe(
    '--- a/srv/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-was here\n\\ No newline at end of file\n',
  );
  expect(patches.get('/srv/odd/a\nb')).toBe(
    '--- /dev/null\n+++ "b/srv/odd/a\\nb"\n@@ -0,0 +1 @@\n+new\n',
  );
  expect(patches.get('/srv/bytes')).toBe('Binary files a/srv/bytes and b/srv/bytes differ\n');
  expect(patches.get('/srv/moded')).toBe('');
  for (const path of ['/srv/link', '/srv/new-link', '/srv/fifo', '/srv/long']) {
    expect(patches.has(path), path).toBe(true);
    expect(patches.get(path), path).toBeUndefined();
  }
});

it('tells modes and owners that changed, as the machine has them', async () => {
  await engine.create('web');
  const { slice } = getInstance(engine.deps, 'web');
  await change((root) => {
    for (const name of ['mode', 'owner', 'both', 'text']) {
      writeFileSync(`${root}/srv/${name}`, name);
      chmodSync(`${root}/srv/${name}`, 0o644);
    }
  });
  await snapshot('s1');
  const { id, layers } = getInstance(engine.deps, 'web');
  const root = await engine.deps.storage.mountRoot(id, layers);
  chmodSync(`${root}/srv/mode`, 0o4755);
  chownSync(`${root}/srv/owner`, slice.start + 5, slice.start + 7);
  chownSync(`${root}/srv/both`, slice.start, slice.start + 1);
  chmodSync(`${root}/srv/both`, 0o600);
  writeFileSync(`${root}/srv/text`, 'TEXT');
  await engine.deps.storage.unmountRoot(id);
  const input = { instance: 'web', from: 's1', to: undefined };
  const changes = await diffSnapshots(engine.deps, input, unattended);
  const root644 = { mode: 0o644, uid: 0, gid: 0 };
  expect(Object.fromEntries(changes.map((one) => [String(one.path), one.attributes]))).toEqual({
    '/srv/both': { before: root644, after: { mode: 0o600, uid: 0, gid: 1 } },
    '/srv/mode': { before: root644, after: { mode: 0o4755, uid: 0, gid: 0 } },
    '/srv/owner': { before: root644, after: { mode: 0o644, uid: 5, gid: 7 } },
    '/srv/text': undefined,
  });
});

it('tells what was added, modified, deleted and replaced, and nothing else', async () => {
  await engine.create('web');
  await change((root) => {
    mkdirSync(`${root}/srv/site/old`, { recursive: true });
    mkdirSync(`${root}/srv/again`);
    for (const name of ['same', 'touched', 'edited', 'moded', 'gone', 'type', 'dir-to-be']) {
      writeFileSync(`${root}/srv/${name}`, name);
    }
    for (const name of ['site/page', 'site/old/deep', 'again/old', 'again/kept']) {
      writeFileSync(`${root}/srv/${name}`, name);
    }
  });
  await snapshot('s1');
  expect(await diff('s1')).toEqual([]);
  await change((root) => {
    // A time alone is no change, nor is what is made again as it was.
    utimesSync(`${root}/srv/touched`, 1, 1);
    rmSync(`${root}/srv/same`);
    writeFileSync(`${root}/srv/same`, 'same');
    // No longer than before.
    writeFileSync(`${root}/srv/edited`, 'EDITED');
    chmodSync(`${root}/srv/moded`, 0o600);
    rmSync(`${root}/srv/gone`);
    rmSync(`${root}/srv/type`);
    symlinkSync('same', `${root}/srv/type`);
    rmSync(`${root}/srv/dir-to-be`);
    mkdirSync(`${root}/srv/dir-to-be`);
    writeFileSync(`${root}/srv/dir-to-be/inner`, '');
    execFileSync('mv', [`${root}/srv/site`, `${root}/srv/moved`]);
    // An opaque directory: made anew over one of the same name.
    rmSync(`${root}/srv/again`, { recursive: true });
    mkdirSync(`${root}/srv/again`);
    writeFileSync(`${root}/srv/again/kept`, 'again/kept');
    writeFileSync(Buffer.concat([Buffer.from(`${root}/srv/`), Buffer.from([0xff])]), 'odd');
    rmSync(`${root}/etc/passwd`);
  });
  const expected = [
    'D /etc/passwd',
    'D /srv/again/old',
    'T /srv/dir-to-be/',
    'A /srv/dir-to-be/inner',
    'M /srv/edited',
    'D /srv/gone',
    'M /srv/moded',
    'A /srv/moved/',
    'A /srv/moved/old/',
    'A /srv/moved/old/deep',
    'A /srv/moved/page',
    'D /srv/site/',
    'D /srv/site/old/',
    'D /srv/site/old/deep',
    'D /srv/site/page',
    'T /srv/type',
    'A "/srv/\\377"',
  ];
  expect(await diff('s1')).toEqual(expected);
  await snapshot('s2');
  expect(await diff('s1', 's2')).toEqual(expected);
  const turned: Readonly<Record<string, string>> = { A: 'D', D: 'A', M: 'M', T: 'T' };
  const backwards = (await diff('s2', 's1')).map(
    (line) => `${turned[line[0] ?? ''] ?? ''}${line.slice(1)}`,
  );
  // Of what changed its type the slash tells what it is then.
  const forwards = expected.map((line) => (line.startsWith('T') ? line.replace(/\/$/, '') : line));
  expect(backwards).toEqual(forwards);

  // A third stands on the second; the first and it have what is between them.
  await change((root) => {
    rmSync(`${root}/srv/moved`, { recursive: true });
    renameSync(`${root}/srv/edited`, `${root}/srv/gone`);
  });
  expect(await diff('s2')).toEqual([
    'D /srv/edited',
    'A /srv/gone',
    'D /srv/moved/',
    'D /srv/moved/old/',
    'D /srv/moved/old/deep',
    'D /srv/moved/page',
  ]);
  expect((await diff('s1')).filter((line) => /moved|edited|gone/.test(line))).toEqual([
    'D /srv/edited',
    'M /srv/gone',
  ]);
});

it('compares with a machine that runs', async () => {
  await engine.create('web');
  await startInstance(engine.deps, { name: 'web' }, unattended);
  await snapshot('s1');
  await engine.shell('web', 'echo new >/root/note; rm /etc/passwd; ln -s /etc /root/link');
  const changes = await diff('s1');
  expect(changes).toContain('A /root/note');
  expect(changes).toContain('A /root/link');
  expect(changes).toContain('D /etc/passwd');
});
