import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';

import { apiPath, Client, type Query } from '../../src/client/client.ts';
import { Transport } from '../../src/client/transport.ts';
import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type Warren } from '../helpers/warren.ts';

import type { AddressInfo } from 'node:net';
import type { InstanceState } from '../../src/contract/api/instances.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'mirror');

interface ListRow {
  readonly name: string;
  readonly status: string;
  readonly state: {
    readonly pid: number;
    readonly warren: { readonly ids: { readonly start: number } };
    readonly network: Record<string, { addresses: { family: string; address: string }[] }>;
  };
}

describe('a Debian of an ordinary user', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await provideImage(warren, 'debian/12');
    await warren.ok(['launch', 'debian/12', 'web']);
  }, 480_000);

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  const inside = (...command: string[]): Promise<string> =>
    warren.ok(['exec', 'web', '--', ...command]);

  test('boots with no failed unit', async () => {
    expect((await inside('systemctl', 'is-system-running', '--wait')).trim()).toBe('running');
    expect((await inside('systemctl', '--failed', '--no-legend')).trim()).toBe('');
    expect(await warren.ok(['info', 'web'])).toContain('booted');
  });

  test('is listed with its address', async () => {
    await eventually(async () => {
      const [row] = await warren.json<ListRow[]>(['list']);
      expect(row).toMatchObject({ name: 'web', status: 'Running' });
      const addresses = Object.values(row?.state.network ?? {}).flatMap((nic) => nic.addresses);
      expect(addresses.some(({ address }) => address.startsWith('10.77.'))).toBe(true);
    });
  });

  test('is waited for by whoever asks for its state when it is booted', async () => {
    const client = new Client({
      transport: new Transport({ socket: join(warren.dir, 'unix.socket') }),
    });
    const path = apiPath('instances', 'web', 'state');
    await client.operate('PUT', path, { action: 'restart' });
    const boots = async (query: Query): Promise<string | undefined> =>
      (await client.get<InstanceState>(path, { ...query, 'wait-for': 'booted' })).warren?.boot;
    expect(await boots({ timeout: 0 })).toBe('starting');
    expect(await boots({ timeout: 60 })).toBe('booted');
    client.transport.close();
  });

  test('is waited for although the daemon is killed meanwhile', async () => {
    const client = new Client({
      transport: new Transport({ socket: join(warren.dir, 'unix.socket') }),
    });
    const boot = async (): Promise<string | undefined> =>
      (await client.get<InstanceState>(apiPath('instances', 'web', 'state'), { disk: 'last' }))
        .warren?.boot;
    const daemon = await warren.daemonPid();
    await warren.ok(['stop', 'web']);
    const started = warren.run(['start', 'web']);
    await expect.poll(boot, { interval: 10 }).toBe('starting');
    client.transport.close();
    // By then the question is with the daemon.
    await sleep(50);
    process.kill(daemon, 'SIGKILL');
    const { exitCode, stdout, stderr } = await started;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^web is running at 10\.77\./);
  });

  test('runs as root over subordinate ids only', async () => {
    expect((await inside('id', '-u')).trim()).toBe('0');
    const map = (await inside('cat', '/proc/self/uid_map')).trim().split(/\s+/).map(Number);
    expect(map[0]).toBe(0);
    // The user's own uid is 0 in U0; a machine's ids begin above it.
    expect(map[1]).toBeGreaterThan(0);
    expect(map[2]).toBe(65_536);

    const [machine] = await warren.json<ListRow[]>(['list']);
    expect(machine?.state.warren.ids.start).toBe(statSync(`/proc/${machine?.state.pid}`).uid);
  });

  test('has an identity of its own', async () => {
    expect((await inside('hostname')).trim()).toBe('web');
    expect(await inside('cat', '/etc/hosts')).toMatch(/\bweb\b/);
    await warren.ok(['launch', 'debian/12', 'other']);
    const ids = await Promise.all(
      ['web', 'other'].map((name) => warren.ok(['exec', name, '--', 'cat', '/etc/machine-id'])),
    );
    expect(ids[0]).toMatch(/^[0-9a-f]{32}\n$/);
    expect(ids[0]).not.toBe(ids[1]);
    const boots = await Promise.all(
      ['web', 'other'].map((name) =>
        warren.ok(['exec', name, '--', 'cat', '/proc/sys/kernel/random/boot_id']),
      ),
    );
    expect(boots[0]).not.toBe(boots[1]);
  });

  test('reaches another machine by name', async () => {
    await eventually(async () => {
      expect(await inside('getent', 'hosts', 'other')).toMatch(/^10\.77\./);
      await inside('ping', '-c', '1', '-W', '2', 'other');
    });
  });

  test('installs a package over the network', async () => {
    await inside('apt-get', 'update', '-qq');
    await inside('apt-get', 'install', '-y', '-qq', 'hello');
    expect(await inside('hello')).toContain('Hello, world!');
  });

  test('cannot reach a listener on the loopback of the host', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const addresses = ['10.0.2.2', '10.0.2.3', '127.0.0.1', '10.77.0.1', '_gateway'];
      const attempts = addresses.map((address) =>
        warren.run([
          ...['exec', 'web', '--', 'timeout', '3', 'bash', '-c'],
          `exec 3<>/dev/tcp/${address}/${port}`,
        ]),
      );
      for (const { exitCode, stderr } of await Promise.all(attempts)) {
        expect(exitCode, stderr).not.toBe(0);
      }
      expect(connections).toBe(0);
    } finally {
      server.close();
    }
  });

  test('gives back the exit code and both outputs of a command, and takes its input', async () => {
    const result = await warren.run(
      ['exec', 'web', '--', 'sh', '-c', 'cat; echo err >&2; exit 7'],
      { input: 'from outside' },
    );
    expect(result).toMatchObject({ exitCode: 7, stdout: 'from outside' });
    expect(result.stderr).toContain('err');
    expect(await warren.run(['exec', 'web', '--', '/no/such'])).toMatchObject({ exitCode: 127 });
    expect(await warren.run(['exec', 'web', '--', 'sh', '-c', 'kill -9 $$'])).toMatchObject({
      exitCode: 137,
    });
  });

  test('gives a command exactly the user, group and descriptors asked for', async () => {
    const id = await warren.ok(['exec', 'web', '--user', '33', '--group', '33', '--', 'id']);
    expect(id).toMatch(/^uid=33\(www-data\) gid=33\(www-data\)/);
    const fds = await inside('sh', '-c', 'ls /proc/self/fd | tr "\\n" " "');
    // 3 is the directory that ls itself reads.
    expect(fds.trim()).toBe('0 1 2 3');
    const status = await inside('cat', '/proc/self/status');
    expect(status).toMatch(/^CapInh:\t0{16}$/m);
  });

  test('takes files and gives them back, directories and modes included', async () => {
    const local = mkdtempSync(join(homedir(), 'files-'));
    onTestFinished(() => {
      rmSync(local, { recursive: true });
    });
    mkdirSync(join(local, 'site/deep'), { recursive: true });
    writeFileSync(join(local, 'site/deep/page'), 'content', { mode: 0o640 });
    writeFileSync(join(local, 'site.conf'), 'listen 80\n');
    await inside('mkdir', '-p', '/etc/nginx');
    await warren.ok(['file', 'push', join(local, 'site.conf'), 'web/etc/nginx/']);
    await warren.ok(['file', 'push', '-r', join(local, 'site'), 'web/srv/']);
    expect(await inside('cat', '/etc/nginx/site.conf')).toBe('listen 80\n');
    expect((await inside('stat', '-c', '%a', '/srv/site/deep/page')).trim()).toBe('640');
    await warren.ok(['file', 'pull', '-r', 'web/srv/site', join(local, 'back')]);
    const page = [join(local, 'back/site/deep/page'), join(local, 'back/deep/page')].find(
      (path) => {
        return statSync(path, { throwIfNoEntry: false }) !== undefined;
      },
    );
    expect(readFileSync(page ?? 'nowhere', 'utf8')).toBe('content');
  });

  test('keeps its files over stop and start, and its configuration live', async () => {
    await warren.ok(['config', 'set', 'web', 'environment.COLOUR=green']);
    expect((await inside('printenv', 'COLOUR')).trim()).toBe('green');
    await inside('sh', '-c', 'echo kept > /root/kept');
    await warren.ok(['stop', 'web']);
    const [row] = (await warren.json<ListRow[]>(['list'])).filter(({ name }) => name === 'web');
    expect(row?.status).toBe('Stopped');
    await warren.ok(['start', 'web']);
    expect(await inside('cat', '/root/kept')).toBe('kept\n');
  });

  test('comes back from a reboot from inside', async () => {
    const before = await inside('cat', '/proc/sys/kernel/random/boot_id');
    await warren.run(['exec', 'web', '--', 'systemctl', 'reboot']);
    await eventually(async () => {
      expect(await inside('cat', '/proc/sys/kernel/random/boot_id')).not.toBe(before);
      expect((await inside('systemctl', 'is-system-running')).trim()).toBe('running');
    }, 30_000);
  });

  test('is stopped when it powers itself off', async () => {
    await warren.run(['exec', 'other', '--', 'systemctl', 'poweroff']);
    await eventually(async () => {
      const rows = await warren.json<ListRow[]>(['list']);
      expect(rows.find(({ name }) => name === 'other')?.status).toBe('Stopped');
    });
    expect(await warren.ok(['info', 'other'])).toContain('halted');
  });

  test('keeps what its console said', async () => {
    expect(await warren.ok(['console', '--show-log', 'web'])).toMatch(/login:|Debian|systemd/);
  });
});
