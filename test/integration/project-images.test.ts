import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { deferred } from '../../src/base/mutex.ts';
import { ApiClient } from './client.ts';

import type { Image } from '../../src/contract/api/images.ts';
import type { Project } from '../../src/contract/api/projects.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  for (const name of ['one', 'two']) {
    const config = { 'features.images': 'true', 'features.profiles': 'false' };
    expect((await api.call('POST', '/1.0/projects', { name, config })).status).toBe(201);
  }
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const images = (project: string) => api.get<Image[]>(`/1.0/images?recursion=1&project=${project}`);
const upload = async (content: string, project: string, alias?: string): Promise<string> => {
  const headers = alias === undefined ? {} : { 'X-LXD-aliases': `alias=${alias}` };
  const { json } = await api.send('POST', `/1.0/images?project=${project}`, {
    ...{ body: content, headers },
  });
  const { metadata, err } = await api.get<{ metadata: { fingerprint: string }; err: string }>(
    `${json.operation ?? ''}/wait`,
  );
  if (err !== '') throw new Error(err);
  return metadata.fingerprint;
};
const remove = (project: string, fingerprint: string) =>
  api.done('DELETE', `/1.0/images/${fingerprint}?project=${project}`);
const create = (project: string, name: string, source: object) =>
  api.operate('POST', `/1.0/instances?project=${project}`, {
    ...{ name, source: { type: 'image', ...source } },
  });
const files = (): string[] => readdirSync(`${daemon.dir}/images`);

describe('a project with images of its own', () => {
  test('has none of another project’s, nor their aliases', async () => {
    const fingerprint = await upload('here', 'default', 'mine');
    expect(await images('one')).toEqual([]);
    for (const path of [fingerprint, fingerprint.slice(0, 12), `${fingerprint}/export`]) {
      expect((await api.call('GET', `/1.0/images/${path}?project=one`)).status).toBe(404);
    }
    expect((await api.call('GET', '/1.0/images/aliases/mine?project=one')).status).toBe(404);
    const alias = { name: 'theirs', target: fingerprint };
    expect((await api.call('POST', '/1.0/images/aliases?project=one', alias)).status).toBe(404);
    for (const source of [{ alias: 'mine' }, { fingerprint }, { properties: { os: 'Fake' } }]) {
      expect(await create('one', 'a', source)).toMatchObject({ status_code: 400 });
    }
    await remove('default', fingerprint);
  });

  test('has the same bytes as another, kept once, and each changes and loses its own', async () => {
    const fingerprint = await upload('same', 'default', 'same');
    expect(await upload('same', 'one', 'same')).toBe(fingerprint);
    await expect(upload('same', 'one')).rejects.toThrow(/exists already/);
    expect(files()).toEqual([fingerprint]);
    const url = `/1.0/images/${fingerprint}`;
    const change = { properties: { of: 'one' }, public: true };
    expect((await api.call('PATCH', `${url}?project=one`, change)).status).toBe(200);
    expect(await api.get<Image>(url)).toMatchObject({ public: false });
    expect((await api.get<Image>(url)).properties).not.toHaveProperty('of');
    expect((await api.call('DELETE', '/1.0/images/aliases/same')).status).toBe(200);
    expect(await images('one')).toMatchObject([{ aliases: [{ name: 'same' }] }]);

    expect(await create('one', 'a', { alias: 'same' })).toMatchObject({ status: 'Success' });
    expect(await create('default', 'a', { fingerprint })).toMatchObject({ status: 'Success' });
    await remove('default', fingerprint);
    expect(files()).toEqual([fingerprint]);
    expect(await create('one', 'b', { alias: 'same' })).toMatchObject({ status: 'Success' });
    expect((await api.call('GET', `${url}/export?project=one`)).body.toString()).toBe('same');
    await remove('one', fingerprint);
    expect(files()).toEqual([]);
    // They keep what they stand on.
    const read = '/1.0/instances/b/files?path=/etc/passwd&project=one';
    expect((await api.call('GET', read)).body.toString()).toContain('root');
    for (const name of ['a?project=one', 'b?project=one', 'a']) {
      await api.done('DELETE', `/1.0/instances/${name}`);
    }
    expect(daemon.context.engine.store.layers.list()).toEqual([]);
  });

  test('keeps the files of what several import and delete at once', async () => {
    const projects = ['default', 'one', 'two'];
    for (let round = 0; round < 5; round++) {
      const content = `round ${round}`;
      const made = await Promise.all(projects.map((project) => upload(content, project)));
      expect(new Set(made).size).toBe(1);
      const [fingerprint = ''] = made;
      const [, again] = await Promise.all([
        remove('default', fingerprint),
        remove('one', fingerprint).then(() => upload(content, 'one')),
      ]);
      expect(again).toBe(fingerprint);
      expect(files()).toEqual([fingerprint]);
      await Promise.all([remove('one', fingerprint), remove('two', fingerprint)]);
      expect(files()).toEqual([]);
      expect(daemon.context.engine.store.layers.list()).toEqual([]);
    }
  });

  test('has what is published there, and its aliases change what they name there alone', async () => {
    await upload('base', 'one', 'base');
    await create('one', 'm', { alias: 'base' });
    const source = { type: 'instance', name: 'm' };
    const { metadata } = await api.done('POST', '/1.0/images?project=one', {
      ...{ source, aliases: [{ name: 'golden' }], profiles: ['default'], filename: 'x/g.tar' },
    });
    expect(await images('default')).toEqual([]);
    expect((await images('one')).at(-1)).toMatchObject({
      profiles: ['default'],
      filename: 'g.tar',
    });
    const alias = '/1.0/images/aliases/golden';
    expect(await api.get(`${alias}?project=one`)).toMatchObject({
      target: metadata['fingerprint'],
    });
    expect((await api.call('GET', alias)).status).toBe(404);
    const renamed = await api.call('POST', `${alias}?project=one`, { name: 'silver' });
    expect(renamed.headers.location).toBe('/1.0/images/aliases/silver?project=one');
    expect(await api.get('/1.0/images/aliases?project=one')).toEqual([
      '/1.0/images/aliases/base?project=one',
      '/1.0/images/aliases/silver?project=one',
    ]);
    const { used_by: users } = await api.get<Project>('/1.0/projects/one');
    expect(users).toContain(`/1.0/images/${String(metadata['fingerprint'])}?project=one`);
    await api.done('DELETE', '/1.0/instances/m?project=one');
  });

  test('is not empty with one', async () => {
    const refused = await api.call('DELETE', '/1.0/projects/one');
    expect(refused.json.error).toMatch(/used by image [0-9a-f]{12}/);
    const config = { 'features.images': 'false' };
    expect((await api.call('PATCH', '/1.0/projects/one', { config })).status).toBe(400);
    for (const { fingerprint } of await images('one')) await remove('one', fingerprint);
    expect((await api.call('PATCH', '/1.0/projects/one', { config })).status).toBe(200);
    const fingerprint = await upload('shared', 'one');
    expect(await images('default')).toMatchObject([{ fingerprint }]);
    expect((await api.call('DELETE', '/1.0/projects/one')).status).toBe(200);
    expect((await api.call('DELETE', '/1.0/projects/two')).status).toBe(200);
  });
});

