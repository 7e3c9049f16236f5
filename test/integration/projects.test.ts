import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { Instance } from '../../src/contract/api/instances.ts';
import type { Profile } from '../../src/contract/api/profiles.ts';
import type { Project, ProjectState } from '../../src/contract/api/projects.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.upload('an image', { 'X-LXD-aliases': 'alias=i' });
  await project('lab', { ...shared, 'features.profiles': 'true' });
  await project('shared', shared);
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const shared = {
  'features.images': 'false',
  'features.profiles': 'false',
  'features.storage.volumes': 'false',
};

async function project(name: string, config: Record<string, string>): Promise<void> {
  expect((await api.call('POST', '/1.0/projects', { name, config })).status).toBe(201);
}

const source = { type: 'image', alias: 'i' };
const create = (name: string, where: string, rest: object = {}) =>
  api.done('POST', `/1.0/instances?project=${where}`, { name, source, ...rest });

describe('a project with profiles of its own', () => {
  test('has a default one, and none of another project’s', async () => {
    expect(await api.get('/1.0/profiles?project=lab')).toEqual([
      '/1.0/profiles/default?project=lab',
    ]);
    const own = await api.get<Profile>('/1.0/profiles/default?project=lab');
    expect(own).toMatchObject({ name: 'default', config: {}, devices: {} });
    expect((await api.call('GET', '/1.0/profiles/strict?project=lab')).status).toBe(404);
    expect(await api.get('/1.0/profiles')).not.toContain('/1.0/profiles/default?project=lab');
    const { used_by: users } = await api.get<Project>('/1.0/projects/lab');
    expect(users).toEqual(['/1.0/profiles/default?project=lab']);
  });

  test('gives its machines what its own say, and others nothing of it', async () => {
    const keys = { config: { 'user.of': 'lab' } };
    expect((await api.call('PATCH', '/1.0/profiles/default?project=lab', keys)).status).toBe(200);
    await create('web', 'lab');
    await create('web', 'default');
    const inLab = await api.get<Instance>('/1.0/instances/web?project=lab');
    expect(inLab).toMatchObject({ profiles: ['default'], expanded_config: { 'user.of': 'lab' } });
    const there = await api.get<Instance>('/1.0/instances/web');
    expect(there.expanded_config).not.toHaveProperty(['user.of']);
    const own = await api.get<Profile>('/1.0/profiles/default?project=lab');
    expect(own.used_by).toEqual(['/1.0/instances/web?project=lab']);
  });

  test('makes, changes, assigns, renames and deletes them, in its own words', async () => {
    const made = await api.call('POST', '/1.0/profiles?project=lab', {
      name: 'big',
      config: { 'user.size': 'big' },
    });
    expect(made.status).toBe(201);
    expect(made.headers['location']).toBe('/1.0/profiles/big?project=lab');
    await api.call('PATCH', '/1.0/instances/web?project=lab', { profiles: ['default', 'big'] });
    const web = await api.get<Instance>('/1.0/instances/web?project=lab');
    expect(web).toMatchObject({
      profiles: ['default', 'big'],
      expanded_config: { 'user.size': 'big' },
    });
    const taken = await api.call('POST', '/1.0/profiles?project=lab', { name: 'big' });
    expect(taken).toMatchObject({ status: 409 });
    expect(taken.json.error).not.toContain('lab/');
    const used = await api.call('DELETE', '/1.0/profiles/big?project=lab');
    expect(used.json.error).toMatch(/big/);
    expect(used.json.error).not.toMatch(/lab[/_]/);
    const renamed = await api.call('POST', '/1.0/profiles/big?project=lab', { name: 'huge' });
    expect(renamed.headers['location']).toBe('/1.0/profiles/huge?project=lab');
    expect(await api.get<Instance>('/1.0/instances/web?project=lab')).toMatchObject({
      profiles: ['default', 'huge'],
    });
    await api.call('PATCH', '/1.0/instances/web?project=lab', { profiles: ['default'] });
    expect((await api.call('DELETE', '/1.0/profiles/huge?project=lab')).status).toBe(200);
    expect((await api.call('DELETE', '/1.0/profiles/default?project=lab')).status).toBe(403);
  });

  test.each(['lab/default', '/default', '../default', 'lab_default'])(
    'is reached by its name alone, not as %s',
    async (name) => {
      const path = `/1.0/profiles/${encodeURIComponent(name)}`;
      expect((await api.call('GET', path)).status).toBe(404);
      expect((await api.call('GET', `${path}?project=lab`)).status).toBe(404);
      const body = { name: 'other', source, profiles: [name] };
      const { json } = await api.call('POST', '/1.0/instances', body);
      const last = await api.get<{ err: string }>(`${json.operation}/wait`);
      expect(last.err).toMatch(/there is no profile/);
      expect((await api.call('POST', '/1.0/profiles', { name: 'lab/x' })).status).toBe(400);
    },
  );

  test('a machine that comes into it has its profiles from then on, if they are there', async () => {
    await create('mover', 'shared');
    const to = (where: string, at: string) =>
      api.done('POST', `/1.0/instances/mover?project=${at}`, {
        name: 'mover',
        migration: true,
        project: where,
      });
    const state = '/1.0/instances/mover/state?project=shared';
    await api.done('PUT', state, { action: 'start' });
    await expect(to('lab', 'shared')).rejects.toThrow('Cannot move mover: it is running');
    await api.done('PUT', state, { action: 'stop', force: true });
    await to('lab', 'shared');
    const moved = await api.get<Instance>('/1.0/instances/mover?project=lab');
    expect(moved).toMatchObject({ profiles: ['default'], expanded_config: { 'user.of': 'lab' } });
    await to('shared', 'lab');
    const back = await api.get<Instance>('/1.0/instances/mover?project=shared');
    expect(back.expanded_config).not.toHaveProperty(['user.of']);
    await api.call('POST', '/1.0/profiles', { name: 'elsewhere' });
    await api.call('PATCH', '/1.0/instances/mover?project=shared', { profiles: ['elsewhere'] });
    await expect(to('lab', 'shared')).rejects.toThrow(/no profile "elsewhere"/);
    await api.done('DELETE', '/1.0/instances/mover?project=shared');
    await api.call('DELETE', '/1.0/profiles/elsewhere');
  });

  test('a copy and a snapshot take the names of the profiles along', async () => {
    const from = { type: 'copy', source: 'web', project: 'default' };
    await create('copied', 'lab', { source: from });
    const copied = await api.get<Instance>('/1.0/instances/copied?project=lab');
    expect(copied).toMatchObject({ profiles: ['default'], expanded_config: { 'user.of': 'lab' } });
    await api.done('POST', '/1.0/instances/copied/snapshots?project=lab', { name: 's' });
    const snapshot = await api.get('/1.0/instances/copied/snapshots/s?project=lab');
    expect(snapshot).toMatchObject({ profiles: ['default'] });
    await api.done('PUT', '/1.0/instances/copied?project=lab', { restore: 's' });
    const restored = await api.get<Instance>('/1.0/instances/copied?project=lab');
    expect(restored.profiles).toEqual(['default']);
    await api.done('DELETE', '/1.0/instances/copied?project=lab');
  });

  test('keeps that while it is not empty, and is not deleted with a profile', async () => {
    const change = (value: string) =>
      api.call('PATCH', '/1.0/projects/lab', { config: { 'features.profiles': value } });
    expect((await change('false')).json.error).toMatch(/used by web/);
    await api.done('DELETE', '/1.0/instances/web?project=lab');
    await api.call('POST', '/1.0/profiles?project=lab', { name: 'big' });
    expect((await change('false')).json.error).toMatch(/used by profile big/);
    expect((await api.call('DELETE', '/1.0/projects/lab')).json.error).toMatch(/profile big/);
    await api.call('DELETE', '/1.0/profiles/big?project=lab');
    expect((await change('false')).status).toBe(200);
    expect(await api.get('/1.0/profiles?project=lab')).toEqual(await api.get('/1.0/profiles'));
    expect((await change('true')).status).toBe(200);
    await api.done('POST', '/1.0/projects/lab', { name: 'course' });
    expect(await api.get('/1.0/profiles?project=course')).toEqual([
      '/1.0/profiles/default?project=course',
    ]);
    expect((await api.call('DELETE', '/1.0/projects/course')).status).toBe(200);
    expect(daemon.context.engine.store.profiles.find('course/default')).toBeUndefined();
  });
});

