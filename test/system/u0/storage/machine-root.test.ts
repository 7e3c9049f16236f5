import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { guestPath } from '../../../../src/base/brand.ts';
import { openGuestFiles } from '../../../../src/storage/files/guest-files.ts';
import { machineRoot } from '../../../../src/storage/files/machine-root.ts';
import type { GuestFiles } from '../../../../src/storage/types.ts';
import { O_PATH } from '../../../../src/sys/kernel/fs.ts';

/** Ids of U0 that the machine's user namespace below has: its root is U0's 1000. */
const owner = { start: 1000, size: 1000 };

/** What the machine mounts, as its own root, below its tree `$1`. */
const mounts = `
  set -e
  mount -t tmpfs none "$1/tmp"
  mkdir -p "$1/tmp/open/below"
  echo within > "$1/tmp/open/below/file"
  ln -s ../../../etc/hosts "$1/tmp/open/below/out"
  ln -s ../../../../../../../.. "$1/tmp/open/below/up"
  mount --rbind /proc "$1/proc"
  fuse-overlayfs -f -o "lowerdir=$1/etc,upperdir=$1/upper,workdir=$1/work" "$1/fuse" 2> /dev/null &
  server=$!
  until grep -q " $1/fuse " /proc/self/mountinfo; do sleep 0.01; done
  mount -t overlay -o "userxattr,lowerdir=$1/fuse:$1/etc" none "$1/deaf"
  kill -STOP $server
  echo ready
  exec cat`;

let base: string;
let root: string;
let holder: ChildProcess;
let machine: ChildProcess;
let files: GuestFiles;

const text = (path: string): Promise<string> => files.readText(guestPath(path), 1 << 20);

async function problem(work: Promise<unknown>): Promise<string> {
  return await work.then(() => 'done', String);
}

async function firstOutput(child: ChildProcess): Promise<string> {
  return await new Promise((resolve) => {
    child.stdout?.once('data', (said: Buffer) => {
      resolve(said.toString());
    });
    child.once('close', () => {
      resolve('it has ended');
    });
  });
}