describe('a project that is about to have an image', () => {
  const config = { 'features.images': 'true', 'features.profiles': 'false' };
  /**
   * Uploads to the project `late`, does `meanwhile` as it is being unpacked, and answers how it
   * ended.
   */
  const uploading = async (content: string, meanwhile: () => Promise<void>): Promise<string> => {
    const { images: ours } = daemon.context.engine;
    const unpack = ours.unpack.bind(ours);
    const [begun, goOn] = [deferred(), deferred()];
    const held: typeof unpack = async (...args) => {
      begun.resolve();
      await goOn.promise;
      await unpack(...args);
    };
    Object.assign(ours, { unpack: held });
    try {
      const outcome = upload(content, 'late').then(
        (fingerprint) => fingerprint,
        (error: unknown) => String(error),
      );
      await begun.promise;
      await meanwhile();
      goOn.resolve();
      return await outcome;
    } finally {
      goOn.resolve();
      Object.assign(ours, { unpack });
    }
  };

  test('stays what it is until it has it', async () => {
    const project = '/1.0/projects/late';
    await api.call('POST', '/1.0/projects', { name: 'late', config });
    const fingerprint = await uploading('late', async () => {
      const off = { config: { ...config, 'features.images': 'false' } };
      const used = /used by an image that is being made/;
      expect((await api.call('PUT', project, off)).json.error).toMatch(used);
      expect((await api.operate('POST', project, { name: 'later' })).err).toMatch(used);
      expect((await api.call('DELETE', project)).json.error).toMatch(used);
    });
    expect(await images('late')).toMatchObject([{ fingerprint }]);
    await remove('late', fingerprint);
    expect((await api.call('DELETE', project)).status).toBe(200);
  });

  test('has none when it has gone or has none of its own any more', async () => {
    const { projects, layers } = daemon.context.engine.store;
    const before = { files: files(), layers: layers.list() };
    const { id } = projects.insert({ name: 'late', description: '', config });
    const shared = await uploading('late', () => {
      projects.set(id, { description: '', config: {} });
      return Promise.resolve();
    });
    expect(shared).toMatch(/Cannot add an image to late: it is without images of its own/);
    projects.set(id, { description: '', config });
    const gone = await uploading('late', () => {
      projects.delete(id);
      return Promise.resolve();
    });
    expect(gone).toMatch(/late/);
    expect(gone).not.toMatch(/bug/);
    expect({ files: files(), layers: layers.list() }).toEqual(before);
  });
});
