import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';

import { apiPath, Client, withQuery } from '../../../src/client/client.ts';
import { Transport } from '../../../src/client/transport.ts';
import { openSocketServer, sync } from './socket-server.ts';

import type { Operation } from '../../../src/contract/api/operations.ts';

function clientOf(socket: string, rest: object = {}): Client {
  return new Client({ transport: new Transport({ socket, ...rest }) });
}

const running: Operation = {
  id: 'op1',
  class: 'task',
  description: 'Starting instance',
  created_at: '',
  updated_at: '',
  status: 'Running',
  status_code: 103,
  resources: {},
  metadata: {},
  may_cancel: true,
  err: '',
  location: 'none',
};
const accepted = JSON.stringify({
  type: 'async',
  status: 'Operation created',
  status_code: 100,
  operation: '/1.0/operations/op1',
  error_code: 0,
  error: '',
  metadata: running,
});

test.each([
  ['/1.0/instances', '/1.0/instances?project=lab'],
  ['/1.0/instances/web?recursion=1', '/1.0/instances/web?recursion=1&project=lab'],
  ['/1.0/instances?all-projects=true', '/1.0/instances?all-projects=true'],
  ['/1.0/instances/web?project=default', '/1.0/instances/web?project=default'],
  ['/1.0/operations', '/1.0/operations?project=lab'],
  // These are of no project, or their ids are of one already.
  ['/1.0/operations/x/wait', '/1.0/operations/x/wait'],
  ['/1.0/projects/lab', '/1.0/projects/lab'],
  ['/1.0/warren/daemon', '/1.0/warren/daemon'],
  ['/1.0', '/1.0'],
])('%s is asked for in a project as %s', (path, sent) => {
  expect(new Transport({ socket: '', project: 'lab' }).inProject(path)).toBe(sent);
  expect(new Transport({ socket: '' }).inProject(path)).toBe(path);
});

test('paths are encoded segment by segment, queries leave out what is undefined', () => {
  expect(apiPath('images', 'aliases', 'debian/12')).toBe('/1.0/images/aliases/debian%2F12');
  expect(withQuery('/1.0/x', { path: '/a b&c', none: undefined })).toBe('/1.0/x?path=%2Fa%20b%26c');
});

describe('a request', () => {
  test('gives the metadata, and the ETag where it is asked for', async () => {
    await using server = await openSocketServer((_request, response) => {
      response.setHeader('ETag', '"abc"').end(sync({ a: 1 }));
    });
    const client = clientOf(server.path);
    expect(await client.get('/1.0')).toEqual({ a: 1 });
    expect(await client.getTagged('/1.0')).toEqual({ value: { a: 1 }, etag: '"abc"' });
    client.transport.close();
  });

  test('to something that is no warren says so', async () => {
    await using server = await openSocketServer((_request, response) => {
      response.writeHead(502).end('<html>Bad Gateway</html>');
    });
    await expect(clientOf(server.path).get('/1.0')).rejects.toThrow(
      'the daemon answered 502 with something else: <html>Bad Gateway</html>',
    );
  });

  test('that only reads is sent again when the kept connection turns out to be closed', async () => {
    let requests = 0;
    await using server = await openSocketServer((request, response) => {
      requests += 1;
      if (requests === 2) request.socket.destroy();
      else response.end(sync(requests));
    });
    const client = clientOf(server.path);
    expect(await client.get('/1.0')).toBe(1);
    expect(await client.get('/1.0')).toBe(3);
    client.transport.close();
  });

  test('that changes something is never sent twice', async () => {
    let requests = 0;
    await using server = await openSocketServer((request, response) => {
      requests += 1;
      if (request.method === 'POST') request.socket.destroy();
      else response.end(sync(requests));
    });
    const client = clientOf(server.path);
    await client.get('/1.0');
    await expect(client.change('POST', '/1.0/x', {})).rejects.toMatchObject({
      code: 'daemon_unreachable',
    });
    expect(requests).toBe(2);
    client.transport.close();
  });
});

