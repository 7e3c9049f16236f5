import { connect } from 'node:net';
import { Readable } from 'node:stream';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.done('POST', '/1.0/instances', { name: 'web', source: { type: 'none' } });
  await api.done('POST', '/1.0/instances/web/snapshots', { name: 'kept' });
  await api.call('POST', '/1.0/storage-pools/default/volumes/custom', { name: 'data' });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const writes = [
  ['POST', '/1.0/instances'],
  ['PUT', '/1.0/instances'],
  ['PUT', '/1.0/instances/web'],
  ['PATCH', '/1.0/instances/web'],
  ['POST', '/1.0/instances/web'],
  ['PUT', '/1.0/instances/web/state'],
  ['POST', '/1.0/instances/web/exec'],
  ['POST', '/1.0/instances/web/console'],
  ['POST', '/1.0/profiles'],
  ['PUT', '/1.0/profiles/default'],
  ['PATCH', '/1.0/profiles/default'],
  ['POST', '/1.0/profiles/default'],
  ['POST', '/1.0/networks'],
  ['PUT', '/1.0/networks/warrenbr0'],
  ['POST', '/1.0/images/aliases'],
  ['PUT', '/1.0/instances/web/snapshots/kept'],
  ['POST', '/1.0/instances/web/snapshots/kept'],
  ['PUT', '/1.0/storage-pools/default'],
  ['PATCH', '/1.0/storage-pools/default'],
  ['POST', '/1.0/storage-pools/default/volumes/custom'],
  ['PUT', '/1.0/storage-pools/default/volumes/custom/data'],
  ['POST', '/1.0/storage-pools/default/volumes/custom/data'],
  ['PUT', '/1.0'],
  ['POST', '/1.0/warren/daemon'],
] as const;

/** The answer must be an envelope that blames the client, and the daemon must still be there. */
async function expectRefusal(method: string, path: string, body: string | Uint8Array) {
  const answer = await api.send(method, path, { body });
  expect(answer.status, `${method} ${path}: ${answer.body.toString()}`).toBeGreaterThanOrEqual(400);
  expect(answer.status, `${method} ${path}: ${answer.body.toString()}`).toBeLessThan(500);
  expect(answer.json).toMatchObject({ type: 'error', error_code: answer.status, metadata: null });
}

/** Whether the log has a bug in it. */
async function expectNoBugs() {
  const { readFileSync } = await import('node:fs');
  const log = readFileSync(daemon.context.engine.paths.daemonLog, 'utf8');
  expect(log.split('\n').filter((line) => line.includes('"msg":"bug'))).toEqual([]);
}

describe('bodies', () => {
  test.each(writes)('%s %s refuses what is no object', async (method, path) => {
    for (const body of ['', '{', '[]', 'null', '3', '"x"', 'nonsense', '{"a":', '\0\0', '[{}]']) {
      await expectRefusal(method, path, body);
    }
    await expectRefusal(method, path, Buffer.from([0xff, 0xfe, 0x00, 0x80]));
  });

  test('of wrong types never end in a bug', { timeout: 60_000 }, async () => {
    const keys = ['name', 'source', 'config', 'devices', 'profiles', 'command', 'action', 'state'];
    const others = ['timeout', 'environment', 'user', 'width', 'type', 'target', 'description'];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...writes.filter(([, path]) => path !== '/1.0/warren/daemon')),
        fc.dictionary(fc.constantFrom(...keys, ...others), fc.jsonValue({ maxDepth: 3 })),
        async ([method, path], body) => {
          // A good name would rename the machine that the other requests are about.
          const renames = method === 'POST' && /\/(web|kept|data)$/.test(path);
          const isGood = renames && typeof body['name'] === 'string';
          const sent = isGood ? { ...body, name: '../x' } : body;
          const { status, json } = await api.call(method, path, sent);
          expect(status === 500 ? json.error : '').toBe('');
          expect(['sync', 'async', 'error']).toContain(json.type);
        },
      ),
      { numRuns: 300 },
    );
    await expectNoBugs();
  });

  test('of ten megabytes are refused with an answer, and memory stays flat', async () => {
    const before = process.memoryUsage().rss;
    const body = Buffer.from(`{"config":{"user.a":"${'x'.repeat(10_000_000)}"}}`);
    for (let round = 0; round < 10; round++) {
      const { status, json } = await api.send('PUT', '/1.0/profiles/default', { body });
      expect(status).toBe(400);
      expect(json.error).toContain('longer than');
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
  });

  test('nested without end do not overflow the stack', async () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    await expectRefusal('PUT', '/1.0/instances/web', deep);
    await expectRefusal('PUT', '/1.0/instances/web', `{"config":${deep}}`);
  });

  test('with fields that nobody knows are taken for what is known of them', async () => {
    const more = { unknown: { deep: [1] }, 'x-y': null, name: 'odd', devices: {}, config: {} };
    expect((await api.call('POST', '/1.0/profiles', more)).status).toBe(201);
    const read = await api.get<object>('/1.0/profiles/odd');
    expect(Object.keys(read).sort()).toEqual([
      ...['config', 'description', 'devices', 'name', 'used_by'],
    ]);
    // Unknown keys of config are another matter: somebody would think that they hold.
    const { status } = await api.call('PUT', '/1.0/profiles/odd', { config: { unknown: 'x' } });
    expect(status).toBe(400);
  });

  test('with a prototype in them change nothing', async () => {
    const body = '{"__proto__":{"name":"planted"},"constructor":{"prototype":{"x":1}}}';
    await expectRefusal('POST', '/1.0/profiles', body);
    expect(({} as Record<string, unknown>)['name']).toBeUndefined();
  });

  test('of a type that is no type are refused', async () => {
    const headers = { 'Content-Type': ';;;' };
    const { status, json } = await api.send('POST', '/1.0/profiles', { body: '{}', headers });
    expect(status).toBe(400);
    expect(json.type).toBe('error');
  });
});

