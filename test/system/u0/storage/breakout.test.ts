import { spawn, type ChildProcess } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { guestPath, hostPath } from '../../../../src/base/brand.ts';
import { plainRoot } from '../../../../src/storage/files/file-root.ts';
import { openGuestFiles } from '../../../../src/storage/files/guest-files.ts';
import type { GuestFiles } from '../../../../src/storage/types.ts';

const owner = { start: 1000, size: 65_000 };

let base: string;
let root: string;
let files: GuestFiles;
let children: ChildProcess[];

beforeEach(() => {
  base = mkdtempSync(`${tmpdir()}/warren-files-`);
  root = `${base}/root`;
  mkdirSync(`${root}/etc`, { recursive: true });
  mkdirSync(`${root}/tmp`);
  writeFileSync(`${root}/etc/hosts`, '127.0.0.1 localhost\n');
  writeFileSync(`${base}/canary`, 'untouched');
  files = openGuestFiles(plainRoot(hostPath(root)), owner, '/data');
  children = [];
});

afterEach(() => {
  files[Symbol.dispose]();
  for (const child of children) child.kill('SIGKILL');
  expect(readFileSync(`${base}/canary`, 'utf8')).toBe('untouched');
  execFileSync('rm', ['-rf', base]);
});

const text = async (path: string): Promise<string> => files.readText(guestPath(path), 1 << 20);
const code = (error: unknown): unknown => (error as { code: unknown }).code;
const refusal = async (work: Promise<unknown>): Promise<unknown> => work.then(() => 'done', code);

