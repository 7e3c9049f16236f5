import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Client } from '../../src/client/client.ts';
import { writeGuestFile } from '../../src/client/files.ts';
import { Transport } from '../../src/client/transport.ts';
import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { Image } from '../../src/contract/api/images.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.upload('an image', { 'X-LXD-aliases': 'alias=i' });
  const source = { type: 'image', alias: 'i' };
  await api.done('POST', '/1.0/instances', { name: 'on', source, start: true });
  await api.done('POST', '/1.0/instances', { name: 'off', source });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const sha256 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

describe.each(['on', 'off'])('files of a machine that is %s', (name) => {
  const url = (path: string) => `/1.0/instances/${name}/files?path=${encodeURIComponent(path)}`;

  test('are refused with the reason, however much of them is still being sent', async () => {
    const client = new Client({ transport: new Transport({ socket: daemon.socket }) });
    for (const megabytes of [3, 200]) {
      let left = megabytes;
      const content = new Readable({
        read() {
          this.push(left-- > 0 ? Buffer.alloc(1024 * 1024) : null);
        },
      });
      await expect(
        writeGuestFile(client, name, '/no/such/directory/f', { type: 'file', content }),
      ).rejects.toMatchObject({ code: 'not_found' });
    }
  });

  test('come back as they went in, with owner, mode and type', async () => {
    const data = randomBytes(300_000);
    const pushed = await api.send('POST', url('root/f'), {
      body: Readable.from([data.subarray(0, 1000), data.subarray(1000)]),
      headers: { 'X-LXD-mode': '0640', 'X-LXD-uid': '0', 'X-LXD-gid': '0', 'X-LXD-type': 'file' },
    });
    expect(pushed.json).toMatchObject({ type: 'sync', status_code: 200 });
    const { body, headers, status } = await api.call('GET', url('/root/f'));
    expect(status).toBe(200);
    expect(body.equals(data)).toBe(true);
    expect(headers).toMatchObject({
      'x-lxd-uid': '0',
      'x-lxd-gid': '0',
      'x-lxd-mode': '0640',
      'x-lxd-type': 'file',
    });
  });

  test('HEAD tells what a path is, and how long a file, without sending it', async () => {
    await api.send('POST', url('/root/h'), {
      body: 'twelve bytes',
      headers: { 'X-LXD-mode': '0640' },
    });
    await api.send('POST', url('/root/hd'), { headers: { 'X-LXD-type': 'directory' } });
    const link = { 'X-LXD-type': 'symlink' };
    await api.send('POST', url('/root/hl'), { body: '/nowhere', headers: link });
    for (const [path, said] of [
      ['h', { 'x-lxd-type': 'file', 'x-lxd-mode': '0640', 'content-length': '12' }],
      ['hd', { 'x-lxd-type': 'directory', 'x-lxd-mode': '0755' }],
      ['hl', { 'x-lxd-type': 'symlink' }],
    ] as const) {
      const { status, headers, body } = await api.send('HEAD', url(`/root/${path}`));
      expect({ status, length: body.length }).toEqual({ status: 200, length: 0 });
      expect(headers).toMatchObject({ ...said, 'x-lxd-uid': '0', 'x-lxd-gid': '0' });
      expect(headers['x-lxd-modified']).toMatch(/^\d{4}-\d\d-\d\d .* UTC$/);
    }
    expect(await api.send('HEAD', url('/root/none'))).toMatchObject({ status: 404 });
    expect(await api.send('HEAD', url(''))).toMatchObject({ status: 400 });
  });

  test('keep their mode when overwritten, and can be appended to', async () => {
    const put = (body: string, headers: Record<string, string> = {}) =>
      api.send('POST', url('/root/log'), { body, headers });
    await put('one', { 'X-LXD-mode': '0600' });
    await put('two', { 'X-LXD-mode': '0777' });
    await put('+three', { 'X-LXD-write': 'append' });
    const { body, headers } = await api.call('GET', url('/root/log'));
    expect(body.toString()).toBe('two+three');
    expect(headers['x-lxd-mode']).toBe('0600');
  });

  test('are directories and links as well', async () => {
    const make = (path: string, type: string, body = '') =>
      api.send('POST', url(path), { body, headers: { 'X-LXD-type': type } });
    expect((await make('/root/dir', 'directory')).json.error).toBe('');
    expect((await make('/root/dir/link', 'symlink', '../../etc/passwd')).status).toBe(200);
    const listed = await api.call('GET', url('/root/dir'));
    expect(listed.headers['x-lxd-type']).toBe('directory');
    expect(listed.json.metadata).toEqual(['link']);
    const link = await api.call('GET', url('/root/dir/link'));
    expect(link.headers['x-lxd-type']).toBe('symlink');
    expect(link.body.toString()).toBe('../../etc/passwd');
    expect((await api.call('DELETE', url('/root/dir'))).status).toBe(400);
    const { json: full } = await api.call('DELETE', url('/root/dir'));
    expect(full.error).toBe(
      'Cannot remove /root/dir: it is a directory with files, wanted an empty one',
    );
    expect((await api.call('DELETE', url('/root/dir/link'))).status).toBe(200);
    expect((await api.call('DELETE', url('/root/dir'))).status).toBe(200);
    expect((await api.call('GET', url('/root/dir'))).status).toBe(404);
  });

  test('never lie outside the machine', async () => {
    const outside = join(daemon.dir, `outside-${name}`);
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'secret');
    await api.send('POST', url('/tmp/out'), {
      body: outside,
      headers: { 'X-LXD-type': 'symlink' },
    });
    const read = await api.call('GET', url('/tmp/out/secret'));
    expect(read.status).toBe(404);
    expect((await api.send('POST', url('/tmp/out/new'), { body: 'x' })).status).toBe(404);
    expect(existsSync(join(outside, 'new'))).toBe(false);
    const up = await api.call('GET', url(`/../../../../../../..${outside}/secret`));
    expect(up.status).toBe(404);
    expect((await api.call('DELETE', url('/tmp/out/secret'))).status).toBe(404);
    expect(readFileSync(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  test.each([
    [{ 'X-LXD-mode': 'rwx' }],
    [{ 'X-LXD-mode': '0170000' }],
    [{ 'X-LXD-uid': '-1' }],
    [{ 'X-LXD-uid': '4294967295' }],
    [{ 'X-LXD-type': 'device' }],
    [{ 'X-LXD-write': 'sideways' }],
  ])('refuse %j', async (headers: Record<string, string>) => {
    expect((await api.send('POST', url('/root/x'), { body: 'x', headers })).status).toBe(400);
  });

  test('need a path', async () => {
    for (const query of ['', '?path=', '?path=a%00b']) {
      expect((await api.call('GET', `/1.0/instances/${name}/files${query}`)).status).toBe(400);
    }
  });
});

test('a fifo in a machine is not opened', async () => {
  const { status } = await api.call('POST', '/1.0/instances/on/exec', { command: ['true'] });
  expect(status).toBe(202);
  const root = join(daemon.dir, 'roots', readdirSync(join(daemon.dir, 'roots'))[0] ?? '');
  symlinkSync('/dev/zero', join(root, 'tmp/zero'));
  const { execFileSync } = await import('node:child_process');
  execFileSync('mkfifo', [join(root, 'tmp/fifo')]);
  const read = await api.call('GET', '/1.0/instances/on/files?path=tmp%2Ffifo');
  expect(read.status).toBe(400);
});

describe('images', () => {
  test('are uploaded whole, chunked and without a type, with their headers', async () => {
    const body = randomBytes(2_000_000);
    const operation = await api.upload(Readable.from([body.subarray(0, 10), body.subarray(10)]), {
      'X-LXD-filename': '../../etc/one.tar.gz',
      'X-LXD-properties': 'os=One&description=two%20words',
      'X-LXD-public': '1',
      'X-LXD-fingerprint': sha256(body),
    });
    expect(operation.status).toBe('Success');
    expect(operation.metadata['fingerprint']).toBe(sha256(body));
    const image = await api.get<Image>(`/1.0/images/${sha256(body).slice(0, 12)}`);
    expect(image).toMatchObject({
      fingerprint: sha256(body),
      filename: 'one.tar.gz',
      public: true,
      type: 'container',
      architecture: 'x86_64',
      size: body.length,
    });
    expect(image.properties).toMatchObject({ os: 'One', description: 'two words', release: '1' });
    const exported = await api.call('GET', `/1.0/images/${sha256(body)}/export`);
    expect(exported.headers['content-disposition']).toMatch(/^inline;filename=[0-9a-f]{64}/);
    expect(sha256(exported.body)).toBe(sha256(body));
    const twice = await api.upload(body);
    expect(twice.warren_error?.code).toBe('exists');
    await api.done('DELETE', `/1.0/images/${sha256(body)}`);
    expect((await api.call('GET', `/1.0/images/${sha256(body)}`)).status).toBe(404);
  });

  test('are uploaded split, and exported so', async () => {
    const [metadata, rootfs] = [randomBytes(1000), randomBytes(200_000)];
    const part = (name: string, content: Buffer) => [
      Buffer.from(
        `--b\r\nContent-Disposition: form-data; name=${name}; filename=${name}.tar\r\n\r\n`,
      ),
      content,
      Buffer.from('\r\n'),
    ];
    const body = Buffer.concat([
      ...part('metadata', metadata),
      ...part('rootfs', rootfs),
      Buffer.from('--b--\r\n'),
    ]);
    const operation = await api.upload(body, { 'Content-Type': 'multipart/form-data; boundary=b' });
    expect(operation.err).toBe('');
    expect(operation.metadata['fingerprint']).toBe(sha256(metadata, rootfs));
    const exported = await api.call('GET', `/1.0/images/${sha256(metadata, rootfs)}/export`);
    const [, boundary = ''] = /boundary=(.*)$/.exec(exported.headers['content-type'] ?? '') ?? [];
    const pieces = exported.body.toString('latin1').split(`--${boundary}`);
    expect(pieces).toHaveLength(4);
    const contents = pieces.slice(1, 3).map((piece) => {
      const content = piece.slice(piece.indexOf('\r\n\r\n') + 4, -2);
      return Buffer.from(content, 'latin1');
    });
    expect(sha256(...contents)).toBe(sha256(metadata, rootfs));
    expect(pieces[1]).toContain('name="metadata"');
    expect(pieces[2]).toContain('name="rootfs"');
    await api.done('DELETE', `/1.0/images/${sha256(metadata, rootfs)}`);
  });

  test('that are bad leave nothing behind', async () => {
    const uploads = () => {
      const dir = join(daemon.dir, 'uploads');
      return existsSync(dir) ? readdirSync(dir) : [];
    };
    const before = readdirSync(join(daemon.dir, 'images'));
    expect((await api.upload('hostile')).warren_error?.code).toBe('hostile');
    expect((await api.upload('x', { 'X-LXD-fingerprint': '0'.repeat(64) })).status).toBe('Failure');
    const send = (body: string, type: string) =>
      api.send('POST', '/1.0/images', { body, headers: { 'Content-Type': type } });
    const multipart = 'multipart/form-data; boundary=b';
    expect((await send('', 'application/octet-stream')).status).toBe(400);
    expect((await send('--b\r\n', multipart)).status).toBe(400);
    expect((await send('--b--\r\n', multipart)).status).toBe(400);
    const odd = '--b\r\nContent-Disposition: form-data; name=../x\r\n\r\nx\r\n--b--\r\n';
    expect((await send(odd, multipart)).status).toBe(400);
    await expect.poll(uploads).toEqual([]);
    expect(readdirSync(join(daemon.dir, 'images'))).toEqual(before);
  });

  test('have aliases with slashes, renamed, changed and deleted', async () => {
    const { metadata } = await api.upload('aliased');
    const target = String(metadata['fingerprint']);
    const made = await api.call('POST', '/1.0/images/aliases', {
      name: 'a/b+c',
      description: 'd',
      target: target.slice(0, 8),
      type: '',
    });
    expect(made.status).toBe(201);
    expect(made.headers.location).toBe('/1.0/images/aliases/a%2Fb%2Bc');
    expect(await api.get('/1.0/images/aliases/a%2Fb%2Bc')).toEqual({
      name: 'a/b+c',
      description: 'd',
      target,
      type: 'container',
    });
    expect((await api.call('GET', '/1.0/images/aliases/a')).status).toBe(404);
    const again = await api.call('POST', '/1.0/images/aliases', { name: 'a/b+c', target });
    expect(again.status).toBe(409);
    const renamed = await api.call('POST', '/1.0/images/aliases/a%2Fb%2Bc', { name: 'e%f' });
    expect(renamed.status).toBe(201);
    expect(await api.get('/1.0/images/aliases/e%25f')).toMatchObject({ name: 'e%f' });
    await api.call('PATCH', '/1.0/images/aliases/e%25f', { description: 'new' });
    expect(await api.get('/1.0/images/aliases/e%25f')).toMatchObject({
      description: 'new',
      target,
    });
    expect((await api.call('DELETE', '/1.0/images/aliases/e%25f')).status).toBe(200);
    expect((await api.call('DELETE', '/1.0/images/aliases/e%25f')).status).toBe(404);
    await api.done('DELETE', `/1.0/images/${target}`);
  });

  test('have properties that can be replaced and merged', async () => {
    const { metadata } = await api.upload('changed');
    const url = `/1.0/images/${String(metadata['fingerprint'])}`;
    const { headers } = await api.call('GET', url);
    const put = await api.send('PUT', url, {
      body: JSON.stringify({ properties: { a: '1' }, public: true, auto_update: false }),
      headers: { 'If-Match': headers.etag ?? '' },
    });
    expect(put.json).toMatchObject({ type: 'sync', status_code: 200 });
    expect(await api.get(url)).toMatchObject({ properties: { a: '1' }, public: true });
    await api.call('PATCH', url, { properties: { b: '2' } });
    expect(await api.get(url)).toMatchObject({ properties: { a: '1', b: '2' }, public: true });
    const stale = await api.send('PUT', url, {
      body: '{}',
      headers: { 'If-Match': headers.etag ?? '' },
    });
    expect(stale.status).toBe(412);
    await api.done('DELETE', url);
  });

  test('are made of machines', async () => {
    const operation = await api.done('POST', '/1.0/images', {
      source: { type: 'container', name: 'off' },
      properties: { a: 'b' },
      aliases: [{ name: 'mine', description: '' }],
    });
    const fingerprint = String(operation.metadata['fingerprint']);
    expect(await api.get('/1.0/images/aliases/mine')).toMatchObject({ target: fingerprint });
    const none = await api.call('POST', '/1.0/images', {
      source: { type: 'snapshot', name: 'off/x' },
    });
    expect(none.status).toBe(404);
    await api.done('DELETE', `/1.0/images/${fingerprint}`);
  });

  test('from elsewhere are those of simplestreams servers, and that is said', async () => {
    const source = { type: 'migration', mode: 'push' };
    expect((await api.call('POST', '/1.0/images', { source })).status).toBe(501);
    const other = { type: 'image', mode: 'pull', server: 'https://example.org', alias: 'x' };
    const { err } = await api.operate('POST', '/1.0/images', { source: other });
    expect(err).toContain('speaks "lxd"');
    expect((await api.call('POST', '/1.0/images', { source: {} })).status).toBe(400);
    expect((await api.call('POST', '/1.0/images', {})).status).toBe(400);
  });
});
