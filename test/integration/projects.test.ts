import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { Instance } from '../../src/contract/api/instances.ts';
import type { Profile } from '../../src/contract/api/profiles.ts';
import type { Project } from '../../src/contract/api/projects.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.upload('an image', { 'X-LXD-aliases': 'alias=i' });
  await project('lab', { 'features.profiles': 'true' });
  await project('shared', {});
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

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
    await api.done('PATCH', '/1.0/instances/web?project=lab', { profiles: ['default', 'big'] });
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
    await api.done('PATCH', '/1.0/instances/web?project=lab', { profiles: ['default'] });
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
    await to('lab', 'shared');
    const moved = await api.get<Instance>('/1.0/instances/mover?project=lab');
    expect(moved).toMatchObject({ profiles: ['default'], expanded_config: { 'user.of': 'lab' } });
    await to('shared', 'lab');
    const back = await api.get<Instance>('/1.0/instances/mover?project=shared');
    expect(back.expanded_config).not.toHaveProperty(['user.of']);
    await api.call('POST', '/1.0/profiles', { name: 'elsewhere' });
    await api.done('PATCH', '/1.0/instances/mover?project=shared', { profiles: ['elsewhere'] });
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

describe('features of projects', () => {
  test('of the default one cannot be taken from it', async () => {
    const change = (config: object) => api.call('PATCH', '/1.0/projects/default', { config });
    expect((await change({ 'features.profiles': 'true' })).status).toBe(200);
    expect((await change({ 'features.profiles': 'false' })).status).toBe(400);
  });

  test.each(['features.networks', 'features.nonsense'])('refuse %s', async (key) => {
    const body = { name: 'other', config: { [key]: 'true' } };
    expect((await api.call('POST', '/1.0/projects', body)).status).toBe(400);
  });
});