describe('a project with storage volumes of its own', () => {
  const volumes = '/1.0/storage-pools/default/volumes/custom';
  const call = (method: string, rest: string, where: string, body?: object) =>
    api.call(method, `${volumes}${rest}?project=${where}`, body);

  beforeAll(async () => {
    await project('disks', { ...shared, 'features.storage.volumes': 'true' });
    for (const where of ['disks', 'default']) {
      const made = await call('POST', '', where, { name: 'data', config: { 'user.of': where } });
      expect(made.status).toBe(201);
    }
  });

  test('has them by the same names as others theirs', async () => {
    const own = `${volumes}/data?project=disks`;
    expect(await api.get(`${volumes}?project=disks`)).toEqual([own]);
    expect(await api.get(own)).toMatchObject({
      name: 'data',
      project: 'disks',
      config: { 'user.of': 'disks' },
    });
    expect(await api.get(`${volumes}/data`)).toMatchObject({
      project: 'default',
      config: { 'user.of': 'default' },
    });
    expect(await api.get(`${volumes}?project=shared`)).toEqual([`${volumes}/data`]);
    const everywhere = await api.get<string[]>(`${volumes}?all-projects=true`);
    expect([...everywhere].sort()).toEqual([`${volumes}/data`, own]);
    expect((await api.get<Project>('/1.0/projects/disks')).used_by).toEqual([own]);
    expect((await call('POST', '', 'disks', { name: 'data' })).status).toBe(409);
    for (const name of ['disks%2Fdata', '%2Fdata']) {
      expect((await call('GET', `/${name}`, 'default')).status).toBe(404);
      expect((await call('GET', `/${name}`, 'disks')).status).toBe(404);
    }
    expect((await call('POST', '', 'default', { name: 'disks/more' })).status).toBe(400);
  });

  test('gives its machines its own, whatever profile they have it from', async () => {
    const disk = { type: 'disk', pool: 'default', source: 'data', path: '/data' };
    await api.call('POST', '/1.0/profiles', { name: 'with-data', devices: { data: disk } });
    await create('d1', 'disks', { profiles: ['default', 'with-data'] });
    await create('d1', 'default', { devices: { data: disk } });
    const users = async (where: string) =>
      (await api.get<{ used_by: string[] }>(`${volumes}/data?project=${where}`)).used_by;
    expect(await users('disks')).toEqual(['/1.0/instances/d1?project=disks']);
    expect(await users('default')).toEqual(['/1.0/instances/d1', '/1.0/profiles/with-data']);
    const used = await call('DELETE', '/data', 'disks');
    expect(used.json.error).toMatch(/used by d1/);
    expect(used.json.error).not.toMatch(/disks[/_]/);
    await api.done('DELETE', '/1.0/instances/d1');
    await api.done('DELETE', '/1.0/instances/d1?project=disks');
    await api.call('DELETE', '/1.0/profiles/with-data');
  });

  test('lets no machine in or out with a volume that is not there', async () => {
    const disk = { type: 'disk', pool: 'default', source: 'only-here', path: '/data' };
    expect((await call('POST', '', 'default', { name: 'only-here' })).status).toBe(201);
    await create('m1', 'default', { devices: { disk } });
    const move = { name: 'm1', migration: true, project: 'disks' };
    await expect(api.done('POST', '/1.0/instances/m1', move)).rejects.toThrow(
      /no storage volume "only-here"/,
    );
    await api.done('DELETE', '/1.0/instances/m1');
    expect((await call('DELETE', '/only-here', 'default')).status).toBe(200);
  });

  test('renames them for its own machines alone', async () => {
    const disk = { type: 'disk', pool: 'default', source: 'data', path: '/data' };
    for (const where of ['disks', 'default']) await create('r1', where, { devices: { disk } });
    const renamed = await call('POST', '/data', 'disks', { name: 'files' });
    expect(renamed.headers['location']).toBe(`${volumes}/files?project=disks`);
    const source = async (where: string) =>
      (await api.get<Instance>(`/1.0/instances/r1?project=${where}`)).devices['disk']?.['source'];
    expect(await source('disks')).toBe('files');
    expect(await source('default')).toBe('data');
    const moved = await call('POST', '/files', 'disks', { name: 'files', project: 'default' });
    expect(moved.json.error).toMatch(/used by r1/);
    for (const where of ['disks', 'default']) {
      await api.done('DELETE', `/1.0/instances/r1?project=${where}`);
    }
    await call('POST', '/files', 'disks', { name: 'data' });
  });

  test('takes snapshots, backups, copies and moves of them, each where it is', async () => {
    await api.done('POST', `${volumes}/data/snapshots?project=disks`, { name: 's' });
    expect(await api.get(`${volumes}/data/snapshots?project=disks`)).toEqual([
      `${volumes}/data/snapshots/s?project=disks`,
    ]);
    expect(await api.get(`${volumes}/data/snapshots`)).toEqual([]);
    const copy = { type: 'copy', name: 'data', pool: 'default', project: 'disks' };
    await api.done('POST', volumes, { name: 'copied', source: copy });
    expect(await api.get(`${volumes}/copied`)).toMatchObject({ config: { 'user.of': 'disks' } });
    expect(
      (await call('POST', '/copied', 'default', { name: 'copied', project: 'disks' })).status,
    ).toBe(201);
    expect((await call('GET', '/copied', 'default')).status).toBe(404);
    expect(await api.get(`${volumes}/copied?project=disks`)).toMatchObject({ project: 'disks' });
    await api.done('POST', `${volumes}/copied/backups?project=disks`, { name: 'b' });
    const file = await api.call('GET', `${volumes}/copied/backups/b/export?project=disks`);
    expect(file.status).toBe(200);
    expect((await call('DELETE', '/copied', 'disks')).status).toBe(200);
  });

  test('is not empty with one', async () => {
    expect((await api.call('DELETE', '/1.0/projects/disks')).json.error).toMatch(/volume data/);
    const config = { 'features.storage.volumes': 'false' };
    expect((await api.call('PATCH', '/1.0/projects/disks', { config })).status).toBe(400);
    expect((await call('DELETE', '/data', 'disks')).status).toBe(200);
    expect((await api.call('DELETE', '/1.0/projects/disks')).status).toBe(200);
    expect((await call('DELETE', '/data', 'default')).status).toBe(200);
  });
});

