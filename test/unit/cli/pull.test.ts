import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { Client } from '../../../src/client/client.ts';
import { Transport } from '../../../src/client/transport.ts';
import { WarrenError } from '../../../src/contract/errors.ts';
import { errorBody } from '../../../src/daemon/http/replies.ts';
import { isFileName, pullTree } from '../../../src/cli/files/pull.ts';
import { openSocketServer, sync, type SocketServer } from '../client/socket-server.ts';

type Entry =
  | { readonly file: string; readonly mode?: string }
  | { readonly link: string }
  | { readonly names: readonly string[]; readonly mode?: string }
  | WarrenError;

/** What the machine claims to have, by path. It may claim anything. */
let guest: (path: string) => Entry;
let server: SocketServer;
let here: string;
let outside: string;

beforeEach(async () => {
  here = mkdtempSync(`${tmpdir()}/warren-pull-`);
  outside = join(here, 'outside');
  mkdirSync(outside);
  server = await openSocketServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://x').searchParams.get('path') ?? '';
    const entry = guest(path);
    if (entry instanceof WarrenError) {
      const body = errorBody(entry);
      response.writeHead(body.error_code).end(JSON.stringify(body));
      return;
    }
    response.setHeader('X-LXD-uid', '0').setHeader('X-LXD-gid', '0');
    response.setHeader('X-LXD-mode', 'mode' in entry ? (entry.mode ?? '0644') : '0644');
    if ('file' in entry) response.setHeader('X-LXD-type', 'file').end(entry.file);
    else if ('link' in entry) response.setHeader('X-LXD-type', 'symlink').end(entry.link);
    else response.setHeader('X-LXD-type', 'directory').end(sync(entry.names));
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(here, { recursive: true, force: true });
});

async function pull(target: string, path = '/srv', recursive = true): Promise<void> {
  const transport = new Transport({ socket: server.path });
  const client = new Client({ transport });
  try {
    await pullTree(
      { client, instance: 'web', recursive, onFile: () => undefined },
      path,
      join(here, target),
    );
  } finally {
    transport.close();
  }
}

test('a tree comes with its modes and links', async () => {
  const tree: Readonly<Record<string, Entry>> = {
    '/srv': { names: ['a', 'b', 'l'], mode: '0755' },
    '/srv/a': { file: 'content', mode: '0600' },
    '/srv/b': { names: [], mode: '0500' },
    '/srv/l': { link: 'a' },
  };
  guest = (path) => tree[path] ?? { file: '' };
  await pull('out');
  expect(readFileSync(join(here, 'out/a'), 'utf8')).toBe('content');
  expect(lstatSync(join(here, 'out/a')).mode & 0o7777).toBe(0o600);
  expect(readlinkSync(join(here, 'out/l'))).toBe('a');
  expect(lstatSync(join(here, 'out/b')).isDirectory()).toBe(true);
});

test('of a tree, what cannot be had is left out and named, and the rest comes', async () => {
  const issues = [{ path: 'path', problem: '/srv/pipe is a device, socket or pipe' }];
  const tree: Readonly<Record<string, Entry>> = {
    '/srv': { names: ['a', '\uFFFDb', 'many', 'pipe', 'n'.repeat(300), 'z'] },
    '/srv/a': { file: 'first' },
    '/srv/many': new WarrenError('hostile', {
      what: 'list /srv/many',
      found: 'it has too many names',
    }),
    '/srv/pipe': new WarrenError('invalid', { what: 'read a file', issues }),
    [`/srv/${'n'.repeat(300)}`]: { file: 'too long' },
    '/srv/z': { file: 'last' },
  };
  guest = (path) => tree[path] ?? new WarrenError('not_found', { kind: 'file', name: path });
  await expect(pull('out')).rejects.toMatchObject({
    code: 'invalid',
    hint: 'warren exec web -- tar -cC /srv . > srv.tar',
    details: {
      what: 'copy all of web/srv',
      issues: [
        { path: '/srv/\uFFFDb', problem: 'its name is not UTF-8' },
        { path: '/srv/many', problem: 'it has too many names' },
        { path: '/srv/pipe', problem: '/srv/pipe is a device, socket or pipe' },
        { path: `…${'n'.repeat(79)}`, problem: 'its path is too long for this host' },
      ],
    },
  });
  expect(readFileSync(join(here, 'out/a'), 'utf8')).toBe('first');
  expect(readFileSync(join(here, 'out/z'), 'utf8')).toBe('last');
});