describe('reading', () => {
  it('takes `..` above the root as the root', async () => {
    expect(await text('/../../../../etc/hosts')).toBe('127.0.0.1 localhost\n');
    expect(await refusal(files.stat(guestPath('/../canary')))).toBe('not_found');
    expect(await refusal(files.read(guestPath('/etc/../../canary')))).toBe('not_found');
  });

  it('resolves absolute and climbing links inside the root', async () => {
    symlinkSync(`${base}/canary`, `${root}/absolute`);
    symlinkSync('../../canary', `${root}/climbing`);
    symlinkSync('/etc', `${root}/dir`);
    expect(await refusal(files.read(guestPath('/absolute')))).toBe('not_found');
    expect(await refusal(files.read(guestPath('/climbing')))).toBe('not_found');
    expect(await text('/dir/hosts')).toBe('127.0.0.1 localhost\n');
    expect((await files.stat(guestPath('/absolute'))).type).toBe('symlink');
    expect(await files.readLink(guestPath('/absolute'))).toBe(`${base}/canary`);
  });

  it('refuses links that lead in a circle', async () => {
    symlinkSync('b', `${root}/a`);
    symlinkSync('a', `${root}/b`);
    expect(await refusal(files.read(guestPath('/a')))).toBe('hostile');
  });

  it('refuses the magic links of a proc that a machine shows', async () => {
    mkdirSync(`${root}/proc`);
    execFileSync('mount', ['--bind', '/proc', `${root}/proc`]);
    try {
      const self = `/proc/${process.pid}`;
      expect(await refusal(files.read(guestPath(`${self}/root${base}/canary`)))).toBe('hostile');
      expect(await refusal(files.list(guestPath(`${self}/cwd`)))).toBe('hostile');
      expect(await refusal(files.write(guestPath(`${self}/fd/1`), 'x', {}))).toBe('hostile');
    } finally {
      execFileSync('umount', [`${root}/proc`]);
    }
  });

  it('never opens a fifo, a socket or a device', { timeout: 5000 }, async () => {
    execFileSync('mkfifo', [`${root}/fifo`]);
    execFileSync('mknod', [`${root}/whiteout`, 'c', '0', '0']);
    symlinkSync('fifo', `${root}/link`);
    for (const name of ['/fifo', '/whiteout', '/link']) {
      expect(await refusal(files.read(guestPath(name)))).toBe('hostile');
      expect(await refusal(text(name))).toBe('hostile');
      expect(await refusal(files.write(guestPath(name), 'x', {}))).toBe('hostile');
    }
    expect((await files.stat(guestPath('/fifo'))).type).toBe('other');
  });

  it('says what is wrong with a directory, a missing file and NUL', async () => {
    expect(await refusal(files.read(guestPath('/etc')))).toBe('invalid');
    expect(await refusal(files.read(guestPath('/nothing')))).toBe('not_found');
    expect(await refusal(files.read(guestPath('/etc/hosts/x')))).toBe('not_found');
    expect(await refusal(files.read(guestPath('/etc/ho\0sts')))).toBe('invalid');
    expect(await refusal(files.read(guestPath(`/${'x'.repeat(300)}`)))).toBe('invalid');
  });

  it('bounds what it reads into memory', async () => {
    writeFileSync(`${root}/big`, 'x'.repeat(5000));
    expect(await refusal(files.readText(guestPath('/big'), 4999))).toBe('hostile');
    expect(await files.readText(guestPath('/big'), 5000)).toHaveLength(5000);
  });

  it('reads the start of a sparse terabyte', async () => {
    writeFileSync(`${root}/huge`, 'begin');
    truncateSync(`${root}/huge`, 2 ** 40);
    const { stat, content } = await files.read(guestPath('/huge'));
    expect(stat.size).toBe(2 ** 40);
    const first = (await content[Symbol.asyncIterator]().next()) as { value: Buffer };
    expect(first.value.subarray(0, 5).toString()).toBe('begin');
    expect(first.value.length).toBeLessThan(1 << 20);
    content.destroy();
  });

  it('shows ids of the slice as the guest has them, and all others as 65534', async () => {
    chownSync(`${root}/etc/hosts`, 1000, 1042);
    expect(await files.stat(guestPath('/etc/hosts'))).toMatchObject({ uid: 0, gid: 42 });
    chownSync(`${root}/etc/hosts`, 999, 0);
    expect(await files.stat(guestPath('/etc/hosts'))).toMatchObject({ uid: 65_534, gid: 65_534 });
  });

  it('lists names as bytes, and opens what has such a name', async () => {
    const name = Buffer.from([0x66, 0xff, 0xfe, 0x0a]);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/tmp/`), name]), 'raw');
    expect(await files.list(guestPath('/tmp'))).toEqual([name]);
    const { content } = await files.read(Buffer.concat([Buffer.from('/tmp/'), name]));
    expect((await buffer(content)).toString()).toBe('raw');
    await files.remove(Buffer.concat([Buffer.from('/tmp/'), name]));
    expect(await files.list(guestPath('/tmp'))).toEqual([]);
  });

  it('walks paths of 12,000 bytes', async () => {
    const name = 'd'.repeat(200);
    const path = Array.from({ length: 60 }, () => name).join('/');
    await files.makeDirectory(guestPath(path), { parents: true });
    await files.write(guestPath(`${path}/leaf`), 'deep', {});
    expect(await text(`${path}/leaf`)).toBe('deep');
    expect((await files.list(guestPath(path))).map(String)).toEqual(['leaf']);
    await files.remove(guestPath(`${path}/leaf`));
    expect(await refusal(files.stat(guestPath(`${path}/leaf`)))).toBe('not_found');
    expect(await refusal(files.stat(guestPath(`${path}/${'../'.repeat(61)}etc`)))).toBe('hostile');
  });
});

describe('writing', () => {
  it('creates with owner and mode whatever the umask, and keeps both of what exists', async () => {
    const before = process.umask(0o077);
    try {
      await files.write(guestPath('/tmp/new'), 'one', { uid: 5, gid: 6, mode: 0o4755 });
      await files.makeDirectory(guestPath('/tmp/dir'), { uid: 7, mode: 0o1777 });
    } finally {
      process.umask(before);
    }
    expect(lstatSync(`${root}/tmp/new`)).toMatchObject({ uid: 1005, gid: 1006, mode: 0o104755 });
    expect(lstatSync(`${root}/tmp/dir`)).toMatchObject({ uid: 1007, gid: 1000, mode: 0o041777 });
    await files.write(guestPath('/tmp/new'), 'two', { uid: 9, mode: 0o600 });
    // The kernel takes set-id bits from what is written to, as it must.
    expect(lstatSync(`${root}/tmp/new`)).toMatchObject({ uid: 1005, mode: 0o100755 });
    expect(await text('/tmp/new')).toBe('two');
  });

  it('truncates, appends, and streams', async () => {
    await files.write(guestPath('/tmp/log'), 'a long first version', {});
    await files.write(guestPath('/tmp/log'), 'short', {});
    await files.write(guestPath('/tmp/log'), Buffer.from(' and more'), { append: true });
    expect(await text('/tmp/log')).toBe('short and more');
    const chunks = Array.from({ length: 64 }, () => Buffer.alloc(64 * 1024, 1));
    await files.write(guestPath('/tmp/big'), Readable.from(chunks), {});
    expect(lstatSync(`${root}/tmp/big`).size).toBe(4 << 20);
  });

  it('follows links at the last name inside the root only', async () => {
    symlinkSync(`${base}/canary`, `${root}/tmp/out`);
    symlinkSync('../../canary', `${root}/tmp/up`);
    symlinkSync('up', `${root}/tmp/twice`);
    symlinkSync('/etc/hosts', `${root}/tmp/in`);
    expect(await refusal(files.write(guestPath('/tmp/out'), 'x', {}))).toBe('not_found');
    await files.write(guestPath('/tmp/up'), 'contained', {});
    expect(readFileSync(`${root}/canary`, 'utf8')).toBe('contained');
    await files.write(guestPath('/tmp/twice'), 'again', {});
    expect(readFileSync(`${root}/canary`, 'utf8')).toBe('again');
    await files.write(guestPath('/tmp/in'), 'changed', {});
    expect(readFileSync(`${root}/etc/hosts`, 'utf8')).toBe('changed');
    symlinkSync('b', `${root}/tmp/a`);
    symlinkSync('a', `${root}/tmp/b`);
    expect(await refusal(files.write(guestPath('/tmp/a'), 'x', {}))).toBe('hostile');
  });

  it('makes links and removes them, not what they point to', async () => {
    await files.makeSymlink(guestPath('/tmp/link'), '/etc/hosts', { uid: 3 });
    expect(readlinkSync(`${root}/tmp/link`)).toBe('/etc/hosts');
    expect(lstatSync(`${root}/tmp/link`).uid).toBe(1003);
    expect(await refusal(files.makeSymlink(guestPath('/tmp/link'), 'x', {}))).toBe('exists');
    await files.remove(guestPath('/tmp/link'));
    expect(existsSync(`${root}/etc/hosts`)).toBe(true);
    symlinkSync(base, `${root}/tmp/out`);
    expect(await refusal(files.remove(guestPath('/tmp/out/canary')))).toBe('not_found');
  });

  it('removes empty directories only, and never the root', async () => {
    expect(await refusal(files.remove(guestPath('/etc')))).toBe('wrong_state');
    await files.remove(guestPath('/tmp/'));
    expect(existsSync(`${root}/tmp`)).toBe(false);
    for (const path of ['/', '/.', '/etc/..']) {
      expect(await refusal(files.remove(guestPath(path)))).toBe('invalid');
      expect(await refusal(files.remove(guestPath(path), { recursive: true }))).toBe('invalid');
    }
  });

  describe('removes a whole directory when told so,', () => {
    const remove = (path: string) => files.remove(guestPath(path), { recursive: true });

    it('with whatever is in it, but not what its links point to', async () => {
      const name = Buffer.from([0x2f, 0xff, 0x0a]);
      mkdirSync(`${root}/tmp/a/b/c`, { recursive: true, mode: 0o000 });
      writeFileSync(Buffer.concat([Buffer.from(`${root}/tmp/a`), name]), 'raw');
      execFileSync('mkfifo', [`${root}/tmp/a/b/fifo`]);
      symlinkSync(base, `${root}/tmp/a/out`);
      symlinkSync('/etc', `${root}/tmp/a/in`);
      for (let index = 0; index < 1500; index++) writeFileSync(`${root}/tmp/a/b/${index}`, '');
      await remove('/tmp/a/');
      expect(readdirSync(`${root}/tmp`)).toEqual([]);
      expect(readdirSync(`${root}/etc`)).toEqual(['hosts']);
      symlinkSync('/etc', `${root}/tmp/link`);
      await remove('/tmp/link');
      expect(readdirSync(`${root}/etc`)).toEqual(['hosts']);
      expect(await refusal(remove('/tmp/link'))).toBe('not_found');
    });

    it('up to a mount, whose files stay', async () => {
      mkdirSync(`${root}/tmp/a/disk`, { recursive: true });
      execFileSync('mount', ['--bind', base, `${root}/tmp/a/disk`]);
      try {
        await expect(remove('/tmp/a')).rejects.toMatchObject({
          code: 'invalid',
          message: 'Cannot remove /tmp/a/disk: path: something is mounted there',
        });
      } finally {
        execFileSync('umount', [`${root}/tmp/a/disk`]);
      }
      await remove('/tmp/a');
    });

    it('but none that is deeper than descriptors reach', async () => {
      await files.makeDirectory(guestPath(`/tmp/${'d/'.repeat(300)}`), { parents: true });
      expect(await refusal(remove('/tmp/d'))).toBe('hostile');
    });

    it('until it is told to stop', async () => {
      mkdirSync(`${root}/tmp/a`);
      for (let index = 0; index < 3000; index++) writeFileSync(`${root}/tmp/a/${index}`, '');
      const stop = new AbortController();
      const removal = files.remove(guestPath('/tmp/a'), { recursive: true, signal: stop.signal });
      setImmediate(() => {
        stop.abort();
      });
      expect(await refusal(removal)).toBe('cancelled');
      expect(readdirSync(`${root}/tmp/a`).length).toBeGreaterThan(1000);
    });

    it('and nothing else while a guest puts links in the place of directories', async () => {
      lchownSync(`${root}/tmp`, 1000, 1000);
      mkdirSync(`${base}/secret`);
      writeFileSync(`${base}/secret/file`, 'secret');
      symlinkSync('/etc', `${root}/link`);
      await flip(`${root}/tmp/swap`, '../../etc');
      const outcomes = new Set<unknown>();
      for (const enough = Date.now() + 2000; Date.now() < enough;) {
        outcomes.add(await refusal(remove('/tmp/swap')));
      }
      expect(readdirSync(`${root}/etc`)).toEqual(['hosts']);
      expect(outcomes).toContain('done');
    });
  });

  it('makes directories through links with their parents, and refuses what is there', async () => {
    symlinkSync('/tmp', `${root}/link`);
    await files.makeDirectory(guestPath('/link/a/../b/c'), { parents: true });
    expect(readdirSync(`${root}/tmp/b`)).toEqual(['c']);
    await files.makeDirectory(guestPath('/link/b/c'), { parents: true });
    expect(await refusal(files.makeDirectory(guestPath('/tmp/b'), {}))).toBe('exists');
    expect(await refusal(files.makeDirectory(guestPath('/etc/hosts/x'), {}))).toBe('not_found');
    expect(lstatSync(`${root}/tmp/b/c`).uid).toBe(1000);
  });

  it('refuses ids outside the machine and modes that are none', async () => {
    expect(await refusal(files.write(guestPath('/x'), '', { uid: 65_000 }))).toBe('invalid');
    expect(await refusal(files.write(guestPath('/x'), '', { gid: -1 }))).toBe('invalid');
    expect(await refusal(files.write(guestPath('/x'), '', { mode: 0o10000 }))).toBe('invalid');
    expect(existsSync(`${root}/x`)).toBe(false);
  });

  it('says where no space is left', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tiny', `${root}/tmp`]);
    try {
      const error = await files
        .write(guestPath('/tmp/full'), Buffer.alloc(1 << 20), {})
        .catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: 'no_space', details: { where: '/data' } });
    } finally {
      execFileSync('umount', [`${root}/tmp`]);
    }
  });
});

/** A guest that swaps `victim` between a directory and a link that leads out, without end. */
async function flip(victim: string, outside: string): Promise<void> {
  const script = `
    const fs = require('node:fs');
    const childProcess = require('node:child_process');
    const [victim, outside] = process.argv.slice(1);
    fs.mkdirSync(victim + '.dir'); fs.symlinkSync(outside, victim + '.link');
    process.stdout.write('go');
    const move = (from, to) => {
      try {
        fs.renameSync(from, to);
      } catch {
        // What the other side made in the meantime is in the way.
        childProcess.spawnSync('rm', ['-rf', victim, victim + '.dir', victim + '.link']);
        if (!fs.existsSync(victim + '.dir')) fs.mkdirSync(victim + '.dir');
        if (!fs.existsSync(victim + '.link')) fs.symlinkSync(outside, victim + '.link');
      }
    };
    for (;;) {
      move(victim + '.dir', victim); move(victim, victim + '.dir');
      move(victim + '.link', victim); move(victim, victim + '.link');
    }`;
  const child = spawn(process.execPath, ['-e', script, victim, outside], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await new Promise((resolve) => child.stdout.once('data', resolve));
}

describe('races', () => {
  it('never leads out while a guest flips links', async () => {
    lchownSync(`${root}/tmp`, 1000, 1000);
    const secret = `${base}/secret`;
    mkdirSync(secret);
    writeFileSync(`${secret}/file`, 'secret');
    const outcomes = new Set<unknown>();
    await flip(`${root}/tmp/swap`, '../../secret');
    // Until both sides of the race were seen, and long enough for others.
    const [enough, atLast] = [Date.now() + 3000, Date.now() + 60_000];
    const raced = (): boolean => outcomes.has('done') && outcomes.has('not_found');
    while (Date.now() < enough || (!raced() && Date.now() < atLast)) {
      outcomes.add(await refusal(text('/tmp/swap/file')));
      outcomes.add(await refusal(files.write(guestPath('/tmp/swap/file'), 'mine', {})));
      outcomes.add(
        await refusal(files.makeDirectory(guestPath('/tmp/swap/d/e'), { parents: true })),
      );
      outcomes.add(await refusal(files.list(guestPath('/tmp/swap/../../../tmp/swap'))));
      outcomes.add(await refusal(files.remove(guestPath('/tmp/swap/file'))));
    }
    expect(readFileSync(`${secret}/file`, 'utf8')).toBe('secret');
    expect(readdirSync(secret)).toEqual(['file']);
    for (const outcome of outcomes) {
      // ENOMEM: an overlay's own answer, once in a while, for a directory that is being exchanged.
      expect(['done', 'not_found', 'hostile', 'invalid', 'exists', 'ENOMEM']).toContain(outcome);
    }
    expect(outcomes).toContain('done');
    expect(outcomes).toContain('not_found');
    expect(children.every(({ exitCode }) => exitCode === null)).toBe(true);
  });

  it('leaves no descriptor open', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    const before = count();
    for (let round = 0; round < 50; round++) {
      await refusal(text('/etc/hosts'));
      await refusal(files.read(guestPath('/etc')));
      await refusal(files.write(guestPath('/tmp/x'), 'x', {}));
      await refusal(files.makeDirectory(guestPath('/tmp/y/z'), { parents: true }));
      await refusal(files.remove(guestPath('/tmp/x')));
      await refusal(files.list(guestPath('/tmp')));
    }
    expect(count()).toBeLessThanOrEqual(before + 2);
  });
});
