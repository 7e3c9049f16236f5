import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { ImageMetadataView } from '../../src/contract/api/instances.ts';
import type { Operation } from '../../src/contract/api/operations.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;

const entry = (template: string, when: readonly string[], createOnly = false) => ({
  when,
  template,
  createOnly,
  properties: { greeting: 'hello' },
});
const image = {
  metadata: {
    templates: {
      '/etc/made': entry('made.tpl', ['create']),
      '/etc/copied': entry('made.tpl', ['copy']),
      '/etc/renamed': entry('made.tpl', ['rename']),
      '/srv/deep/started': entry('started.tpl', ['start']),
      '/etc/passwd': entry('made.tpl', ['create'], true),
      '/etc/odd': entry('odd.tpl', ['create']),
      '/etc/absent': entry('absent.tpl', ['create']),
      '/tmp/out/file': entry('made.tpl', ['start']),
    },
  },
  templateFiles: {
    'made.tpl': '{{ properties.greeting }} {{ container.name }} by {{ trigger }}\n',
    'started.tpl': '{{ config_get("user.a", "none") }}\n',
    'odd.tpl': '{% include "/etc/shadow" %}',
  },
};

beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.upload(`image ${JSON.stringify(image)}`, { 'X-LXD-aliases': 'alias=i' });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const url = (name: string, rest = '') => `/1.0/instances/${name}/metadata${rest}`;
const file = async (name: string, path: string): Promise<string | undefined> => {
  const { status, body } = await api.call('GET', `/1.0/instances/${name}/files?path=${path}`);
  return status === 404 ? undefined : body.toString();
};
const start = (name: string) =>
  api.done('PUT', `/1.0/instances/${name}/state`, { action: 'start', timeout: 30 });
const stop = (name: string) =>
  api.done('PUT', `/1.0/instances/${name}/state`, { action: 'stop', force: true });

describe('templates of an image', () => {
  beforeAll(async () => {
    const source = { type: 'image', alias: 'i' };
    await api.done('POST', '/1.0/instances', { name: 'first', source });
    const outside = join(daemon.dir, 'outside');
    mkdirSync(outside);
    await api.send('POST', '/1.0/instances/first/files?path=/tmp/out', {
      body: outside,
      headers: { 'X-LXD-type': 'symlink' },
    });
    await start('first');
  });

  test('make files when the machine was created, and at each start', async () => {
    expect(await file('first', '/etc/made')).toBe('hello first by create\n');
    expect(await file('first', '/etc/copied')).toBeUndefined();
    expect(await file('first', '/srv/deep/started')).toBe('none\n');
    expect(await file('first', '/etc/passwd')).toMatch(/^root:x/);
    await stop('first');
    await api.call('PATCH', '/1.0/instances/first', { config: { 'user.a': 'two' } });
    await start('first');
    expect(await file('first', '/srv/deep/started')).toBe('two\n');
  });

  test('that are not understood make nothing, and a warning says so', async () => {
    expect(await file('first', '/etc/odd')).toBeUndefined();
    const warnings = await api.get<{ type: string; last_message: string }[]>(
      '/1.0/warnings?recursion=1',
    );
    const { last_message: message = '' } =
      warnings.find(({ type }) => type === 'Template not applied') ?? {};
    expect(message).toContain('/tmp/out/file from made.tpl');
  });

  test('never write outside the machine', () => {
    expect(existsSync(join(daemon.dir, 'outside', 'file'))).toBe(false);
  });

  test('that take their time let others work, and a start can be cancelled', async () => {
    // Each is given up on, after all that one may do.
    const paths = Array.from({ length: 300 }, (_, index) => `/srv/${index}`);
    const slow = {
      metadata: {
        templates: Object.fromEntries(paths.map((path) => [path, entry('slow.tpl', ['start'])])),
      },
      templateFiles: {
        'slow.tpl': `{{ config_get("user.big", "")${'|upper|lower'.repeat(100)} }}`,
      },
    };
    await api.upload(`image ${JSON.stringify(slow)}`, { 'X-LXD-aliases': 'alias=slow' });
    await api.done('POST', '/1.0/instances', {
      name: 'slow',
      config: { 'user.big': 'x'.repeat(60_000) },
      source: { type: 'image', alias: 'slow' },
    });
    const body = { action: 'start', timeout: 30 };
    const { json } = await api.call('PUT', '/1.0/instances/slow/state', body);
    await sleep(50);
    expect((await api.call('GET', '/1.0')).status).toBe(200);
    expect((await api.call('DELETE', json.operation ?? '')).status).toBe(200);
    const end = await api.get<Operation>(`${json.operation ?? ''}/wait?timeout=20`);
    expect(end.status, end.err).toBe('Cancelled');
    await api.done('DELETE', '/1.0/instances/slow');
  });

  test('go with a copy, which makes its own files, and with a new name', async () => {
    await stop('first');
    const source = { type: 'copy', source: 'first' };
    await api.done('POST', '/1.0/instances', { name: 'second', source });
    await start('second');
    expect(await file('second', '/etc/copied')).toBe('hello second by copy\n');
    expect(await file('second', '/etc/made')).toBe('hello first by create\n');
    await stop('second');
    await api.done('POST', '/1.0/instances/second', { name: 'third' });
    await start('third');
    expect(await file('third', '/etc/renamed')).toBe('hello third by rename\n');
    await stop('third');
  });

  test('are published with it', async () => {
    const source = { type: 'instance', name: 'first' };
    const { metadata } = await api.done('POST', '/1.0/images', { source });
    const fingerprint = (metadata as { fingerprint: string }).fingerprint;
    const made = { type: 'image', fingerprint };
    await api.done('POST', '/1.0/instances', { name: 'of-published', source: made });
    expect(await api.get(url('of-published', '/templates'))).toEqual(
      Object.keys(image.templateFiles).sort(),
    );
  });
});