/** A machine's mount namespace, with a tree of its own and the mounts that its root made in it. */
beforeEach(async () => {
  base = mkdtempSync(`${tmpdir()}/warren-mounts-`);
  root = `${base}/root`;
  for (const name of ['etc', 'tmp', 'proc', 'fuse', 'deaf', 'upper', 'work', 'disk', 'real']) {
    mkdirSync(`${root}/${name}`, { recursive: true });
  }
  writeFileSync(`${root}/etc/hosts`, '127.0.0.1 localhost\n');
  writeFileSync(`${root}/tmp/covered`, 'below the tmpfs\n');
  symlinkSync('/tmp/open', `${root}/into`);
  execFileSync('chmod', ['0755', base]);
  execFileSync('chown', ['-R', '1000:1000', root]);
  holder = spawn('unshare', ['--user', 'sh', '-c', 'echo there; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await firstOutput(holder);
  for (const kind of ['uid_map', 'gid_map']) {
    writeFileSync(`/proc/${holder.pid ?? 0}/${kind}`, `0 ${owner.start} ${owner.size}\n`);
  }
  machine = spawn(
    'nsenter',
    [
      ...[`--user=/proc/${holder.pid ?? 0}/ns/user`, '--setuid=0', '--setgid=0', '--'],
      ...['unshare', '--mount', 'sh', '-c', mounts, 'sh', root],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'], detached: true },
  );
  expect(await firstOutput(machine)).toBe('ready\n');
  const proc = `/proc/${machine.pid ?? 0}`;
  const fd = openSync(`${proc}/root${root}`, O_PATH | constants.O_DIRECTORY);
  files = openGuestFiles(
    machineRoot({
      fd,
      mountinfo: () => readFileSync(`${proc}/mountinfo`, 'utf8'),
      [Symbol.dispose]: () => {
        closeSync(fd);
      },
    }),
    owner,
    '/data',
  );
});

afterEach(async () => {
  files[Symbol.dispose]();
  // With the server of its FUSE file system, which is in its process group.
  process.kill(-(machine.pid ?? 0), 'SIGKILL');
  holder.kill('SIGKILL');
  await Promise.all([once(machine, 'exit'), once(holder, 'exit')]);
  execFileSync('rm', ['-rf', base]);
});

describe('files of a running machine', () => {
  it('are read where the machine sees them', async () => {
    expect(await text('/etc/hosts')).toBe('127.0.0.1 localhost\n');
    expect(await text('/tmp/open/below/file')).toBe('within\n');
    expect(await text('/into/below/file')).toBe('within\n');
    expect(await text('/tmp/open/../open/./below//file')).toBe('within\n');
    expect(await problem(files.stat(guestPath('/tmp/covered')))).toContain('Cannot find');
    expect((await files.list(guestPath('/tmp/'))).map(String)).toEqual(['open']);
  });

  it('are reached by links and `..` across a mount, and never outside', async () => {
    expect(await text('/tmp/open/below/out')).toBe('127.0.0.1 localhost\n');
    expect(await text('/tmp/open/below/up/etc/hosts')).toBe('127.0.0.1 localhost\n');
    expect((await files.list(guestPath('/tmp/open/below/up'))).map(String)).toContain('deaf');
    expect((await files.stat(guestPath('/tmp/open/below/out'))).type).toBe('symlink');
  });

  it('are made on its own tmpfs, which takes only its ids', async () => {
    await files.write(guestPath('/tmp/new'), 'pushed', { uid: 5, gid: 6, mode: 0o4750 });
    expect(await text('/tmp/new')).toBe('pushed');
    expect(await files.stat(guestPath('/tmp/new'))).toMatchObject({ uid: 5, gid: 6, mode: 0o4750 });
    await files.write(guestPath('/tmp/new'), ' more', { append: true });
    expect(await text('/tmp/new')).toBe('pushed more');
    await files.makeDirectory(guestPath('/into/a/b'), { parents: true, uid: 7, mode: 0o700 });
    expect(await files.stat(guestPath('/tmp/open/a/b'))).toMatchObject({ uid: 7, mode: 0o700 });
    await files.makeSymlink(guestPath('/tmp/link'), '/etc/hosts', { uid: 8 });
    expect(await files.stat(guestPath('/tmp/link'))).toMatchObject({ type: 'symlink', uid: 8 });
    expect(await text('/tmp/link')).toBe('127.0.0.1 localhost\n');
    await files.remove(guestPath('/tmp/link'));
    expect(await problem(files.remove(guestPath('/tmp')))).toContain('something is mounted there');
    // Whoever made files with a machine's ids has its own again.
    writeFileSync(`${base}/mine`, '');
    expect(execFileSync('stat', ['-c', '%u', `${base}/mine`]).toString()).toBe('0\n');
  });

  it('are not looked for without end, however often a path leaves a mount and enters it again', async () => {
    symlinkSync('/tmp/open', `${root}/again`);
    const turns = 'again/../../'.repeat(33);
    expect(await problem(files.stat(guestPath(`/${turns}etc/hosts`)))).toContain(
      'its links lead in a circle',
    );
    expect(
      await problem(files.makeDirectory(guestPath(`/${turns}tmp/a`), { parents: true })),
    ).toContain('its links lead in a circle');
    expect((await files.stat(guestPath(`/${'again/../../'.repeat(9)}etc/hosts`))).type).toBe(
      'file',
    );
  });

  it('are refused on what the kernel or the machine itself answers for, at once', async () => {
    const started = Date.now();
    expect(await problem(files.read(guestPath('/proc/self/status')))).toMatch(
      /\/proc .* type proc /,
    );
    expect(await problem(files.write(guestPath('/proc/x'), '', {}))).toMatch(
      /\/proc .* type proc /,
    );
    expect(await problem(files.stat(guestPath('/fuse/hosts')))).toMatch(/\/fuse .* type fuse/);
    // An overlay upon a FUSE file system whose server has stopped: a look would never come back.
    expect(await problem(files.stat(guestPath('/deaf/hosts')))).toMatch(/\/deaf .* type overlay /);
    expect(await problem(files.list(guestPath('/deaf')))).toMatch(/\/deaf .* type overlay /);
    expect(Date.now() - started).toBeLessThan(2000);
  });
});