describe('paths', () => {
  test.each([
    '/1.0/instances/%',
    '/1.0/instances/%zz',
    '/1.0/instances/%ff',
    '/1.0/instances/%00',
    '/1.0/instances/..%2f..%2fetc',
    '/1.0/instances/%2e%2e',
    '/1.0/instances/web%2fstate',
    '/1.0/instances/web/',
    '/1.0/instances//state',
    '//1.0',
    `/1.0/instances/${'x'.repeat(5000)}`,
    '/1.0/instances/__proto__',
    '/1.0/images/aliases/%252F',
    '/1.0/images/zz',
    '/1.0/networks/..',
    '/1.0/storage-pools/%2e%2e/volumes',
    '/1.0/storage-pools/default/volumes/custom/..%2fx',
    '/1.0/storage-pools/default/volumes/custom/%00',
    '/1.0/storage-pools/default/volumes/custom/__proto__/state',
    '/1.0/warnings/%ff',
    '/1.0/operations/constructor',
    '/1.0/instances?recursion=x&filter=name',
    '/1.0/instances?filter=%22',
    '/1.0/instances?instance-type=x',
    '/1.0/events',
  ])('GET %s is refused', async (path) => {
    const { status, json } = await api.call('GET', path);
    expect([400, 404, 414]).toContain(status);
    expect(json).toMatchObject({ type: 'error', error_code: status });
  });

  test.each(['(', '[', '*', 'a{2,1}', '\\', '.', '_', 'x\0'])(
    'a project that is called %j is not found',
    async (project) => {
      for (const path of ['/1.0/instances', '/1.0/instances/web', '/1.0/instances/web/state']) {
        const wanted = `${path}?project=${encodeURIComponent(project)}`;
        const { status, json } = await api.call('GET', wanted);
        expect({ status, error: json.error }).toEqual({
          status: 404,
          error: `Cannot find project "${project}"`,
        });
      }
    },
  );

  test('an encoded name is decoded once', async () => {
    await api.call('POST', '/1.0/profiles', { name: 'plain' });
    expect((await api.call('GET', '/1.0/profiles/pl%61in')).status).toBe(200);
    expect((await api.call('GET', '/1.0/profiles/pl%2561in')).status).toBe(404);
  });
});

describe('connections', () => {
  const raw = async (text: string): Promise<string> =>
    await new Promise((resolve, reject) => {
      const socket = connect(daemon.socket);
      let answer = '';
      socket.setEncoding('utf8').on('data', (data: string) => (answer += data));
      socket.once('error', reject);
      socket.once('close', () => {
        resolve(answer);
      });
      socket.end(text);
    });

  test('that speak no HTTP get an answer and are closed', async () => {
    expect(await raw('hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
    expect(await raw(`GET /1.0 HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(100_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431/,
    );
    expect(
      await raw(
        'GET /1.0/events HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
      ),
    ).toMatch(/^HTTP\/1\.1 400/);
  });

  test('that are refused while their body is still coming are answered all the same', async () => {
    const body = Readable.from(
      (function* chunks() {
        for (let sent = 0; sent < 320; sent++) yield Buffer.alloc(65_536);
      })(),
    );
    const answer = await api.send('POST', '/1.0/instances/nobody/files?path=/x', { body });
    expect(answer.status).toBe(404);
    expect(answer.json.error).toContain('nobody');
  });

  test('that break off in the middle of an upload leave nothing', async () => {
    const { existsSync, readdirSync } = await import('node:fs');
    await raw(
      'POST /1.0/images HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\nsome bytes',
    );
    const big = new Readable({ read() {} });
    big.push(Buffer.alloc(6 * 1024 * 1024));
    const sending = api.send('POST', '/1.0/images', { body: big });
    setTimeout(() => {
      big.push(null);
    }, 300);
    await sending;
    const dir = `${daemon.dir}/uploads`;
    await expect.poll(() => (existsSync(dir) ? readdirSync(dir) : [])).toEqual([]);
  });

  test('that never read their answers hold up nobody, and memory stays flat', async () => {
    const config = { 'user.big': 'x'.repeat(900_000) };
    await api.call('POST', '/1.0/profiles', { name: 'big', config });
    const before = process.memoryUsage().rss;
    const slow = Array.from({ length: 50 }, (_, index) => {
      const socket = connect(daemon.socket);
      socket.pause();
      socket.on('error', () => undefined);
      // Far more answers than any socket buffer takes.
      socket.write('GET /1.0/profiles/big HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(index < 25 ? 40 : 3));
      return socket;
    });
    for (let round = 0; round < 50; round++) {
      expect((await api.call('GET', '/1.0/instances/web')).status).toBe(200);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000);
    for (const socket of slow) socket.destroy();
    await api.call('DELETE', '/1.0/profiles/big');
  });

  test('in great number are served', async () => {
    const answers = await Promise.all(
      Array.from({ length: 300 }, () => api.call('GET', '/1.0/instances?recursion=2')),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  });

  test('have done no harm', async () => {
    expect((await api.call('GET', '/1.0/instances/web')).status).toBe(200);
    expect(daemon.left).toEqual([]);
    await expectNoBugs();
  });
});
