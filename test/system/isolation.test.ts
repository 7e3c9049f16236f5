import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';

import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type CommandResult, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

// Two isolated machines that share a directory of the user's, and one that tries what it can as
// root.
let warren: Warren;
let shared: string;

const secret = 'of one alone';
const sleeper = 'sleep 471100';

const inside = (name: string, script: string): Promise<CommandResult> =>
  warren.run(['exec', name, '--', 'sh', '-c', script]);

/** Standard output of what must succeed. */
const ok = (name: string, script: string): Promise<string> =>
  warren.ok(['exec', name, '--', 'sh', '-c', script]);

/** What a line of perl dies with, or says, in a machine. */
const perl = async (name: string, script: string): Promise<string> => {
  const { stdout, stderr } = await warren.run([
    'exec',
    name,
    '--',
    'perl',
    '-MSocket',
    '-e',
    script,
  ]);
  return `${stdout}${stderr}`.trim();
};

/** Listens for as long as the machine runs, and greets whoever comes. */
const serve = (address: string): string =>
  `setsid perl -MSocket -e '
     ${address}
     socket(S, $family, SOCK_STREAM, 0) or die "socket: $!";
     bind(S, $at) or die "bind: $!"; listen(S, 5) or die "listen: $!";
     while (accept(C, S)) { print C "${secret}"; close C }' </dev/null >/dev/null 2>>/serve.log &`;

const connect = (address: string): string =>
  `${address}
   socket(S, $family, SOCK_STREAM, 0) or die "socket: $!";
   connect(S, $at) or die "connect: $!\\n"; print <S>`;

const unixAt = (path: string): string => `$family = AF_UNIX; $at = pack_sockaddr_un("${path}");`;
const abstract = unixAt('\\0of-one');
const inShared = unixAt('/shared/socket');
const tcpAt = (address: string, port: number): string =>
  `$family = AF_INET; $at = pack_sockaddr_in(${port}, inet_aton("${address}"));`;

function hostPids(command: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return (
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim() === command
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

beforeAll(async () => {
  shared = mkdtempSync(join(homedir(), 'shared-'));
  chmodSync(shared, 0o777);
  warren = openWarren();
  await provideImage(warren, 'debian/12/minimal');
  for (const [name, size] of [
    ['one', '20000'],
    ['two', 'compact'],
  ] as const) {
    await warren.ok([
      ...['launch', 'debian/12/minimal', name],
      ...['-c', 'security.idmap.isolated=true', '-c', `security.idmap.size=${size}`],
      ...['-d', 'eth0,security.port_isolation=true'],
      ...['-d', 'shared,type=disk', '-d', `shared,source=${shared}`, '-d', 'shared,path=/shared'],
    ]);
  }
  await ok('one', `echo '${secret}' >/root/file; setsid ${sleeper} </dev/null >/dev/null 2>&1 &`);
  await ok('one', [abstract, inShared, tcpAt('0.0.0.0', 4711)].map(serve).join('\n'));
  // Each listens, and answers whoever may come: a refusal below is not for want of a server.
  for (const address of [abstract, inShared, tcpAt('127.0.0.1', 4711)]) {
    await eventually(async () => {
      expect(await perl('one', connect(address))).toBe(secret);
    });
  }
});

afterAll(async () => {
  await warren[Symbol.asyncDispose]();
  rmSync(shared, { recursive: true, force: true });
});

test('isolated machines have no id of the host in common', async () => {
  const ranges = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const map = await ok(name, 'cat /proc/self/uid_map');
      return map
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/).map(Number));
    }),
  );
  const [one = [], two = []] = ranges;
  for (const [, start = 0, size = 0] of one) {
    for (const [, otherStart = 0, otherSize = 0] of two) {
      expect(start + size <= otherStart || otherStart + otherSize <= start).toBe(true);
    }
  }
});

test('the compact layout has the ids that systemd gives to services', async () => {
  expect(await ok('two', 'systemctl is-system-running --wait')).toContain('running');
  const id = await warren.ok([
    ...['exec', 'two', '--'],
    ...['systemd-run', '--quiet', '--wait', '--pipe', '-p', 'DynamicUser=yes', 'id', '-u'],
  ]);
  expect(Number(id)).toBeGreaterThanOrEqual(61_184);
  expect(Number(id)).toBeLessThanOrEqual(65_519);
});