describe('metadata of a machine', () => {
  beforeAll(async () => {
    await api.done('POST', '/1.0/instances', { name: 'm', source: { type: 'image', alias: 'i' } });
  });

  test('is read, replaced and merged', async () => {
    const { json, headers } = await api.call('GET', url('m'));
    const view = json.metadata as ImageMetadataView;
    expect(view).toMatchObject({ architecture: 'x86_64', properties: { os: 'Fake' } });
    expect(view.templates['/etc/made']).toEqual({
      when: ['create'],
      create_only: false,
      template: 'made.tpl',
      properties: { greeting: 'hello' },
    });
    const body = JSON.stringify({ ...view, properties: { os: 'Other' }, templates: null });
    const etag = headers['etag'] ?? '';
    const put = (ifMatch: string) =>
      api.send('PUT', url('m'), { body, headers: { 'If-Match': ifMatch } });
    expect((await put('"stale"')).status).toBe(412);
    expect((await put(etag)).json).toMatchObject({ type: 'sync', status_code: 200 });
    expect((await put(etag)).status).toBe(412);
    expect(await api.get(url('m'))).toEqual({
      ...view,
      properties: { os: 'Other' },
      templates: {},
    });
    expect((await api.call('PATCH', url('m'), { properties: { release: '9' } })).status).toBe(200);
    expect(await api.get(url('m'))).toMatchObject({ properties: { os: 'Other', release: '9' } });
  });

  test.each([
    [{ architecture: 'abacus' }],
    [{ creation_date: 'yesterday' }],
    [{ templates: { 'etc/x': { when: [], template: 'x' } } }],
    [{ templates: { '/../x': { when: [], template: 'x' } } }],
    [{ templates: { '/x': { when: ['never'], template: 'x' } } }],
    [{ templates: { '/x': { when: [], template: '../x' } } }],
    [{ properties: { a: {} } }],
    [[]],
    ['text'],
    [null],
  ])('refuses %j', async (body) => {
    expect((await api.call('PATCH', url('m'), body)).status).toBe(400);
  });

  test('has templates that are read, written and deleted', async () => {
    const one = url('m', '/templates?path=new.tpl');
    expect((await api.send('POST', one, { body: 'text' })).json).toMatchObject({ type: 'sync' });
    expect((await api.call('GET', one)).body.toString()).toBe('text');
    expect((await api.send('POST', one, { body: '' })).status).toBe(200);
    expect((await api.call('GET', one)).body).toHaveLength(0);
    expect(await api.get(url('m', '/templates'))).toContain('new.tpl');
    expect((await api.call('DELETE', one)).status).toBe(200);
    expect((await api.call('GET', one)).status).toBe(404);
    expect((await api.call('DELETE', one)).status).toBe(404);
  });

  test.each([
    ['?path=..%2Fx', 'x'],
    ['?path=%2Fetc%2Fx', 'x'],
    ['', 'x'],
    ['?path=x', 'x'.repeat(64 * 1024 + 1)],
    ['?path=x', Buffer.from([0xff])],
  ])('refuses a template %s', async (query, body) => {
    const { status } = await api.send('POST', url('m', `/templates${query}`), { body });
    expect(status).toBe(400);
  });

  test('is of a machine that is there', async () => {
    for (const [method, rest] of [
      ['GET', ''],
      ['PUT', ''],
      ['PATCH', ''],
      ['GET', '/templates'],
      ['GET', '/templates?path=x'],
      ['POST', '/templates?path=x'],
      ['DELETE', '/templates?path=x'],
    ] as const) {
      expect((await api.call(method, url('nothing', rest), {})).status, method + rest).toBe(404);
    }
  });
});
