import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type Warren } from '../helpers/warren.ts';

import type { AddressInfo } from 'node:net';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

/** A port of the host that nobody uses now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What a web server says to a request for `/page`. */
async function ask(where: { port: number } | { path: string }): Promise<string> {
  const socket = connect({ host: '127.0.0.1', ...where });
  socket.write('GET /page HTTP/1.0\r\n\r\n');
  return await text(socket);
}

describe('devices of a running machine', () => {
  let warren: Warren;
  let shared: string;

  beforeAll(async () => {
    warren = openWarren();
    shared = mkdtempSync(join(homedir(), 'shared-'));
    chmodSync(shared, 0o755);
    writeFileSync(join(shared, 'given'), 'from the host\n');
    mkdirSync(join(shared, 'open'));
    chmodSync(join(shared, 'open'), 0o777);
    await warren.ok(['launch', 'busybox', 'm']);
    await shell('mkdir /www; echo served > /www/page; httpd -p 80 -h /www');
  });

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
    rmSync(shared, { recursive: true });
  });

  const shell = (script: string): Promise<string> =>
    warren.ok(['exec', 'm', '--', 'sh', '-c', script]);
  const add = (...words: readonly string[]): Promise<string> =>
    warren.ok(['config', 'device', 'add', 'm', ...words]);
  const remove = (device: string): Promise<string> =>
    warren.ok(['config', 'device', 'remove', 'm', device]);

  test('publish a port and take it back while it runs', async () => {
    const port = await freePort();
    await add('web', 'proxy', `listen=tcp:127.0.0.1:${port}`, 'connect=tcp:127.0.0.1:80');
    expect(await ask({ port })).toContain('served');
    expect(await warren.ok(['info', 'm'])).toContain(`127.0.0.1:${port}`);
    await remove('web');
    await expect(ask({ port })).rejects.toThrow('ECONNREFUSED');
  });

  test('publish a unix socket of the host, for its user alone', async () => {
    const path = join(warren.dir, 'web.sock');
    await add('web', 'proxy', `listen=unix:${path}`, 'connect=tcp:127.0.0.1:80');
    // To connect is to write.
    expect(statSync(path).mode & 0o022).toBe(0);
    expect(await ask({ path })).toContain('served');
    await remove('web');
    expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('files are pushed, pulled and removed where the machine sees them', async () => {
    await shell('mkdir /memory; mount -t tmpfs -o mode=0700,uid=7 none /memory');
    await add('given', 'disk', `source=${join(shared, 'open')}`, 'path=/srv/given');
    const source = join(warren.dir, 'pushed');
    writeFileSync(source, 'from outside\n');
    for (const place of ['/memory/file', '/srv/given/file', '/run/file']) {
      await warren.ok(['file', 'push', '--uid', '5', source, `m${place}`]);
      expect(await shell(`cat ${place}; stat -c %u ${place}`)).toBe('from outside\n5\n');
      expect(await warren.ok(['file', 'pull', `m${place}`, '-'])).toBe('from outside\n');
      await warren.ok(['file', 'delete', `m${place}`]);
      expect(await shell(`ls ${place} 2>&1 || true`)).toContain('No such file');
    }
    const mounted = await warren.run(['file', 'delete', 'm/srv/given']);
    expect(mounted.stderr).toContain('something is mounted there');
    expect(await shell('mount')).toContain('/srv/given');
    const kernel = await warren.run(['file', 'pull', 'm/proc/1/environ', '-']);
    expect(kernel.stderr).toContain('/proc is on a file system of type proc');
    await remove('given');
  });

  test('a port that is taken is refused, and the machine keeps its configuration', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { exitCode, stderr } = await warren.run([
      ...['config', 'device', 'add', 'm', 'web', 'proxy'],
      ...[`listen=tcp:127.0.0.1:${port}`, 'connect=tcp:127.0.0.1:80'],
    ]);
    server.close();
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toContain(String(port));
    expect(await warren.ok(['config', 'device', 'list', 'm'])).not.toContain('web');
  });

  /** The machine's own view: how a mount point is mounted, if it is. */
  const mounted = (path: string): Promise<string> =>
    shell(`grep ' ${path} ' /proc/self/mountinfo || true`);

  test('show a directory of the host at once and until it is removed', async () => {
    await add('src', 'disk', `source=${shared}`, 'path=/run/made/for/src', 'readonly=true');
    await add('open', 'disk', `source=${join(shared, 'open')}`, 'path=/mnt/open');
    expect(await shell('cat /run/made/for/src/given')).toBe('from the host\n');
    expect((await shell('stat -c %u /run/made/for')).trim()).toBe('0');
    await shell('echo back > /mnt/open/answer');
    expect(readFileSync(join(shared, 'open/answer'), 'utf8')).toBe('back\n');
    // Without raw.idmap the machine's root is a subordinate id, and the user's files nobody's.
    expect(statSync(join(shared, 'open/answer')).uid).not.toBe(process.getuid?.());
    expect((await shell('stat -c %u /run/made/for/src/given')).trim()).toBe('65534');
    await remove('src');
    expect(await mounted('/run/made/for/src')).toBe('');
    expect(await shell('ls /run/made/for/src')).toBe('');
    // The daemon holds nothing of them: the next one takes them away as well.
    await warren.ok(['daemon', 'restart']);
    expect(await mounted('/mnt/open')).not.toBe('');
    await remove('open');
    expect(await mounted('/mnt/open')).toBe('');
    expect(readFileSync(join(shared, 'open/answer'), 'utf8')).toBe('back\n');
  });

  test.for(['while it runs', 'before its start'])(
    'a read-only directory, added %s, stays so for its root',
    async (when) => {
      if (when !== 'while it runs') await warren.ok(['stop', '--force', 'm']);
      await add('src', 'disk', `source=${shared}`, 'path=/mnt/src', 'readonly=true');
      if (when !== 'while it runs') await warren.ok(['start', 'm']);
      expect(await mounted('/mnt/src')).toContain(' ro,');
      const remount = 'mount -o remount,bind,rw /mnt/src';
      const refused = await shell(`${remount} 2>&1; touch /mnt/src/new 2>&1 || true`);
      expect(refused).toMatch(/denied|not permitted/);
      expect(refused).toMatch(/Read-only/);
      await remove('src');
    },
  );

  test('no link of the machine leads a mount elsewhere', async () => {
    await shell(`mkdir -p ${warren.dir}; ln -s / /mnt/root; ln -s ../../../../../..${warren.dir} /mnt/up;
      ln -s /proc/1/root/mnt /mnt/magic; ln -s /nowhere /mnt/dangling; echo > /mnt/file`);
    await add('in', 'disk', `source=${shared}`, 'path=/mnt/root/in');
    expect(await mounted('/in')).not.toBe('');
    await remove('in');
    expect(await mounted('/in')).toBe('');
    await add('up', 'disk', `source=${shared}`, 'path=/mnt/up/up');
    expect(await shell(`cat ${warren.dir}/up/given`)).toBe('from the host\n');
    expect(existsSync(join(warren.dir, 'up'))).toBe(false);
    await remove('up');
    for (const path of ['/mnt/magic/x', '/mnt/dangling', '/mnt/file', '/mnt/file/x']) {
      const words = ['config', 'device', 'add', 'm', 'no', 'disk'];
      const { exitCode, stderr } = await warren.run([...words, `source=${shared}`, `path=${path}`]);
      expect({ exitCode, stderr }).toMatchObject({
        stderr: expect.stringContaining(path) as string,
      });
      expect(exitCode).toBe(14);
    }
    expect(await shell(`grep -c ${shared} /proc/self/mountinfo || true`)).toBe('0\n');
    expect(await warren.ok(['config', 'device', 'list', 'm'])).not.toContain('no');
  });

  test('raw.idmap makes a directory the same owner’s on both sides', async () => {
    await warren.ok(['stop', '--force', 'm']);
    await add('src', 'disk', `source=${shared}`, 'path=/mnt/src', 'readonly=true');
    await add('open', 'disk', `source=${join(shared, 'open')}`, 'path=/mnt/open');
    const { uid } = statSync(shared);
    const { gid } = statSync(shared);
    await warren.ok(['config', 'set', 'm', `raw.idmap=uid ${uid} 1000\ngid ${gid} 1000`]);
    await warren.ok(['start', 'm']);
    await warren.ok([
      ...['exec', 'm', '--user', '1000', '--group', '1000', '--', 'sh', '-c'],
      'echo mine > /mnt/open/mine',
    ]);
    expect(statSync(join(shared, 'open/mine')).uid).toBe(uid);
    expect((await shell('stat -c %u /mnt/src/given')).trim()).toBe('1000');
  });

  test('a source that is not there or not the user’s is refused, and said which', async () => {
    for (const [source, problem] of [
      [`${shared}/none`, 'does not exist'],
      ['/proc/1/root', 'is not yours to read'],
    ] as const) {
      for (const words of [
        ['config', 'device', 'add', 'm'],
        ['init', 'busybox', 'other', '-d'],
      ]) {
        const device =
          words[0] === 'config'
            ? ['gone', 'disk', `source=${source}`, 'path=/mnt/none']
            : ['type=disk', `source=${source}`, 'path=/mnt/none'].flatMap((key) => [
                '-d',
                `gone,${key}`,
              ]);
        const { exitCode, stderr } = await warren.run([...words, ...device]);
        expect(exitCode).toBe(3);
        expect(stderr).toContain(`${source} ${problem}`);
      }
    }
    expect(await warren.ok(['list', '--format', 'csv', '-c', 'n'])).toBe('m\n');
  });

  test('a source that vanished keeps a machine from starting and from no other change', async () => {
    const brief = mkdtempSync(join(homedir(), 'brief-'));
    await add('brief', 'disk', `source=${brief}`, 'path=/mnt/brief');
    rmdirSync(brief);
    await warren.ok(['config', 'set', 'm', 'boot.autostart=false']);
    await warren.ok(['stop', '--force', 'm']);
    const { exitCode, stderr } = await warren.run(['start', 'm']);
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toContain(`${brief} does not exist`);
    await remove('brief');
    await warren.ok(['start', 'm']);
  });

  test('hand in a character device', async () => {
    await add('noise', 'unix-char', 'source=/dev/zero', 'path=/dev/noise');
    const read = 'head -c 4 /dev/noise | od -An -tx1';
    expect(await shell(read)).toMatch(/00 00 00 00/);
    await warren.ok(['restart', '--force', 'm']);
    expect(await shell(read)).toMatch(/00 00 00 00/);
    await remove('noise');
    expect(await shell('test -c /dev/noise || echo gone')).toBe('gone\n');
  });

  test('a fixed address that DHCP gave to another is had once that one is stopped', async () => {
    const addressOf = async (name: string): Promise<string> => {
      let address = '';
      await eventually(async () => {
        address = (await warren.ok(['list', name, '-c', '4', '-f', 'csv'])).trim();
        expect(address).toMatch(/^10\./);
      });
      return address;
    };
    await warren.ok(['launch', 'busybox', 'holder']);
    const address = await addressOf('holder');
    const fixed = `ipv4.address=${address}`;
    const says = `devices.eth0.ipv4.address: ${address} is in use by holder`;
    const refused = await warren.run(['config', 'device', 'override', 'm', 'eth0', fixed]);
    expect(refused.stderr).toContain(says);
    const launched = await warren.run(['launch', 'busybox', 'late', '-d', `eth0,${fixed}`]);
    expect(launched.stderr).toContain(says);

    // Its lease outlives it by an hour: it is given back when another one starts with the address.
    await warren.ok(['stop', '--force', 'holder']);
    expect(await warren.ok(['network', 'list-leases', 'warrenbr0'])).toContain(address);
    const given = await warren.run(['config', 'device', 'override', 'm', 'eth0', fixed]);
    expect(given.stderr).toContain('devices.eth0.ipv4.address of m takes effect at the next start');
    // Kept for it from now on, though it runs with another one.
    await warren.ok(['start', 'holder']);
    expect(await addressOf('holder')).not.toBe(address);
    await warren.ok(['restart', '--force', 'm']);
    expect(await addressOf('m')).toBe(address);
    await warren.ok(['delete', '--force', 'holder']);
    await warren.ok(['config', 'device', 'remove', 'm', 'eth0']);
  });
});
