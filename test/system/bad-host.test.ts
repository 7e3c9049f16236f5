import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test as anywhere } from 'vitest';

import { catalogue, type ErrorCode } from '../../src/contract/errors.ts';
import { openHost, type Host } from '../helpers/host.ts';
import { needs } from '../helpers/needs.ts';
import { root, runProgram, type CommandResult } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

/** One sentence and one command to try, with the exit code of its row. */
function expectError(result: CommandResult, code: ErrorCode, message: RegExp, hint: RegExp): void {
  expect(result).toMatchObject({ exitCode: catalogue[code].exit, stdout: '' });
  const [sentence = '', remedy = '', ...more] = result.stderr.trimEnd().split('\n');
  expect(sentence).toMatch(message);
  expect(remedy).toMatch(hint);
  expect(more).toEqual([]);
}

async function names(host: Host): Promise<unknown[]> {
  const rows = JSON.parse(await host.ok('list', '--format', 'json')) as Record<string, unknown>[];
  return rows.map(({ name, status }) => `${String(name)} ${String(status)}`);
}

describe('a full disk', () => {
  const MIB = 1024 * 1024;
  let host: Host;

  beforeAll(async () => {
    host = await openHost();
    await host.limitDisk(24 * MIB);
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  const fillAllBut = async (bytes: number): Promise<void> => {
    await host.asUser([
      ...['sh', '-c', 'cat /dev/zero >"$0"; truncate --size=-"$1" "$0"'],
      ...[join(host.dir, 'filler'), String(bytes)],
    ]);
  };
  const makeRoom = (): Promise<string> => host.asRoot(`rm ${host.dir}/filler`);
  /** What there is of images and their layers. */
  const kept = async (): Promise<string[]> => {
    const found = await host.asRoot(`cd ${host.dir} && find . -mindepth 2 -maxdepth 2`);
    return found.split('\n').filter((path) => /^\.\/(images|layers|uploads)\//.test(path));
  };

  test('is told when warren starts, by the keeper as by the daemon, and leaves no process', async () => {
    for (const left of [0, 60_000]) {
      await fillAllBut(left);
      const hint = new RegExp(`^try: {3}df -h ${host.dir}$`);
      expectError(
        await host.warren('list'),
        'no_space',
        /^error: Cannot start warren: no space/,
        hint,
      );
      await host.ok('daemon', 'stop');
      expect(host.processes()).toEqual([]);
      await makeRoom();
    }
    expect(await names(host)).toEqual([]);
  });

  test('is told when an image comes in, and nothing of it stays', async () => {
    await host.ok('launch', 'busybox', 'a');
    const base = join(host.dir, '..');
    await host.ok('image', 'export', 'busybox', join(base, 'image'));
    const image = join(base, readdirSync(base).find((name) => name.startsWith('image.')) ?? '');
    await host.ok('image', 'delete', 'busybox');
    const before = (await kept()).sort();
    // Too little for the file, and for what is in it.
    for (const left of [MIB / 2, 2 * MIB]) {
      await fillAllBut(left);
      const result = await host.warren('image', 'import', image, '--alias', 'x');
      const message = /^error: Cannot (import|unpack) the image: no space left on \//;
      expectError(result, 'no_space', message, /^try: {3}warren image list/);
      expect((await kept()).sort()).toEqual(before);
      await makeRoom();
    }
    expect(await host.ok('image', 'list', '--format', 'csv')).toBe('');
    await host.ok('image', 'import', image, '--alias', 'x');
  });

  test('keeps nobody from restarting the daemon, stopping and deleting', async () => {
    await fillAllBut(0);
    const hint = /^try: {3}warren image list/;
    expectError(await host.warren('launch', 'x', 'b'), 'no_space', /no space left on \//, hint);
    expect(await names(host)).toEqual(['a Running']);
    await host.ok('daemon', 'restart');
    expect(await names(host)).toEqual(['a Running']);
    await host.ok('stop', 'a', '--force');
    expect(await names(host)).toEqual(['a Stopped']);
    await host.ok('delete', 'a');
    expect(await names(host)).toEqual([]);
    await makeRoom();
    await host.ok('launch', 'x', 'b');
    expect(await names(host)).toEqual(['b Running']);
  });
});

describe('a host', () => {
  const expectNothingLeft = (host: Host): void => {
    expect(host.processes()).toEqual([]);
    expect(readdirSync(host.dir).sort()).toEqual(['keeper.lock', 'logs', 'start.lock']);
  };

  test('without a grant for the user', async () => {
    await using host = await openHost();
    await host.asRoot('mount --bind /dev/null /etc/subuid && mount --bind /dev/null /etc/subgid');
    expectError(
      await host.warren('launch', 'busybox', 'a'),
      'host_lacks',
      /^error: Cannot map user ids: \/etc\/subuid and \/etc\/subgid have no range for "\S+", wanted/,
      /^try: {3}sudo usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ \S+$/,
    );
    expectNothingLeft(host);
  });

  test('without newuidmap', async () => {
    await using host = await openHost();
    await host.asRoot(`
      mount -t tmpfs -o mode=0755 t /mnt && mkdir /mnt/real /mnt/bin
      mount --bind /usr/bin /mnt/real && ln -s /mnt/real/* /mnt/bin/
      rm /mnt/bin/newuidmap && mount --bind /mnt/bin /usr/bin`);
    expectError(
      await host.warren('list'),
      'host_lacks',
      /^error: Cannot map your subordinate ids: newuidmap is not installed, wanted/,
      /^try: {3}sudo apt install uidmap$/,
    );
    expectNothingLeft(host);
  });

  test('whose newuidmap has no setuid bit', async () => {
    await using host = await openHost();
    await host.asRoot('chmod u-s "$(command -v newuidmap)"');
    expectError(
      await host.warren('list'),
      'host_lacks',
      /^error: Cannot map your subordinate ids: newuidmap: .*, wanted newuidmap with its setuid bit/,
      /^try: {3}sudo chmod u\+s "\$\(command -v newuidmap\)"$/,
    );
    expectNothingLeft(host);
  });

  test.each([
    ['without /dev/net/tun', 'mount -t tmpfs t /dev/net', /is not there/, /sudo modprobe tun/],
    [
      'that keeps /dev/net/tun to itself',
      'mount --bind /etc/shadow /dev/net/tun',
      /may not be read and written/,
      /sudo chmod 0666 \/dev\/net\/tun/,
    ],
  ])('%s', async (_, spoil, found, remedy) => {
    await using host = await openHost();
    await host.asRoot(spoil);
    const { exitCode, stdout, stderr } = await host.warren('launch', 'busybox', 'a');
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: expect.stringMatching(/^a is running at 10\./) as string,
    });
    expect(stderr).toMatch(/^warning: a reaches nothing outside: \/dev\/net\/tun [^\n]*\n$/);
    const doctor = await host.ok('doctor', 'tun');
    for (const text of [stderr, doctor]) {
      expect(text).toMatch(found);
      expect(text).toMatch(remedy);
    }
    expect(await names(host)).toEqual(['a Running']);
  });

  test('without a cgroup for the user runs machines, and refuses the limits it cannot hold', async () => {
    await using host = await openHost();
    await host.asRoot('mount -o remount,bind,ro /sys/fs/cgroup');
    await host.ok('launch', 'busybox', 'a');
    await host.ok('init', 'busybox', 'b', '-c', 'limits.memory=64MiB');
    expectError(
      await host.warren('start', 'b'),
      'limit_unenforceable',
      /^error: Cannot hold b to limits.memory=64MiB: this host does not delegate the memory controller$/,
      /^try: {3}warren doctor cgroup$/,
    );
    expect(await names(host)).toEqual(['a Running', 'b Stopped']);
    expect(await host.ok('doctor', 'cgroup')).toMatch(/no cgroup is delegated to you: .*\n +\S/);
  });
});

test('a host with cgroup v1 beside v2 and no cgroup for the user says so when an image is made', async ({
  skip,
}) => {
  await using host = await openHost();
  // crun is content with a cgroup v2 beside v1 that has nothing to offer.
  const controllers = await host.asRoot('cat /sys/fs/cgroup/cgroup.controllers');
  if (controllers.trim() === '') skip('cgroup v2 has no controllers here');
  await host.asRoot(`
    mount -t tmpfs t /mnt && mkdir /mnt/v2 && mount --bind /sys/fs/cgroup /mnt/v2
    mount -t tmpfs t /sys/fs/cgroup && mkdir /sys/fs/cgroup/unified
    mount --bind /mnt/v2 /sys/fs/cgroup/unified
    mount -o remount,bind,ro /sys/fs/cgroup/unified`);
  expectError(
    await host.warren('launch', 'busybox', 'a'),
    'host_lacks',
    /^error: Cannot build busybox: cgroup v1 is mounted with controllers of v2 beside it/,
    /^try: {3}warren doctor cgroup$/,
  );
  expect(await names(host)).toEqual([]);
  expect((await host.warren('doctor', 'cgroup')).stdout).toContain('crun starts nothing');
});

describe('quickstart', () => {
  /** A `node` that is this one but for its version. */
  const nodeOf = (version: string): string => {
    const bin = mkdtempSync(join(homedir(), 'node-'));
    const older = `Object.defineProperty(process, "versions", { value: { node: "${version}" } });`;
    writeFileSync(
      join(bin, 'node'),
      `#!/bin/sh
case $1 in
  --version) echo v${version} ;;
  -e) exec ${process.execPath} -e '${older}'"$2" ;;
esac\n`,
      { mode: 0o755 },
    );
    return bin;
  };

  anywhere.each([
    ['18.20.4', 'refused'],
    ['20.18.9', 'refused'],
    ['20.19.0', 'taken'],
    ['24.1.0', 'taken'],
  ])('finds Node.js %s too old, or not', async (version, verdict) => {
    const bin = nodeOf(version);
    try {
      const env = { PATH: `${bin}:/usr/bin:/bin` };
      const setup = join(root, 'src/setup');
      // What is taken would go on and install packages.
      const { exitCode, stdout, stderr } = await (verdict === 'refused'
        ? runProgram('sh', [join(setup, 'quickstart.sh')], { env })
        : runProgram('sh', ['-euc', `. ${setup}/lib.sh && need_node`], { env }));
      expect({ exitCode, stdout }).toEqual({ exitCode: verdict === 'refused' ? 1 : 0, stdout: '' });
      expect(stderr.split('\n')).toEqual(
        verdict === 'refused'
          ? [
              `error: Cannot start: Node.js is v${version}, wanted 20.19 or newer`,
              expect.stringMatching(/^try: {3}install a newer Node.js/),
              '',
            ]
          : [''],
      );
    } finally {
      rmSync(bin, { recursive: true });
    }
  });
});
