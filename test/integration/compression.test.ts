import { afterAll, beforeAll, expect, test } from 'vitest';

import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;

beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  await api.call('POST', '/1.0/projects', { name: 'lab', config: {} });
  for (const project of ['default', 'lab']) {
    await api.done('POST', `/1.0/instances?project=${project}`, {
      ...{ name: 'm', source: { type: 'none' }, profiles: ['default'] },
    });
  }
  await api.call('POST', '/1.0/storage-pools/default/volumes/custom', { name: 'v' });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const found = (text: string): unknown => {
  const { compression } = JSON.parse(text) as { compression?: { algorithm: string } };
  return compression?.algorithm;
};
const publish = async (project: string, wish?: string): Promise<unknown> => {
  const { metadata } = await api.done('POST', `/1.0/images?project=${project}`, {
    ...{ source: { type: 'instance', name: 'm' }, compression_algorithm: wish },
  });
  const url = `/1.0/images/${String(metadata['fingerprint'])}/export?project=${project}`;
  return found((await api.call('GET', url)).body.toString().replace('image ', ''));
};
const backup = async (project: string, of = 'instances/m', wish?: string): Promise<unknown> => {
  const all = `/1.0/${of}/backups`;
  const body = { name: 'b', compression_algorithm: wish };
  await api.done('POST', `${all}?project=${project}`, body);
  const { body: file } = await api.call('GET', `${all}/b/export?project=${project}`);
  await api.done('DELETE', `${all}/b?project=${project}`);
  return found(file.toString());
};

test('images and backups are packed as asked, else as the project, else as the server says', async () => {
  const config = (path: string, wanted: object) => api.call('PATCH', path, { config: wanted });
  expect(await publish('lab')).toBeUndefined();
  await config('/1.0', { 'images.compression_algorithm': 'xz -9' });
  await config('/1.0', { 'backups.compression_algorithm': 'bzip2' });
  await config('/1.0/projects/lab', {
    ...{ 'images.compression_algorithm': 'none', 'backups.compression_algorithm': 'lzma' },
  });
  const volume = 'storage-pools/default/volumes/custom/v';
  expect([await publish('default'), await publish('lab')]).toEqual(['xz', 'none']);
  expect([await backup('default'), await backup('lab')]).toEqual(['bzip2', 'lzma']);
  expect(await backup('default', volume)).toBe('bzip2');
  expect(await publish('lab', 'gzip -1')).toBe('gzip');
  expect(await backup('lab', 'instances/m', 'zstd -19')).toBe('zstd');
});

test.each(['rar', 'gzip -0', 'gzip -10', 'zstd -20', 'none -1', 'xz --help', 'xz;id', 'GZIP'])(
  '%s packs nothing',
  async (wish) => {
    const body = { source: { type: 'instance', name: 'm' }, compression_algorithm: wish };
    const { status, json } = await api.call('POST', '/1.0/images', body);
    expect(status).toBe(400);
    expect(json.error).toContain('wanted none, gzip');
    const config = { 'images.compression_algorithm': wish };
    expect((await api.call('PATCH', '/1.0', { config })).status).toBe(400);
  },
);