test('no process of one is seen or signalled by the other', async () => {
  expect(await ok('one', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')).toContain(sleeper);
  expect(await ok('two', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')).not.toContain(sleeper);
  // By the number that the host knows it by.
  const pids = hostPids(sleeper);
  expect(pids).toHaveLength(1);
  expect(
    await ok('two', `kill -0 ${pids[0]} 2>&1; cat /proc/${pids[0]}/cmdline 2>&1; true`),
  ).toMatch(/No such process[^]*No such file/);
  // The kernel sends it to everything that this root may signal at all, but process 1 and the
  // sender.
  await ok('two', 'setsid sleep 471101 </dev/null >/dev/null 2>&1 &');
  expect(await ok('two', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')).toContain('sleep 471101');
  await warren.run(['exec', 'two', '--', 'perl', '-e', 'kill KILL => -1']);
  expect(await ok('two', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')).not.toContain('sleep 471101');
  expect(await ok('one', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')).toContain(sleeper);
});

test('no file of one is reached by the other, by any way that leads out', async () => {
  const seen = await ok(
    'two',
    'grep -rlsI --exclude-dir=sys "of one alone" /root /run /tmp /mnt /home /srv /opt || true',
  );
  expect(seen).toBe('');
  // What the overlay is made of stands in mountinfo, and the root of whoever runs in /proc.
  const tries = await ok(
    'two',
    `for root in /proc/[0-9]*/root $(grep -o 'dir=[^, ]*' /proc/self/mountinfo | cut -d= -f2 | tr : '\\n'); do
       cat $root/root/file $root/../root/file $root/../../*/upper/root/file 2>/dev/null
     done; true`,
  );
  expect(tries).toBe('');
  // In the directory that they share, only what the owner gave to all is there for the other.
  await ok('one', `umask 077; echo '${secret}' >/shared/private; mkdir /shared/closed`);
  for (const line of [
    ...['cat /shared/private', 'ls /shared/closed', 'chmod 0666 /shared/private'],
    ...['chown 0:0 /shared/private', 'echo x >/shared/private', 'ln /shared/private /shared/link'],
  ]) {
    const { exitCode, stdout } = await inside('two', line);
    expect({ line, failed: exitCode !== 0, stdout }).toEqual({ line, failed: true, stdout: '' });
  }
  // A program of one's root that is to make whoever runs it root is no such thing for the other.
  await ok('one', 'cp /usr/bin/id /shared/id; chmod 4755 /shared/id');
  expect(await ok('two', '/shared/id -u')).toBe('0\n');
  expect(await ok('two', 'setpriv --reuid 1000 --clear-groups /shared/id -u')).toBe('1000\n');
});

test('no socket of one answers the other', async () => {
  expect(await perl('two', connect(abstract))).toBe('connect: Connection refused');
  expect(await ok('two', 'cat /proc/net/unix')).not.toContain('of-one');
  expect(await perl('two', connect(inShared))).toBe('connect: Permission denied');
  expect(await perl('two', connect(tcpAt('127.0.0.1', 4711)))).toBe('connect: Connection refused');
  const address = (
    await ok('one', "ip -4 -o addr show eth0 | sed -n 's/.* inet \\([0-9.]*\\).*/\\1/p'")
  ).trim();
  expect(address).toMatch(/^10\.77\./);
  const tried = (): Promise<string> => perl('two', `alarm 3; ${connect(tcpAt(address, 4711))}`);
  expect(await tried()).not.toContain(secret);
  // What keeps them apart is the isolation of their ports: without it there is a way.
  const isolate = async (isolated: string): Promise<void> => {
    for (const name of ['one', 'two']) {
      await warren.ok([
        ...['config', 'device', 'set', name, 'eth0'],
        `security.port_isolation=${isolated}`,
      ]);
    }
  };
  await isolate('false');
  expect(await tried()).toBe(secret);
  await isolate('true');
  expect(await tried()).not.toContain(secret);
});

test('no System V memory, queue or semaphore of one, and no POSIX one, is there for the other', async () => {
  await ok(
    'one',
    'ipcmk -M 4096 -p 0666; ipcmk -Q -p 0666; ipcmk -S 1 -p 0666; echo x >/dev/shm/one',
  );
  expect((await ok('one', 'ipcs')).match(/^0x/gm)).toHaveLength(3);
  expect((await ok('two', 'ipcs')).match(/^0x/gm)).toBeNull();
  expect(await ok('two', 'ls /dev/shm')).toBe('');
});