describe('a daemon that is not there', () => {
  test('is started once, and every request that waits for it is sent', async () => {
    await using server = await openSocketServer((_request, response) => {
      response.end(sync('here'));
    });
    await new Promise((resolve) => server.server.close(resolve));
    let starts = 0;
    const startDaemon = async (): Promise<void> => {
      starts += 1;
      await new Promise<void>((resolve) => server.server.listen(server.path, resolve));
    };
    const client = clientOf(server.path, { startDaemon });
    const all = ['GET', 'PUT', 'PUT'].map((method) =>
      client.call(method as 'GET' | 'PUT', '/1.0').then(({ answer }) => answer.metadata),
    );
    expect(await Promise.all(all)).toEqual(['here', 'here', 'here']);
    expect(starts).toBe(1);
    client.transport.close();
  });

  // root may enter any directory.
  test.skipIf(process.getuid?.() === 0)('and never will be asks for another place', async () => {
    await expect(clientOf('/root/unix.socket').get('/1.0')).rejects.toMatchObject({
      message:
        'Cannot reach the daemon at /root/unix.socket: it, or a directory above it, is not open to you',
      hint: 'export WARREN_DIR=/a/directory/of/your/own',
    });
  });

  test('and does not come is an error that names the socket', async () => {
    let starts = 0;
    const startDaemon = (): Promise<void> => {
      starts += 1;
      return Promise.resolve();
    };
    const client = clientOf('/nonexistent/unix.socket', { startDaemon });
    await expect(client.get('/1.0')).rejects.toMatchObject({
      code: 'daemon_unreachable',
      details: { socket: '/nonexistent/unix.socket', why: 'nobody listens there' },
    });
    await expect(client.get('/1.0')).rejects.toMatchObject({ code: 'daemon_unreachable' });
    expect(starts).toBe(1);
  });
});

describe('an operation', () => {
  test('is waited for until it is final, over waits that time out', async () => {
    let waits = 0;
    await using server = await openSocketServer((request, response) => {
      if (request.method === 'PUT') response.writeHead(202).end(accepted);
      else {
        waits += 1;
        const done = { ...running, status: 'Success', status_code: 200, metadata: { x: 1 } };
        response.end(sync(waits < 3 ? running : done));
      }
    });
    const client = clientOf(server.path);
    expect(await client.operate('PUT', '/1.0/instances/web/state', {})).toMatchObject({
      status: 'Success',
      metadata: { x: 1 },
    });
    expect(waits).toBe(3);
    client.transport.close();
  });

  test('is cancelled on the server, and then is a cancelled error', async () => {
    let cancel: () => void = () => undefined;
    const cancelled = new Promise<void>((resolve) => {
      cancel = resolve;
    });
    await using server = await openSocketServer((request, response) => {
      if (request.method === 'PUT') response.writeHead(202).end(accepted);
      else if (request.method === 'DELETE') {
        cancel();
        response.end(sync({}));
      } else {
        void cancelled.then(() =>
          response.end(sync({ ...running, status: 'Cancelled', status_code: 401 })),
        );
      }
    });
    const client = clientOf(server.path);
    const outcome = client
      .operate('PUT', '/1.0/instances/web/state', {})
      .catch((error: unknown) => error);
    while (!(await client.cancelAll())) await sleep(5);
    expect(await outcome).toMatchObject({ code: 'cancelled' });
    expect(await client.cancelAll()).toBe(false);
    client.transport.close();
  });

  test('whose daemon ended is told as lost, not as a bug', async () => {
    await using server = await openSocketServer((request, response) => {
      if (request.method === 'PUT') response.writeHead(202).end(accepted);
      else request.socket.destroy();
    });
    const client = clientOf(server.path);
    await expect(client.operate('PUT', '/1.0/x', {})).rejects.toMatchObject({
      code: 'wrong_state',
      hint: 'warren list',
    });
    client.transport.close();
  });

  test('shows its progress only to somebody who looks', async () => {
    let looks = 0;
    await using server = await openSocketServer((request, response) => {
      if (request.method === 'PUT') response.writeHead(202).end(accepted);
      else if (request.url?.includes('/wait') === true) {
        setTimeout(() => {
          response.end(sync({ ...running, status: 'Success', status_code: 200 }));
        }, 700);
      } else {
        looks += 1;
        response.end(
          sync({ ...running, metadata: { progress: { stage: 'half', percent: '50' } } }),
        );
      }
    });
    const seen: unknown[] = [];
    const observer = {
      wanted: true,
      progress: ({ metadata }: Operation) => seen.push(metadata['progress']),
    };
    const transport = new Transport({ socket: server.path });
    const idle = { ...observer, wanted: false };
    await new Client({ transport, observer: idle }).operate('PUT', '/1.0/x', {});
    expect(looks).toBe(0);
    await new Client({ transport, observer }).operate('PUT', '/1.0/x', {});
    expect(seen[0]).toEqual({ stage: 'half', percent: '50' });
    transport.close();
  });
});