describe('features of projects', () => {
  test('are those of LXD in one that is made without a word of them', async () => {
    await project('plain', {});
    expect((await api.get<Project>('/1.0/projects/plain')).config).toEqual({
      'features.images': 'true',
      'features.networks': 'false',
      'features.profiles': 'true',
      'features.storage.volumes': 'true',
    });
    expect((await api.call('DELETE', '/1.0/projects/plain')).status).toBe(200);
  });

  test('of the default one cannot be taken from it', async () => {
    const change = (config: object) => api.call('PATCH', '/1.0/projects/default', { config });
    expect((await change({ 'features.profiles': 'true' })).status).toBe(200);
    expect((await change({ 'features.profiles': 'false' })).status).toBe(400);
  });

  test.each(['features.networks', 'features.nonsense'])('refuse %s', async (key) => {
    const body = { name: 'other', config: { [key]: 'true' } };
    expect((await api.call('POST', '/1.0/projects', body)).status).toBe(400);
  });

  test('have no networks, which limits.networks of the default one counts', async () => {
    const limit = (value: string) =>
      api.call('PATCH', '/1.0/projects/default', { config: { 'limits.networks': value } });
    const { length } = await api.get<string[]>('/1.0/networks');
    await limit(String(length));
    const refused = await api.call('POST', '/1.0/networks', { name: 'more' });
    expect([refused.status, refused.json.error]).toEqual([
      403,
      expect.stringContaining(`limits.networks=${length} of the project default`),
    ]);
    const { resources } = await api.get<ProjectState>('/1.0/projects/default/state');
    expect(resources['networks']).toEqual({ Limit: length, Usage: length });
    await limit('');
    expect((await api.call('POST', '/1.0/networks', { name: 'more' })).status).toBe(201);
    expect((await api.call('DELETE', '/1.0/networks/more')).status).toBe(200);
  });
});
