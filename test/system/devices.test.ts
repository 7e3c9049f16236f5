import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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

  test('show a directory of the host, read-only where it is said', async () => {
    await warren.ok(['stop', '--force', 'm']);
    await add('src', 'disk', `source=${shared}`, 'path=/mnt/src', 'readonly=true');
    await add('open', 'disk', `source=${join(shared, 'open')}`, 'path=/mnt/open');
    await warren.ok(['start', 'm']);
    expect(await shell('cat /mnt/src/given')).toBe('from the host\n');
    const refused = await warren.run(['exec', 'm', '--', 'touch', '/mnt/src/new']);
    expect(refused.stderr).toMatch(/Read-only/);
    await shell('echo back > /mnt/open/answer');
    expect(readFileSync(join(shared, 'open/answer'), 'utf8')).toBe('back\n');
    // Without raw.idmap the machine's root is a subordinate id, and the user's files nobody's.
    expect(statSync(join(shared, 'open/answer')).uid).not.toBe(process.getuid?.());
    expect((await shell('stat -c %u /mnt/src/given')).trim()).toBe('65534');
  });

  test('raw.idmap makes a directory the same owner’s on both sides', async () => {
    await warren.ok(['stop', '--force', 'm']);
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

  test('a source that is not there is refused when it starts, and says which', async () => {
    await warren.ok(['stop', '--force', 'm']);
    await add('gone', 'disk', `source=${shared}/none`, 'path=/mnt/none');
    const { exitCode, stderr } = await warren.run(['start', 'm']);
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toContain(`${shared}/none`);
    await remove('gone');
    await warren.ok(['start', 'm']);
  });

  test('hand in a character device', async () => {
    await warren.ok(['stop', '--force', 'm']);
    await add('noise', 'unix-char', 'source=/dev/zero', 'path=/dev/noise');
    await warren.ok(['start', 'm']);
    await eventually(async () => {
      expect(await shell('head -c 4 /dev/noise | od -An -tx1')).toMatch(/00 00 00 00/);
    });
  });
});