test('zeros of a file become a hole', async () => {
  const size = 32 * 1024 * 1024;
  guest = () => ({ file: `${'\0'.repeat(size)}end` });
  await pull('out', '/srv');
  const { size: whole, blocks } = lstatSync(join(here, 'out'));
  expect(whole).toBe(size + 3);
  expect(blocks * 512).toBeLessThan(size / 8);
  expect(readFileSync(join(here, 'out')).subarray(-4)).toEqual(Buffer.from('\0end'));
});

describe('a hostile machine', () => {
  test.each(['..', '.', '', '../x', 'a/b', '/etc/passwd', 'a\0b'])(
    'cannot name a file %j',
    async (name) => {
      guest = (path) => (path === '/srv' ? { names: ['good', name] } : { file: 'evil' });
      await expect(pull('out')).rejects.toMatchObject({ code: 'hostile' });
      expect(existsSync(join(here, 'out'))).toBe(false);
      expect(isFileName(name)).toBe(false);
    },
  );

  test('cannot write through a link that it made a directory afterwards', async () => {
    guest = (path) =>
      path === '/srv' ? { names: ['x'] } : path === '/srv/x' ? { link: outside } : { file: '' };
    await pull('out');
    expect(readlinkSync(join(here, 'out/x'))).toBe(outside);
    guest = (path) =>
      path === '/srv'
        ? { names: ['x'] }
        : path === '/srv/x'
          ? { names: ['authorized_keys'] }
          : { file: 'evil' };
    await expect(pull('out')).rejects.toMatchObject({ code: 'exists' });
    expect(existsSync(join(outside, 'authorized_keys'))).toBe(false);
  });

  test('cannot overwrite what a link of an earlier pull points at', async () => {
    const secret = join(outside, 'secret');
    writeFileSync(secret, 'mine');
    mkdirSync(join(here, 'out'));
    symlinkSync(secret, join(here, 'out/x'));
    guest = (path) => (path === '/srv' ? { names: ['x'] } : { file: 'evil' });
    await expect(pull('out')).rejects.toMatchObject({ code: 'ELOOP' });
    expect(readFileSync(secret, 'utf8')).toBe('mine');
  });

  test('cannot name the same file first as a link and then as a file', async () => {
    const secret = join(outside, 'secret');
    writeFileSync(secret, 'mine');
    let asked = 0;
    guest = (path) => {
      if (path === '/srv') return { names: ['x', 'x'] };
      asked += 1;
      return asked === 1 ? { link: secret } : { file: 'evil' };
    };
    await expect(pull('out')).rejects.toMatchObject({ code: 'ELOOP' });
    expect(readFileSync(secret, 'utf8')).toBe('mine');
  });

  test('cannot make a setuid file here', async () => {
    guest = () => ({ file: '#!/bin/sh', mode: '06755' });
    await pull('out', '/srv');
    expect(lstatSync(join(here, 'out')).mode & 0o7777).toBe(0o755);
  });

  test('cannot be deeper than any end', async () => {
    guest = () => ({ names: ['d'] });
    await expect(pull('out')).rejects.toThrow('more than 128 directories deep');
  });
});

test('a directory wants --recursive', async () => {
  guest = () => ({ names: [] });
  await expect(pull('out', '/srv', false)).rejects.toMatchObject({
    code: 'wrong_state',
    hint: 'warren file pull -r web/srv .',
  });
});
