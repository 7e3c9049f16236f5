import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { pushTree } from '../../../src/cli/files/push.ts';
import { Client } from '../../../src/client/client.ts';
import { Transport } from '../../../src/client/transport.ts';
import { WarrenError } from '../../../src/contract/errors.ts';
import { errorBody } from '../../../src/daemon/http/replies.ts';
import { openSocketServer, sync, type SocketServer } from '../client/socket-server.ts';

/** Paths that the machine was given, with their types. */
let written: Map<string, string>;
let server: SocketServer;
let here: string;

beforeEach(async () => {
  here = mkdtempSync(`${tmpdir()}/warren-push-`);
  written = new Map();
  server = await openSocketServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://x').searchParams.get('path') ?? '';
    if (request.method === 'GET') {
      const body = errorBody(new WarrenError('not_found', { kind: 'file', name: path }));
      response.writeHead(body.error_code).end(JSON.stringify(body));
      return;
    }
    written.set(path, String(request.headers['x-lxd-type']));
    request.resume().once('end', () => response.end(sync({})));
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(here, { recursive: true, force: true });
});

async function push(source: string): Promise<void> {
  const transport = new Transport({ socket: server.path });
  const ownership = { uid: undefined, gid: undefined, mode: undefined };
  const client = new Client({ transport });
  const input = { client, instance: 'web', recursive: true, ownership, onFile: () => undefined };
  await pushTree(input, source, '/srv/tree').finally(() => {
    transport.close();
  });
}

test('of a tree what cannot be sent is left out and named, and the rest is there', async () => {
  const tree = join(here, 'tree');
  mkdirSync(join(tree, ' a b/-x'), { recursive: true });
  writeFileSync(join(tree, ' a b/-x/--'), 'x');
  writeFileSync(join(tree, 'ü\nñ'), '');
  symlinkSync('nowhere', join(tree, 'dangling'));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/bad`), Buffer.from([0xff])]), '');
  execFileSync('mkfifo', [join(tree, 'pipe')]);
  const pushed = push(tree);
  await expect(pushed).rejects.toThrow(/^Cannot copy all of \S+: /);
  await expect(pushed).rejects.toThrow(/bad\uFFFD: its name is not UTF-8/);
  await expect(pushed).rejects.toThrow(/pipe: it is a device, socket or pipe/);
  await expect(pushed).rejects.toMatchObject({
    hint: `tar -cC ${tree} . | warren exec web -- tar -xC /srv/tree`,
  });
  expect(Object.fromEntries(written)).toEqual({
    '/srv/tree': 'directory',
    '/srv/tree/ a b': 'directory',
    '/srv/tree/ a b/-x': 'directory',
    '/srv/tree/ a b/-x/--': 'file',
    '/srv/tree/ü\nñ': 'file',
    '/srv/tree/dangling': 'symlink',
  });
});

test('a pipe by itself is refused', async () => {
  const pipe = join(here, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await expect(push(pipe)).rejects.toThrow(/it is a device, socket or pipe, wanted a file$/);
});
