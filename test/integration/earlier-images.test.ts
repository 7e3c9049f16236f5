import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import Sqlite from 'better-sqlite3';
import { expect, test } from 'vitest';

import { migrate } from '../../src/store/migrate.ts';
import { migrations } from '../../src/store/migrations/all.ts';
import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { Image } from '../../src/contract/api/images.ts';

test('an image that was cached for a project before projects had images is the one of all that have none', async () => {
  const fingerprint = 'a'.repeat(64);
  await using daemon = await openDaemon({
    before: ({ database, imagesDir }) => {
      const db = new Sqlite(database);
      migrate(db, migrations.slice(0, 5));
      db.exec(`
        INSERT INTO projects (id, name, description) VALUES (5, 'old', '');
        INSERT INTO images (id, fingerprint, architecture, filename, size_bytes, public, auto_update,
          cached, created_at, uploaded_at, format) VALUES
          (3, '${fingerprint}', 'x86_64', 'a', 5, 0, 1, 1, 10, 20, 'unified');
        INSERT INTO images_sources VALUES (3, 'https://images', 'simplestreams', 'a');`);
      db.close();
      writeFileSync(join(imagesDir, fingerprint), 'image');
    },
  });
  const api = new ApiClient(daemon.socket);
  const images = (project: string) =>
    api.get<Image[]>(`/1.0/images?recursion=1&project=${project}`);
  for (const project of ['old', 'default']) {
    expect(await images(project)).toMatchObject([{ fingerprint, cached: true, auto_update: true }]);
  }
  const other = { name: 'other', config: { 'features.images': 'true' } };
  await api.call('POST', '/1.0/projects', other);
  expect(await images('other')).toEqual([]);
  await api.done('DELETE', `/1.0/images/${fingerprint}?project=old`);
  expect(await images('default')).toEqual([]);
  expect(readdirSync(join(daemon.dir, 'images'))).toEqual([]);
  expect((await api.call('DELETE', '/1.0/projects/old')).status).toBe(200);
});
